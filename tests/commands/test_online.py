"""`validate --online`: what the provider says is found before anything is uploaded."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.online import shutdown_day
from rftctl.commands.updates import finish
from rftctl.commands.validate import ValidationReport, validate
from rftctl.errors import ExitCode
from rftctl.home import open_home
from tests.conftest import read_json, run_rftctl
from tests.providers.scripted_server import ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.home import Home

TODAY = date(2026, 11, 22)
VALIDATE = "/fine_tuning/alpha/graders/validate"


def ask(spec: Path, home: Home) -> ValidationReport:
    return finish(validate(spec, today=TODAY, home=home, online=True))


def codes(report: ValidationReport) -> set[str]:
    return {finding.code for finding in report.findings if finding.code.startswith("RFT44")}


def models(*ids: str, **fields: Any) -> Any:
    return answer({"object": "list", "data": [{"id": name, "object": "model", **fields} for name in ids]})


@pytest.fixture
def willing(server: ScriptedServer) -> ScriptedServer:
    """Give the test a provider that takes the spec's grader."""
    server.fail("POST", VALIDATE, answer({"grader": {}}))
    return server


def test_a_provider_that_agrees_adds_nothing(willing: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    willing.fail("GET", "/models", models("lab-model"))
    report = ask(lab_spec, lab)
    assert (report.exit_code, codes(report)) == (ExitCode.OK, set())
    assert report.online is not None
    assert report.online.asked == ("access", "models", "grader")


def test_nothing_is_written_and_no_row_is_sent(willing: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    willing.fail("GET", "/models", models("lab-model"))
    ask(lab_spec, lab)
    assert [(r.method, r.path) for r in willing.requests if r.method != "GET"] == [("POST", f"/v1{VALIDATE}")]
    assert b"say the word" not in b"".join(request.body for request in willing.requests)


def test_without_online_nothing_is_asked(server: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    finish(validate(lab_spec, today=TODAY, home=lab))
    assert server.requests == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_let_in_is_an_error(
    willing: ScriptedServer, lab: Home, lab_spec: Path, status: int
) -> None:
    body = {"error": {"message": "no training here", "code": "training_not_available"}}
    willing.fail("GET", "/fine_tuning/jobs", answer(body, status))
    willing.fail("GET", "/models", models("lab-model"))
    report = ask(lab_spec, lab)
    assert (report.exit_code, codes(report)) == (ExitCode.INVALID, {"RFT440"})
    assert "training_not_available" in next(f.message for f in report.findings if f.code == "RFT440")


def test_a_model_that_is_not_listed_is_an_error(willing: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    willing.fail("GET", "/models", models("lab-model-2", "other"))
    report = ask(lab_spec, lab)
    finding = next(f for f in report.findings if f.code == "RFT441")
    assert (finding.place.line, finding.hint) == (4, "did you mean 'lab-model-2'?")


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-10-23", {"RFT442"}), ("2026-12-24", {"RFT443"}), ("2028-01-01", set()), (None, set())],
)
def test_the_day_a_model_ends_is_said(
    willing: ScriptedServer, lab: Home, lab_spec: Path, day: str | None, expected: set[str]
) -> None:
    willing.fail("GET", "/models", models("lab-model", shutdown_date=day))
    assert codes(ask(lab_spec, lab)) == expected


def test_a_model_this_account_cannot_train_is_an_error(
    willing: ScriptedServer, lab: Home, lab_spec: Path
) -> None:
    willing.fail("GET", "/models", models("lab-model", capabilities={"fine_tune": False}))
    assert codes(ask(lab_spec, lab)) == {"RFT444"}


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ({"shutdown_date": "2027-01-06"}, date(2027, 1, 6)),
        ({"deprecation": {"fine_tune": 1_798_761_600}}, date(2027, 1, 1)),
        ({"deprecation": {"inference": 1_798_761_600}}, None),
        ({"shutdown_date": "soon"}, None),
        ({"shutdown_date": 10**30}, None),
        ({"deprecation": "x"}, None),
    ],
)
def test_days_are_read_in_any_form(raw: dict[str, Any], day: date | None) -> None:
    assert shutdown_day(raw, is_base=True) == day


def test_a_grader_the_provider_refuses_is_an_error(server: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    server.fail("POST", VALIDATE, answer({"error": {"message": "bad metric"}}, 400))
    server.fail("GET", "/models", models("lab-model"))
    report = ask(lab_spec, lab)
    finding = next(f for f in report.findings if f.code == "RFT445")
    assert (report.exit_code, "bad metric" in finding.message) == (ExitCode.INVALID, True)
    assert finding.place.line == 8


def test_what_a_provider_does_not_offer_is_a_note(server: ScriptedServer, lab: Home, lab_spec: Path) -> None:
    report = ask(lab_spec, lab)
    notes = [f for f in report.findings if f.code == "RFT446"]
    assert (report.exit_code, len(notes)) == (ExitCode.OK, 2)


def test_a_provider_that_is_not_reached_ends_in_its_own_code(
    server: ScriptedServer, lab: Home, lab_spec: Path
) -> None:
    server.close()
    report = ask(lab_spec, lab)
    assert report.online is not None
    assert (report.exit_code, report.online.asked) == (ExitCode.PROVIDER, ())
    assert "was not reached" in report.online.failure


def test_a_page_that_is_not_the_api_ends_in_its_own_code(
    willing: ScriptedServer, lab: Home, lab_spec: Path
) -> None:
    willing.fail("GET", "/fine_tuning/jobs", answer("<html>hello</html>"))
    assert ask(lab_spec, lab).exit_code is ExitCode.PROVIDER


def test_a_wrong_spec_counts_more_than_a_silent_provider(
    server: ScriptedServer, lab: Home, lab_spec: Path
) -> None:
    server.close()
    train = lab_spec.with_name("train.jsonl")
    train.write_text(train.read_text() + "nonsense\n")
    assert ask(lab_spec, lab).exit_code is ExitCode.INVALID


def test_a_missing_key_ends_in_its_own_code(lab: Home, lab_spec: Path) -> None:
    entry = "{base_url: 'https://127.0.0.1:1/v1', profile: openai, api_key_env: NO_SUCH_KEY_1}"
    (lab.path / "config.yaml").write_text(f"providers:\n  lab: {entry}\n")
    report = ask(lab_spec, open_home())
    assert report.online is not None
    assert (report.exit_code, "NO_SUCH_KEY_1" in report.online.failure) == (ExitCode.PROVIDER, True)


def test_the_embedded_service_agrees_with_a_good_spec(tiny_spec: Path, home: Path) -> None:
    report = ask(tiny_spec, open_home())
    assert (report.exit_code, codes(report)) == (ExitCode.OK, set())
    assert report.online is not None
    assert report.online.asked == ("access", "models", "grader")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the test a running `rftctl serve`: the variables that it tells its user to export."""
    command = [sys.executable, "-m", "rftctl", "serve", "--port", "0"]
    environ = {**os.environ, "RFTCTL_HOME": str(tmp_path / "service")}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        exports: dict[str, str] = {}
        while len(exports) < 2:
            line = server.stderr.readline()
            assert line, "the server ended"
            if line.startswith("export "):
                name, _, exports[name] = line.removeprefix("export ").strip().partition("=")
        yield exports
        server.terminate()


def test_the_served_api_is_asked_over_http(
    served: dict[str, str], home: Path, tiny_spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = served["OPENAI_BASE_URL"]
    home.mkdir()
    config = f"providers:\n  ours: {{base_url: '{url}', profile: local, api_key_env: OURS_TOKEN}}\n"
    (home / "config.yaml").write_text(config)
    monkeypatch.setenv("OURS_TOKEN", served["OPENAI_API_KEY"])
    tiny_spec.write_text(tiny_spec.read_text().replace("provider: local", "provider: ours"))
    report = ask(tiny_spec, open_home())
    assert (report.exit_code, codes(report)) == (ExitCode.OK, set())


def test_the_command_says_what_was_asked(tiny_spec: Path, tmp_path: Path) -> None:
    done = run_rftctl("validate", str(tiny_spec), "--online", "--json", home=tmp_path / "h")
    document = read_json(done)
    assert document["online"] == {
        "provider": "local",
        "asked": ["access", "models", "grader"],
        "failure": None,
        "hint": "",
    }
