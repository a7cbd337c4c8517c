"""What a visit sees and cancels, without SLURM: clusters, lists, markers, last words, facts."""

import shlex
import time

import pytest
from slurm_site import NASTY, TOKEN, Site, put, row, submission

from nepsbench.cluster import LogTail, Orders, Place, Target

# Several clusters


def test_an_id_with_a_cluster_is_kept_polled_released_and_cancelled_there(site: Site) -> None:
    site.fake("sbatch", "echo '9;north'")
    answer = site.visit(submit=(submission(),))
    assert answer.receipts[TOKEN].job_id == "9;north"
    assert site.calls("scontrol") == ["-M north release 9"]
    assert "-M" not in site.calls("squeue")[0]
    assert site.calls("squeue")[1].endswith("-M north")
    site.fake("squeue", f"echo CLUSTER: north; {row('9', 'RUNNING')}")
    answer = site.visit(watch=(TOKEN,))
    assert [row.job_id for row in answer.rows or ()] == ["9;north"]
    site.visit(cancel=(Target(TOKEN, "9;north"),))
    assert all(call.endswith("-M north") for call in site.calls("squeue")[2:])
    assert site.calls("scancel") == ["--quiet -M north 9"]


@pytest.mark.parametrize("heading", ["echo CLUSTER: south; ", ""])
def test_a_site_with_a_cluster_is_asked_for_that_cluster(make_site, heading: str) -> None:
    site = make_site(slurm_cluster="south")
    site.fake("squeue", heading + row("9", "RUNNING"))
    answer = site.visit(look=(submission(),))
    assert answer.receipts[TOKEN].job_id == "9;south"
    assert [row.job_id for row in answer.rows or ()] == ["9;south"]
    assert all(call.endswith("-M south") for call in site.calls("squeue"))
    assert site.calls("scontrol") == ["-M south release 9"]


def test_rows_of_two_clusters_are_told_apart(make_site) -> None:
    site = make_site(slurm_cluster="east,west")
    site.fake("squeue", f"echo CLUSTER: east; {row('9')}; echo CLUSTER: west; {row('9')}")
    rows = site.visit(watch=(TOKEN,)).rows or ()
    assert [row.job_id for row in rows] == ["9;east", "9;west"]


# Cancelling


def test_some_jobs_of_an_array_are_cancelled_by_number_and_may_not_begin_again(site: Site) -> None:
    site.visit(submit=(submission(("a",), ("b",), ("c",), ("d",)),))
    site.visit(cancel=(Target(TOKEN, "77", (3, 0, 1)),))
    assert site.calls("scancel") == ["--quiet 77_[0-1,3]"]
    revoked = site.token_folder() / "revoked"
    assert sorted(path.name for path in revoked.iterdir()) == ["0", "1", "3"]


def test_the_job_of_a_submission_of_one_is_cancelled_without_a_number(site: Site) -> None:
    site.visit(submit=(submission(),))
    site.visit(cancel=(Target(TOKEN, "77", (0,)),))
    assert site.calls("scancel") == ["--quiet 77"]


def test_a_duplicate_that_is_cancelled_leaves_the_job_on_record_alone(site: Site) -> None:
    site.visit(submit=(submission(),))
    site.visit(cancel=(Target(TOKEN, "78"),))
    assert site.calls("scancel") == ["--quiet 78"]
    assert not list((site.token_folder() / "revoked").iterdir())


def test_a_cancel_that_fails_or_hangs_keeps_no_other_from_being_tried(site: Site) -> None:
    site.fake("scancel", '[ "$2" != 1 ] || kill -KILL $$')
    targets = tuple(Target(f"home-{n}", str(n)) for n in (1, 2))
    assert site.visit(cancel=targets).rows == ()
    assert site.calls("scancel") == ["--quiet 1", "--quiet 2"]


# What a visit costs


def test_a_visit_that_only_watches_asks_the_queue_once_and_grows_with_tokens_only(
    site: Site,
) -> None:
    put(site.token_folder() / "id", "77\n")
    site.fake("squeue", row("77", indices="0-9999"))
    answer = site.visit(watch=(TOKEN,))
    assert (answer.rows or ())[0].indices == ((0, 9999),)
    assert len(site.calls("squeue")) == 1
    one, many = (
        len(site.queue.visit_script(Orders(watch=tuple(f"{TOKEN}{n}" for n in range(count)))))
        for count in (1, 101)
    )
    assert one < 5000
    assert (many - one) / 100 < 60


def test_a_visit_that_submits_asks_the_queue_twice_and_sees_its_own_job(site: Site) -> None:
    seen = shlex.quote(f"{site.folder}/sbatch.calls")
    site.fake("squeue", f"[ ! -e {seen} ] || {row('77')}")
    answer = site.visit(submit=(submission(),), look=(submission(token="home-b"),))
    assert len(site.calls("squeue")) == 2
    assert [row.job_id for row in answer.rows or ()] == ["77"]
    site.visit(look=(submission(),))
    assert len(site.calls("squeue")) == 3


def test_the_queue_is_asked_for_whole_ranges_and_plain_times(site: Site) -> None:
    site.fake("squeue", 'echo "$SLURM_BITSTR_LEN $SLURM_TIME_FORMAT" >&2; exit 1')
    assert site.visit().problem == "squeue: exit code 1: 0 standard"


def test_other_peoples_names_are_no_rows_of_ours(site: Site) -> None:
    site.fake("squeue", "\n".join([row("1", name="x|nb-y"), row("2", name="anb-"), row("3")]))
    assert [row.job_id for row in site.visit().rows or ()] == ["3"]


# Files and facts


def test_ends_newer_than_a_time_are_told_and_half_written_ones_are_not(site: Site) -> None:
    for n, token in enumerate((TOKEN, "home-b")):
        ends = site.token_folder(token) / "ends"
        put(ends / "0", f"0 {n} 77 - -1 1\n")
        put(ends / "1.tmp", "1 0 77 - -1 1\n")
    watch = (TOKEN, "home-b", "home-never-made")
    ends = site.visit(watch=watch).ends
    assert {place: end.exit_code for place, end in ends.items()} == {
        Place(TOKEN, 0): 0,
        Place("home-b", 0): 1,
    }
    clock = site.visit().clock
    assert site.visit(watch=watch, since=clock - 60).ends == ends
    assert site.visit(watch=watch, since=clock + 60).ends == {}
    time.sleep(1.1)
    clock = site.visit().clock
    put(site.token_folder() / "ends" / "7", "7 3 77 - -1 0\n")
    assert list(site.visit(watch=watch, since=clock).ends) == [Place(TOKEN, 7)]


def test_ends_of_ten_thousand_jobs_are_told(site: Site) -> None:
    ends = site.token_folder() / "ends"
    ends.mkdir(parents=True)
    for index in range(10_000):
        (ends / str(index)).write_text(f"{index} 0 77 - 1 1\n")
    assert len(site.visit(watch=(TOKEN,)).ends) == 10_000


@pytest.mark.parametrize(
    ("errors", "said", "memory"),
    [
        ("Traceback\nMemoryError\n", "", True),
        ("died\nslurmstepd-n1: error: Detected 1 oom_kill event in StepId=4.0\n", "", True),
        ("srun: error: n1: task 0: Out Of Memory\n", "", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n", "", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried\n", "", True),
        ("", "slurmstepd-n1: error: Exceeded job memory limit\n", True),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to\n", "", False),
        ("all is well\n", "", False),
    ],
)
def test_signs_of_memory_shortage_are_found(site: Site, errors: str, said: str, memory: bool):
    put(site.token_folder() / "claims" / "0", "77 0\n")
    put(site.token_folder() / "said" / "0", said)
    put(site.folder / "job" / "stderr", errors)
    place = Place(TOKEN, 0)
    finding = site.visit(examine=((place, str(site.folder / "job")),)).findings[place]
    assert finding.memory is memory


def test_last_words_are_the_jobs_own_and_of_this_attempt(site: Site) -> None:
    place, folder = Place(TOKEN, 0), site.folder / "job"
    old = "MemoryError\n"
    put(folder / "stderr", f"{old}ValueError: a|b\n\nsrun: error: task 0: Exited\n")

    def finding():
        return site.visit(examine=((place, str(folder)),)).findings[place]

    assert (finding().words, finding().memory) == ("", False)  # never begun: nothing is its own
    put(site.token_folder() / "claims" / "0", f"77 {len(old)}\n")
    assert (finding().words, finding().memory) == ("ValueError: a b", False)
    put(site.token_folder() / "claims" / "0", "77\n")
    assert finding().memory is True


def test_logs_are_read_on_from_an_offset_byte_by_byte(site: Site) -> None:
    path = site.folder / NASTY
    path.write_bytes(bytes(range(256)) * 3)
    asked = (LogTail(str(path), 10, 500), LogTail(str(site.folder / "none")))
    assert site.visit(logs=asked).logs == {str(path): (bytes(range(256)) * 3)[10:510]}
    assert site.visit(logs=(LogTail(str(path), 768),)).logs == {}


def test_accounts_are_told_by_name_and_index(site: Site) -> None:
    lines = (
        "77_3|nb-home-a|CANCELLED by 0|1700000000",
        "77_[4-9]|nb-home-a|PENDING|1700000000",
        "78|nb-home-b|TIMEOUT|1700000001",
        "79|other|FAILED|1",
        "80|nb-x|FAILED|Unknown",
    )
    site.fake("sacct", f'[ "$SLURM_TIME_FORMAT" = %s ] && printf "%s\\n" {shlex.join(lines)}')
    accounts = site.visit(account=("78;x", "77", "77")).accounts or ()
    assert [(a.token, a.index, a.state, a.submitted) for a in accounts] == [
        ("home-a", 3, "CANCELLED", 1700000000),
        ("home-b", 0, "TIMEOUT", 1700000001),
    ]
    assert "-j 77,78 " in site.calls("sacct")[0]


def test_an_accounting_database_that_is_not_there_tells_nothing(site: Site) -> None:
    site.fake("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert site.visit(account=("77",)).accounts is None
    site.fake("sacct", "exit 0")
    assert site.visit(account=("77",)).accounts == ()
    assert site.visit().accounts is None


def test_facts_are_asked_for_only_when_wanted_and_what_is_missing_stays_open(make_site) -> None:
    site = make_site(partition="big", account="proj")
    config = "MaxArraySize = 1001\\nMaxJobCount            = 10000\\nMessageTimeout = 10 sec\\n"
    config += "SLURM_VERSION = 23.11.4\\nClusterName = hpc\\n"
    site.fake("scontrol", f"printf '{config}'")
    site.fake("sinfo", "printf 'big|7-00:00:00|180000+\\nbig|7-00:00:00|256000\\n'")
    site.fake("sacct", "exit 0")
    site.fake("sacctmgr", "printf '|\\n500|long\\n200|\\n'")
    assert site.visit().facts is None
    facts = site.visit(facts=True).facts
    assert facts is not None
    assert (facts.max_array_size, facts.max_job_count, facts.message_timeout) == (1001, 10000, 10)
    assert (facts.max_time, facts.max_memory_mb_per_node) == (604800, 256000)
    assert (facts.max_submit_jobs, facts.accounting, facts.version) == (200, True, "23.11.4")
    assert site.calls("sinfo")[0].endswith("-p big")
    assert "account=proj" in site.calls("sacctmgr")[0]
    assert "show qos where name=long " in site.calls("sacctmgr")[1]
    for name in ("scontrol", "sinfo", "sacct", "sacctmgr"):
        site.fake(name, "exit 1")
    assert site.visit(facts=True).facts is None
