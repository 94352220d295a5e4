"""Columns of values in a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.dataset.locate import locate

LINE = '  {"a" : [10, {"ü\\"b": "x"}], "messages": [{"role": "user"}]}\n'


@pytest.mark.parametrize(
    ("path", "starts"),
    [
        ((), '{"a"'),
        (("a",), "[10"),
        (("a", 0), "10,"),
        (("a", 1, 'ü"b'), '"x"'),
        (("messages", 0, "role"), '"user"'),
        (("messages", 0, "content"), '{"role"'),
        (("messages", 3), '[{"role"'),
        (("absent", "below"), '{"a"'),
    ],
)
def test_a_path_leads_to_the_column_of_its_value(path: tuple[str | int, ...], starts: str) -> None:
    assert LINE[locate(LINE.encode(), path) - 1 :].startswith(starts)


@given(value=st.dictionaries(st.text(), st.lists(st.text() | st.integers(), max_size=3), min_size=1))
def test_every_value_is_found_where_it_stands(value: dict[str, list[object]]) -> None:
    line = json.dumps(value)
    for key, parts in value.items():
        for at, part in enumerate(parts):
            assert line[locate(line.encode(), (key, at)) - 1 :].startswith(json.dumps(part))
