import subprocess

import pytest

from nepsbench.errors import CorruptedFileError
from nepsbench.manifest import Manifest, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    """A job's folder with two results."""
    folder = tmp_path / "a job's $(folder)"
    (folder / "results").mkdir(parents=True)
    (folder / "results/a b.journal").write_text("one\n")
    (folder / "results/c.json").write_text("{}")
    return folder


def sha256sum(folder):
    command = ["sha256sum", "-c", "--strict", "--quiet", "results/m.sha256"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_what_is_written_is_read_and_sha256sum_agrees(folder):
    path = folder / "results/m.sha256"
    names = ["results/a b.journal", "results/c.json"]
    write_manifest(path, names, directory=folder, progress=7, outcomes={"complete": 2, "oom": 0})
    found = read_manifest(path)
    assert (found.progress, found.outcomes) == (7, {"complete": 2, "oom": 0})
    assert list(found.checksums) == names
    assert path.read_text().splitlines()[0] == "# progress 7"
    assert sha256sum(folder) == 0
    (folder / "results/c.json").write_text("{ }")
    assert sha256sum(folder) != 0


def test_a_manifest_may_leave_the_remarks_out(folder):
    path = folder / "results/m.sha256"
    write_manifest(path, ["results/c.json"], directory=folder)
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert path.read_text() == f"{digest}  results/c.json\n"
    assert read_manifest(path) == Manifest({"results/c.json": digest})


@pytest.mark.parametrize(
    "text", ["no checksum\n", "# progress many\n", "# outcomes {\n", f"{'0' * 63}  a\n", "\n"]
)
def test_a_damaged_manifest_is_refused(tmp_path, text):
    path = tmp_path / "m.sha256"
    path.write_text(text)
    with pytest.raises(CorruptedFileError, match=r"m\.sha256: damaged manifest; run the job"):
        read_manifest(path)
