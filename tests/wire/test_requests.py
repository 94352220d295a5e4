"""Every request that rftctl can send, before the published description of the API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.judge import NOT_DESCRIBED, Sent
from tests.wire.mutations import MUTATIONS, spoil
from tests.wire.outside import ask
from tests.wire.sending import GRADERS, SPECS

if TYPE_CHECKING:
    from tests.wire.judge import RequestJudge

JOBS = "/fine_tuning/jobs"
JUDGES = ["description", *(["mock server"] if "RFTCTL_JUDGE_URL" in os.environ else [])]
"""A mock server made from the same description (Prism, Steady) judges as well where one is named."""
pytestmark = pytest.mark.xdist_group("wire")


def creates(sent: list[Sent]) -> list[dict[str, Any]]:
    return [request.body for request in sent if (request.method, request.path) == ("POST", JOBS)]


def multi_create(sent: list[Sent]) -> dict[str, Any]:
    return next(body for body in creates(sent) if grader_type(body) == "multi")


def grader_type(body: dict[str, Any]) -> str:
    return str(body["method"]["reinforcement"]["grader"]["type"])


def test_every_kind_of_spec_and_every_call_is_among_what_was_sent(sent: list[Sent]) -> None:
    assert {grader_type(body) for body in creates(sent)} == set(GRADERS)
    assert len(creates(sent)) >= 2 * len(SPECS)
    verbs = {request.path.rsplit("/", 1)[-1] for request in sent}
    wanted = {"files", "jobs", "events", "checkpoints", "pause", "resume", "cancel", "run", "validate"}
    assert wanted | {"models", "content", "completions"} <= verbs


@pytest.mark.parametrize("by", JUDGES)
def test_every_request_is_accepted(by: str, sent: list[Sent], judge: RequestJudge) -> None:
    if by == "description":
        assert [complaint for request in sent for complaint in judge.complaints(request)] == []
    else:
        replies = [(request.name, *ask(request)) for request in sent]
        assert [reply for reply in replies if reply[1] >= 400] == []


def test_no_key_is_sent_that_the_description_does_not_know(sent: list[Sent], judge: RequestJudge) -> None:
    unknown = {key for request in sent for key in judge.unknown_keys(request)}
    assert unknown <= set(NOT_DESCRIBED)


def test_a_misspelt_key_would_be_seen(sent: list[Sent], judge: RequestJudge) -> None:
    body = multi_create(sent)
    body = body | {"trainnig_type": "x"}
    body["method"]["reinforcement"]["grader"]["graders"]["near"]["metrik"] = "y"
    seen = judge.unknown_keys(Sent("POST", JOBS, (), body))
    del body["method"]["reinforcement"]["grader"]["graders"]["near"]["metrik"]
    assert seen == ["method.reinforcement.grader.graders.*.metrik", "trainnig_type"]


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("by", JUDGES)
def test_a_spoiled_request_is_refused(name: str, by: str, sent: list[Sent], judge: RequestJudge) -> None:
    spoiled = Sent("POST", JOBS, (), spoil(multi_create(sent), name))
    if by == "description":
        assert judge.complaints(spoiled)
    else:
        assert ask(spoiled)[0] in (400, 422)
