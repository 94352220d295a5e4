"""Talking to models: base, fine-tune and checkpoint, many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Service
    from openai.types.chat import ChatCompletion


def ask(service: Service, model: str, text: str = "1", **settings: Any) -> Any:
    settings = {"max_completion_tokens": 8} | settings
    messages = [{"role": "user", "content": text}]
    return service.client.chat.completions.create(model=model, messages=messages, **settings)


def answer(reply: ChatCompletion) -> str:
    return reply.choices[0].message.content or ""


def test_a_base_model_answers_and_counts_its_tokens(trained: Service) -> None:
    reply = trained.run(ask(trained, "tiny-random"))
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.usage.completion_tokens <= 8
    assert reply.usage.completion_tokens_details.reasoning_tokens == 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_a_fine_tune_and_its_last_checkpoint_are_the_same_model(trained: Service) -> None:
    tuned = trained.job(trained.finished)["fine_tuned_model"]
    first, second, base = (
        answer(trained.run(ask(trained, name, temperature=0)))
        for name in (tuned, f"{tuned}:ckpt-step-24", "tiny-random")
    )
    assert first == second
    assert first != base


def test_twenty_at_once_are_answered_as_each_alone(trained: Service) -> None:
    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(ask(trained, "tiny-random", str(i)) for i in range(20)))

    together = trained.run(all_at_once())
    alone = trained.run(ask(trained, "tiny-random", "7"))
    assert len({answer(reply) for reply in together}) > 10
    assert answer(together[7]) == answer(alone)


def test_models_asked_for_at_the_same_time_keep_apart(trained: Service) -> None:
    names = ["tiny-random", trained.job(trained.finished)["fine_tuned_model"]] * 4

    async def mixed() -> list[Any]:
        return await asyncio.gather(*(ask(trained, name, temperature=0) for name in names))

    replies = trained.run(mixed())
    assert [reply.model for reply in replies] == names
    assert len({answer(reply) for reply in replies[::2]}) == 1
    assert answer(replies[0]) != answer(replies[1])


def test_a_seed_repeats_and_another_differs(trained: Service) -> None:
    def drawn(seed: int) -> str:
        return answer(trained.run(ask(trained, "tiny-random", seed=seed, max_completion_tokens=32)))

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_n_gives_that_many_choices(trained: Service) -> None:
    reply = trained.run(ask(trained, "tiny-random", n=3))
    assert [choice.index for choice in reply.choices] == [0, 1, 2]


def test_an_answer_ends_at_a_stop_word(trained: Service) -> None:
    whole = answer(trained.run(ask(trained, "tiny-random", seed=3, max_completion_tokens=32)))
    cut = trained.run(ask(trained, "tiny-random", seed=3, max_completion_tokens=32, stop=whole[4]))
    assert answer(cut) == whole[: whole.index(whole[4])]
    assert cut.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"stream": True}, "stream"),
        ({"logprobs": True}, "logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"tempreature": 1}, "tempreature"),
    ],
)
def test_what_would_be_ignored_is_refused(service: Service, changes: dict[str, Any], param: str) -> None:
    body = {"model": "tiny-random", "messages": [{"role": "user", "content": "x"}]}
    reply = service.post("/chat/completions", body | changes)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


def test_an_unknown_model_is_a_404(service: Service) -> None:
    body = {"messages": [{"role": "user", "content": "x"}]}
    for name in ("ft:tiny-random:rftctl::00000000", "no-such/model"):
        reply = service.post("/chat/completions", body | {"model": name})
        assert reply.status_code == 404
        assert name in reply.json()["error"]["message"]


def test_one_bad_request_does_not_spoil_its_batch(trained: Service) -> None:
    async def mixed() -> list[Any]:
        asked = [ask(trained, "tiny-random", text) for text in ("1", "x" * 100_000, "2")]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, too_long, last = trained.run(mixed())
    assert answer(first)
    assert answer(last)
    assert too_long.status_code == 400


def test_a_closed_service_refuses(service: Service) -> None:
    service.app.state.chat.close()
    body = {"model": "tiny-random", "messages": [{"role": "user", "content": "x"}]}
    reply = service.post("/chat/completions", body)
    assert (reply.status_code, reply.json()["error"]["message"]) == (409, "the service is closing")
