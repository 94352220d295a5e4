"""Files at a provider: whose they are, who needs them, and taking them away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.files import list_files, remove_files
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.errors import UsageError
from rftctl.home import open_home
from rftctl.ledger import Ledger
from tests.conftest import read_json, run_rftctl, write_tiny_spec

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home


@pytest.fixture
def here(home: Path) -> Home:
    """Give the test a state folder whose provider is the embedded service."""
    return open_home()


@pytest.fixture
def launched(here: Home, tmp_path: Path) -> tuple[Home, Ledger]:
    """Give the test a launched local run and its ledger."""
    ledger = Ledger(here.ledger)
    finish(launch_spec(write_tiny_spec(tmp_path / "project"), here, ledger))
    return here, ledger


def end(ledger: Ledger) -> None:
    """Let the ledger know that the run is over; the service is not asked."""
    ledger.set_state(ledger.run(None).run_id, "cancelled")


def cancel(here: Home) -> None:
    assert run_rftctl("cancel", home=here.path).returncode in (0, 5)
    run_rftctl("watch", "-q", home=here.path)


def test_uploads_are_listed_with_size_purpose_and_who_needs_them(launched: tuple[Home, Ledger]) -> None:
    here, ledger = launched
    files = {file.filename: file for file in finish(list_files("local", here, ledger)).files}
    train = files["train.jsonl"]
    assert (train.purpose, train.is_ours, train.is_needed) == ("fine-tune", True, True)
    assert (train.n_bytes, train.runs) == (1404, (ledger.run(None).run_id,))
    cancel(here)


def test_what_an_unfinished_run_needs_is_not_removed(launched: tuple[Home, Ledger]) -> None:
    here, ledger = launched
    file_id = finish(list_files("local", here, ledger)).files[0].file_id
    with pytest.raises(UsageError, match="is needed by run"):
        finish(remove_files("local", [file_id], here, ledger))
    assert finish(remove_files("local", [], here, ledger, unused=True)).removed == ()
    cancel(here)


def test_unused_uploads_go_and_are_said(launched: tuple[Home, Ledger]) -> None:
    here, ledger = launched
    cancel(here)
    end(ledger)
    report = finish(remove_files("local", [], here, ledger, unused=True))
    assert (len(report.removed), report.n_bytes) == (2, 1768)
    assert [f for f in finish(list_files("local", here, ledger)).files if f.is_ours] == []
    assert ledger.uploads("local") == {}


def test_a_file_that_is_gone_already_is_said_and_no_error(launched: tuple[Home, Ledger]) -> None:
    here, ledger = launched
    report = finish(remove_files("local", ["file-000000000000000000000000"], here, ledger))
    assert (report.removed, len(report.gone_before)) == ((), 1)
    cancel(here)


def test_a_strangers_file_needs_force(here: Home, tmp_path: Path) -> None:
    from contextlib import closing

    from rftctl.providers import connect

    (tmp_path / "theirs.jsonl").write_text("{}\n")
    with closing(connect("local", here)) as provider, Ledger(here.ledger) as ledger:
        file_id = provider.upload(tmp_path / "theirs.jsonl")
        with pytest.raises(UsageError, match="was not uploaded by rftctl"):
            finish(remove_files("local", [file_id], here, ledger))
        assert finish(remove_files("local", [], here, ledger, unused=True)).removed == ()
        assert finish(remove_files("local", [file_id], here, ledger, force=True)).removed == (file_id,)


def test_nothing_named_is_a_usage_error(here: Home) -> None:
    done = run_rftctl("files", "rm", "--provider", "local", home=here.path)
    assert (done.returncode, "--unused" in done.stderr) == (2, True)


def test_without_a_run_a_provider_must_be_named(here: Home) -> None:
    done = run_rftctl("files", "list", home=here.path)
    assert (done.returncode, "--provider" in done.stderr) == (2, True)


def test_the_command_prints_one_document(here: Home) -> None:
    document = read_json(run_rftctl("files", "list", "--provider", "local", "--json", home=here.path))
    assert document == {"schema": "rftctl.files/1", "provider": "local", "files": []}
