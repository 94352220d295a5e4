"""Tokens of prompts: counted with the extra, bounded without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from rftctl.dataset.tokens import O200K, TokenRules, TokenWatch, find_counter
from tests.dataset.conftest import row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAME = 7


@pytest.mark.parametrize(
    ("text", "n_tokens"), [("hello world", 2), ("<|endoftext|>", 7), ("", 0), ("a b " * 200_000, 400_001)]
)
def test_o200k_counts_any_text(text: str, n_tokens: int) -> None:
    count = find_counter(O200K)
    assert count is not None
    assert abs(count(text) - n_tokens) <= len(text) // 200_000


def test_a_tokenizer_json_counts_for_other_models(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    count = find_counter(str(tmp_path / "tokenizer.json"))
    assert count is not None
    assert count("a b unknown a") == 4


def test_a_file_that_is_no_tokenizer_is_no_counter(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    assert find_counter(str(tmp_path / "tokenizer.json")) is None


def test_the_longest_rows_are_named(check: Callable[..., Any]) -> None:
    rows = [row("word " * n) for n in (3, 40, 5, 20, 1, 2, 4)]
    tokens = check(*rows, tokens=TokenRules(O200K)).report.tokens
    assert [(r.line, r.low, r.high) for r in tokens.longest[:2]] == [
        (2, 41 + FRAME, 41 + FRAME),
        (4, 21 + FRAME, 21 + FRAME),
    ]
    assert (tokens.tokenizer, tokens.n_counted, len(tokens.longest)) == (O200K, 7, 5)


def test_a_prompt_beyond_the_context_is_an_error_at_its_messages(check: Callable[..., Any]) -> None:
    rules = TokenRules(O200K, 60, "o4-mini")
    checked = check(row("short", code="A"), row("word " * 99, code="B"), tokens=rules)
    assert checked.places("RFT243") == [(2, 14)]
    assert checked.of("RFT243")[0].message == "the prompt has 107 tokens; o4-mini reads 60"
    assert checked.report.n_bad_rows == 1


def test_without_a_tokenizer_the_bounds_decide_or_say_that_they_cannot(check: Callable[..., Any]) -> None:
    rules = TokenRules(context_tokens=60)
    checked = check(row("w" * 40), row("word " * 60), row("word " * 9_000), tokens=rules)
    assert checked.places("RFT245") == [(2, 14)]
    assert checked.places("RFT243") == [(3, 14)]
    assert "rftctl[tokens]" in checked.of("RFT245")[0].hint
    assert checked.report.tokens.longest[0].high == 45_000 + FRAME


def test_beyond_the_budget_only_long_rows_are_counted() -> None:
    watch = TokenWatch(TokenRules(O200K, 500), counted_bytes=2_000)
    lines = [json.dumps(row("word " * (30 + n % 3))).encode() for n in range(40)]
    lines[35] = json.dumps(row("word " * 600)).encode()
    faults = [
        (n, fault.code)
        for n, line in enumerate(lines)
        if len(line) > watch.from_bytes
        for fault in watch.see(n, line)
    ]
    report = watch.report()
    assert faults == [(35, "RFT243")]
    assert (report.longest[0].line, report.n_counted < 40) == (35, True)


def test_tools_and_calls_count() -> None:
    watch = TokenWatch(TokenRules())
    tool = {"type": "function", "function": {"name": "f", "description": "d" * 1_000}}
    list(watch.see(1, json.dumps({**row("a"), "tools": [tool]}).encode()))
    assert watch.report().longest[0].high > 1_000
