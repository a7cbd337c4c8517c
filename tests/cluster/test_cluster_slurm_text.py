"""What one visit says to SLURM, without SLURM: fake commands note how they are called."""

import math
import shlex
import subprocess
from pathlib import Path

import pytest
from slurm_site import NASTY, TOKEN, Site, put, row, slurm_file, submission

from nepsbench.cluster import (
    Job,
    LogTail,
    Orders,
    Place,
    Receipt,
    Resources,
    Submission,
    Target,
    Verdict,
)
from nepsbench.cluster import slurm as slurm_module
from nepsbench.cluster.slurm import SlurmQueue, ranges
from nepsbench.cluster.warning import stop_time, time_limit_for, warning_time
from nepsbench.errors import SpecError

# What sbatch is told


def test_options_carry_resources_names_and_the_sites_words() -> None:
    file = slurm_file(partition="cpu", account="a b", gpus="a100:2", options=("--exclusive",))
    wanted = submission(nodes=2, tasks=6, cpus_per_task=3)
    options = SlurmQueue(file).sbatch_options(wanted)
    for expected in (
        f"--job-name=nb-{TOKEN}", f"--comment=nb-{TOKEN}", "--nodes=2", "--ntasks=6",
        "--cpus-per-task=3", "--mem-per-cpu=334", "--time=61", "--signal=USR1@120", "--hold",
        "--open-mode=append", "--requeue", "--partition=cpu", "--account=a b", "--gpus=a100:2",
    ):  # fmt: skip
        assert expected in options
    assert options[-1] == "--exclusive"
    assert not [option for option in options if option.startswith(("--array", "--clusters"))]


def test_several_jobs_are_an_array_and_each_has_a_file_of_its_own() -> None:
    options = SlurmQueue(slurm_file("/100%")).sbatch_options(submission(("a",), ("b",), ("c",)))
    assert "--array=0-2" in options
    assert f"--output=/100%%/submissions/{TOKEN}/said/%a" in options


def test_a_site_may_forbid_held_jobs_and_requeues() -> None:
    file = slurm_file(hold=False, requeue=False, slurm_cluster="north")
    options = SlurmQueue(file).sbatch_options(submission())
    assert "--no-requeue" in options
    assert "--clusters=north" in options
    assert not {"--hold", "--requeue"} & set(options)


@pytest.mark.parametrize(
    ("indices", "text"),
    [((), ""), ((4,), "4"), ((0, 1, 2), "0-2"), ((7, 0, 2, 1, 2, 9, 8), "0-2,7-9")],
)
def test_indices_are_written_as_ranges(indices: tuple[int, ...], text: str) -> None:
    assert ranges(indices) == text


@pytest.mark.parametrize(("limit", "warning"), [(3600, 120), (60, 15), (2, 1), (1, 1)])
def test_workers_are_warned_before_the_time_limit(limit: int, warning: int) -> None:
    assert warning_time(limit) == warning


@pytest.mark.parametrize("seconds", [1, 45, 359.5, 360, 361, 3480, 86_400])
def test_a_time_limit_leaves_the_seconds_that_it_was_asked_for_and_few_more(seconds: float) -> None:
    limit = math.ceil(time_limit_for(seconds))
    assert seconds <= stop_time(limit) < seconds + 2


@pytest.mark.parametrize("key", ["", "a b", "-x", "a/b", "$(x)", "a\n"])
def test_a_job_key_that_is_no_plain_word_is_refused(key: str) -> None:
    with pytest.raises(SpecError, match="use letters"):
        Job(key, "/work", ("true",), Resources())


def test_a_relative_job_directory_is_refused() -> None:
    with pytest.raises(SpecError, match="must be absolute"):
        Job("key", "work/j", ("true",), Resources())


# Nothing reaches a shell unquoted


def test_nasty_words_reach_sbatch_and_the_job_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / NASTY.replace("\n", " ")
    folder.mkdir()
    site = Site(folder, account=NASTY, options=(NASTY,), partition="-$(touch pwned)")
    said = shlex.quote(f"{folder}/arguments")
    site.fake("sbatch", f'printf "%s\\0" "$@" >{said}; echo 77')
    site.fake("srun", 'while [ "$1" != bash ]; do shift; done; SLURM_PROCID=0 exec "$@"')
    wanted = submission(
        ("bash", "-c", 'printf %s "$1" >said', "x", NASTY),
        folder=f"{folder}/jobs {NASTY}",
        manifests=(NASTY,),
    )
    nasty = wanted.jobs[0].directory
    answer = site.visit(
        submit=(wanted,),
        watch=(TOKEN,),
        examine=((Place(TOKEN, 0), nasty),),
        logs=(LogTail(f"{folder}/{NASTY}"),),
        account=("77",),
        facts=True,
    )
    assert answer.receipts == {TOKEN: Receipt(Verdict.ACCEPTED, "77")}
    arguments = (folder / "arguments").read_text().split("\0")
    assert f"--account={NASTY}" in arguments
    assert NASTY in arguments
    assert f"--output={str(site.token_folder()).replace('%', '%%')}/said/0" in arguments
    assert site.start_job() == 0
    assert Path(nasty, "said").read_text() == NASTY
    assert site.visit(watch=(TOKEN,)).ends[Place(TOKEN, 0)].valid is False
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "setup", ["", "module load x # comment", "export A='b'", "set -eu", "echo queue; cd /tmp"]
)
def test_a_script_is_valid_for_any_setup_block(setup: str, tmp_path: Path) -> None:
    queue = SlurmQueue(slurm_file(tmp_path, setup=setup))
    wanted = submission(("a",), ("b",))
    orders = Orders(
        submit=(wanted,),
        look=(wanted,),
        cancel=(Target(TOKEN, "1", (0,)),),
        watch=(TOKEN,),
        account=("1",),
        examine=((Place(TOKEN, 0), "/x"),),
        logs=(LogTail("/x"),),
        facts=True,
    )
    for text in (queue.visit_script(orders), queue.job_script(wanted)):
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("setup", ["set -eu; echo 'queue|1|'", "cd /; rows=x; echo noqueue"])
def test_what_a_setup_block_prints_or_leaves_behind_is_no_part_of_the_answer(
    make_site, setup: str
) -> None:
    site = make_site(setup=setup)
    site.fake("sbatch", "echo 77")
    site.fake("squeue", row("5", name="nb-other"))
    answer = site.visit(submit=(submission(),))
    assert answer.receipts[TOKEN].verdict is Verdict.ACCEPTED
    assert [row.job_id for row in answer.rows or ()] == ["5"]


def test_a_setup_block_that_ends_the_shell_is_a_problem_in_its_own_words(make_site) -> None:
    site = make_site(setup="echo 'no such module: slurm' >&2; exit 4")
    answer = site.visit(submit=(submission(),))
    assert answer.rows is None
    assert "no such module: slurm" in answer.problem
    assert not answer.receipts


def test_half_a_script_does_nothing(site: Site) -> None:
    script = site.queue.visit_script(Orders(submit=(submission(),)))
    site.run(script[: len(script) // 2])
    assert not site.calls("sbatch")
    assert not site.token_folder().exists()


# One submission, once


def test_a_new_submission_is_recorded_then_released(site: Site) -> None:
    receipts = site.visit(submit=(submission(),)).receipts
    assert receipts == {TOKEN: Receipt(Verdict.ACCEPTED, "77")}
    assert (site.token_folder() / "id").read_text() == "77\n"
    assert (site.token_folder() / "released").exists()
    assert site.calls("scontrol") == ["release 77"]


def test_what_is_on_record_is_reported_and_not_submitted_again(site: Site) -> None:
    for _ in range(2):
        assert site.visit(submit=(submission(),)).receipts[TOKEN].job_id == "77"
    assert site.visit(look=(submission(),)).receipts[TOKEN].job_id == "77"
    assert len(site.calls("sbatch")) == len(site.calls("scontrol")) == 1


def test_a_job_found_by_its_name_is_adopted_and_not_submitted_again(site: Site) -> None:
    site.fake("squeue", "\n".join([row("55", "RUNNING", f"nb-{TOKEN}0"), row("56", "RUNNING")]))
    assert site.visit(submit=(submission(),)).receipts[TOKEN].job_id == "56"
    assert (site.token_folder() / "id").read_text() == "56\n"
    assert site.calls("scontrol") == ["release 56"]
    assert not site.calls("sbatch")


def test_of_two_jobs_of_one_name_the_older_one_that_lives_is_adopted(site: Site) -> None:
    lines = [row("5", "CANCELLED"), row("100"), row("20"), row("30", "RUNNING")]
    site.fake("squeue", "\n".join(lines))
    assert site.visit(look=(submission(),)).receipts[TOKEN].job_id == "20"


def test_of_two_jobs_of_one_name_the_one_that_has_begun_is_adopted(site: Site) -> None:
    put(site.token_folder() / "claims" / "3", "30 0\n")
    site.fake("squeue", "\n".join([row("20"), row("30", "RUNNING")]))
    assert site.visit(look=(submission(),)).receipts[TOKEN].job_id == "30"


def test_the_one_that_has_begun_is_adopted_with_its_cluster(make_site) -> None:
    site = make_site(slurm_cluster="east,west")
    put(site.token_folder() / "claims" / "0", "30 0\n")
    site.fake("squeue", f"echo CLUSTER: east; {row('20')}; echo CLUSTER: west; {row('30')}")
    assert site.visit(look=(submission(),)).receipts[TOKEN].job_id == "30;west"


def test_a_job_that_began_and_that_the_queue_forgot_is_known_by_its_claim(site: Site) -> None:
    put(site.token_folder() / "claims" / "0", "41 120\n")
    site.fake("squeue", row("20"))
    assert site.visit(submit=(submission(),)).receipts[TOKEN].job_id == "41"
    assert not site.calls("sbatch")


def test_nothing_is_submitted_while_the_queue_cannot_be_asked(site: Site) -> None:
    site.fake("squeue", "echo 'slurm_load_jobs error: | Unable' >&2; exit 1")
    wanted, other = submission(), submission(token="home-b")
    answer = site.visit(submit=(wanted,), look=(other,))
    assert answer.receipts[TOKEN].verdict is Verdict.UNTRIED
    assert answer.receipts["home-b"].verdict is Verdict.UNKNOWN
    assert answer.rows is None
    assert answer.problem == "squeue: exit code 1: slurm_load_jobs error: Unable"
    assert len(site.calls("squeue")) == 1
    assert not site.calls("sbatch")


def test_half_a_list_proves_nothing(site: Site) -> None:
    site.fake("squeue", f"{row('55')}; {row('56', name='nb-home-b')}; exit 1")
    answer = site.visit(look=(submission(),))
    assert answer.receipts[TOKEN].verdict is Verdict.UNKNOWN
    assert answer.rows is None


def test_a_look_submits_nothing(site: Site) -> None:
    assert site.visit(look=(submission(),)).receipts == {TOKEN: Receipt(Verdict.ABSENT)}
    assert not site.calls("sbatch")


def test_a_refusal_shows_slurms_own_words(site: Site) -> None:
    refusal = "Batch job submission failed: Invalid partition name specified"
    site.fake("sbatch", f"echo 'sbatch: error: {refusal}' >&2; exit 1")
    receipt = site.visit(submit=(submission(),)).receipts[TOKEN]
    assert receipt == Receipt(Verdict.REFUSED, "", f"sbatch: error: {refusal}")
    assert not (site.token_folder() / "id").exists()


@pytest.mark.parametrize(
    "sbatch",
    [
        "echo 'Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1",
        "echo 77; exit 1",
        "echo Submitted batch job 77",
        "echo 77; echo 78",
        "echo ' 77'",
        "exit 0",
        "kill -KILL $$",
    ],
)
def test_an_answer_of_sbatch_that_says_neither_yes_nor_no_is_unknown(
    site: Site, sbatch: str
) -> None:
    site.fake("sbatch", sbatch)
    assert site.visit(submit=(submission(),)).receipts[TOKEN].verdict is Verdict.UNKNOWN
    assert not (site.token_folder() / "id").exists()
    assert not site.calls("scontrol")


def test_an_sbatch_that_hangs_is_given_up_and_unknown(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(slurm_module, "_SBATCH_PATIENCE", 1)
    site.fake("sbatch", "echo temporarily unable to accept job, sleeping >&2; exec sleep 30")
    assert site.visit(submit=(submission(),)).receipts[TOKEN].verdict is Verdict.UNKNOWN


def test_the_id_is_found_between_lines_of_noise(site: Site) -> None:
    site.fake(
        "sbatch", "echo Welcome to 2026!; echo 'sbatch: info: 12 left' >&2; echo 77; echo Bye"
    )
    assert site.visit(submit=(submission(),)).receipts[TOKEN].job_id == "77"


def test_a_visit_that_took_long_leaves_the_rest_untried(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(slurm_module, "_ENOUGH", 1)
    site.fake("sbatch", "sleep 1.1; echo 77")
    wanted = [submission(token=f"home-{n}") for n in range(3)]
    receipts = site.visit(submit=tuple(wanted)).receipts
    assert [receipts[each.token].verdict for each in wanted] == [
        Verdict.ACCEPTED,
        Verdict.UNTRIED,
        Verdict.UNTRIED,
    ]
    assert len(site.calls("sbatch")) == 1


def test_a_submission_that_another_visit_has_in_hand_is_unknown(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(slurm_module, "_LOCK_PATIENCE", 0.2)
    lock = site.token_folder() / "lock"
    put(lock)
    with subprocess.Popen(["flock", lock, "sleep", "20"]) as other:
        while subprocess.run(["flock", "-n", lock, "true"]).returncode == 0:
            pass
        verdict = site.visit(submit=(submission(),)).receipts[TOKEN].verdict
        other.terminate()
    assert verdict is Verdict.UNKNOWN
    assert not site.calls("sbatch")


def test_a_release_that_failed_is_made_up_for_at_the_next_look(site: Site) -> None:
    site.fake("scontrol", "echo 'Socket timed out' >&2; exit 1")
    receipt = site.visit(submit=(submission(),)).receipts[TOKEN]
    assert receipt == Receipt(Verdict.ACCEPTED, "77", "not released yet: Socket timed out")
    site.fake("scontrol", "exit 0")
    assert site.visit(look=(submission(),)).receipts[TOKEN] == Receipt(Verdict.ACCEPTED, "77")
    site.visit(look=(submission(),))
    assert site.calls("scontrol") == ["release 77"] * 2


def test_a_controller_that_does_not_answer_is_not_asked_for_each_release(site: Site) -> None:
    put(site.token_folder() / "id", "77\n")
    site.fake("squeue", "echo timed out >&2; exit 1")
    receipt = site.visit(look=(submission(),), facts=True).receipts[TOKEN]
    assert (receipt.verdict, receipt.job_id) == (Verdict.ACCEPTED, "77")
    assert "not released yet" in receipt.words
    assert not site.calls("scontrol")


def test_an_id_that_cannot_be_recorded_stays_held_and_is_found_later(site: Site) -> None:
    (site.token_folder() / "id.tmp").mkdir(parents=True)
    receipt = site.visit(submit=(submission(),)).receipts[TOKEN]
    assert receipt.verdict is Verdict.UNKNOWN
    assert not site.calls("scontrol")
    (site.token_folder() / "id.tmp").rmdir()
    site.fake("squeue", row("77"))
    assert site.visit(look=(submission(),)).receipts[TOKEN].job_id == "77"
    assert site.calls("scontrol") == ["release 77"]


def test_without_hold_nothing_is_released(make_site) -> None:
    site = make_site(hold=False)
    site.fake("sbatch", "echo 77")
    assert site.visit(submit=(submission(),)).receipts[TOKEN].job_id == "77"
    assert not site.calls("scontrol")


def test_a_folder_that_cannot_be_made_submits_nothing(site: Site) -> None:
    put(site.token_folder(), "a file where a folder should be")
    receipt = site.visit(submit=(submission(),)).receipts[TOKEN]
    assert receipt.verdict is Verdict.UNTRIED
    assert "mkdir" in receipt.words
    assert not site.calls("sbatch")


def test_superseded_attempts_are_revoked_before_the_new_one_is_submitted(site: Site) -> None:
    old = tuple(Place("home-old", index) for index in (0, 1, 2, 5))
    site.fake("sbatch", f"ls {site.root}/submissions/home-old/revoked >{site.folder}/seen; echo 77")
    site.visit(submit=(Submission(TOKEN, submission().jobs, old),))
    assert (site.folder / "seen").read_text().split() == ["0", "1", "2", "5"]
