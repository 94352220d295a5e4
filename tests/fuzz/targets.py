"""What is fuzzed, and what must hold for every input.

In: bytes. Out: whether they were accepted; AssertionError where a promise is broken. Promises: only
InvalidInputError with findings leaves a reader; a finding has a code, a hint, a place inside the file and
no character a terminal acts on; what is accepted equals what PyYAML and the standard library read.
"""

from __future__ import annotations

import atexit
import io
import json
import math
import re
import shutil
import tempfile
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console

from rftctl.commands.explain import explanations
from rftctl.commands.updates import finish
from rftctl.commands.validate import validate
from rftctl.errors import InvalidInputError
from rftctl.finding import Finding
from rftctl.home import Home
from rftctl.report.console import Terminal
from rftctl.report.tables import show_report
from rftctl.strict_jsonl import scan_json_lines
from rftctl.strict_yaml import read_yaml
from tests.fuzz.material import ROWS, SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TODAY = date(2026, 11, 22)
READ_AS_TEXT_HERE = re.compile(
    r"(?:yes|no|on|off|y|n)|[-+]?[0-9][0-9_,:.]*[0-9_.](?:[eE][-+]?[0-9]+)?|[-+]?0b[01_]+|[-+]?0x[0-9a-f_]+"
    r"|[-+]?0[0-7_]+|[-+]?[0-9._]+|[-+]?[0-9][0-9_]*:[0-9:._]*|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|=|<<",
    re.IGNORECASE | re.DOTALL,
)
"""Plain scalars that YAML 1.1 takes for a boolean, number, date or key of its own, and YAML 1.2 for text."""
NUMBER_HERE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
"""Plain scalars that are numbers in YAML 1.2, whatever YAML 1.1 makes of them: 1e3, 0o17."""
JSON_REFUSED_HERE = {"RFT202", "RFT203", "RFT205", "RFT206", "RFT207", "RFT208", "RFT209", "RFT210", "RFT211"}
"""Why a line that the standard library reads may be refused: a stricter rule, never the grammar (RFT201)."""
_ACTED_ON = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")


def check_yaml(data: bytes) -> bool:
    """Read bytes as a spec file would be, and compare what is accepted with PyYAML."""
    path, document = _file("input.yaml", data), None
    try:
        document = read_yaml(path)
    except InvalidInputError as error:
        refused = error.findings
    else:
        refused = ()
    if refused or document is None:
        check_findings(refused, data)
        assert refused, "refused without a finding"
        return False
    text = data.decode().removeprefix("\ufeff")
    compare_yaml(document.value, yaml.compose(text, Loader=_loader()))
    return True


def check_jsonl(data: bytes) -> bool:
    """Read bytes as a dataset would be, and compare every line with the standard library."""
    path = _file("input.jsonl", data)
    lines = data.split(b"\n")
    n_seen, is_good, is_other_format = 0, True, False
    for line_number, row in scan_json_lines(path):
        if isinstance(row, Finding):
            check_findings([row], data)
            is_good = False
            is_other_format |= row.message.startswith(("the file is", "the file spreads"))
        n_seen += not (isinstance(row, Finding) and row.code == "RFT207")
        if not is_other_format:
            compare_json(lines[line_number - 1], row, is_first=line_number == 1)
    n_lines = 0 if data == b"\xef\xbb\xbf" else len(lines) - (lines[-1] == b"")
    assert n_seen == n_lines or is_other_format, "not every line was seen"
    return is_good


def check_validate(data: bytes) -> bool:
    """Validate a spec and its rows as `rftctl validate` does, and show the report in each form."""
    spec, _, rows = data.partition(SEPARATOR)
    path = _file("spec.yaml", spec)
    _file("train.jsonl", rows or ROWS)
    report = finish(validate(path, today=TODAY, home=Home(_folder() / "home")))
    contents = {"spec.yaml": spec, "train.jsonl": rows or ROWS}
    for finding in report.findings:
        check_findings([finding], contents.get(Path(finding.place.path).name))
    json.dumps(report.to_json(), allow_nan=False).encode("ascii")
    _show(report)
    return int(report.exit_code) == 0


def check_findings(findings: Iterable[Finding], data: bytes | None) -> None:
    """Hold findings against what every one of them promises; `data` is the file they point into."""
    for finding in findings:
        shown = f"{finding.code} {finding.message}"
        assert finding.code in _codes(), f"{finding.code} is not explained"
        assert finding.message, f"{finding.code} says nothing"
        assert not _ACTED_ON.search(finding.message + finding.hint), f"{finding.code} shows unsafe text"
        assert "\n" not in finding.message, f"{finding.code} has several lines"
        assert len(shown) < 1_000, f"{finding.code} is {len(shown)} characters long"
        if data is not None and finding.place.line is not None:
            _check_place(finding, data)


def _check_place(finding: Finding, data: bytes) -> None:
    line, column = finding.place.line or 1, finding.place.column or 1
    assert line >= 1, f"{finding.code} at line {line}"
    assert column >= 1, f"{finding.code} at column {column}"
    lines = _lines(data)
    assert line <= len(lines), f"{finding.code} is below the last line"
    if finding.code not in ("RFT101", "RFT206"):
        assert column <= len(lines[line - 1]) + 1, f"{finding.code} is beyond the end of its line"


@lru_cache(maxsize=2)
def _lines(data: bytes) -> list[str]:
    """Split a file where both readers do, at newlines alone."""
    return data.decode(errors="replace").split("\n")


def compare_yaml(ours: Any, node: Any) -> None:
    """Hold a value against PyYAML's own tree of the same text."""
    if node is None:
        assert ours is None, "a value stands where there is none"
    elif isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        assert type(ours) is dict, f"a mapping was read as {type(ours).__name__}"
        assert list(ours) == keys, "the keys differ"
        for part, (_, below) in zip(ours.values(), node.value, strict=True):
            compare_yaml(part, below)
    elif isinstance(node, yaml.SequenceNode):
        assert type(ours) is list, f"a list was read as {type(ours).__name__}"
        for part, below in zip(ours, node.value, strict=True):
            compare_yaml(part, below)
    else:
        _compare_scalar(ours, node)


def _compare_scalar(ours: Any, node: Any) -> None:
    if node.style:
        assert ours == node.value, "a quoted text differs"
        return
    if type(ours) is str:
        is_text = node.tag == "tag:yaml.org,2002:str" or READ_AS_TEXT_HERE.fullmatch(node.value)
        assert ours == node.value, "a plain text differs"
        assert is_text, f"{node.value[:40]!r} was read as text, and is {node.tag}"
    elif type(ours) in (int, float) and NUMBER_HERE.fullmatch(node.value):
        _compare_number(ours, node.value)
    else:
        theirs = yaml.constructor.SafeConstructor().construct_object(node)
        assert type(ours) is type(theirs), f"{node.value[:40]!r} was read as {ours!r}"
        assert ours == theirs, f"{node.value[:40]!r} was read as {ours!r}"


def _compare_number(ours: float, text: str) -> None:
    theirs = float(int(text, 0)) if text[:2] in ("0o", "0x") else float(text)
    assert float(ours) == theirs, f"{text[:40]!r} was read as {ours!r}"


def compare_json(line: bytes, row: Any, *, is_first: bool) -> None:
    """Hold what was read of one line against the standard library."""
    try:
        text = line.decode()
        theirs = json.loads(text.removeprefix("\ufeff") if is_first else text)
    except (ValueError, RecursionError) as error:
        long_number = "integer string conversion" in str(error)
        assert isinstance(row, Finding) or long_number, "a line was accepted that is no JSON"
        return
    if isinstance(row, Finding):
        assert row.code in JSON_REFUSED_HERE, f"{row.code} on a line that is JSON: {row.message[:60]}"
        return
    assert same_json(row, theirs), "a line was read as something else"


def same_json(ours: Any, theirs: Any) -> bool:
    """Compare two values, types and the sign of zero included."""
    if type(ours) is not type(theirs):
        return False
    if type(ours) is dict:
        return list(ours) == list(theirs) and all(same_json(ours[key], theirs[key]) for key in ours)
    if type(ours) is list:
        return len(ours) == len(theirs) and all(map(same_json, ours, theirs))
    if type(ours) is float:
        return bool(ours == theirs and math.copysign(1, ours) == math.copysign(1, theirs))
    return bool(ours == theirs)


def _show(report: Any) -> None:
    out, err = (Console(file=io.StringIO(), width=80, markup=False, highlight=False) for _ in range(2))
    show_report(report, Terminal(out=out, err=err))
    for console in (out, err):
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert not _ACTED_ON.search(shown.replace("\n", "")), "the terminal is shown unsafe text"


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _codes() -> frozenset[str]:
    return frozenset(explanations())


@cache
def _folder() -> Path:
    # In memory where the system has such a folder: half a million inputs are half a million files.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="rftctl-fuzz-", dir=memory if memory.is_dir() else None))
    (folder / "pyproject.toml").touch()
    (folder / "validation.jsonl").write_bytes(ROWS.replace(b"fever", b"cough"))
    (folder / "home").mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


CHECKS: dict[str, Callable[[bytes], bool]] = {
    "yaml": check_yaml,
    "jsonl": check_jsonl,
    "validate": check_validate,
}
"""Name of a target -> its check."""
