"""The strict YAML reader."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rftctl.errors import InvalidInputError
from rftctl.strict_yaml import parse_scalar, parse_yaml, read_yaml

HERE = Path("spec.yaml")


def codes_of(text: str) -> list[tuple[str, int | None, int | None]]:
    with pytest.raises(InvalidInputError) as caught:
        parse_yaml(text, HERE)
    return [(f.code, f.place.line, f.place.column) for f in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("1e3", 1000.0),
        ("3.0e-4", 0.0003),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("-7", -7),
        ("~", None),
        ("", None),
        ("True", True),
        ("'017'", "017"),
        ("9223372036854775807", 9223372036854775807),
        ("[1, two, {three: 3}]", [1, "two", {"three": 3}]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    document = parse_yaml(f"key: {text}\n", HERE)
    assert document.value == {"key": value}
    assert type(document.value["key"]) is type(value)


def test_a_value_knows_its_line_and_column() -> None:
    document = parse_yaml("a:\n  type: lambda\n", HERE)
    assert str(document.place("a", "type")) == "spec.yaml:2:9"


def test_a_key_knows_its_own_place() -> None:
    document = parse_yaml("a:\n  type: lambda\n", HERE)
    assert str(document.place("a", "type", of_key=True)) == "spec.yaml:2:3"


def test_an_absent_key_is_placed_at_its_nearest_parent() -> None:
    document = parse_yaml("a:\n  b: {c: 1}\n", HERE)
    assert str(document.place("a", "b", "nothing", 3)) == "spec.yaml:2:3"


def test_items_of_lists_have_places() -> None:
    document = parse_yaml("a:\n- 1\n- {b: 2}\n", HERE)
    assert str(document.place("a", 1, "b")) == "spec.yaml:3:7"


def test_all_faults_are_reported_in_one_pass() -> None:
    text = "a: &x 1\nb: *x\nc: 017\nc: !!str y\n"
    assert [code for code, _, _ in codes_of(text)] == ["RFT104", "RFT104", "RFT108", "RFT103", "RFT106"]


def test_a_duplicate_key_names_both_places() -> None:
    with pytest.raises(InvalidInputError, match=r"'a' stands twice, first at 1:1"):
        parse_yaml("a: 1\nb: 2\na: 3\n", HERE)


def test_a_merge_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    assert {code for code, _, _ in codes_of("\n".join(lines))} == {"RFT104", "RFT105"}


def test_endless_nesting_ends_in_a_finding() -> None:
    assert codes_of("[" * 100_000) == [("RFT107", 1, 66)]


def test_ten_thousand_values_are_the_limit() -> None:
    inside = parse_yaml("[" + "1," * 9_999 + "]", HERE)
    assert len(inside.value) == 9_999
    assert codes_of("[" + "1," * 10_000 + "]")[0][0] == "RFT107"


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"a: " + b"x" * 2**20)
    with pytest.raises(InvalidInputError, match="larger than 1 MiB"):
        read_yaml(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_yaml(tmp_path / "no.yaml")


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInputError, match="not a regular file"):
        read_yaml(tmp_path / "pipe")


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path).value == {"a": 1}


def test_the_python_parser_gives_the_same_as_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, 'x', no]\nb:\n  c: |\n    text\n  d: 1e3\n"
    fast = parse_yaml(text, HERE)
    monkeypatch.setattr("rftctl.strict_yaml._LOADER", yaml.SafeLoader)
    slow = parse_yaml(text, HERE)
    assert (fast.value, fast.place("b", "d")) == (slow.value, slow.place("b", "d"))


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("no", "no"), ("[1, a]", [1, "a"]), ('"7"', "7")])
def test_a_setting_is_read_as_a_yaml_value(text: str, value: object) -> None:
    assert parse_scalar(text) == value
