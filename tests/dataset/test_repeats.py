"""Rows that stand twice: in a split, in two splits, nearly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rftctl.dataset.near import NearIndex
from rftctl.dataset.prompts import PromptIndex
from tests.dataset.conftest import row

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "amber birch cedar delta ember fjord grove heath islet jetty knoll larch mango north ocean plaza"


def case(n: int, **changed: str) -> str:
    return " ".join(changed.get(word, f"{word}{n}") for word in TEXT.split())


def test_the_same_row_and_the_same_prompt_are_told_apart(check: Callable[..., Any]) -> None:
    checked = check(row("a", code="A"), row("b", code="B"), row("a", code="A"), row("b", code="C"))
    assert [(f.place.line, f.place.column, f.message) for f in checked.of("RFT232")] == [
        (3, 14, "the row is the same as line 1"),
        (4, 14, "the prompt is the same as on line 2, with other fields"),
    ]


def test_the_role_of_a_text_and_the_tools_belong_to_the_prompt(check: Callable[..., Any]) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    system = {"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}
    user = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    assert check(system, user, {**user, "tools": [tool]}).of("RFT232") == []


def test_repeats_beyond_the_cap_are_counted_and_the_first_are_shown(check: Callable[..., Any]) -> None:
    checked = check(*(row("again", code="A") for _ in range(50)))
    assert [line for line, _ in checked.places("RFT232")] == list(range(2, 22))
    assert checked.log.counts["RFT232"] == 49


def test_a_shared_prompt_is_found_at_its_column(check: Callable[..., Any]) -> None:
    training = check(row("a", code="A"), row("b", code="B"))
    shared = check(row("c", code="C"), row("b", code="D"), split="test", others={"training": training})
    assert shared.places("RFT233") == [(2, 14)]
    assert "training rows, on line 2" in shared.of("RFT233")[0].message


@pytest.mark.parametrize("n_rows", [1_000, 300_000])
def test_an_index_finds_every_repeat_whatever_its_size(n_rows: int) -> None:
    index, other = PromptIndex(), PromptIndex()
    for line in range(1, n_rows + 1):
        index.add_key(hash(("prompt", line % (n_rows - 5))))
        index.add_line(line)
    other.add_key(hash(("prompt", 7)))
    other.add_line(1)
    assert sorted(index.repeats()) == [(n_rows - 5 + n, n) for n in range(1, 6)]
    assert sorted(other.shared(index)) == [(1, 7)]


def test_a_prompt_with_a_word_changed_is_noted_at_its_line(check: Callable[..., Any]) -> None:
    rows = [row(case(n), code=f"A{n}") for n in range(15)]
    checked = check(*rows, row(case(4, plaza="square"), code="B"))
    assert checked.places("RFT241") == [(16, 14)]
    assert {finding.level for finding in checked.log.kept} == {"note"}
    assert "line 5" in checked.of("RFT241")[0].message


def test_a_near_copy_in_another_split_is_noted(check: Callable[..., Any]) -> None:
    training = check(*(row(case(n), code=f"A{n}") for n in range(15)))
    held_out = check(row(case(6, amber="umber")), split="test", others={"training": training})
    assert [f.message[:53] for f in held_out.of("RFT241")] == [
        "the prompt is nearly that of line 7 of the training r"
    ]


def test_rows_of_one_template_are_not_near(check: Callable[..., Any]) -> None:
    frame = (
        "A household files its tax return for the year 2024. Wages are {} dollars, interest is {} dollars."
    )
    rows = [row(frame.format(50_000 + 700 * n, 10 + n), tax=n) for n in range(300)]
    assert check(*rows).of("RFT241") == []


def test_an_equal_prompt_is_no_near_one() -> None:
    index = NearIndex({})
    for n in range(12):
        index.add(n + 1, n % 11, case(n % 11))
    assert list(index.finish()) == []


def test_only_the_first_rows_are_compared_and_the_note_says_so(check: Callable[..., Any]) -> None:
    rows = [row(case(n)) for n in range(12)]
    checked = check(*rows, row(case(3, delta="gamma")), row(case(4, delta="gamma")), near_rows=13)
    assert [f.message.split("; ")[1:] for f in checked.of("RFT241")] == [["the first 13 rows were compared"]]
