"""Export: all that the ledger knows, in a file of its owner's, without keys."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from rftctl.commands.export import export_runs
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.errors import StorageError, UsageError
from rftctl.wire import JobEvent
from tests.conftest import read_json, run_rftctl

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger) -> Run:
    """Give the test a launched run with an event."""
    run = finish(launch_spec(lab_spec, lab, ledger)).run
    ledger.put_events(run.run_id, [JobEvent("e1", 1, "info", "hello", "message", {"step": 1})])
    return run


def test_a_line_holds_everything_of_a_run(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    report = finish(export_runs([run], ledger, tmp_path / "out.jsonl"))
    document = json.loads((tmp_path / "out.jsonl").read_text())
    assert document["run"] == asdict(run)
    assert document["entries"] == ledger.entries(run.run_id)
    assert [event["message"] for event in document["events"]] == ["hello"]
    assert set(document["files"]) == {"file-1", "file-2"}
    assert (report.n_runs, report.n_bytes) == (1, (tmp_path / "out.jsonl").stat().st_size)


def test_a_name_that_ends_in_json_gives_one_document(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    finish(export_runs([run, run], ledger, tmp_path / "out.json"))
    assert len(json.loads((tmp_path / "out.json").read_text())["runs"]) == 2


def test_only_its_owner_may_read_it(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    finish(export_runs([run], ledger, tmp_path / "out.jsonl"))
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_written_over(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        finish(export_runs([run], ledger, tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text() == "mine"


def test_a_folder_that_is_not_there_is_a_storage_error(run: Run, ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        finish(export_runs([run], ledger, tmp_path / "gone" / "out.jsonl"))


def test_the_command_exports_all_runs(run: Run, lab: Home, tmp_path: Path) -> None:
    done = run_rftctl("runs", "export", "--all", "--out", str(tmp_path / "o.jsonl"), "--json", home=lab.path)
    assert read_json(done)["n_runs"] == 1
    assert json.loads((tmp_path / "o.jsonl").read_text())["schema"] == "rftctl.run-export/1"
