import pytest
from transformers import AutoTokenizer

from rftctl.engine.thinking import Markers, Thinking, find_markers, thinking_budget

OPENS, CLOSES = 1, 2
MARKERS = Markers(OPENS, CLOSES)


def followed(tokens: list[int], *, prompt: tuple[int, ...] = (), budget: int | None = None) -> Thinking:
    thinking = Thinking(MARKERS, prompt, budget)
    for token in tokens:
        thinking.feed(token)
    return thinking


def test_markers_are_counted_as_thinking() -> None:
    thinking = followed([OPENS, 7, 8, CLOSES, 9])
    assert (thinking.n_tokens, thinking.answer_start, thinking.is_open) == (4, 4, False)


def test_a_prompt_may_open_the_thinking_part_itself() -> None:
    thinking = followed([7, CLOSES, 9], prompt=(5, OPENS, 6))
    assert (thinking.n_tokens, thinking.answer_start) == (2, 2)


def test_a_prompt_that_closes_it_again_does_not() -> None:
    assert not followed([7], prompt=(OPENS, CLOSES)).is_open


def test_an_answer_without_thinking_starts_at_once() -> None:
    thinking = followed([7, 8])
    assert (thinking.n_tokens, thinking.answer_start) == (0, 0)


@pytest.mark.parametrize(("n_thought", "forced"), [(2, None), (3, CLOSES)])
def test_a_spent_budget_forces_the_closing_marker(n_thought: int, forced: int | None) -> None:
    assert followed([7] * n_thought, prompt=(OPENS,), budget=3).forced() == forced


def test_nothing_is_forced_after_the_thinking_part() -> None:
    assert followed([OPENS, 7, CLOSES, 9, 9], budget=2).forced() is None


def test_markers_are_found_in_a_model_that_thinks(thinker: object, tiny: object) -> None:
    markers = find_markers(AutoTokenizer.from_pretrained(thinker))
    assert markers is not None
    assert markers.opens != markers.closes
    assert find_markers(AutoTokenizer.from_pretrained(tiny)) is None


@pytest.mark.parametrize(("effort", "tokens"), [("low", 25), ("medium", 50), ("high", 75), ("default", None)])
def test_an_effort_is_a_share_of_the_cap(effort: str, tokens: int | None) -> None:
    assert thinking_budget(effort, 100) == tokens
