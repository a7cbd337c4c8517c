"""The transport to this machine: bash and file copies."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nepsbench.cluster.interface import Completed
from nepsbench.errors import ClusterError
from nepsbench.files import disk_full, is_disk_full


@dataclass(frozen=True)
class LocalTransport:
    """Runs scripts with bash here, and copies files."""

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        """Run bash text and wait for it."""
        try:
            done = subprocess.run(
                ["bash", "-s"],
                input=script,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"this machine gave no answer in {timeout:.0f} s") from None
        return Completed(done.returncode, done.stdout, done.stderr)

    def put(self, source: Path, target: str) -> None:
        """Copy a file; what stands there already is taken for its beginning."""
        self.get(str(source), Path(target))

    def get(self, source: str, target: Path) -> None:
        """Copy a file; what stands here already is taken for its beginning."""
        try:
            # Not to append: two that copy the same file write the same bytes to the same places.
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o666)
            with os.fdopen(descriptor, "wb") as writer, Path(source).open("rb") as reader:
                reader.seek(writer.seek(0, os.SEEK_END))
                shutil.copyfileobj(reader, writer, 1 << 20)
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(target) from None
            raise ClusterError(f"cannot copy {source} to {target}: {error.strerror}") from None

    def close(self) -> None:
        """Nothing to give back."""
