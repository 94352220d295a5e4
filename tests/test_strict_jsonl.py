"""The strict JSON Lines reader."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding
from rftctl.strict_jsonl import BadLine, decode, read_json_lines, scan_json_lines

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON_VALUES, max_size=4)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "rows.jsonl"
    path.write_bytes(data)
    return path


def test_lines_are_numbered_from_one(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1}\n{"a": 2}\n')
    assert list(read_json_lines(path)) == [(1, {"a": 1}), (2, {"a": 2})]


def test_the_last_line_needs_no_newline(tmp_path: Path) -> None:
    assert list(read_json_lines(write(tmp_path, b'{"a": 1}'))) == [(1, {"a": 1})]


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1}\r\n{"a": 2}\r\n')
    assert [row for _, row in read_json_lines(path)] == [{"a": 1}, {"a": 2}]


def test_unicode_line_separators_do_not_split_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, '{"a": "x\u2028y\u0085z"}\n'.encode())
    assert list(read_json_lines(path)) == [(1, {"a": "x\u2028y\u0085z"})]


def test_the_first_bad_line_stops_a_strict_reader(tmp_path: Path) -> None:
    lines = read_json_lines(write(tmp_path, b'{"a": 1}\nnope\n{"a": 3}\n'))
    assert next(lines) == (1, {"a": 1})
    with pytest.raises(InvalidInputError, match=r"rows\.jsonl:2:1: the line is not JSON"):
        next(lines)


def test_a_scan_goes_on_after_a_bad_line(tmp_path: Path) -> None:
    rows = list(scan_json_lines(write(tmp_path, b'{"a": 1}\nnope\n{"a": 3}\n')))
    assert [n for n, _ in rows] == [1, 2, 3]
    assert isinstance(rows[1][1], Finding)
    assert rows[2][1] == {"a": 3}


def test_a_byte_order_mark_is_a_warning_and_the_row_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf{"a": 1}\n')
    assert list(read_json_lines(path)) == [(1, {"a": 1})]
    assert [row.code for _, row in scan_json_lines(path) if isinstance(row, Finding)] == ["RFT207"]


def test_a_line_beyond_the_cap_is_skipped_in_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": "' + b"x" * (40 * 2**20) + b'"}\n{"a": 2}\n')
    tracemalloc.start()
    rows = list(scan_json_lines(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.code if isinstance(row, Finding) else row for _, row in rows] == ["RFT208", {"a": 2}]
    assert peak < 40 * 2**20


def test_a_valid_start_of_a_long_line_is_no_row(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1}' + b" " * (17 * 2**20) + b"x\n")
    assert [row.code for _, row in scan_json_lines(path) if isinstance(row, Finding)] == ["RFT208"]


@pytest.mark.parametrize("depth", [6, 7, 8, 62])
def test_deep_rows_within_the_limit_are_read(tmp_path: Path, depth: int) -> None:
    line = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    assert len(list(read_json_lines(write(tmp_path, line)))) == 1


def test_nesting_ends_at_64(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": ' + b"[" * 63 + b"]" * 63 + b'}\n{"a": ' + b"[" * 64 + b"]" * 64 + b"}\n")
    assert [row.code for _, row in scan_json_lines(path) if isinstance(row, Finding)] == ["RFT209"]


def test_many_brackets_in_a_text_are_not_depth(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"a": "[{" * 200, "deep": [[[[[[[[1]]]]]]]]}).encode())
    assert len(list(read_json_lines(path))) == 1


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist") as caught:
        list(read_json_lines(tmp_path / "no.jsonl"))
    assert [finding.code for finding in caught.value.findings] == ["RFT200"]


def test_a_device_is_not_read() -> None:
    with pytest.raises(InvalidInputError, match="not a regular file"):
        list(read_json_lines(Path("/dev/zero")))


@settings(max_examples=150, deadline=None)
@given(
    row=OBJECTS,
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
)
def test_what_json_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    row: dict[str, object],
    ascii_only: bool,
    separators: tuple[str, str],
) -> None:
    line = json.dumps(row, ensure_ascii=ascii_only, separators=separators)
    path = write(tmp_path_factory.mktemp("rows"), line.encode())
    assert list(read_json_lines(path)) == [(1, row)]


@settings(max_examples=100, deadline=None)
@given(row=OBJECTS.filter(bool), value=JSON_VALUES, escaped=st.booleans())
def test_a_duplicate_key_never_passes(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, object], value: object, escaped: bool
) -> None:
    line = json.dumps(row, ensure_ascii=escaped)
    line = line[:-1] + ", " + json.dumps(next(iter(row))) + ": " + json.dumps(value) + "}"
    path = write(tmp_path_factory.mktemp("rows"), line.encode())
    assert [f.code for _, f in scan_json_lines(path) if isinstance(f, Finding)] == ["RFT202"]


@settings(max_examples=200, deadline=None)
@given(line=st.binary(max_size=60))
def test_any_bytes_are_a_row_or_a_finding(tmp_path_factory: pytest.TempPathFactory, line: bytes) -> None:
    path = write(tmp_path_factory.mktemp("rows"), line)
    rows = [row for _, row in scan_json_lines(path)]
    assert all(isinstance(row, Finding | dict) for row in rows)


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_any_text_decodes_or_says_where_it_fails(text: str) -> None:
    try:
        column = 1 if decode(text) is not None else 0
    except BadLine as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    ("data", "code", "what"),
    [
        (b'[\n  {"a": 1},\n  {"a": 2}\n]\n', "RFT201", "one JSON list"),
        (b'[{"a": 1},\n{"a": 2}]\n', "RFT201", "one JSON list"),
        (b'{\n  "a": 1\n}\n', "RFT201", "spreads a row"),
        ('{"a": 1}\n{"a": 2}\n'.encode("utf-16"), "RFT206", "UTF-16"),
    ],
)
def test_a_file_of_another_format_is_one_finding(tmp_path: Path, data: bytes, code: str, what: str) -> None:
    [(line_number, finding)] = scan_json_lines(write(tmp_path, data))
    assert isinstance(finding, Finding)
    assert (line_number, finding.code, finding.place.line, finding.place.column) == (1, code, 1, 1)
    assert what in finding.message


def test_a_list_on_one_line_is_one_bad_row(tmp_path: Path) -> None:
    rows = list(scan_json_lines(write(tmp_path, b'[{"a": 1}]\n{"a": 2}\n')))
    assert [row.code if isinstance(row, Finding) else row for _, row in rows] == ["RFT203", {"a": 2}]


def test_a_byte_order_mark_before_a_line_beyond_the_cap_keeps_the_count(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": "' + b"x" * (16 * 2**20) + b'"}\n{"a": 2}\n'
    rows = list(scan_json_lines(write(tmp_path, data)))
    assert [(n, row.code if isinstance(row, Finding) else row) for n, row in rows] == [
        (1, "RFT207"),
        (1, "RFT208"),
        (2, {"a": 2}),
    ]
