"""What a survey says of checkpoints and journals on a cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from training_jobs import trial

from nepsbench.spaces import get_space
from nepsbench.training.survey import survey_here
from nepsbench.training.worker import run_worker


def surveyed(campaign: Path) -> tuple[dict[int, dict[str, object]], list[str]]:
    survey_here(campaign, campaign / "jobs/survey")
    command = ["sha256sum", "-c", "--strict", "--quiet", "results/survey.sha256"]
    subprocess.run(command, cwd=campaign / "jobs/survey", check=True)
    found = json.loads((campaign / "jobs/survey/results/survey.json").read_text())
    return {row["model_idx"]: row for row in found["trials"]}, found["damage"]


def test_a_survey_tells_how_far_checkpoints_and_journals_are_and_whose_they_are(
    make_job, tmp_path
) -> None:
    one, two = trial(1, seed=5), trial(2, seed=6)
    run_worker(make_job("first", [one, two], target_epochs=1), 0)
    campaign = tmp_path / "c"
    found, damage = surveyed(campaign)
    own = get_space("nepsbench101").config_id(one["configuration"])
    assert found[1] == {
        "taskid": 0, "model_idx": 1, "epoch": 1, "config_id": own, "seed": 5, "journalled": 1,
    }  # fmt: skip
    assert damage == []

    broken, gone = (campaign / f"checkpoints/0/{n}.pt" for n in (1, 2))
    broken.write_bytes(broken.read_bytes()[:-1])
    gone.unlink()
    journal = campaign / "jobs/first/results/worker-0.journal"
    journal.write_bytes(journal.read_bytes().replace(b'"epoch":1', b'"epoch":2', 1))
    found, damage = surveyed(campaign)
    assert "1.pt: damaged checkpoint" in str(found[1]["problem"])
    assert "epoch" not in found[1]
    [line] = damage
    assert "worker-0.journal: line 2 is damaged" in line
    assert "A damaged result" in line
