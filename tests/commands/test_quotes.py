"""Quotes: the line a finding points into, cut to a window, with nothing secret in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.commands.quotes import WINDOW, Quote, read_quotes
from rftctl.finding import Finding, Level, Place

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-proj-0123456789abcdefghijklmn"


def quote(path: Path, line: int, column: int | None = None) -> Quote:
    place = Place(str(path), line, column)
    return read_quotes([Finding("RFT201", Level.ERROR, place, "x")])[place]


def test_the_line_is_split_at_the_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('one\n{"a": 1}\n')
    found = quote(path, 2, 7)
    assert (found.before, found.after) == ('{"a": ', "1}")


def test_a_byte_order_mark_does_not_shift_the_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbfabc\r\n")
    found = quote(path, 1, 2)
    assert (found.before, found.after) == ("a", "bc")


def test_a_long_line_is_a_window_around_the_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("x" * 5_000 + "!" + "y" * 5_000)
    found = quote(path, 1, 5_001)
    assert (len(found.before), len(found.after)) == (WINDOW, WINDOW)
    assert (found.after[0], found.is_cut_before, found.is_cut_after) == ("!", True, True)


def test_a_line_beyond_the_cap_does_not_move_the_lines_after_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as stream:
        stream.write(b"x" * (17 * 2**20) + b"\nsecond\n")
    assert quote(path, 2, 1).after == "second"


def test_a_secret_is_starred_out_and_columns_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"k: {KEY} end\n")
    found = quote(path, 1, 4 + len(KEY) + 1)
    assert KEY not in found.before + found.after
    assert found.after == "end"


def test_a_file_that_is_gone_is_left_out() -> None:
    assert read_quotes([Finding("RFT201", Level.ERROR, Place("no/such", 3), "x")]) == {}


def test_the_digest_is_of_the_line_without_its_indent(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n   a: 1  \na: 2\n")
    digests = [quote(path, line).digest for line in (1, 2, 3)]
    assert digests[0] == digests[1] != digests[2]
