"""Settings of a run: what the spec says, whose default it is, what was sent, what the provider uses."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.launch import launch_spec
from rftctl.commands.settings import show_settings
from rftctl.commands.updates import finish
from tests.conftest import read_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.commands.settings import SettingsReport
    from rftctl.home import Home
    from rftctl.ledger import Ledger
    from tests.providers.scripted_server import ScriptedServer


@pytest.fixture
def shown(lab: Home, lab_spec: Path, ledger: Ledger, server: ScriptedServer) -> Callable[..., SettingsReport]:
    """Give the test the settings of a launched run; `changes` are what the provider says of its job."""

    def call(overrides: dict[str, str] | None = None, **changes: Any) -> SettingsReport:
        run = finish(launch_spec(lab_spec, lab, ledger, overrides=overrides or {})).run
        created = next(r.body for r in server.requests if (r.method, r.path[-5:]) == ("POST", "/jobs"))
        server.jobs[0] |= copy.deepcopy(json.loads(created)) | {"user_provided_suffix": None}
        used = server.jobs[0]["method"]["reinforcement"]["hyperparameters"]
        used |= {"learning_rate_multiplier": 1.0} | changes.pop("hyperparameters", {})
        server.jobs[0] |= changes
        return finish(show_settings(run, ledger, lab))

    return call


def row(report: SettingsReport, name: str) -> tuple[Any, ...]:
    found = next(setting for setting in report.settings if setting.name == name)
    return found.spec, found.origin.partition("spec.yaml")[2] or found.origin, found.sent, found.used


def test_each_setting_has_its_four_columns(shown: Callable[..., SettingsReport]) -> None:
    report = shown(overrides={"hyperparameters.n_epochs": "2"})
    assert row(report, "hyperparameters.n_epochs") == (2, "--set hyperparameters.n_epochs", 2, 2)
    assert row(report, "hyperparameters.batch_size") == (4, ":13:44", 4, 4)
    assert row(report, "hyperparameters.learning_rate_multiplier") == (
        None, "provider's default", None, 1.0,
    )  # fmt: skip
    assert row(report, "seed")[2:] == (1, 1)
    assert report.findings == ()


def test_auto_becomes_the_number_that_the_provider_chose(shown: Callable[..., SettingsReport]) -> None:
    report = shown(overrides={"hyperparameters.eval_interval": "auto"}, hyperparameters={"eval_interval": 7})
    assert row(report, "hyperparameters.eval_interval")[2:] == ("auto", 7)
    assert report.findings == ()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("hyperparameters.n_epochs", {"hyperparameters": {"n_epochs": 3}}),
        ("seed", {"seed": 2}),
        ("model", {"model": "other"}),
        ("training_file", {"training_file": "file-9"}),
    ],
)
def test_a_provider_that_uses_something_else_is_a_finding(
    name: str, changes: dict[str, Any], shown: Callable[..., SettingsReport]
) -> None:
    report = shown(**changes)
    assert [(f.code, f.place.path) for f in report.findings] == [("RFT451", name)]


def test_a_grader_with_defaults_written_beside_it_agrees_and_another_one_does_not(
    shown: Callable[..., SettingsReport], server: ScriptedServer, lab: Home, ledger: Ledger
) -> None:
    assert shown().findings == ()
    grader = server.jobs[0]["method"]["reinforcement"]["grader"]
    grader["pass_threshold"] = None
    assert finish(show_settings(ledger.run(None), ledger, lab)).findings == ()
    grader["evaluation_metric"] = "bleu"
    report = finish(show_settings(ledger.run(None), ledger, lab))
    assert [f.place.path for f in report.findings] == ["grader"]


def test_without_an_answer_the_last_column_is_empty(
    shown: Callable[..., SettingsReport], server: ScriptedServer, lab: Home, ledger: Ledger
) -> None:
    shown()
    server.close()
    report = finish(show_settings(ledger.run(None), ledger, lab))
    assert {setting.used for setting in report.settings} == {None}
    assert row(report, "seed")[2] == 1


def test_the_embedded_service_tells_numbers_for_every_auto(
    finished: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    document = read_json(finished("runs", "show", "--settings", "--json"))
    assert document["schema"] == "rftctl.run-settings/1"
    used = {setting["name"]: setting["used"] for setting in document["settings"]}
    assert (used["hyperparameters.n_epochs"], used["engine.num_generations"]) == (1, 4)
    assert all(setting["agrees"] for setting in document["settings"])
    assert "n_epochs" in finished("runs", "show", "--settings").stdout
