"""Untrusted text: nothing that a terminal acts on survives, nothing that a person reads is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.text import one_line, plural, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\x07b", "a\\x07b"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028sep", "line\\u2028sep"),
        ("\ud800", "\\ud800"),
        ("cr\rover", "cr\\x0dover"),
        ("\ufeffbom", "\\ufeffbom"),
    ],
)
def test_a_character_that_acts_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_words_newlines_and_tabs_stay_as_they_are() -> None:
    assert safe("größe 世界 🙂\n\tend") == "größe 世界 🙂\n\tend"


def test_long_text_is_cut_and_says_by_how_much() -> None:
    assert safe("x" * 15, limit=10) == "x" * 10 + "… (5 more characters)"


@given(st.text())
def test_no_control_or_format_override_survives(text: str) -> None:
    left = {unicodedata.category(c) for c in safe(text) if c not in "\n\t"}
    assert "Cc" not in left
    assert "Cs" not in left
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(safe(text))


def test_safe_text_can_always_be_encoded() -> None:
    assert safe("\ud83d lone").encode() == b"\\ud83d lone"


@given(st.text(), st.integers(min_value=2, max_value=200))
def test_one_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = one_line(text, limit=limit)
    assert len(line.splitlines()) <= 1
    assert len(line) <= limit


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows"), (1, "1 row"), (1234, "1,234 rows")])
def test_a_count_agrees_with_its_noun(count: int, said: str) -> None:
    assert plural(count, "row") == said
