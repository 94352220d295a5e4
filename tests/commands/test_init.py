"""Starting a project: from a sample, or from a person's own table."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rftctl.commands.init import init_from_sample, init_from_table, list_samples
from rftctl.errors import InvalidInputError, UsageError
from rftctl.shipped import shipped_sample, shipped_samples
from tests.conftest import run_rftctl

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

TOPICS = ("card", "parcel", "login")


def finish(command: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    updates = []
    while True:
        try:
            updates.append(next(command))
        except StopIteration as end:
            return updates, end.value


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    rows = [[f"Ticket {i}: my {TOPICS[i % 3]} is broken", TOPICS[i % 3].upper(), "n, 1"] for i in range(90)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["Question", "Label", "note"], *rows])
    return path


def make(table: Path, folder: Path, **options: Any) -> tuple[list[Any], Any]:
    columns = {"prompt_column": "Question", "answer_column": "Label"}
    return finish(init_from_table(table, folder, **(columns | options)))


def test_a_table_becomes_three_splits_that_share_no_prompt(table: Path, tmp_path: Path) -> None:
    make(table, tmp_path / "new")
    prompts = [
        [json.loads(line)["messages"][-1]["content"] for line in path.read_text().splitlines()]
        for path in sorted((tmp_path / "new").glob("*.jsonl"))
    ]
    assert len(prompts) == 3
    assert len({prompt for split in prompts for prompt in split}) == sum(map(len, prompts)) == 90


def test_a_new_row_moves_no_old_one_into_another_split(table: Path, tmp_path: Path) -> None:
    make(table, tmp_path / "before")
    table.write_text(table.read_text() + "One more question,CARD,n\n")
    make(table, tmp_path / "after")
    for name in ("train", "validation", "test"):
        before = (tmp_path / "before" / f"{name}.jsonl").read_text().splitlines()
        assert set(before) <= set((tmp_path / "after" / f"{name}.jsonl").read_text().splitlines())


def test_the_other_columns_stay_with_the_row(table: Path, tmp_path: Path) -> None:
    make(table, tmp_path / "new")
    row = json.loads((tmp_path / "new" / "train.jsonl").read_text().splitlines()[0])
    assert row["note"] == "n, 1"
    assert row["answer"] in {"CARD", "PARCEL", "LOGIN"}


def test_instructions_go_before_every_prompt(table: Path, tmp_path: Path) -> None:
    make(table, tmp_path / "new", system="One word.")
    row = json.loads((tmp_path / "new" / "train.jsonl").read_text().splitlines()[0])
    assert row["messages"][0] == {"role": "developer", "content": "One word."}


def test_a_column_of_numbers_becomes_numbers_but_codes_stay_text(tmp_path: Path) -> None:
    for first, kind in (("7.5", float), ("007", str)):
        path, folder = tmp_path / f"{first}.csv", tmp_path / first
        path.write_text("q,a\n" + "".join(f"What is {i}?,{first if i == 0 else i}\n" for i in range(60)))
        finish(init_from_table(path, folder, prompt_column="q", answer_column="a"))
        rows = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
        assert any(
            isinstance(row["answer"], kind) for row in rows if row["messages"][0]["content"] == "What is 0?"
        )


def test_rows_that_cannot_serve_are_left_out_and_named(table: Path, tmp_path: Path) -> None:
    extra = ",CARD,\nTicket 1: my parcel is broken,PARCEL,\nTicket 2: my login is broken,CARD,\n"
    table.write_text(table.read_text() + extra)
    notes, _ = make(table, tmp_path / "new")
    said = " ".join(getattr(note, "message", "") for note in notes)
    assert "1 row without a prompt or an answer: line 92" in said
    assert "1 row that stood before: line 93" in said
    assert "1 row whose prompt stood before with another answer: line 94" in said


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_and_a_byte_order_mark_are_read(table: Path, tmp_path: Path, delimiter: str) -> None:
    rows = list(csv.reader(table.read_text().splitlines()))
    with table.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    _, report = make(table, tmp_path / "new")
    assert sum(report.n_examples.values()) == 90


def test_a_wrong_column_is_answered_with_the_right_one(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make(table, tmp_path / "new", answer_column="Lable")
    assert "did you mean 'Label'" in caught.value.hint


def test_a_row_with_too_many_fields_is_refused_at_its_line(table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text() + "one,two,three,four\n")
    with pytest.raises(InvalidInputError) as caught:
        make(table, tmp_path / "new")
    assert caught.value.findings[0].place.line == 92


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("q,a\ncaf\xe9,1\n".encode("latin-1"))
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        finish(init_from_table(path, tmp_path / "new", prompt_column="q", answer_column="a"))


def test_a_table_too_small_to_hold_anything_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("q,a\none,1\ntwo,2\n")
    with pytest.raises(InvalidInputError, match="2 usable rows"):
        finish(init_from_table(path, tmp_path / "new", prompt_column="q", answer_column="a"))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_left_alone(table: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="not empty"):
        make(table, tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.txt"]


def test_what_init_makes_is_valid_and_its_grader_works(table: Path, home: Path, tmp_path: Path) -> None:
    columns, folder = ("--prompt-column", "Question", "--answer-column", "Label"), tmp_path / "new run"
    assert run_rftctl("init", str(folder), "--data", str(table), *columns, home=home).returncode == 0
    done = run_rftctl("validate", str(folder / "spec.yaml"), "--json", home=home)
    assert json.loads(done.stdout)["n_errors"] == 0
    assert yaml.safe_load((folder / "spec.yaml").read_text())["name"] == "new-run"


@pytest.mark.parametrize("name", sorted(shipped_samples()))
def test_a_copy_of_a_sample_is_as_valid_as_the_sample(name: str, home: Path, tmp_path: Path) -> None:
    _, report = finish(init_from_sample(shipped_sample(name), tmp_path / "copy"))
    done = [
        run_rftctl("validate", str(p), "--json", home=home) for p in (shipped_sample(name).spec, report.spec)
    ]
    shipped, copied = ({f["code"] for f in json.loads(each.stdout)["findings"]} for each in done)
    assert copied == shipped
    assert "samples/" not in (tmp_path / "copy" / "spec.yaml").read_text()


def test_the_build_script_of_a_copy_reproduces_its_rows(tmp_path: Path) -> None:
    finish(init_from_sample(shipped_sample("tax"), tmp_path / "copy"))
    command = [sys.executable, str(tmp_path / "copy" / "build.py")]
    before = (tmp_path / "copy" / "train.jsonl").read_bytes()
    (tmp_path / "copy" / "train.jsonl").unlink()
    assert subprocess.run(command, check=False).returncode == 0
    assert (tmp_path / "copy" / "train.jsonl").read_bytes() == before


def test_every_sample_has_a_title() -> None:
    assert all(list_samples().samples.values())


def test_an_unknown_sample_is_answered_with_those_there_are(home: Path, tmp_path: Path) -> None:
    done = run_rftctl("init", str(tmp_path / "x"), "--from", "taxes", home=home)
    assert done.returncode == 2
    assert "there is no sample 'taxes'" in done.stderr
