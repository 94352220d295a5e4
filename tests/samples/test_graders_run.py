"""Every sample's graded outputs through the embedded service's `graders/run`, asked by the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from rftctl.graders import wire_config
from rftctl.graders.base import Grade
from rftctl.graders.cases import read_cases
from rftctl.shipped import shipped_samples
from rftctl.spec import load_spec
from tests.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.graders.cases import Case

SAMPLES = shipped_samples()
TARGETS = (None, "azure")
"""The easier task and the full one; what bedrock's functions earn is proven equal when they are exported."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """Give the SDK, speaking to a service in a process of its own."""
    with (
        serving(tmp_path_factory.mktemp("served")) as (url, token),
        openai.OpenAI(base_url=url, api_key=token, max_retries=0) as sdk,
    ):
        yield sdk


def cases_and_grader(name: str, target: str | None) -> tuple[list[Case], dict[str, Any]]:
    """Return the cases that the API can carry: it knows no tool calls, and it would ask a judge."""
    spec_file = load_spec(SAMPLES[name].spec, target=target)
    path = spec_file.file("cases")
    assert path is not None
    cases = read_cases(path, rows=spec_file.file("training_file"))
    can_go = [case for case in cases if not case.sample.output_tools and not case.sample.judged]
    return can_go, wire_config(spec_file.grader)


def hosted_grade(client: openai.OpenAI, config: Any, case: Case) -> Grade:
    reply = client.fine_tuning.alpha.graders.run(
        grader=config, model_sample=case.sample.output_text, item=case.item
    )
    raised = [name for name, value in reply.metadata.errors.to_dict().items() if value is True]
    return Grade.failure(raised[0], "") if raised else Grade(reply.reward)


CARRIED = [
    (name, target) for name in sorted(SAMPLES) for target in TARGETS if cases_and_grader(name, target)[0]
]


@pytest.mark.parametrize(("name", "target"), CARRIED)
def test_graders_run_gives_each_graded_output_its_reward(
    client: openai.OpenAI, name: str, target: str | None
) -> None:
    cases, config = cases_and_grader(name, target)
    missed = [case.line for case in cases if not case.expect.holds(hosted_grade(client, config, case))]
    assert missed == []
