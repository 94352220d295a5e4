"""`explain`, and that no code goes unexplained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rftctl
from rftctl.commands.explain import explain, explanations
from rftctl.errors import UsageError

SOURCES = Path(rftctl.__file__).parent


def test_a_code_is_explained_in_any_case() -> None:
    assert explain("rft204").title == "The prompt does not end with the user."


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain("RFTT204")
    assert caught.value.hint == "did you mean 'RFT204'?"


def test_every_code_that_the_program_gives_is_explained() -> None:
    given = {c for path in SOURCES.rglob("*.py") for c in re.findall(r'"(RFT\d{3})"', path.read_text())}
    assert given - set(explanations()) == set()


def test_no_explanation_outlives_its_code() -> None:
    given = {c for path in SOURCES.rglob("*.py") for c in re.findall(r'"(RFT\d{3})"', path.read_text())}
    assert set(explanations()) - given == set()


@pytest.mark.parametrize("code", list(explanations()))
def test_an_explanation_has_a_reason_and_two_examples(code: str) -> None:
    explanation = explain(code)
    assert all([explanation.title, explanation.why, explanation.bad, explanation.good])


def test_the_document_names_its_schema() -> None:
    assert explain("RFT204").to_json()["schema"] == "rftctl.explain/1"
