"""Reading what a provider answered, before anything of it is believed or recorded.

In: reply bodies of any shape. Out: our types, or a ProviderError that says what is wrong with the reply.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.errors import ProviderError
from rftctl.providers.base import Answer
from rftctl.text import one_line
from rftctl.wire import Job, mapping, number

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_THE_API = "check the base URL: is it the API itself?"
# An id goes into paths and into the ledger, so it may hold nothing that acts there.
_IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,255}")

HINTS = {
    401: "check the key: it comes from the provider's environment variable",
    403: "this account may not do that; rftctl validate --online says what it may",
    404: "it is gone, or belongs to another project or key",
    429: "the provider limits requests; wait and run the command again",
}
CODE_HINTS = {
    "training_not_available": "this account can start no more jobs here; another target may: "
    "provider azure still trains for existing customers, provider local trains on this machine",
    "insufficient_quota": "this account has no credit left; add some, or choose another target",
    "DeploymentNotFound": "a fine-tuned model there answers only once it is deployed",
}


def object_of(raw: object) -> dict[str, Any]:
    """Take a reply that must be a JSON object.

    Raises:
        ProviderError: it is something else, such as a web page.
    """
    if not isinstance(raw, dict):
        raise ProviderError(
            f"the provider's reply is not a JSON object: '{one_line(str(raw), limit=60)}'",
            NOT_THE_API,
            is_not_the_api=True,
        )
    return raw


def body_of(reply: object) -> dict[str, Any]:
    """Read the JSON object in a raw response of the SDK.

    Raises:
        ProviderError: there is none.
    """
    text = getattr(reply, "text", "")
    try:
        return object_of(json.loads(text() if callable(text) else text))
    except (ValueError, RecursionError) as error:
        raise ProviderError("the provider's reply is not JSON", NOT_THE_API, is_not_the_api=True) from error


def identity_of(raw: Mapping[str, Any], what: str) -> str:
    """Take the id of a reply.

    Raises:
        ProviderError: there is none, or none that could be asked for again.
    """
    identity = raw.get("id")
    if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
        raise ProviderError(f"the provider's {what} has no id that can be used")
    return identity


def refusal_of(name: str, status: int, body: object, message: str) -> ProviderError:
    """Say what a provider refused, in its own words, and the way out."""
    told = mapping(body)
    code = told.get("code")
    return ProviderError(
        f"{name}: {one_line(str(told.get('message') or message), limit=300)}",
        CODE_HINTS.get(str(code)) or HINTS.get(status, ""),
        status=status,
        code=code if isinstance(code, str) else None,
    )


def created_job(raw: dict[str, Any], request: Mapping[str, Any]) -> Job:
    """Read the reply to a create request, and make sure that it is about that request.

    Raises:
        ProviderError: it is no job, or another one; what the request did is then unknown.
    """
    identity_of(raw, "job")
    kind = raw.get("object")
    if kind not in (None, "fine_tuning.job"):
        raise ProviderError(f"the provider's reply is no job but '{one_line(str(kind), limit=60)}'")
    try:
        job = Job.from_wire(raw)
    except ValueError as error:
        raise ProviderError(f"the provider's job cannot be used: {error}") from error
    sent = mapping(request.get("metadata"))
    others = [key for key, value in job.metadata.items() if key in sent and value != sent[key]]
    if others:
        raise ProviderError(f"the provider's job {one_line(job.id)} belongs to another launch")
    return job


def chat_answer(index: int, raw: object, *, has_response_format: bool) -> Answer:
    """Read the reply to a chat request.

    Raises:
        ProviderError: it has no message.
    """
    body = object_of(raw)
    choices = body.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ProviderError("the model's reply has no message")
    usage = {k: v for k, v in mapping(body.get("usage")).items() if isinstance(v, int)}
    details = mapping(mapping(body.get("usage")).get("completion_tokens_details"))
    text, tools = message.get("content"), message.get("tool_calls")
    text = text if isinstance(text, str) else ""
    sample = Sample(
        output_text=text,
        output_json=parse_output(text) if has_response_format else ABSENT,
        output_tools=tools if isinstance(tools, list) else [],
        finish_reason=str(choice.get("finish_reason") or "stop"),
        completion_tokens=usage.get("completion_tokens", 0),
        reasoning_tokens=int(number(details.get("reasoning_tokens")) or 0),
    )
    return Answer(index, sample, token_usage=usage)
