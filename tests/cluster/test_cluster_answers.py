"""What is read from the answer to a visit, and what is not."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slurm_site import TOKEN, answer_to, slurm_file

from nepsbench.cluster import Answer, Completed, End, Finding, LogTail, Orders, Place, Row, Verdict
from nepsbench.cluster.facts import read_facts, read_time
from nepsbench.cluster.refusal import read_failure
from nepsbench.cluster.slurm import SlurmQueue, ranges

QUEUE = SlurmQueue(slurm_file())
ROW = f"queue|12|0-1|RUNNING|None|n1|2026-01-02T03:04:05|nb-{TOKEN}"


def read(body: str, orders: Orders | None = None, **how) -> Answer:
    asked = orders or Orders(watch=(TOKEN,))
    answer = QUEUE.read_visit(answer_to(QUEUE.visit_script(asked), body, **how), asked)
    assert answer is not None
    return answer


def test_rows_and_ends_are_read() -> None:
    answer = read(f"{ROW}\nend|{TOKEN}|1 143 12 timeout 5 0\nclock|1700000000")
    start = "2026-01-02T03:04:05"
    assert answer.rows == (Row(TOKEN, "12", ((0, 1),), "RUNNING", "None", "n1", start),)
    assert answer.ends == {Place(TOKEN, 1): End(143, "12", "timeout", 5, False)}
    assert answer.clock == 1700000000


def test_noise_around_the_answer_is_left_out() -> None:
    noise = f"Welcome!\nqueue|13|N/A|FAILED|x|y|N/A|nb-{TOKEN}\nclock|1\nBEGIN-0\n"
    answer = read(f"{ROW}\nclock|2", noise=noise)
    assert [row.state for row in answer.rows or ()] == ["RUNNING"]
    assert answer.clock == 2


def test_every_beginning_of_an_answer_is_no_answer() -> None:
    orders = Orders(watch=(TOKEN,))
    whole = answer_to(QUEUE.visit_script(orders), f"{ROW}\nend|{TOKEN}|0 0 12 - -1 1\nclock|1")
    assert QUEUE.read_visit(whole, orders) is not None
    for end in range(len(whole.stdout) - 1):
        assert QUEUE.read_visit(Completed(0, whole.stdout[:end], ""), orders) is None


def test_the_answer_to_other_orders_is_no_answer() -> None:
    other = Orders(watch=("home-other",))
    assert QUEUE.read_visit(answer_to(QUEUE.visit_script(other), "clock|1"), Orders()) is None


def test_an_answer_without_a_clock_is_a_problem_and_not_a_list() -> None:
    answer = read(ROW, stderr="Killed\n")
    assert answer.rows is None
    assert answer.problem == "the visit failed: Killed"


@pytest.mark.parametrize(
    "line",
    [
        "queue|12",
        f"queue|12|x|RUNNING|None|n1|N/A|nb-{TOKEN}",
        f"queue|12|0-...|RUNNING|None|n1|N/A|nb-{TOKEN}",
        f"queue|12|0|RUNNING|None|n1|nb-{TOKEN}",
        f"queue|12|0|RUNNING|No|ne|n1|N/A|nb-{TOKEN}",
        f"queue||0|RUNNING|None|n1|N/A|nb-{TOKEN}",
    ],
)
def test_one_line_of_the_list_that_cannot_be_read_spoils_all(line: str) -> None:
    answer = read(f"{ROW}\n{line}\nend|{TOKEN}|0 0 12 - -1 1\nclock|1")
    assert answer.rows is None
    assert "12" in answer.problem or "RUNNING" in answer.problem
    assert answer.ends


def test_a_queue_that_did_not_answer_has_no_rows_and_says_why() -> None:
    answer = read(f"{ROW}\nnoqueue|Unable to contact\nclock|1")
    assert (answer.rows, answer.problem) == (None, "Unable to contact")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N/A", ((0, 0),)),
        ("7", ((7, 7),)),
        ("0-3,5,7-9%4", ((0, 3), (5, 5), (7, 9))),
        ("0-6:3", ((0, 0), (3, 3), (6, 6))),
        ("0-9:1", ((0, 9),)),
    ],
)
def test_indices_of_a_row(text: str, expected: tuple[tuple[int, int], ...]) -> None:
    rows = read(f"queue|12|{text}|PENDING|None||N/A|nb-{TOKEN}\nclock|1").rows or ()
    assert rows[0].indices == expected
    assert rows[0].start == ""


@given(st.sets(st.integers(0, 60), min_size=1))
def test_ranges_that_are_written_are_read_as_the_same_indices(indices: set[int]) -> None:
    text = ranges(tuple(indices))
    rows = read(f"queue|12|{text}|PENDING|None||N/A|nb-{TOKEN}\nclock|1").rows or ()
    found = [n for low, high in rows[0].indices for n in range(low, high + 1)]
    assert found == sorted(indices)


@pytest.mark.parametrize(
    "marker", ["", "0", "0 0 12 - -1", "x 0 12 - -1 1", "0 0 12 - -1 2", "0 0 12 - -1 1 0"]
)
def test_half_a_marker_is_no_end(marker: str) -> None:
    assert not read(f"end|{TOKEN}|{marker}\nclock|1").ends


def test_findings_and_logs_are_read_by_what_was_asked() -> None:
    orders = Orders(logs=(LogTail("/a"), LogTail("/b")))
    text = base64.b64encode(b"x|\n\xff").decode()
    body = f"finding|{TOKEN}|2|1|words\nlog|1|{text}\nlog|0|%%\nlog|2|{text}\nclock|1"
    answer = read(body, orders)
    assert answer.findings == {Place(TOKEN, 2): Finding("words", True)}
    assert answer.logs == {"/b": b"x|\n\xff"}


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("Invalid partition name specified", Verdict.REFUSED),
        ("Invalid account or account/partition combination specified", Verdict.REFUSED),
        ("Invalid qos specification", Verdict.REFUSED),
        ("Requested node configuration is not available", Verdict.REFUSED),
        ("More processors requested than permitted", Verdict.REFUSED),
        ("Requested time limit is invalid (missing or exceeds some limit)", Verdict.REFUSED),
        ("User's group not permitted to use this partition", Verdict.REFUSED),
        ("Access/permission denied", Verdict.REFUSED),
        ("Invalid job array specification", Verdict.REFUSED),
        ("Resource temporarily unavailable", Verdict.BUSY),
        ("Job violates accounting/QOS policy (job submit limit, user's size", Verdict.BUSY),
        ("Required partition not available (inactive or drain)", Verdict.BUSY),
        ("System submissions disabled", Verdict.BUSY),
        ("Socket timed out on send/recv operation", Verdict.UNKNOWN),
        ("Unable to contact slurm controller (connect failure)", Verdict.UNKNOWN),
        ("Zero Bytes were transmitted or received", Verdict.UNKNOWN),
        ("Invalid authentication credential", Verdict.UNKNOWN),
        ("Protocol authentication error", Verdict.UNKNOWN),
        ("Unexpected message received", Verdict.UNKNOWN),
        ("Something that nobody has seen before", Verdict.UNKNOWN),
        ("Unspecified error", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
    ],
)
def test_what_a_failed_submission_means(said: str, verdict: Verdict) -> None:
    text = f"sbatch: error: Batch job submission failed: {said}"
    assert read_failure(1, text) is verdict
    for code in (0, 124, 137, 143):
        assert read_failure(code, text) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("before", "said", "verdict"),
    [
        ("QOSMaxSubmitJobPerUserLimit", "Job violates accounting/QOS policy", Verdict.BUSY),
        ("AssocMaxSubmitJobLimit", "Job violates accounting/QOS policy", Verdict.BUSY),
        ("AssocGrpSubmitJobsLimit", "Job violates accounting/QOS policy", Verdict.BUSY),
        ("QOSMaxWallDurationPerJobLimit", "Job violates accounting/QOS policy", Verdict.REFUSED),
        ("AssocMaxCpuPerJobLimit", "Job violates accounting/QOS policy", Verdict.REFUSED),
        ("Please give an --account=", "Unspecified error", Verdict.REFUSED),
        ("Slurm temporarily unable to accept job", "Resource temporarily unav", Verdict.UNKNOWN),
        ("invalid partition specified: x", "Socket timed out on send/recv", Verdict.UNKNOWN),
    ],
)
def test_what_was_said_before_the_reason_counts(before: str, said: str, verdict: Verdict) -> None:
    text = f"sbatch: error: {before} sbatch: error: Batch job submission failed: {said}"
    assert read_failure(1, text) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("sbatch: unrecognized option '--foo' Try \"sbatch --help\" for more", Verdict.REFUSED),
        ("sbatch: error: Invalid --time specification", Verdict.REFUSED),
        ("sbatch: error: Batch script contains DOS line breaks (\\r\\n)", Verdict.REFUSED),
        ("sbatch: fatal: --mem and --mem-per-cpu are mutually exclusive.", Verdict.REFUSED),
        ("sbatch: fatal: Could not establish a configuration source", Verdict.UNKNOWN),
        ("bash: sbatch: command not found", Verdict.UNKNOWN),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
    ],
)
def test_what_sbatch_says_before_it_asks_anybody(text: str, verdict: Verdict) -> None:
    assert read_failure(255, text) is verdict


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 1800), ("1:30", 90), ("2:00:00", 7200), ("1-00:00:00", 86400), ("1-12", 129600),
        ("7-01:30", 610200), ("UNLIMITED", None), ("infinite", None), ("n/a", None), ("", None),
    ],
)  # fmt: skip
def test_times_as_slurm_writes_them(text: str, seconds: int | None) -> None:
    assert read_time(text) == seconds


def test_of_partitions_the_widest_counts_and_of_associations_the_narrowest() -> None:
    told = [("max_time", "1:00:00"), ("max_time", "2:00:00"), ("max_submit_jobs", "5"),
            ("max_submit_jobs", "9"), ("max_memory_mb_per_node", "1000+")]  # fmt: skip
    facts = read_facts(told)
    assert (facts.max_time, facts.max_submit_jobs) == (7200, 5)
    assert facts.max_memory_mb_per_node == 1000
    assert read_facts([("max_time", "1:00"), ("max_time", "UNLIMITED")]).max_time is None
