import pytest

from rftctl.engine.json_end import JsonEnd


def end_of(*pieces: str) -> tuple[int, int] | None:
    scanner = JsonEnd()
    for index, piece in enumerate(pieces):
        if (offset := scanner.feed(piece)) is not None:
            return index, offset
    return None


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (('{"a": 1}',), (0, 8)),
        (('{"a"', ": [1, {", '"b": 2}]', "} and more"), (3, 1)),
        (("[1, 2]\n",), (0, 6)),
        (('{"a": "}"', "}"), (1, 1)),
        (('{"a": "\\"}', '"}'), (1, 2)),
        (('{"a": "\\\\"}',), (0, 11)),
        (('{"a": "\\', '""}'), (1, 3)),
        (("Sure, here it is: ", "{}"), (1, 2)),
        (('a "quoted } word" first {', "}"), (1, 1)),
        (("} stray ]", " {}"), (1, 3)),
        (('{"\ufffd', "\ufffd", '": 1}'), (2, 5)),
    ],
)
def test_the_first_value_ends_where_its_bracket_closes(
    pieces: tuple[str, ...], expected: tuple[int, int]
) -> None:
    assert end_of(*pieces) == expected


@pytest.mark.parametrize("text", ["", "no json", '{"a": 1', '{"a": "}', "[[1]", "12"])
def test_an_open_value_has_no_end(text: str) -> None:
    assert end_of(text) is None
