"""`/v1/chat/completions`: talk to a base model, a fine-tune or a checkpoint.

In: a chat request. Out: a completion in the API's form. What would change the answer and is not offered
(streaming, logprobs, penalties, a forced tool) is refused rather than ignored.
Without a seed, one is made from the messages, so that a repeated evaluation repeats.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from rftctl.engine.backend import SamplingSettings
from rftctl.server.chat import ChatAnswer, ChatPrompt
from rftctl.server.handlers import json_body, service_of
from rftctl.server.names import find_weights
from rftctl.server.refusal import Reply, bad
from rftctl.server.schema import check_body

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rftctl.dataset import Sample
    from rftctl.engine.backend import Completion
    from rftctl.server.store import Store

DEFAULT_MAX_TOKENS = 256
_MOST_TOKENS = 32_768
_JSON_FORMATS = ("json_schema", "json_object")
_Tokens = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
_Text = Annotated[str, Field(min_length=1)]


class Message(BaseModel):
    """One message; roles beyond these do not exist on the wire."""

    model_config = ConfigDict(extra="allow", strict=True)
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """The body of `POST /chat/completions`, as far as it is offered here."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: _Text
    messages: Annotated[list[Message], Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_completion_tokens: _Tokens | None = None
    max_tokens: _Tokens | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: _Text | Annotated[list[_Text], Field(max_length=4)] | None = None
    reasoning_effort: Literal["default", "low", "medium", "high"] | None = None
    stream: Literal[False] | None = None
    stream_options: None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    parallel_tool_calls: bool | None = None
    store: Literal[False] | None = None
    # These change nothing about the answer.
    metadata: dict[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    @property
    def wants_json(self) -> bool:
        """Whether the answer ends with its first JSON value."""
        return (self.response_format or {}).get("type") in _JSON_FORMATS

    @property
    def token_cap(self) -> int:
        """Most tokens of the answer, reasoning included."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS


async def complete(request: Request) -> Response:
    """Answer a chat."""
    body = await json_body(request)
    if body.get("stream"):
        raise bad("stream is not offered by the embedded service; leave it out", "stream")
    service = service_of(request)
    chat_request, prompt = await run_in_threadpool(read_chat, service.store, body)
    return Reply(chat_reply(chat_request, await service.chat.answer(prompt)))


def read_chat(store: Store, body: dict[str, Any]) -> tuple[ChatRequest, ChatPrompt]:
    """Check a chat request and make it into what the sampling thread takes.

    Raises:
        RefusalError: it asks for something that is not offered, or for a model that is not here.
    """
    chat_request = check_body(ChatRequest, body)
    _check_content(chat_request)
    return chat_request, ChatPrompt(
        weights=find_weights(store, chat_request.model),
        messages=body["messages"],
        tools=None if chat_request.tool_choice == "none" else body.get("tools") or None,
        reasoning_effort=chat_request.reasoning_effort,
        n=chat_request.n or 1,
        settings=_settings(chat_request),
        seed=_seed(chat_request, body),
    )


def _settings(chat_request: ChatRequest) -> SamplingSettings:
    from rftctl.engine.thinking import thinking_budget

    effort = chat_request.reasoning_effort or "default"
    return SamplingSettings(
        max_tokens=chat_request.token_cap,
        temperature=1.0 if chat_request.temperature is None else chat_request.temperature,
        top_p=1.0 if chat_request.top_p is None else chat_request.top_p,
        # A tool call is JSON too, and calls may follow the answer's JSON.
        stop_at_json=chat_request.wants_json and not chat_request.tools,
        reasoning_budget=thinking_budget(effort, chat_request.token_cap),
    )


def _seed(chat_request: ChatRequest, body: dict[str, Any]) -> int:
    if chat_request.seed is not None:
        return chat_request.seed % 2**63
    asked = json.dumps([body["messages"], body.get("tools")], sort_keys=True)
    return int.from_bytes(hashlib.sha256(asked.encode()).digest()[:8], "big") % 2**63


def _check_content(chat_request: ChatRequest) -> None:
    for index, message in enumerate(chat_request.messages):
        for part in message.content if isinstance(message.content, list) else ():
            if part.get("type") not in ("text", "refusal"):
                raise bad(f"content of type '{part.get('type')}' is not offered", f"messages.{index}.content")


def chat_reply(chat_request: ChatRequest, answer: ChatAnswer) -> dict[str, Any]:
    """Lay an answer out as the API's chat completion."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": chat_request.model,
        "choices": [_choice(chat_request, i, each) for i, each in enumerate(answer.completions)],
        "usage": _usage(answer),
    }


def _choice(chat_request: ChatRequest, index: int, completion: Completion) -> dict[str, Any]:
    from rftctl.engine.answers import to_sample

    sample = to_sample(completion, has_response_format=chat_request.wants_json)
    text, was_cut = _cut(sample.output_text, chat_request.stop)
    return {
        "index": index,
        "message": _message(sample, text),
        "finish_reason": "stop" if was_cut else sample.finish_reason,
        "logprobs": None,
    }


def _message(sample: Sample, text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if sample.output_tools:
        message |= {"content": text or None, "tool_calls": sample.output_tools}
    return message


def _cut(text: str, stop: str | list[str] | None) -> tuple[str, bool]:
    # The model does not know of these; what it drew beyond them is thrown away, and still counted.
    ends = [stop] if isinstance(stop, str) else stop or []
    places = [place for end in ends if (place := text.find(end)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _usage(answer: ChatAnswer) -> dict[str, Any]:
    completion = sum(len(each.tokens) for each in answer.completions)
    reasoning = sum(each.reasoning_tokens for each in answer.completions)
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.prompt_tokens + completion,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        "prompt_tokens_details": {"cached_tokens": 0},
    }


ROUTES = [Route("/v1/chat/completions", complete, methods=["POST"])]
