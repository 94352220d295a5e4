"""Read YAML strictly, keeping the line and column of every key and value.

In: one small UTF-8 file. Out: `YamlDocument` (plain data and places), or findings RFT1xx.
The schema is YAML 1.2 core: `no` and `on` are strings, `1e3` is a number, a date is a string. Refused, each
with its place: duplicate keys, anchors, aliases, merge keys, tags, keys that are no strings, integers
beyond 19 digits or with a leading zero, NaN and infinity, lone surrogates, control characters, several
documents, and anything beyond 1 MiB, 64 levels or 10,000 nodes.
"""

from __future__ import annotations

import difflib
import math
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 2**20
MAX_DEPTH = 64
MAX_NODES = 10_000

Key: TypeAlias = str | int
_Position: TypeAlias = tuple[int, int]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_NEWLINE = re.compile("\n")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document: plain dicts, lists, strings, numbers, booleans and None, and where each stands."""

    path: Path
    value: Any
    _keys: dict[tuple[Key, ...], _Position] = field(repr=False)
    _values: dict[tuple[Key, ...], _Position] = field(repr=False)

    def place(self, *keys: Key, of_key: bool = False) -> Place:
        """Point at the value under these keys, or at its key; at the nearest parent's key if it is absent."""
        for end in range(len(keys), 0, -1):
            path = keys[:end]
            if path not in self._values:
                continue
            wants_key = of_key or end < len(keys)
            position = self._keys.get(path) if wants_key else None
            return Place.of(self.path, *(position or self._values[path]))
        return Place.of(self.path, *self._values.get((), (1, 1)))

    def positions_below(self, *keys: Key) -> set[tuple[int, int]]:
        """Collect the (line, column) of every key and value below these keys."""
        depth = len(keys)
        marks = (*self._keys.items(), *self._values.items())
        return {position for path, position in marks if len(path) > depth and path[:depth] == keys}


def read_yaml(path: Path) -> YamlDocument:
    """Read one file.

    Raises:
        InvalidInputError: with every finding of the file.
    """
    text = _decode(path, _read_bytes(path))
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> YamlDocument:
    """Read YAML that is already text; `path` is what the findings name.

    Raises:
        InvalidInputError: with every finding of the text.
    """
    control = _CONTROL.search(text)
    if control:
        code, name = "RFT101", f"character U+{ord(control.group()):04X} is not allowed in YAML"
        raise _refusal([_finding(path, _position(text, control.start()), code, name, "delete it")])
    composer = _Composer(path)
    value = composer.compose(text)
    if composer.findings:
        raise _refusal(composer.findings)
    return YamlDocument(path, value, composer.keys, composer.values)


def parse_scalar(text: str) -> Any:
    """Read one value as YAML flow text: `3` is a number, `[1, 2]` a list, `no` a string.

    Raises:
        InvalidInputError: the text is not one plain YAML value.
    """
    return parse_yaml(text, Path("value")).value


class _Composer:
    """Build plain data out of parser events, collecting findings; recursion ends at MAX_DEPTH."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nodes = 0
        self._text = ""
        self._lines: list[int] = []
        self._events: Iterator[Any] = iter(())
        self.findings: list[Finding] = []
        self.keys: dict[tuple[Key, ...], _Position] = {}
        self.values: dict[tuple[Key, ...], _Position] = {}

    def compose(self, text: str) -> Any:
        self._text = text
        self._lines = [0, *(match.end() for match in _NEWLINE.finditer(text))]
        self._events = yaml.parse(text, Loader=_LOADER)
        try:
            return self._document()
        except yaml.MarkedYAMLError as error:
            self._syntax_error(error)
        except _StopError:
            pass
        return None

    def _document(self) -> Any:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._report((1, 1), "RFT111", "the file is empty", "write a mapping, such as `version: 1`")
            return None
        value = self._node(next(self._events), ())
        next(self._events)
        extra = next(self._events)
        if not isinstance(extra, yaml.StreamEndEvent):
            self._report(
                self._at(extra.start_mark),
                "RFT111",
                "a second document starts here",
                "keep one document a file",
            )
        return value

    def _node(self, event: Any, path: tuple[Key, ...]) -> Any:
        position = self._at(event.start_mark)
        self.values[path] = position
        self._count(position, len(path))
        if isinstance(event, yaml.AliasEvent):
            hint = "write the value out; aliases are refused since they can grow without end"
            return self._report(
                position, "RFT104", f"alias '*{one_line(str(event.anchor))}' is not allowed", hint
            )
        self._refuse_anchor_and_tag(event, position)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, position)
        return self._sequence(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _sequence(self, path: tuple[Key, ...]) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._node(event, (*path, len(result))))
        return result

    def _mapping(self, path: tuple[Key, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            position = self._at(event.start_mark)
            key = self._key(event, position, path)
            child = (*path, key)
            if key in result:
                self._duplicate(child, position)
            else:
                self.keys[child] = position
            result[key] = self._node(next(self._events), child)
        return result

    def _key(self, event: Any, position: _Position, path: tuple[Key, ...]) -> str:
        value = self._node(event, (*path, f"\0{position}"))
        self.values.pop((*path, f"\0{position}"))
        if isinstance(value, str) and value == "<<" and not event.style:
            self._report(position, "RFT105", "merge key '<<' is not allowed", "write the keys out")
        elif not isinstance(value, str) and not self.findings_at(position):
            self._bad_key(event, position)
        return value if isinstance(value, str) else f"\0{position}"

    def _bad_key(self, event: Any, position: _Position) -> None:
        source = self._text.split("\n")[position[0] - 1][position[1] - 1 :]
        template = _TEMPLATE.match("{" + source)
        if template:
            hint = f'put it in quotes: "{one_line(template.group())}"'
            message = "a template without quotes reads as a mapping inside a mapping"
            self._report(position, "RFT110", message, hint)
        elif isinstance(event, yaml.ScalarEvent):
            message = f"key '{one_line(event.value)}' is not a string"
            self._report(position, "RFT110", message, "put it in quotes")
        else:
            message = f"a mapping or list stands where a key should: '{one_line(source, limit=40)}'"
            self._report(position, "RFT110", message, "write a plain key, or put it in quotes")

    def findings_at(self, position: _Position) -> bool:
        return any((f.place.line, f.place.column) == position for f in self.findings)

    def _duplicate(self, child: tuple[Key, ...], position: _Position) -> None:
        line, column = self.keys[child]
        message = f"key '{one_line(str(child[-1]))}' stands twice, first at {line}:{column}"
        self._report(position, "RFT103", message, "keep one of the two")

    def _refuse_anchor_and_tag(self, event: Any, position: _Position) -> None:
        if event.anchor is not None:
            hint = "delete it; anchors only serve aliases, which are refused"
            self._report(position, "RFT104", f"anchor '&{one_line(event.anchor)}' is not allowed", hint)
        if event.tag is not None:
            hint = "delete it; quote the value where it must be a string"
            self._report(position, "RFT106", f"tag '{one_line(event.tag)}' is not allowed", hint)

    def _scalar(self, event: Any, position: _Position) -> Any:
        text: str = event.value
        if _SURROGATE.search(text):
            return self._report(
                position, "RFT109", "a lone surrogate is no character", "write the character itself"
            )
        if event.style or not event.implicit[0]:  # quoted or block; plain is None here and "" from libyaml
            return text
        return self._plain(text, position)

    def _plain(self, text: str, position: _Position) -> Any:
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text) or _BASED_INT.fullmatch(text):
            return self._integer(text, position)
        if _NOT_FINITE.fullmatch(text):
            return self._report(position, "RFT108", f"'{text}' is not a finite number", "write a number")
        return self._float(text, position) if _FLOAT.fullmatch(text) else text

    def _integer(self, text: str, position: _Position) -> Any:
        digits = text.lstrip("+-")
        if len(digits) > 19:
            shown = one_line(text, limit=24)
            return self._report(position, "RFT108", f"integer '{shown}' is longer than 19 digits", "quote it")
        if _BASED_INT.fullmatch(text):
            return int(text, 0)
        if len(digits) > 1 and digits[0] == "0":
            hint = f"write {int(text)}, or '{text}' in quotes"
            return self._report(position, "RFT108", f"'{text}' starts with 0: readers disagree on it", hint)
        return int(text)

    def _float(self, text: str, position: _Position) -> Any:
        number = float(text)
        if math.isfinite(number):
            return number
        return self._report(
            position, "RFT108", f"'{one_line(text, limit=24)}' is too large", "write a number"
        )

    def _count(self, position: _Position, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH:
            self._report(position, "RFT107", f"nesting is deeper than {MAX_DEPTH} levels", "flatten the file")
            raise _StopError
        if self._nodes > MAX_NODES:
            self._report(position, "RFT107", f"the file has more than {MAX_NODES:,} values", "split the file")
            raise _StopError

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> None:
        # The end of the file says nothing about a quote that was never closed; its start does.
        is_open = "quoted scalar" in str(error.context) and "end of stream" in str(error.problem)
        mark: Any = (error.context_mark if is_open else None) or error.problem_mark or error.context_mark
        position = self._at(mark) if mark else (1, 1)
        problem = error.problem or error.context or "it cannot be read"
        if "Unicode character escape" in problem:
            before = self._text.split("\n")[position[0] - 1][: position[1]]
            position = (position[0], before.rfind("\\") + 1 or position[1])
            self._report(position, "RFT109", "a lone surrogate is no character", "write the character itself")
            return
        if "cannot start any token" in problem:
            self._bad_start(position, problem)
            return
        self._report(position, "RFT102", f"not YAML: {one_line(problem)}", _syntax_hint(problem))

    def _bad_start(self, position: _Position, problem: str) -> None:
        line = self._text.split("\n")[position[0] - 1]
        sign = line[position[1] - 1 : position[1]]
        if sign == "\t":
            self._report(
                position, "RFT102", "not YAML: a tab stands in the indentation", "indent with spaces"
            )
            return
        hint = "put a value that starts with @, ` or % in quotes"
        shown = f"a value cannot start with '{one_line(sign)}'" if sign else one_line(problem)
        self._report(position, "RFT102", f"not YAML: {shown}", hint)

    def _at(self, mark: Any) -> _Position:
        """Find the line and column of a mark as an editor shows them.

        libyaml's own line counts U+0085 and U+2028 as line ends, and goes below the last line at the end.
        """
        offset = min(mark.index, len(self._text.rstrip()))
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _report(self, position: _Position, code: str, message: str, hint: str) -> Any:
        """Note a finding; None stands in the value's place."""
        self.findings.append(_finding(self._path, position, code, message, hint))


class _StopError(Exception):
    """A cap is passed: no use in reading on."""


def _syntax_hint(problem: str) -> str:
    if "mapping values are not allowed" in problem:
        return "put text that holds a colon in quotes"
    return "check the indentation, brackets and quotes just above"


def _position(text: str, offset: int) -> _Position:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _finding(path: Path, position: _Position, code: str, message: str, hint: str) -> Finding:
    return Finding(code, Level.ERROR, Place.of(path, *position), message, hint)


def _refusal(findings: list[Finding]) -> InvalidInputError:
    first = findings[0]
    return InvalidInputError(f"{first.place}: {first.message}", first.hint, findings=findings)


def _read_bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "is not a regular file", "name a YAML file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "does not exist" if missing else f"cannot be read: {error.strerror}"
        raise _unreadable(path, reason, _nearest(path) if missing else "check the path") from None
    if len(data) > MAX_BYTES:
        finding = _finding(
            path, (1, 1), "RFT107", "the file is larger than 1 MiB", "keep data in .jsonl files"
        )
        raise _refusal([finding])
    return data


def _nearest(path: Path) -> str:
    """Name the file beside it that was probably meant."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return f"the folder '{one_line(str(path.parent))}' does not exist"
    near = difflib.get_close_matches(path.name, names, n=1)
    if near or len(names) == 1:
        return f"did you mean '{one_line(str(path.parent / (near or names)[0]))}'?"
    return "check the path; rftctl init writes a first one"


def _unreadable(path: Path, reason: str, hint: str) -> InvalidInputError:
    place = Place.of(path)
    finding = Finding("RFT100", Level.ERROR, place, f"file '{place.path}' {reason}", hint)
    return InvalidInputError(finding.message, hint, findings=[finding])


def _decode(path: Path, data: bytes) -> str:
    if data[:2] in _UTF16:
        hint = "save it as UTF-8: iconv -f UTF-16 -t UTF-8"
        raise _refusal([_finding(path, (1, 1), "RFT101", "the file is UTF-16", hint)])
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="ignore")
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
        position = _position(before, len(before))
        raise _refusal([_finding(path, position, "RFT101", message, "save the file as UTF-8")]) from None
