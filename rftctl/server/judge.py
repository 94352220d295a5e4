"""The service as the judge of its own model graders: where a grader names a model of this machine.

In: chat messages. Out: a `Sample` and the tokens it cost, as from `rftctl.judge.HttpJudge`, by the same
requests and replies as `/v1/chat/completions`, without a socket. The platform forces a judge's reply into
its schema; here the last message says what is wanted and the reply is begun, up to its result, so that even
a small model gives one. It is asked for no reasoning steps before it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rftctl.errors import NotOfferedError, ProviderError, RftctlError
from rftctl.judge import read_reply
from rftctl.server.chat_routes import chat_reply, read_chat
from rftctl.server.names import find_weights, model_cache
from rftctl.server.refusal import RefusalError
from rftctl.spec.reads import model_graders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Sample
    from rftctl.server.chat import Chat
    from rftctl.server.store import Store

CONCURRENCY = 32
"""Questions asked at a time; the sampling thread draws those that arrive together in one batch."""

RESULT_TOKENS = 32
"""Most tokens of a result, unless the grader says otherwise; nothing is written after it."""

_BEGUN = '{"steps": [], "result":'


class ServiceJudge:
    """A `Sampler` over the service's own sampling thread; safe to call from many threads."""

    concurrency = CONCURRENCY

    def __init__(self, store: Store, chat: Chat) -> None:
        self._store = store
        self._chat = chat

    def sample(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        response_format: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
    ) -> tuple[Sample, dict[str, int]]:
        """Ask once; returns the answer and its token counts.

        Args:
            response_format: the schema of a grader's reply, with `steps` and `result`.
            params: further request fields, `model` among them.

        Raises:
            ProviderError: the request asks for something that is not offered, or the model failed.
        """
        body = {"max_completion_tokens": RESULT_TOKENS, **(params or {}), "messages": list(messages)}
        begun = ""
        if response_format:
            result = response_format["json_schema"]["schema"]["properties"]["result"]
            begun, asked = _begun(result), _asking(messages, _wish(result))
            body |= {
                "messages": [*asked, {"role": "assistant", "content": begun, "prefix": True}],
                "stop": "}",
            }
        try:
            chat_request, prompt = read_chat(self._store, body)
            reply = chat_reply(chat_request, self._chat.submit(prompt).result())
        except RftctlError as error:
            raise ProviderError(f"the embedded service: {error.message}", error.hint) from error
        _finish(reply["choices"][0], begun)
        return read_reply(json.dumps(reply).encode())


def own_judge(store: Store, chat: Chat, grader: dict[str, Any]) -> ServiceJudge | None:
    """Make the judge of a grader whose models are all on this machine; None for one that asks no model.

    Raises:
        NotOfferedError: a grader names a model that is not here.
    """
    asked = [part["model"] for _, part in model_graders(grader) if isinstance(part.get("model"), str)]
    for model in asked:
        _need_model(store, model)
    return ServiceJudge(store, chat) if asked else None


def _need_model(store: Store, model: str) -> None:
    from rftctl.engine.models import SMOLLM2, TINY, find_model

    try:
        weights = find_weights(store, model)
        # A bare name such as `gpt-4.1` is a hosted model's; the hub is not asked for it.
        if weights.model in (SMOLLM2, TINY) or "/" in weights.model:
            find_model(weights.model, model_cache(store))
            return
    except (RefusalError, NotOfferedError) as error:
        reason = error.message
    else:
        reason = "it is not a model of this machine"
    message = f"grader model '{model}' needs a judge: {reason}"
    hint = (
        f"name a judge of your config.yaml with `judge:`, or let the grader ask {SMOLLM2} or a model folder"
    )
    raise NotOfferedError(message, hint)


def _begun(result: dict[str, Any]) -> str:
    return _BEGUN + (' "' if result["type"] == "string" else "")


def _wish(result: dict[str, Any]) -> str:
    """Say in words what a result must be; a schema's text is more than a small model follows."""
    if result["type"] == "string":
        labels = " or ".join(json.dumps(label, ensure_ascii=False) for label in result["enum"])
        return f"Answer with JSON like {_BEGUN} LABEL}}, where LABEL is {labels}."
    return f"Answer with JSON like {_BEGUN} NUMBER}}. {result['description']}"


def _finish(choice: dict[str, Any], begun: str) -> None:
    """Put a reply together again that was begun, and that ended where its object did."""
    if begun and choice["finish_reason"] == "stop":
        choice["message"]["content"] = f"{begun}{choice['message']['content']}}}"


def _asking(messages: Sequence[dict[str, Any]], wish: str) -> list[dict[str, Any]]:
    *others, last = messages
    content = last.get("content")
    asked = (
        [*content, {"type": "text", "text": wish}]
        if isinstance(content, list)
        else f"{content or ''}\n\n{wish}"
    )
    return [*others, {**last, "content": asked}]
