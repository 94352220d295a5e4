"""`validate --fix`: copies are corrected where there is one right answer, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rftctl.commands.fix import FixReport, fix
from rftctl.commands.mending import LineMap, RepairLog, RowMender
from rftctl.commands.updates import finish
from rftctl.errors import ExitCode, InvalidInputError, UsageError
from rftctl.home import Home
from rftctl.spec import load_spec
from tests.conftest import TINY_SPEC, read_json, run_rftctl, write_tiny_spec

BOM = b"\xef\xbb\xbf"


def row(text: str, role: str = "user", **fields: Any) -> str:
    return json.dumps({"messages": [{"role": role, "content": text}], "answer": "yes", **fields})


def run(spec: Path, **options: Any) -> FixReport:
    return finish(fix(spec, spec.parent.parent / "out", home=Home(spec.parent / "home"), **options))


def fixed(spec: Path, content: bytes | str, **options: Any) -> tuple[str, FixReport]:
    """Fix a spec with this training file; returns the copy's text and the report."""
    data = content if isinstance(content, bytes) else content.encode()
    spec.with_name("train.jsonl").write_bytes(data)
    report = run(spec, **options)
    return (spec.parent.parent / "out" / "train.jsonl").read_bytes().decode(errors="replace"), report


def test_a_clean_project_is_copied_as_it_is(tiny_spec: Path) -> None:
    report = run(tiny_spec)
    assert (report.exit_code, report.counts) == (ExitCode.OK, {})
    for name in ("spec.yaml", "train.jsonl", "valid.jsonl", "test.jsonl", "cases.jsonl"):
        assert (tiny_spec.parent.parent / "out" / name).read_bytes() == tiny_spec.with_name(name).read_bytes()


def test_a_byte_order_mark_is_removed(tiny_spec: Path) -> None:
    text, report = fixed(tiny_spec, BOM + row("a").encode() + b"\n")
    assert (text, report.counts) == (row("a") + "\n", {"byte order mark removed": 1})


def test_line_ends_become_newlines(tiny_spec: Path) -> None:
    text, report = fixed(tiny_spec, f"{row('a')}\r\n{row('b')}\r\n")
    assert (text, report.counts) == (f"{row('a')}\n{row('b')}\n", {"line end made \\n": 2})


def test_blank_lines_go(tiny_spec: Path) -> None:
    text, report = fixed(tiny_spec, f"{row('a')}\n\n  \n{row('b')}\n\n")
    assert (text, report.counts) == (f"{row('a')}\n{row('b')}\n", {"blank line dropped": 3})


def test_the_last_line_gets_its_newline(tiny_spec: Path) -> None:
    text, report = fixed(tiny_spec, row("a"))
    assert (text, report.counts) == (row("a") + "\n", {"final newline added": 1})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('{"a": [1, 2,], "b": ",}"}', '{"a": [1, 2], "b": ",}"}'),
        ('{"a": "x,]\\",}",}', '{"a": "x,]\\",}"}'),
        ('{"a": 1},', '{"a": 1}'),
        ('{"a": {"b": 1 , } , }', '{"a": {"b": 1  }  }'),
    ],
)
def test_trailing_commas_go_and_commas_in_strings_stay(wrong: str, right: str) -> None:
    mender = RowMender("f", RepairLog())
    assert mender.mend(1, f"{wrong}\n".encode()) == f"{right}\n".encode()
    assert mender.log.counts == {"trailing comma removed": 1}


@pytest.mark.parametrize(
    "line", ['{"a": [1,,2]}', "{'a': 1,}", '{"a": tru,}', '{"a": 1, "a": 2,}', '{"a": NaN,}', "[1,]", "{,}"]
)
def test_what_has_no_single_right_answer_stays_as_it_is(line: str) -> None:
    mender = RowMender("f", RepairLog())
    assert mender.mend(1, f"{line}\n".encode()) == f"{line}\n".encode()
    assert not mender.log.counts


def test_bytes_that_are_no_utf8_stay_as_they_are() -> None:
    mender = RowMender("f", RepairLog())
    assert mender.mend(1, b'{"a": "caf\xe9",}\n') == b'{"a": "caf\xe9",}\n'


def test_equal_rows_are_dropped_whatever_their_spaces_and_order(tiny_spec: Path) -> None:
    same = json.dumps(dict(reversed(json.loads(row("a")).items())), separators=(",", ":"))
    text, report = fixed(tiny_spec, f"{row('a')}\n{row('b')}\n{same}\n")
    assert text == f"{row('a')}\n{row('b')}\n"
    assert [(r.kind, r.line, r.detail) for r in report.repairs] == [
        ("duplicate row dropped", 3, "the same as line 1")
    ]


def test_rows_with_another_answer_both_stay(tiny_spec: Path) -> None:
    content = f"{row('a')}\n{row('a', answer='no')}\n"
    assert fixed(tiny_spec, content)[0] == content


def at_azure(spec: Path) -> Path:
    text = TINY_SPEC.replace("provider: local", "provider: azure")
    lines = [line for line in text.splitlines() if not line.startswith("engine")]
    spec.write_text("\n".join(lines).replace("tiny-random", "o4-mini-2025-04-16") + "\n")
    return spec


def test_system_becomes_developer_where_the_provider_wants_it(tiny_spec: Path) -> None:
    messages = [{"role": "system", "content": 'say "role": "system"'}, {"role": "user", "content": "x"}]
    line = json.dumps({"messages": messages, "answer": "y"})
    text, report = fixed(at_azure(tiny_spec), line + "\n")
    assert text == line.replace('{"role": "system"', '{"role": "developer"') + "\n"
    assert report.counts == {"role 'system' made 'developer'": 1}


def test_a_role_outside_of_the_messages_stays(tiny_spec: Path) -> None:
    messages = [{"role": "system", "content": "be short"}, {"role": "user", "content": "x"}]
    line = json.dumps({"messages": messages, "answer": {"role": "system"}})
    text, _ = fixed(at_azure(tiny_spec), line + "\n")
    assert [message["role"] for message in json.loads(text)["messages"]] == ["developer", "user"]
    assert json.loads(text)["answer"] == {"role": "system"}


def test_system_stays_where_the_provider_takes_it(tiny_spec: Path) -> None:
    line = row("x", role="system") + "\n"
    assert fixed(tiny_spec, line)[0] == line


def test_developer_becomes_system_where_only_that_is_taken(tiny_spec: Path) -> None:
    home = Home(tiny_spec.parent / "home")
    home.path.mkdir()
    (home.path / "profiles.yaml").write_text("local: {roles: [system, user, assistant, tool]}\n")
    text, report = fixed(tiny_spec, row("x", role="developer") + "\n")
    assert json.loads(text)["messages"][0]["role"] == "system"
    assert report.counts == {"role 'developer' made 'system'": 1}


def test_cases_still_name_the_row_they_named(tiny_spec: Path) -> None:
    cases = [{"line": line, "sample": "x", "expect": {"max": 1}} for line in (1, 3, 4, 5)]
    tiny_spec.with_name("cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    _, report = fixed(tiny_spec, f"{row('a')}\n\n{row('b')}\n{row('a')}\n{row('c')}\n")
    text = (tiny_spec.parent.parent / "out" / "cases.jsonl").read_text()
    assert [json.loads(line)["line"] for line in text.splitlines()] == [1, 2, 1, 3]
    assert report.counts["line number corrected"] == 3


def test_a_line_is_followed_past_what_was_dropped() -> None:
    lines = LineMap(dropped=[2, 5], same_as={5: 3})
    assert [lines.new_number(line) for line in (1, 3, 4, 5, 6)] == [1, 2, 3, 2, 4]


def test_the_copies_keep_how_they_lie(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    spec = write_tiny_spec(tmp_path / "configs", TINY_SPEC.replace("train.jsonl", "../data/train.jsonl"))
    (tmp_path / "data").mkdir()
    spec.with_name("train.jsonl").rename(tmp_path / "data" / "train.jsonl")
    report = run(spec)
    assert load_spec(tmp_path / "out" / "configs" / "spec.yaml").sha256 == load_spec(spec).sha256
    assert report.spec.endswith("out/configs/spec.yaml")


def test_a_graders_code_and_the_files_of_targets_come_along(tmp_path: Path) -> None:
    start, end = TINY_SPEC.index("grader:"), TINY_SPEC.index("hyperparameters")
    grader = "grader: {type: python, name: g, source_file: grader.py}\n"
    targets = "targets: {other: {training_file: other.jsonl}}\n"
    spec = write_tiny_spec(tmp_path / "project", TINY_SPEC[:start] + grader + TINY_SPEC[end:] + targets)
    spec.with_name("grader.py").write_bytes(BOM + b"def grade(sample, item):\r\n    return 1.0")
    spec.with_name("other.jsonl").write_text(row("other") + "\n")
    report = run(spec)
    copy = (tmp_path / "out" / "grader.py").read_bytes()
    assert (copy, report.exit_code) == (b"def grade(sample, item):\n    return 1.0\n", ExitCode.OK)
    assert (tmp_path / "out" / "other.jsonl").exists()


def test_what_is_left_is_said_with_its_line_in_the_copy(tiny_spec: Path) -> None:
    _, report = fixed(tiny_spec, f"{row('a')}\n\nnonsense\n")
    assert report.exit_code is ExitCode.INVALID
    left = [f for f in report.validation.findings if f.code == "RFT201"]
    assert [(Path(f.place.path).parent.name, f.place.line) for f in left] == [("out", 2)]


@pytest.mark.parametrize("out", ["project", "."])
def test_a_folder_that_holds_something_is_refused(tiny_spec: Path, out: str) -> None:
    folder = tiny_spec.parent.parent / out
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError, match="is not empty"):
        finish(fix(tiny_spec, folder, home=Home(tiny_spec.parent / "home")))
    assert sorted(folder.rglob("*")) == before


def test_an_empty_folder_is_taken(tiny_spec: Path) -> None:
    (tiny_spec.parent.parent / "out").mkdir()
    assert run(tiny_spec).exit_code is ExitCode.OK


def test_nothing_half_done_stays_behind(tiny_spec: Path) -> None:
    lines = "".join(row(str(n)) + "\n" for n in range(10_000))
    tiny_spec.with_name("train.jsonl").write_text(lines)
    out = tiny_spec.parent.parent / "out"
    writing = fix(tiny_spec, out, home=Home(tiny_spec.parent / "home"))
    next(writing)
    writing.close()
    assert [path.name for path in out.parent.iterdir()] == ["project"]


def test_a_spec_that_cannot_be_read_is_refused(tiny_spec: Path) -> None:
    tiny_spec.write_text("name: [\n")
    with pytest.raises(InvalidInputError):
        run(tiny_spec)


def test_a_line_beyond_the_cap_is_copied_whole(tiny_spec: Path) -> None:
    content = b"x" * (17 * 2**20) + b"\n" + row("a").encode() + b"\n"
    fixed(tiny_spec, content)
    assert (tiny_spec.parent.parent / "out" / "train.jsonl").read_bytes() == content


def test_the_command_lists_what_it_did(tiny_spec: Path, tmp_path: Path) -> None:
    tiny_spec.with_name("train.jsonl").write_text(f"{row('a')}\r\n{row('b')}\r\n")
    out = str(tmp_path / "out")
    done = run_rftctl("validate", str(tiny_spec), "--fix", out, home=tmp_path / "h")
    assert (done.returncode, "1-2" in done.stdout, "2 repairs in 5 files" in done.stdout) == (0, True, True)
    again = run_rftctl("validate", str(tiny_spec), "--fix", out, home=tmp_path / "h")
    assert (again.returncode, "nothing is overwritten" in again.stderr) == (2, True)


def test_the_document_holds_the_repairs_and_the_validation(tiny_spec: Path, tmp_path: Path) -> None:
    tiny_spec.with_name("train.jsonl").write_text(row("a"))
    arguments = ("validate", str(tiny_spec), "--fix", str(tmp_path / "out"), "--json")
    document = read_json(run_rftctl(*arguments, home=tmp_path / "h"))
    assert (document["schema"], document["n_repairs"]) == ("rftctl.fix/1", 1)
    assert {"kind", "path", "line", "detail"} == set(document["repairs"][0])
    assert document["validation"]["valid"] is True
