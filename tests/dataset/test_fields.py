"""Reference fields: what the grader misses, what never varies, what dominates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rftctl.dataset.fields import COPY_ROWS
from rftctl.finding import Place
from rftctl.template import parse_template
from tests.dataset.conftest import row

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_path_that_no_row_has_is_one_finding_about_the_template(check: Callable[..., Any]) -> None:
    place = Place("spec.yaml", 11, 14)
    rows = [row(f"case {n}", code=f"A{n}") for n in range(8)]
    checked = check(*rows, reads="{{item.cod}}", read_places={"item.cod": place})
    [finding] = checked.of("RFT235")
    assert (finding.place, finding.hint) == (place, "did you mean 'code'?")
    assert finding.message == "'item.cod' is in none of 8 training rows, and the grader reads it"
    assert checked.report.n_bad_rows == 8


def test_a_path_that_some_rows_lack_is_a_finding_at_each(check: Callable[..., Any]) -> None:
    rows = [row("a"), row("b"), row("c", code="C"), row("d")]
    checked = check(*rows, reads="{{item.code}}")
    assert checked.places("RFT235") == [(1, 1), (2, 1), (4, 1)]


def test_rows_held_back_are_all_counted(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}") for n in range(60)]
    checked = check(*rows, row("c", code="C"), row("d"), reads="{{item.code}}")
    assert (checked.log.counts["RFT235"], checked.report.n_bad_rows) == (61, 61)


def test_a_deep_path_is_resolved_in_every_row(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", truth={"dates": [str(n)]}) for n in range(30)]
    rows[20]["truth"] = {"dates": []}
    checked = check(*rows, reads="{{item.truth.dates[0]}}")
    assert checked.places("RFT235") == [(21, 75)]


@pytest.mark.parametrize(("value", "what"), [(None, "null"), ("", "empty"), ([], "empty")])
def test_an_empty_reference_is_a_warning_at_its_value(
    check: Callable[..., Any], value: Any, what: str
) -> None:
    rows = [row(f"case {n}", code=f"A{n}") for n in range(15)]
    rows[12]["code"] = value
    checked = check(*rows, reads="{{item.code}}")
    assert checked.places("RFT246") == [(13, 64)]
    assert checked.of("RFT246")[0].message == f"'item.code' is {what}, and the grader compares with it"


def test_settings_beside_an_answer_that_varies_are_one_note(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", code=f"A{n}", near=1, weights={"a": 2}) for n in range(12)]
    checked = check(*rows, reads="{{item.code}} {{item.near}} {{item.weights}}")
    [finding] = checked.of("RFT236")
    assert (finding.level, finding.message) == (
        "note",
        "item.near and item.weights are the same in all 12 rows",
    )


def test_constant_settings_are_not_told_again_of_other_splits(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", code="A") for n in range(12)]
    assert check(*rows, split="validation", reads="{{item.code}}").of("RFT236") == []


def test_one_answer_for_all_is_a_warning(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", code="A", id=n) for n in range(12)]
    [finding] = check(*rows, reads="{{item.code}}").of("RFT236")
    assert (finding.level, "item.code is 'A'" in finding.message) == ("warning", True)


def test_a_label_that_dominates_is_a_warning_with_the_shares(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", answer="no" if n % 10 == 0 else "yes", id=n) for n in range(100)]
    [finding] = check(*rows, reads="{{item.answer}}").of("RFT244")
    assert finding.message == "item.answer is 'yes' in 90.0% of 100 rows ('no' 10.0%)"


def test_a_label_in_an_object_is_counted_too(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}", truth={"ok": n % 10 > 0}) for n in range(40)]
    [finding] = check(*rows, reads="{{item.truth.ok}}").of("RFT244")
    assert finding.message == "item.truth.ok is true in 90.0% of 40 rows (false 10.0%)"


@pytest.mark.parametrize("share", [2, 3])
def test_balanced_labels_and_fields_that_nobody_reads_pass(check: Callable[..., Any], share: int) -> None:
    rows = [row(f"case {n}", answer=str(n % share), kind="common" if n else "rare") for n in range(60)]
    assert check(*rows, reads="{{item.answer}}").of("RFT244") == []


def test_a_field_of_some_rows_is_counted_right_in_a_long_file(check: Callable[..., Any]) -> None:
    n_rows = COPY_ROWS + 40
    rows = [row(f"case {n}", code=f"A{n}") for n in range(n_rows)]
    rows[COPY_ROWS + 20]["nots"] = "x"
    checked = check(*rows, near_rows=0)
    [finding] = checked.of("RFT237")
    assert finding.message == f"item.nots is in 1 of {n_rows:,} rows"
    assert checked.report.n_rows == len(checked.report.prompts) == n_rows


def test_what_a_prompt_gives_away_is_counted(check: Callable[..., Any]) -> None:
    rows = [row(f"is it ANSWER{n}?" if n < 5 else f"case {n}", answer=f"ANSWER{n}") for n in range(20)]
    [finding] = check(*rows).of("RFT234")
    assert finding.message == "item.answer stands in the prompt of 5 of 20 rows"


def test_paths_into_the_messages_are_resolved(check: Callable[..., Any]) -> None:
    rows = [row(f"case {n}") for n in range(12)]
    assert parse_template("{{item.messages[0].content}}").paths
    assert check(*rows, reads="{{item.messages[0].content}}").of("RFT235") == []
