"""The quick reader never takes a row that the strict reader refuses, and never changes one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftctl.dataset.rows import ANY_PROVIDER
from rftctl.dataset.shape import ShapeReader
from rftctl.strict_jsonl import read_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\\", '\\"', ":"]
)
VALUE = TEXT | st.integers() | st.none() | st.booleans() | st.lists(TEXT, max_size=2)
FIELDS = st.dictionaries(st.sampled_from(["code", "note", "tier", 'a"b', "x:y"]), VALUE, max_size=4)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])
SPLICES = [
    '"code": 1, ',
    '"code":"",',
    '"\\u0063ode": "\\u0022", ',
    '"messages": [], ',
    '"tier":{"a":1,"a":2},',
]


def plain(text: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


def reader(*rows: dict[str, Any], required: frozenset[str] = frozenset()) -> ShapeReader:
    shape = ShapeReader(ANY_PROVIDER, required)
    for row in rows:
        shape.learn(row)
    return shape


@settings(max_examples=400, deadline=None)
@given(
    text=TEXT, known=FIELDS, fields=FIELDS, separators=SEPARATORS, is_ascii=st.booleans(), splice=st.data()
)
def test_what_the_quick_reader_takes_is_what_the_strict_reader_reads(
    text: str,
    known: dict[str, Any],
    fields: dict[str, Any],
    separators: tuple[str, str],
    is_ascii: bool,
    splice: st.DataObject,
) -> None:
    line = json.dumps(plain(text, fields), separators=separators, ensure_ascii=is_ascii)
    at = splice.draw(st.sampled_from([n for n, mark in enumerate(line) if mark == "{"]))
    line = line[: at + 1] + splice.draw(st.sampled_from(["", *SPLICES])) + line[at + 1 :]
    quick = reader(plain("x", known), plain("y", fields))
    taken = quick.read(line.encode())
    if taken is not None:
        row = read_line(Path("rows.jsonl"), 1, line.encode())
        assert isinstance(row, dict)
        assert quick.fields_of(taken) == {key: value for key, value in row.items() if key != "messages"}
        assert [message.content for message in taken.messages] == [m["content"] for m in row["messages"]]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_rows_of_a_known_shape_are_taken(separators: tuple[str, str]) -> None:
    quick = reader(plain("x", {"code": "A", "tier": 1, "list": ["a"]}))
    line = json.dumps(plain('a "quoted"\nline: two', {"code": 'B"', "tier": 2, "list": ["c", '"']}))
    assert quick.read(line.encode()) is not None


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "user", "content": "a"}], "code": "A", "code": "B"}',
        '{"messages": [{"role": "user", "content": "a", "content": "b"}], "code": "A"}',
        '{"messages": [{"role": "user", "content": "a"}], "code": "A", "more": 1}',
        '{"messages": [{"role": "user", "content": "a"}]}',
        '{"messages": [{"role": "user", "content": " "}], "code": "A"}',
        '{"messages": [{"role": "assistant", "content": "a"}], "code": "A"}',
        '{"messages": [{"role": "human", "content": "a"}], "code": "A"}',
        '{"messages": [], "code": "A"}',
        '{"messages": [{"role": "user", "content": "a"}], "code": ""}',
        '{"messages": [{"role": "user", "content": "\\u0022\\""}], "code": "A"}',
    ],
)
def test_any_other_row_is_left_to_the_strict_reader(line: str) -> None:
    quick = reader(plain("x", {"code": "A"}), required=frozenset({"code"}))
    assert quick.read(line.encode()) is None


def test_a_field_that_some_rows_lack_becomes_optional() -> None:
    quick = reader(plain("x", {"code": "A", "note": "n"}), plain("x", {"code": "A"}))
    with_note, without = (json.dumps(plain("y", {"code": "B", **more})) for more in ({"note": "m"}, {}))
    assert quick.fields_of(quick.read(with_note.encode())) == {"code": "B", "note": "m"}
    assert quick.fields_of(quick.read(without.encode())) == {"code": "B"}


def test_equal_prompts_have_one_key_in_every_reader() -> None:
    one, other = reader(plain("x", {"a": 1})), reader(plain("x", {"b": "2"}))
    row = plain("the same", {"a": 1})
    taken = one.read(json.dumps(row).encode())
    assert hash(taken.messages) == other.prompt_key(row["messages"])
