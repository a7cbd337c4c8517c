"""The doctor: what is there, what is absent, what is wrong, and what to do about it."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench import doctor
from nepsbench.cli.main import app
from nepsbench.doctor import Finding, Verdict, examine


def found(home: Path, **given: object) -> dict[str, Finding]:
    return {each.name: each for each in examine(home, **{"environment": {}, **given})}  # type: ignore[arg-type]


def test_what_is_installed_is_told_with_its_version_and_the_rest_with_its_extra(
    tmp_path: Path,
) -> None:
    versions = {"torch": "2.13.0", "pydantic": "2"}
    findings = found(tmp_path, version_of=versions.get)
    assert findings["extra train"] == Finding("extra train", Verdict.OK, "torch 2.13.0")
    absent = findings["extra surrogate"]
    assert (absent.verdict, absent.detail) == (Verdict.ABSENT, "no catboost")
    assert absent.remedy.endswith("pip install 'nepsbench[surrogate]'")
    assert findings["python"].verdict is Verdict.OK


def test_the_base_installation_is_not_asked_for_clusters(tmp_path: Path) -> None:
    findings = found(tmp_path, version_of=lambda _: None)
    assert not any(name.startswith("cluster") for name in findings)


def test_a_data_home_may_be_yet_to_come(tmp_path: Path) -> None:
    assert found(tmp_path / "a/b")["data home"].verdict is Verdict.ABSENT
    (tmp_path / "commits").mkdir()
    assert found(tmp_path)["data home"] == Finding("data home", Verdict.OK, str(tmp_path))


def test_a_disk_that_is_almost_full_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    finding = found(tmp_path)["disk"]
    assert (finding.verdict, finding.detail[:11]) == (Verdict.WRONG, "1.0 GB free")


def test_a_folder_that_cannot_be_written_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)  # root may write everywhere
    assert "is not writable" in found(tmp_path)["data home"].detail


def test_cluster_files_are_read_and_a_broken_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    assert found(tmp_path)["clusters"].verdict is Verdict.ABSENT
    (tmp_path / "good.yaml").write_text("name: good\nkind: local\nroot: /tmp/x\n")
    (tmp_path / "bad.yaml").write_text("name: bad\nkind: nothing\n")
    findings = found(tmp_path)
    assert findings["cluster good"].verdict is Verdict.OK
    assert findings["cluster good"].remedy.endswith("nepsbench cluster check good")
    assert findings["cluster bad"].verdict is Verdict.WRONG
    assert "bad.yaml" in findings["cluster bad"].detail


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_mlflow_is_asked_where_it_is_said_to_be(tmp_path: Path) -> None:
    assert found(tmp_path)["mlflow"].verdict is Verdict.ABSENT
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}"
    asked = {"environment": {"MLFLOW_TRACKING_URI": uri}}
    assert found(tmp_path, **asked)["mlflow"] == Finding("mlflow", Verdict.OK, uri)
    server.shutdown()
    server.server_close()
    wrong = found(tmp_path, **asked)["mlflow"]
    assert wrong.verdict is Verdict.WRONG
    assert "refused" in wrong.detail


def test_the_command_prints_a_table_or_json_and_says_by_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    ran = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    assert "absent" in next(line for line in ran.output.splitlines() if "data home" in line)
    ran = CliRunner().invoke(app, ["doctor", "--home", str(tmp_path), "--json"])
    names = [each["what"] for each in json.loads(ran.output)]
    assert names[:2] == ["python", "nepsbench"]
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    assert CliRunner().invoke(app, ["doctor", "--home", str(tmp_path)]).exit_code == 1
