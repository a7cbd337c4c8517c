"""A SLURM site of fake commands, for tests of what is said to it and what is read from it."""

import shlex
import subprocess
from pathlib import Path

from nepsbench.cluster import Answer, Completed, Job, Limits, Orders, Resources, Submission
from nepsbench.cluster.definition import ClusterFile, Ssh
from nepsbench.cluster.slurm import SlurmQueue

#: What a careless script breaks on. Files called pwned tell that one did.
NASTY = "a b'c\"d\ne $(touch pwned) `touch pwned` ; & | * \\ ~ % é"
TOKEN = "home-0123456789ab"


def slurm_file(root: Path | str = "/work", **changes: object) -> ClusterFile:
    values = {
        "name": "site",
        "kind": "slurm",
        "ssh": Ssh(host="login"),
        "root": str(root),
        "limits": Limits(cpus_per_node=8),
    }
    return ClusterFile.model_validate(values | changes)


def submission(
    *commands: tuple[str, ...],
    folder: str = "/work/j",
    manifests: tuple[str, ...] = (),
    token: str = TOKEN,
    **asked: int,
) -> Submission:
    """Return a submission of one job a command, each in a folder of its own."""
    resources = Resources(**({"memory_mb": 1000, "time_limit": 3601} | asked))
    jobs = (
        Job(f"key-{n}", f"{folder}/{n}", command, resources, manifests)
        for n, command in enumerate(commands or (("true",),))
    )
    return Submission(token, tuple(jobs))


class Site:
    """A folder of commands first in PATH, a root, and the queue that speaks to them.

    Each command appends its arguments to ``<name>.calls``, one call a line.
    """

    def __init__(self, folder: Path, **changes: object) -> None:
        self.folder = folder
        self.commands = folder / "bin"
        self.root = folder / "root"
        self.file = slurm_file(self.root, **changes)
        self.queue = SlurmQueue(self.file)
        self.commands.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(exist_ok=True)
        for name in ("squeue", "sbatch", "scontrol", "scancel"):
            self.fake(name, "exit 0")

    def fake(self, name: str, text: str) -> None:
        calls = shlex.quote(f"{self.folder}/{name}.calls")
        path = self.commands / name
        path.write_text(f"#!/bin/bash\nprintf '%s\\n' \"${{*//$'\\n'/ }}\" >>{calls}\n{text}\n")
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, script: str, **variables: str) -> Completed:
        environment = {"PATH": f"{self.commands}:/usr/bin:/bin", **variables}
        done = subprocess.run(
            ["bash", "-s"],
            input=script,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment,
            timeout=60,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def visit(self, **orders: object) -> Answer:
        asked = Orders(**orders)  # type: ignore[arg-type]
        answer = self.queue.read_visit(self.run(self.queue.visit_script(asked)), asked)
        assert answer is not None
        return answer

    def token_folder(self, token: str = TOKEN) -> Path:
        return self.root / "submissions" / token

    def start_job(self, *, job_id: str = "77", index: int | None = None, **variables: str) -> int:
        """Run job.sh as SLURM would; return its exit code."""
        names = {"SLURM_JOB_ID": job_id}
        if index is not None:
            names = {"SLURM_JOB_ID": f"9{job_id}{index}", "SLURM_ARRAY_JOB_ID": job_id}
            names["SLURM_ARRAY_TASK_ID"] = str(index)
        job = shlex.quote(str(self.token_folder() / "job.sh"))
        return self.run(f"exec bash {job}", **names, **variables).exit_code


def row(
    job_id: str, state: str = "PENDING", name: str = f"nb-{TOKEN}", indices: str = "N/A"
) -> str:
    """Return the command that tells a row of the queue."""
    return f"echo 'queue|{job_id}|{indices}|{state}|None||N/A|{name}'"


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def answer_to(script: str, body: str, *, code: int = 0, noise: str = "", stderr: str = ""):
    """Return what a shell gives back whose script printed ``body``."""
    nonce = script.partition("BEGIN-")[2].partition("\n")[0]
    return Completed(code, f"{noise}BEGIN-{nonce}\n{body}\nEND-{nonce} {code}\n", stderr)
