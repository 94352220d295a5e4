"""The doctor: says what works here, and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.commands.doctor import DoctorReport, diagnose
from rftctl.commands.updates import finish
from rftctl.home import Home, open_home
from tests.conftest import read_json, run_rftctl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def report(home: Path) -> DoctorReport:
    """Give the test what the doctor says with an OpenAI key and an Azure endpoint set."""
    environ = {"OPENAI_API_KEY": "sk-canary-0123456789", "AZURE_OPENAI_ENDPOINT": "https://x"}
    return finish(diagnose(open_home({"RFTCTL_HOME": str(home)}), environ))


def test_everything_rftctl_needs_is_here(report: DoctorReport) -> None:
    states = {check.name: check.state for check in report.checks}
    assert (states["rftctl"], states["state folder"], states["local engine"]) == ("ok", "ok", "ok")
    assert report.exit_code == 0


def test_keys_are_found_or_missed_by_name_and_never_shown(report: DoctorReport) -> None:
    details = {check.name: (check.state, check.detail) for check in report.checks}
    assert details["provider openai"][0] == "ok"
    assert details["provider azure"] == ("warning", "AZURE_OPENAI_API_KEY not set")
    assert "canary" not in str(report.to_json())


def test_an_entra_token_does_in_place_of_azures_key(home: Path) -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": "https://x", "AZURE_OPENAI_AD_TOKEN": "t"}
    checks = finish(diagnose(open_home({"RFTCTL_HOME": str(home)}), environ)).checks
    assert [c.state for c in checks if c.name == "provider azure"] == ["ok"]


def test_a_provider_of_the_config_is_listed_with_its_own_key(home: Path) -> None:
    open_home({"RFTCTL_HOME": str(home)})
    own = Home(home, providers={"lab": {"base_url": "https://x", "api_key_env": "LAB_KEY"}})
    checks = finish(diagnose(own, {})).checks
    assert [c.detail.split(";")[0] for c in checks if c.name == "provider lab"] == ["LAB_KEY not set"]


def test_a_state_folder_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    report = finish(diagnose(Home(tmp_path / "gone"), {}))
    assert [c.state for c in report.checks if c.name == "state folder"] == ["broken"]
    assert report.exit_code == 1


def test_the_command_prints_one_document(home: Path) -> None:
    document = read_json(run_rftctl("doctor", "--json", home=home))
    assert document["schema"] == "rftctl.doctor/1"
    assert {"name", "state", "detail", "hint"} == set(document["checks"][0])
