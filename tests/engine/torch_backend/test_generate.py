from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rftctl.engine.backend import Completion, SamplingSettings
from rftctl.engine.torch_backend import TorchBackend
from rftctl.engine.torch_backend.generate import _inverse_cdf
from rftctl.engine.torch_backend.session import TorchSession
from rftctl.errors import InvalidInputError

Prompts = list[tuple[int, ...]]
SETTINGS = SamplingSettings(max_tokens=12)


def texts(groups: list[list[Completion]]) -> list[list[tuple[int, ...]]]:
    return [[completion.tokens for completion in group] for group in groups]


def test_a_seed_decides_its_row(session: TorchSession, prompts: Prompts) -> None:
    first = session.sample(prompts, 2, SETTINGS, [1, 2, 3, 4])
    again = session.sample(prompts, 2, SETTINGS, [1, 2, 3, 4])
    other = session.sample(prompts, 2, SETTINGS, [1, 2, 3, 5])
    assert first == again
    assert texts(first)[:3] == texts(other)[:3]
    assert texts(first)[3] != texts(other)[3]


def test_a_row_does_not_depend_on_its_neighbours(session: TorchSession, prompts: Prompts) -> None:
    together = session.sample(prompts, 3, SETTINGS, [1, 2, 3, 4])
    alone = [
        session.sample([p], 3, SETTINGS, [seed])[0] for p, seed in zip(prompts, [1, 2, 3, 4], strict=True)
    ]
    assert texts(together) == texts(alone)


def test_answers_to_one_prompt_differ(session: TorchSession, prompts: Prompts) -> None:
    [group] = session.sample(prompts[:1], 8, SETTINGS, [1])
    assert len(set(texts([group])[0])) == 8


def test_more_rows_than_fit_at_once_come_back_in_order(session: TorchSession, prompts: Prompts) -> None:
    few = SamplingSettings(max_tokens=3)
    many = session.sample(prompts * 20, 2, few, list(range(80)))
    [one] = session.sample(prompts[2:3], 2, few, [42])
    assert texts([many[42]]) == texts([one])


def test_long_prompts_are_prefilled_a_few_at_a_time(
    session: TorchSession, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = session.sample(prompts, 3, SETTINGS, [1, 2, 3, 4])
    monkeypatch.setattr("rftctl.engine.torch_backend.generate.PROMPT_TOKENS_AT_ONCE", 50)
    assert texts(session.sample(prompts, 3, SETTINGS, [1, 2, 3, 4])) == texts(together)


def plain_greedy(session: TorchSession, prompt: tuple[int, ...], n: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(n):
        hidden = plain_hidden(session, tokens)
        tokens.append(int(session.network.model.lm_head(hidden[-1]).argmax()))
    return tokens[len(prompt) :]


@torch.no_grad()
def plain_hidden(session: TorchSession, tokens: list[int]) -> torch.Tensor:
    config = session.network.model.config
    before, config._attn_implementation = config._attn_implementation, "eager"
    try:
        return session.network.model.model(torch.tensor([tokens]), use_cache=False).last_hidden_state[0]
    finally:
        config._attn_implementation = before


def test_greedy_equals_the_models_own_forward_pass(session: TorchSession, prompts: Prompts) -> None:
    groups = session.sample(prompts, 1, SamplingSettings(max_tokens=10, temperature=0), [0] * 4)
    for prompt, [completion] in zip(prompts, groups, strict=True):
        expected = plain_greedy(session, prompt, len(completion.tokens))
        assert list(completion.tokens) == expected


def test_finished_rows_leave_without_changing_the_others(
    session: TorchSession, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A quarter of the vocabulary ends a row, so rows finish at every step.
    monkeypatch.setattr(session.network, "eos_ids", frozenset(range(0, 256, 4)))
    together = session.sample(prompts, 16, SETTINGS, [1, 2, 3, 4])
    lengths = {len(c.tokens) for group in together for c in group}
    alone = [session.sample([p], 16, SETTINGS, [s])[0] for p, s in zip(prompts, [1, 2, 3, 4], strict=True)]
    assert len(lengths) > 4
    assert texts(together) == texts(alone)


def test_an_end_token_stops_and_is_not_text(
    session: TorchSession, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    [[free]] = session.sample(prompts[:1], 1, SETTINGS, [1])
    monkeypatch.setattr(session.network, "eos_ids", frozenset({free.tokens[4]}))
    [[stopped]] = session.sample(prompts[:1], 1, SETTINGS, [1])
    assert stopped.stop_reason == "stop"
    assert stopped.tokens == free.tokens[: free.tokens.index(free.tokens[4]) + 1]
    assert free.stop_reason == "length"


def test_log_probabilities_are_of_the_tempered_distribution(session: TorchSession, prompts: Prompts) -> None:
    [[drawn]] = session.sample(prompts[:1], 1, SamplingSettings(max_tokens=5, temperature=0.5), [3])
    tokens = [*prompts[0], *drawn.tokens]
    hidden = plain_hidden(session, tokens)[len(prompts[0]) - 1 : -1]
    expected = torch.log_softmax(session.network.model.lm_head(hidden) / 0.5, -1)
    chosen = expected.gather(1, torch.tensor(drawn.tokens)[:, None])[:, 0]
    assert drawn.logprobs == pytest.approx(chosen.tolist(), abs=1e-4)


def test_top_p_keeps_to_the_likely_tokens(session: TorchSession, prompts: Prompts) -> None:
    narrow = session.sample(prompts[:1], 4, SamplingSettings(max_tokens=8, top_p=1e-6), [1])
    greedy = session.sample(prompts[:1], 4, SamplingSettings(max_tokens=8, temperature=0), [1])
    assert texts(narrow) == texts(greedy)


@pytest.mark.parametrize("n_tokens", [5, 256, 700])
def test_draws_follow_the_weights(n_tokens: int) -> None:
    weights = torch.rand(n_tokens, generator=torch.Generator().manual_seed(0))
    weights[::3] = 0.0
    uniforms = torch.arange(20_000, dtype=torch.float64) / 20_000
    drawn = _inverse_cdf(weights.expand(20_000, -1), uniforms)
    share = torch.bincount(drawn, minlength=n_tokens) / 20_000
    assert torch.allclose(share, (weights / weights.sum()).float(), atol=2e-4)
    assert not share[::3].any()


@pytest.fixture
def scripted(session: TorchSession, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the model all but certain to write a text."""

    def write(text: str) -> None:
        ids = iter(session.network.tokenizer.encode(text))

        def logits(hidden: torch.Tensor) -> torch.Tensor:
            row = torch.full((hidden.shape[0], 259), -50.0)
            row[:, next(ids)] = 50.0
            return row

        monkeypatch.setattr(session.network, "logits", logits)

    return write


@pytest.mark.parametrize("text", ['{"a": [1]}', 'Sure: {"a": "}"}', "[1]", '{"é": "\\""}'])
def test_an_output_ends_when_its_json_closes(
    session: TorchSession, prompts: Prompts, scripted: Callable[[str], None], text: str
) -> None:
    scripted(text + " and so on, and on")
    [[drawn]] = session.sample(prompts[:1], 1, SamplingSettings(max_tokens=40, stop_at_json=True), [0])
    assert (drawn.text, drawn.stop_reason) == (text, "stop")
    assert len(drawn.tokens) == len(text.encode())


def test_json_that_never_closes_runs_to_the_cap(
    session: TorchSession, prompts: Prompts, scripted: Callable[[str], None]
) -> None:
    scripted('{"a": "}' + "x" * 20)
    [[drawn]] = session.sample(prompts[:1], 1, SamplingSettings(max_tokens=20, stop_at_json=True), [0])
    assert (drawn.stop_reason, len(drawn.tokens)) == ("length", 20)


def test_a_budget_closes_the_thinking_part(backend: TorchBackend, thinker: Path) -> None:
    policy = backend.open_policy(str(thinker))
    prompt = policy.render([{"role": "user", "content": "why?"}])
    settings = SamplingSettings(max_tokens=12, reasoning_budget=4)
    [[drawn]] = policy.sample([prompt], 1, settings, [1])
    closing = policy.network.tokenizer.get_vocab()["</think>"]
    assert drawn.tokens[4] == closing
    assert drawn.forced == (False,) * 4 + (True,) + (False,) * 7
    assert drawn.reasoning_tokens == 5
    assert drawn.text == policy.network.tokenizer.decode(drawn.tokens[5:], skip_special_tokens=True).lstrip()


def test_thinking_that_never_ends_has_no_answer(backend: TorchBackend, thinker: Path) -> None:
    policy = backend.open_policy(str(thinker))
    [[drawn]] = policy.sample([policy.render([{"role": "user", "content": "hm"}])], 1, SETTINGS, [1])
    assert (drawn.text, drawn.reasoning_tokens, drawn.stop_reason) == ("", 12, "length")


def test_a_prompt_that_fills_the_context_is_refused(session: TorchSession) -> None:
    with pytest.raises(InvalidInputError, match="leaves no room in a context of 4096"):
        session.sample([tuple([5] * 4096)], 1, SETTINGS, [1])
