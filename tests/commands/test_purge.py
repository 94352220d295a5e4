"""Erasure: nothing of the run stays on this machine, and what lies elsewhere is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.purge import purge_run
from rftctl.commands.updates import finish
from rftctl.errors import UsageError
from tests.conftest import run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def run(lab: Home, lab_spec: Path, ledger: Ledger) -> Run:
    """Give the test a launched run, still queued."""
    return finish(launch_spec(lab_spec, lab, ledger)).run


def files_with(folder: Path, text: str) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def test_a_running_job_is_refused(run: Run, lab: Home, ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="may be running") as caught:
        finish(purge_run(run, ledger, lab, force=False, agree=lambda _: True))
    assert "rftctl cancel" in caught.value.hint
    assert ledger.run(run.run_id) == run


def test_a_run_that_ended_meanwhile_is_erased(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.jobs[0]["status"] = "succeeded"
    report = finish(purge_run(run, ledger, lab, force=False, agree=lambda _: True))
    assert ledger.runs() == []
    assert files_with(lab.path, run.run_id) == []
    assert any("files rm file-1 --provider lab" in line for line in report.stays)
    assert any("ftjob-1" in line for line in report.stays)


def test_force_erases_a_running_one(run: Run, lab: Home, ledger: Ledger) -> None:
    finish(purge_run(run, ledger, lab, force=True, agree=lambda _: True))
    assert ledger.runs() == []


def test_without_consent_nothing_goes(run: Run, lab: Home, ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="nobody agreed"):
        finish(purge_run(run, ledger, lab, force=True, agree=lambda _: False))
    assert len(ledger.runs()) == 1


def test_a_provider_that_is_away_leaves_the_refusal_standing(
    run: Run, lab: Home, ledger: Ledger, server: ScriptedServer
) -> None:
    server.close()
    with pytest.raises(UsageError, match="may be running"):
        finish(purge_run(run, ledger, lab, force=False, agree=lambda _: True))


def test_judges_answers_and_the_last_bug_go_too(run: Run, lab: Home, ledger: Ledger) -> None:
    for name in ("judge-answers.sqlite", "last-bug.txt"):
        (lab.path / name).write_text("what Erika said")
    report = finish(purge_run(run, ledger, lab, force=True, agree=lambda _: True))
    assert files_with(lab.path, "Erika") == []
    assert {"judge-answers.sqlite", "last-bug.txt"} <= set(report.erased)


def test_off_a_terminal_the_command_needs_yes(run: Run, lab: Home) -> None:
    done = run_rftctl("runs", "purge", run.run_id, "--force", home=lab.path)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert run_rftctl("runs", "purge", run.run_id, "--force", "--yes", home=lab.path).returncode == 0
    assert run_rftctl("runs", "show", run.run_id, home=lab.path).returncode == 2


def test_a_local_run_takes_its_data_outputs_and_checkpoints_along(tmp_path: Path) -> None:
    home, spec = tmp_path / "home", write_tiny_spec(tmp_path / "project")
    assert run_rftctl("launch", str(spec), home=home).returncode == 0
    assert run_rftctl("watch", "-q", home=home).returncode == 0
    assert files_with(home, "say the word after 3")
    done = run_rftctl("runs", "purge", "digits", "--yes", home=home)
    assert done.returncode == 0, done.stderr
    assert files_with(home, "say the word after 3") == []
    assert files_with(home, "digits-") == []
    assert list((home / "local" / "jobs").iterdir()) == []
