"""Recovery: a damaged ledger is listed, refused to writers, and rebuilt from journal, file and providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.recover import recover
from rftctl.commands.updates import finish
from rftctl.ledger import Ledger
from rftctl.ledger.book import journal_of
from tests.conftest import read_json, run_rftctl

if TYPE_CHECKING:
    from pathlib import Path

    from rftctl.home import Home
    from rftctl.ledger import Run
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def run(lab: Home, lab_spec: Path) -> Run:
    """Give the test a launched run whose ledger is closed."""
    with Ledger(lab.ledger) as ledger:
        return finish(launch_spec(lab_spec, lab, ledger)).run


def damage(home: Home) -> None:
    with home.ledger.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 4)


def lose_everything(home: Home) -> None:
    for path in (home.ledger, journal_of(home.ledger)):
        path.unlink()


def test_a_damaged_ledger_is_listed_with_exit_11_and_the_way_out(run: Run, lab: Home) -> None:
    damage(lab)
    done = run_rftctl("runs", home=lab.path)
    assert done.returncode == 11
    assert run.run_id in done.stdout
    assert done.stderr.count("is damaged") == 1
    assert "rftctl runs recover" in done.stderr


def test_under_json_the_list_says_that_it_is_of_a_damaged_ledger(run: Run, lab: Home) -> None:
    damage(lab)
    document = read_json(run_rftctl("runs", "--json", home=lab.path))
    assert "damaged" in document["damage"]
    assert [r["job_id"] for r in document["runs"]] == [run.job_id]


def test_a_damaged_ledger_launches_nothing(
    run: Run, lab: Home, lab_spec: Path, server: ScriptedServer
) -> None:
    damage(lab)
    done = run_rftctl("launch", str(lab_spec), "--again", home=lab.path)
    assert done.returncode == 11
    assert "rftctl runs recover" in done.stderr
    assert server.count("POST", "/jobs") == 1


def test_what_only_reads_still_answers_and_says_11(run: Run, lab: Home) -> None:
    damage(lab)
    done = run_rftctl("runs", "show", run.run_id, home=lab.path)
    assert done.returncode == 11
    assert run.run_id in done.stdout


def test_recovery_brings_everything_back(run: Run, lab: Home) -> None:
    damage(lab)
    report = finish(recover(lab))
    assert report.damage is not None
    assert (report.n_runs, report.found, "lab" in report.asked) == (1, (), True)
    with Ledger(lab.ledger) as ledger:
        assert ledger.damage is None
        assert ledger.run(run.run_id).job_id == run.job_id
    assert run_rftctl("runs", home=lab.path).returncode == 0


def test_with_ledger_and_journal_gone_the_provider_knows_the_run(run: Run, lab: Home) -> None:
    lose_everything(lab)
    report = finish(recover(lab))
    assert report.found == (run.run_id,)
    with Ledger(lab.ledger) as ledger:
        again = ledger.run(run.run_id)
    assert (again.job_id, again.launch_id, again.spec_sha256) == (run.job_id, run.launch_id, run.spec_sha256)


def test_after_a_total_loss_the_same_spec_is_not_launched_twice(
    run: Run, lab: Home, lab_spec: Path, server: ScriptedServer
) -> None:
    lose_everything(lab)
    finish(recover(lab))
    done = run_rftctl("launch", str(lab_spec), home=lab.path)
    assert done.returncode == 0, done.stderr
    assert server.count("POST", "/jobs") == 1


def test_a_job_whose_id_was_lost_is_found_by_its_launch(run: Run, lab: Home) -> None:
    journal = journal_of(lab.ledger)
    lines = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"job_id"' not in line]
    lab.ledger.unlink()
    journal.write_bytes(b"".join(lines))
    with Ledger(lab.ledger) as ledger:
        assert ledger.run(run.run_id).job_id is None
    assert finish(recover(lab)).found == (run.run_id,)


def test_a_sound_ledger_stays_as_it_is(run: Run, lab: Home) -> None:
    before = lab.ledger.read_bytes()
    report = finish(recover(lab))
    assert (report.damage, report.rebuilt, report.found) == (None, None, ())
    assert lab.ledger.read_bytes() == before


def test_a_provider_that_is_away_hinders_nothing(run: Run, lab: Home, server: ScriptedServer) -> None:
    damage(lab)
    server.close()
    document = read_json(run_rftctl("runs", "recover", "--json", home=lab.path))
    assert (document["schema"], document["n_runs"]) == ("rftctl.recover/1", 1)
    assert "lab" in document["not_asked"]
