"""One suite for every provider: the embedded service, and servers with each one's documented differences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.control import control
from rftctl.commands.evaluate import evaluate_ledger_run
from rftctl.commands.launch import launch_spec
from rftctl.commands.updates import finish
from rftctl.errors import NotOfferedError, ProviderError
from rftctl.home import open_home
from rftctl.ledger import Ledger
from rftctl.providers import connect
from tests.conftest import TINY_SPEC, write_rows, write_tiny_spec
from tests.providers import dialects
from tests.providers.scripted_server import ScriptedServer, act_then_answer, drop_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.commands.launch import LaunchReport
    from rftctl.home import Home
    from rftctl.providers.base import Provider

KEY = dialects.KEY
ENGINE = "engine: {num_generations: 4, max_completion_tokens: 6, learning_rate: 3.0e-3}\n"
ARN = "arn:aws:lambda:us-west-2:123456789012:function:g"
LAMBDA = f'grader: {{type: lambda, name: g, lambda: {{function: "{ARN}"}}}}\n'
# Facts of their own: the packaged dates pass by.
FACTS = """\
openai: {models: [{id: o4-mini-2025-04-16}], ends_on: null, poll_s: 0.1}
azure: {models: [{id: o4-mini-2025-04-16}], poll_s: 0.1}
bedrock: {poll_s: 0.1}
"""
MODELS = {"openai": "o4-mini-2025-04-16", "azure": "o4-mini-2025-04-16", "bedrock": "openai.gpt-oss-20b"}
SCRIPTED = ["openai", "azure", "bedrock", "lab"]


@dataclass
class Place:
    """A provider that a test may launch at; `server` is None where the embedded service answers."""

    name: str
    home: Home
    spec: Path
    server: ScriptedServer | None

    def launch(self, **options: Any) -> LaunchReport:
        with Ledger(self.home.ledger) as ledger:
            return finish(launch_spec(self.spec, self.home, ledger, may_spend=lambda _: True, **options))

    def request(self) -> dict[str, Any]:
        with Ledger(self.home.ledger) as ledger:
            return dict((ledger.newest(ledger.run(None).run_id, "request") or {})["body"])


def spec_for(name: str) -> str:
    text = TINY_SPEC.replace("provider: local", f"provider: {name}")
    if name != "local":
        text = text.replace("tiny-random", MODELS.get(name, MODELS["openai"])).replace(ENGINE, "")
    if name == "bedrock":
        head, _, tail = text.partition("grader:")
        text = head + LAMBDA + "hyperparameters: {n_epochs: 1, batch_size: 4}\n"
        return text + "seed" + tail.partition("seed")[2]
    return text


def environment(name: str, url: str, key: str = KEY) -> dict[str, str]:
    return {
        "openai": {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": url},
        "azure": {"AZURE_OPENAI_API_KEY": key, "AZURE_OPENAI_ENDPOINT": url.removesuffix("/v1")},
        "bedrock": {"AWS_BEARER_TOKEN_BEDROCK": key, "RFTCTL_BEDROCK_BASE_URL": url},
        "lab": {"LAB_KEY": key},
    }.get(name, {})


def make_place(name: str, folder: Path, server: ScriptedServer | None) -> Place:
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "profiles.yaml").write_text(FACTS)
    if server is not None and name == "lab":
        lab = f"providers:\n  lab: {{base_url: '{server.url}', api_key_env: LAB_KEY, profile: openai}}\n"
        (home / "config.yaml").write_text(lab)
    spec = write_tiny_spec(folder / "project", spec_for(name))
    if name == "bedrock":
        write_rows(spec.parent / "train.jsonl", 1000, 100)
    return Place(name, open_home({"RFTCTL_HOME": str(home)}), spec, server)


@pytest.fixture(params=[*SCRIPTED, "local"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give the test one provider after the other."""
    kinds = {"openai": dialects.OpenAI, "azure": dialects.Azure, "bedrock": dialects.Bedrock}
    name = request.param
    server = None if name == "local" else kinds.get(name, dialects.Dialect)()
    for variable, value in environment(name, server.url if server else "").items():
        monkeypatch.setenv(variable, value)
    yield make_place(name, tmp_path, server)
    if server is not None:
        server.close()


@pytest.fixture
def provider(place: Place) -> Iterator[Provider]:
    """Give the test that provider, connected."""
    provider = connect(place.name, place.home)
    yield provider
    provider.close()


def test_a_file_is_sent_found_and_an_unknown_one_is_not_there(place: Place, provider: Provider) -> None:
    file_id = provider.upload(place.spec.parent / "train.jsonl")
    assert provider.has_file(file_id)
    assert not provider.has_file("file-000000000000000000000000")


def test_a_launch_makes_one_job_that_is_found_again(place: Place) -> None:
    first, second = place.launch(), place.launch()
    assert (first.is_new, second.is_new, first.job.id) == (True, False, second.job.id)
    assert not first.job.is_final


def test_a_launch_is_found_from_a_machine_with_an_empty_ledger(place: Place, tmp_path: Path) -> None:
    first = place.launch()
    for path in place.home.path.glob("ledger*"):
        path.unlink()
    second = place.launch()
    assert (second.is_new, second.job.id, second.run.run_id) == (False, first.job.id, first.run.run_id)


def test_the_request_has_the_keys_that_this_provider_takes_and_no_other(place: Place) -> None:
    place.launch()
    known = {"model", "training_file", "validation_file", "method", "metadata", "seed"}
    extra = {"azure": {"trainingType"}, "local": {"rftctl"}}.get(place.name, set())
    assert place.request().keys() == known | extra


def test_the_job_comes_back_with_its_grader_as_it_was_sent(place: Place, provider: Provider) -> None:
    job = provider.job(place.launch().job.id)
    sent = place.request()["method"]["reinforcement"]["grader"]
    assert job.raw["method"]["reinforcement"]["grader"] == sent
    assert job.metadata.items() >= place.request()["metadata"].items()


def test_a_job_that_is_not_there_is_a_refusal_with_a_way_out(provider: Provider) -> None:
    with pytest.raises(ProviderError) as caught:
        provider.job("ftjob-000000000000000000000000")
    assert (caught.value.status, bool(caught.value.hint)) == (404, True)


def test_a_cancelled_job_is_final(place: Place, provider: Provider) -> None:
    job = provider.cancel(place.launch().job.id)
    assert provider.job(job.id).status == "cancelled"
    assert provider.job(job.id).is_final


def test_pausing_works_or_is_refused_by_the_profile(place: Place, provider: Provider) -> None:
    run = place.launch().run
    with Ledger(place.home.ledger) as ledger:
        if provider.profile.can_pause:
            assert finish(control("pause", run, ledger, provider)).job.status in (
                "paused",
                "running",
                "queued",
            )
        else:
            with pytest.raises(NotOfferedError):
                finish(control("pause", run, ledger, provider))


@pytest.mark.parametrize("place", SCRIPTED, indirect=True)
def test_rewards_are_read_under_this_providers_names(place: Place, provider: Provider) -> None:
    event = provider.events(place.launch().job.id)[0]
    assert event.train_reward == 0.5
    assert event.valid_reward == (None if place.name == "bedrock" else 0.25)


@pytest.mark.parametrize("place", SCRIPTED, indirect=True)
@pytest.mark.parametrize("fault", [drop_after, act_then_answer(502)])
def test_a_lost_reply_is_one_job_everywhere(fault: Any, place: Place) -> None:
    assert place.server is not None
    place.server.fail("POST", "/fine_tuning/jobs", fault)
    assert place.launch().job.id == "ftjob-1"
    assert len(place.server.jobs) == 1


@pytest.mark.parametrize("place", SCRIPTED, indirect=True)
def test_a_wrong_key_is_refused_before_anything_is_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.server is not None
    for variable, value in environment(place.name, place.server.url, "sk-wrong-0123456789").items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ProviderError) as caught:
        place.launch()
    assert (caught.value.status, "sk-wrong" in caught.value.message) == (401, False)
    assert [request.path for request in place.server.requests if request.method == "POST"] == []


@pytest.mark.parametrize("place", ["openai", "azure", "lab"], indirect=True)
@pytest.mark.parametrize("status", ["pending", "paused", "preempted"])
def test_a_status_beyond_the_published_ones_is_read(status: str, place: Place, provider: Provider) -> None:
    assert place.server is not None
    job_id = place.launch().job.id
    place.server.jobs[0]["status"] = status
    job = provider.job(job_id)
    assert (job.status, job.is_final, job.is_resting) == (status, False, status == "paused")


@pytest.mark.parametrize("place", ["azure"], indirect=True)
def test_a_tuned_model_that_must_be_deployed_first_says_how(place: Place) -> None:
    assert place.server is not None
    place.launch()
    place.server.jobs[0] |= {"status": "succeeded", "fine_tuned_model": "o4-mini-2025-04-16.ft-1"}
    with Ledger(place.home.ledger) as ledger, pytest.raises(NotOfferedError) as caught:
        finish(evaluate_ledger_run(ledger.run(None), place.home, ledger))
    assert int(caught.value.exit_code) == 6
    assert "--deployment NAME --base-deployment NAME" in caught.value.hint
    assert "o4-mini-2025-04-16.ft-1" in caught.value.message
    assert place.server.count("POST", "/chat/completions") == 0


@pytest.mark.parametrize("place", ["azure"], indirect=True)
def test_the_training_type_is_the_users_to_choose(place: Place) -> None:
    (place.home.path / "profiles.yaml").write_text(
        FACTS.replace("azure: {", "azure: {request_keys: {trainingType: developerTier}, ")
    )
    place.launch()
    assert place.request()["trainingType"] == "developerTier"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Give the tests the embedded service on loopback: its base URL and its token."""
    home = tmp_path_factory.mktemp("embedded")
    arguments = [sys.executable, "-c", SERVE, str(home / "service")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    url, token = json.loads(process.stdout.readline())
    yield url, token
    process.terminate()
    process.wait(timeout=30)
    process.stdout.close()


SERVE = """
import json, pathlib, sys
from rftctl.server.serve import serve
serve(pathlib.Path(sys.argv[1]), on_ready=lambda *ready: print(json.dumps(ready), flush=True))
"""


@pytest.mark.parametrize("name", ["openai", "azure", "bedrock", "lab"])
def test_the_embedded_service_answers_every_provider_over_a_socket(
    name: str, embedded: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, token = embedded
    for variable, value in environment(name, url, token).items():
        # The service has its API at /v1, where Azure has its own path before it.
        monkeypatch.setenv(variable, url if variable == "AZURE_OPENAI_ENDPOINT" else value)
    home = make_place(name, tmp_path, None).home
    lab = f"providers:\n  lab: {{base_url: '{url}', api_key_env: LAB_KEY, profile: openai}}\n"
    (home.path / "config.yaml").write_text(lab)
    provider = connect(name, open_home({"RFTCTL_HOME": str(home.path)}))
    try:
        _check_round(provider, tmp_path / "project" / "train.jsonl", f"{name}-launch")
    finally:
        provider.close()


def _check_round(provider: Provider, path: Path, launch_id: str) -> None:
    grader = {"type": "string_check", "name": "g", "input": "{{item.answer}}", "operation": "eq"}
    parts = {"a": {**grader, "reference": "x"}, "b": {**grader, "reference": "y"}}
    multi = {"type": "multi", "name": "m", "graders": parts, "calculate_output": "a + b"}
    request = {
        "model": "tiny-random",
        "training_file": provider.upload(path),
        "method": {"type": "reinforcement", "reinforcement": {"grader": multi}},
        "metadata": {"rftctl_launch": launch_id},
    }
    created = provider.create_job(request)
    found = provider.find_jobs({"rftctl_launch": launch_id})
    assert [job.id for job in found] == [created.id]
    assert provider.cancel(created.id).id == created.id
    assert provider.job(created.id).raw["method"]["reinforcement"]["grader"] == multi
