"""`doctor --verify`: tries, and says what does not act."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.commands.verify import verify_engine, verify_providers, verify_sandbox, verify_storage
from rftctl.home import open_home
from rftctl.ledger import Ledger
from rftctl.ledger.book import journal_of
from tests.conftest import read_json, run_rftctl
from tests.providers.scripted_server import answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.commands.checks import Check
    from rftctl.home import Home
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def here(home: Path) -> Home:
    """Give the test a state folder."""
    return open_home()


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_a_fresh_folder_is_sound(here: Home) -> None:
    states = {name: check.state for name, check in by_name(verify_storage(here)).items()}
    assert set(states) == {"ledger", "clock", "locks", "disk", "file system", "permissions"}
    assert {state for name, state in states.items() if name not in ("disk", "file system")} == {"ok"}


def test_damage_is_found_and_named(lab: Home, lab_spec: Path) -> None:
    with Ledger(lab.ledger) as ledger:
        finish(launch_spec(lab_spec, lab, ledger))
    with lab.ledger.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * 4096)
    found = by_name(verify_storage(lab))["ledger"]
    assert (found.state, found.hint) == ("broken", "rftctl runs recover")


def test_a_journal_that_was_tampered_with_is_found(lab: Home, lab_spec: Path) -> None:
    with Ledger(lab.ledger) as ledger:
        finish(launch_spec(lab_spec, lab, ledger))
    journal = journal_of(lab.ledger)
    journal.write_bytes(journal.read_bytes().replace(b"ftjob-1", b"ftjob-2"))
    found = by_name(verify_storage(lab))["ledger"]
    assert (found.state, "not in the journal" in found.detail) == ("broken", True)


def test_what_others_may_read_is_warned_of(here: Home) -> None:
    here.path.chmod(0o755)
    (here.path / "config.yaml").touch(mode=0o644)
    found = by_name(verify_storage(here))["permissions"]
    assert (found.state, "config.yaml (644)" in found.detail) == ("warning", True)
    assert found.hint.startswith("chmod")


def test_a_key_in_the_config_is_warned_of_and_not_shown(here: Home) -> None:
    (here.path / "config.yaml").write_text("# sk-proj-abcdefghij0123456789\n")
    found = by_name(verify_storage(here))["keys in config.yaml"]
    assert (found.state, "abcdef" in str(found)) == ("warning", False)


def test_a_clock_behind_the_ledger_is_warned_of(
    lab: Home, lab_spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(lab.ledger) as ledger:
        finish(launch_spec(lab_spec, lab, ledger))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert by_name(verify_storage(lab))["clock"].state == "warning"


def test_the_sandbox_is_tried_by_a_grader_and_a_spy(here: Home) -> None:
    (found,) = verify_sandbox(here)
    assert (found.state, "reached no file, no network, no key" in found.detail) == ("ok", True)


def test_a_training_step_really_moves_a_model(here: Home) -> None:
    (found,) = verify_engine(here)
    assert (found.state, found.name) == ("ok", "engine trains")


def test_each_provider_with_a_key_is_asked(lab: Home, server: ScriptedServer) -> None:
    server.fail("GET", "/models", answer({"data": [{"id": "m"}]}))
    assert by_name(verify_providers(lab, {}))["lab answers"].detail == "1 model"


def test_a_provider_that_refuses_is_a_warning(lab: Home, server: ScriptedServer) -> None:
    server.fail("GET", "/models", answer({"error": {"message": "no such key"}}, 401))
    found = by_name(verify_providers(lab, {}))["lab answers"]
    assert (found.state, "no such key" in found.detail) == ("warning", True)


def test_the_command_shows_the_trials_and_exits_1_when_one_is_broken(here: Home) -> None:
    here.ledger.write_bytes(b"no database at all" * 500)
    done = run_rftctl("doctor", "--verify", "--json", home=here.path)
    states = {check["name"]: check["state"] for check in read_json(done)["checks"]}
    assert (done.returncode, states["ledger"], states["engine trains"]) == (1, "broken", "ok")
