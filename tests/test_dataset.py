"""Reading and checking datasets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rftctl.commands.updates import finish
from rftctl.dataset import read_examples
from rftctl.dataset.check import SplitReport, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.dataset.rows import check_row
from rftctl.errors import InvalidInputError
from rftctl.finding import Level

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [
    "role",
    "content",
    "type",
    "tool_calls",
    "tool_call_id",
    "id",
    "function",
    "name",
    "arguments",
    "text",
]


def write(path: Path, *contents: str, **fields: object) -> Path:
    rows = [{"messages": [{"role": "user", "content": text}], **fields} for text in contents]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def check(path: Path, log: FindingLog, **options: Any) -> SplitReport:
    return finish(check_dataset(path, split=options.pop("split", "training"), log=log, **options))


def test_an_example_knows_its_line_and_keeps_its_row(tmp_path: Path) -> None:
    examples = list(read_examples(write(tmp_path / "rows.jsonl", "a", "b", code="A1")))
    assert [example.line_number for example in examples] == [1, 2]
    assert (examples[0].messages[0]["content"], examples[0].item["code"]) == ("a", "A1")


def test_reading_stops_at_the_first_wrong_row(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", "a", "")
    with pytest.raises(InvalidInputError, match=r"rows\.jsonl:2: messages\[0\]\.content is empty"):
        list(read_examples(path))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    with pytest.raises(InvalidInputError, match="has no rows"):
        list(read_examples(tmp_path / "rows.jsonl"))


def test_a_test_row_that_was_trained_on_is_an_error(tmp_path: Path) -> None:
    training = check(write(tmp_path / "a.jsonl", "x", "y"), FindingLog())
    log = FindingLog()
    check(write(tmp_path / "b.jsonl", "z", "y"), log, split="test", others={"training": training})
    assert [(f.code, f.level, f.place.line) for f in log.kept] == [("RFT233", Level.ERROR, 2)]


def test_a_validation_row_that_was_trained_on_is_a_warning(tmp_path: Path) -> None:
    training = check(write(tmp_path / "a.jsonl", "x", "y"), FindingLog())
    log = FindingLog()
    check(write(tmp_path / "b.jsonl", "x"), log, split="validation", others={"training": training})
    assert [(f.code, f.level) for f in log.kept] == [("RFT233", Level.WARNING)]


def test_many_findings_of_a_code_are_counted_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("nope\n" * 153)
    log = FindingLog()
    report = check(path, log)
    assert (len(log.kept), log.left_out, report.n_bad_rows) == (20, {"RFT201": 133}, 153)


def test_an_answer_that_is_always_in_the_prompt_is_only_a_note(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": f"copy WORD{n}"}], "word": f"WORD{n}"} for n in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = FindingLog()
    check(path, log)
    assert [(f.code, f.level) for f in log.kept] == [("RFT234", Level.NOTE)]


def test_a_tool_call_that_fits_its_schema_passes(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": schema}}
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"code": "A"}'}}
    user = {"role": "user", "content": "hello?"}
    messages = [
        user,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
    ]
    path, log = tmp_path / "rows.jsonl", FindingLog()
    path.write_text(json.dumps({"messages": [*messages, user], "tools": [tool]}) + "\n")
    check(path, log)
    assert log.kept == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "user", "tool", "text", "c1", "{}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)


@settings(max_examples=400, deadline=None)
@given(row=st.fixed_dictionaries({"messages": JSON | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON))}))
def test_no_shape_of_a_row_breaks_the_check(row: dict[str, Any]) -> None:
    assert all(fault.code.startswith("RFT2") and fault.hint for fault in check_row(row))


def test_progress_is_told_now_and_then(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *(f"row {n}" for n in range(20_001)))
    assert list(check_dataset(path, split="training", log=FindingLog())) == [10_000, 20_000]
