"""Read JSON Lines strictly: one UTF-8 JSON object a line, nothing guessed, nothing lost in silence.

In: a file of any origin and size. Out: (line number, object) pairs, or findings RFT2xx with line and
column. Memory stays bounded by one line. Refused: duplicate keys, NaN and Infinity, numbers beyond a
double, lone surrogates, nesting beyond 64, lines beyond 16 MiB, blank lines, invalid UTF-8.
"""

from __future__ import annotations

import json
import re
import stat
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINE_BYTES = 16 * 2**20
MAX_DEPTH = 64
_BUFFER_BYTES = 2**18
"""Larger than the default: reading lines takes half the time."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SKIPPED_BY_JSONLINES = (_BOM, b"\x1e")
_LIST_HINT = "write one row a line: jq -c '.[]' FILE"

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]|-?[0-9][0-9.eE+-]*')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_AT_BYTE = re.compile(r"^JSON is malformed: (.*) \(byte (\d+)\)$")
_NOT_JSON_NUMBER = re.compile(r"NaN|Infinity|inf|nan")
_PYTHON_WORD = re.compile(r"True|False|None")


class BadLine(ValueError):  # noqa: N818  it is a position, not a failure the user meets
    """What is wrong with one line, and where in it.

    Args:
        column: 1-based character of the line.
    """

    def __init__(self, code: str, column: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.column, self.message, self.hint = code, column, message, hint


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (1-based line number, object) for every line.

    Raises:
        InvalidInputError: at the first bad line, with its finding.
    """
    for line_number, row in scan_json_lines(path):
        if isinstance(row, Finding):
            if row.level is not Level.ERROR:
                continue
            raise InvalidInputError(f"{row.place}: {row.message}", row.hint, findings=[row])
        yield line_number, row


def scan_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | Finding]]:
    """Yield every line's object, or the finding that says what is wrong with it, and go on.

    Raises:
        InvalidInputError: the file cannot be opened at all.
    """
    for line_number, line in numbered_lines(path):
        yield line_number, line if isinstance(line, Finding) else read_line(path, line_number, line)


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes | Finding]]:
    """Yield every line as it stands, without a byte order mark, or a finding in its place.

    A file that is no JSON Lines at all (UTF-16, one list, rows spread over lines) ends with its finding.

    Raises:
        InvalidInputError: the file cannot be opened at all.
    """
    with _open(path) as stream:
        lines = iter(partial(stream.readline, MAX_LINE_BYTES + 1), b"")
        first = stream.readline(len(_BOM) + MAX_LINE_BYTES + 1)
        if first.startswith(_BOM):
            yield 1, _bom_finding(path)
            first = first.removeprefix(_BOM)
        other = _other_format(first)
        if other is not None:
            yield 1, _finding(path, 1, other)
            return
        for line_number, line in enumerate(chain([first] if first else [], lines), 1):
            if len(line) > MAX_LINE_BYTES:
                yield line_number, _finding(path, line_number, _skip_long_line(stream, line))
            else:
                yield line_number, line


def read_line(path: Path, line_number: int, line: bytes) -> dict[str, Any] | Finding:
    """Decode one line of a file, or say what is wrong with it and where."""
    try:
        row = decode_shallow(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _judge(path, line_number, line)
    return row if _kept_every_key(line, row) else _judge(path, line_number, line)


def _other_format(line: bytes) -> BadLine | None:
    """Recognise by its first line a file that is no JSON Lines."""
    if line.startswith(_UTF16):
        return BadLine("RFT206", 1, "the file is UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE")
    start = line.strip()
    if start.startswith(b"[") and line.endswith(b"\n") and not _is_json(line):
        return BadLine("RFT201", 1, "the file is one JSON list, not JSON Lines", _LIST_HINT)
    if start == b"{":
        hint = "write one row a line: jq -c . FILE"
        return BadLine("RFT201", 1, "the file spreads a row over several lines", hint)
    return None


def _is_json(line: bytes) -> bool:
    try:
        _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _kept_every_key(line: bytes, row: Any) -> bool:
    """Tell whether no duplicate key was dropped in decoding; False also where that is not certain.

    Encoding writes one colon for each key that was kept, so a dropped one shows in the count of colons;
    only an escaped colon could make up for it.
    """
    encoded = _encode(row)
    if line.startswith(encoded) and len(line) <= len(encoded) + 1:
        return True
    if b"\\" in line and b"\\u003" in line:
        return False
    return line.count(b":") == encoded.count(b":")


def _judge(path: Path, line_number: int, line: bytes) -> dict[str, Any] | Finding:
    """Read one line that the fast way did not pass: it is wrong, or nested deeply, or has `\\u003a`."""
    import jsonlines

    if line.startswith(_SKIPPED_BY_JSONLINES):
        bad = BadLine("RFT201", 1, "the line starts with a control character", "delete it")
        return _finding(path, line_number, bad)
    try:
        row: Any = jsonlines.Reader([line], loads=decode).read()
    except jsonlines.InvalidLineError as error:
        return _finding(path, line_number, _cause(error, line))
    return cast("dict[str, Any]", row)


def decode(text: str | bytes) -> dict[str, Any]:
    """Decode one line into an object.

    Raises:
        BadLine: with the column of the fault.
    """
    text = text if isinstance(text, str) else text.decode()
    if not text or text.isspace():
        raise BadLine("RFT205", 1, "the line is empty", "delete it; every line holds one JSON object")
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(text, str(error)) from None
    if type(value) is not dict:
        hint = _LIST_HINT if type(value) is list else _OBJECT_HINT
        raise BadLine("RFT203", 1, f"the line holds {_kind(value)}, not an object", hint)
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep(text)
    _refuse_duplicates(text)
    return value


def json_value(depth: int) -> Any:
    """Spell out JSON values up to a depth: a typed decoder is faster, and refuses what is deeper."""
    scalar = str | int | float | bool | None
    value: Any = scalar
    for _ in range(depth):
        value = scalar | list[value] | dict[str, value]
    return value


_decode = msgspec.json.Decoder().decode
decode_shallow = msgspec.json.Decoder(dict.__class_getitem__((str, json_value(6)))).decode
_encode = msgspec.json.Encoder().encode
_OBJECT_HINT = 'write one row as one line: {"messages": [...], ...}'


def _open(path: Path) -> IO[bytes]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "is not a regular file", "name a JSON Lines file")
        return path.open("rb", buffering=_BUFFER_BYTES)
    except OSError as error:
        reason = (
            "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        )
        raise _unreadable(path, reason, "check the path; it is relative to the file that names it") from None


def _skip_long_line(stream: IO[bytes], line: bytes) -> BadLine:
    while line and not line.endswith(b"\n"):
        line = stream.readline(2**20)
    return BadLine("RFT208", 1, "the line is longer than 16 MiB", "one line holds one row")


def _unreadable(path: Path, reason: str, hint: str) -> InvalidInputError:
    place = Place.of(path)
    finding = Finding("RFT200", Level.ERROR, place, f"file '{place.path}' {reason}", hint)
    return InvalidInputError(finding.message, hint, findings=[finding])


def _finding(path: Path, line_number: int, bad: BadLine) -> Finding:
    return Finding(bad.code, Level.ERROR, Place.of(path, line_number, bad.column), bad.message, bad.hint)


def _bom_finding(path: Path) -> Finding:
    message = "the file starts with a byte order mark, which some providers refuse"
    return Finding("RFT207", Level.WARNING, Place.of(path, 1, 1), message, "save it as UTF-8 without BOM")


def _cause(error: Exception, line: bytes) -> BadLine:
    cause = error.__cause__
    if isinstance(cause, BadLine):
        return cause
    if isinstance(cause, UnicodeDecodeError):
        return _not_utf8(line, cause)
    return BadLine("RFT201", 1, f"the line is not JSON: {one_line(str(error))}", _OBJECT_HINT)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
    return depth


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node


def _too_deep(text: str) -> BadLine:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.group(), 0)
        if depth > MAX_DEPTH:
            return BadLine(
                "RFT209", token.start() + 1, f"nesting is deeper than {MAX_DEPTH}", "flatten the row"
            )
    return BadLine("RFT209", 1, f"nesting is deeper than {MAX_DEPTH}", "flatten the row")


def _refuse_duplicates(text: str) -> None:
    """Raise at the second of two equal keys of one object."""
    scopes: list[dict[str, int] | None] = []
    last: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            scopes.append({} if mark == "{" else None)
        elif mark in "}]":
            scopes.pop()
        elif mark == ":" and last and (scope := scopes[-1]) is not None:
            _enter_key(scope, last)
        last = token


def _enter_key(scope: dict[str, int], key: re.Match[str]) -> None:
    name = msgspec.json.decode(key.group(), type=str)
    column = key.start() + 1
    if name in scope:
        message = f"key '{one_line(name)}' stands twice in one object, first at column {scope[name]}"
        raise BadLine("RFT202", column, message, "keep one; readers disagree on which one counts")
    scope[name] = column


def _explain(text: str, reason: str) -> BadLine:
    """Turn the decoder's complaint into a code, a column and a way out."""
    if "recursion" in reason:
        return _too_deep(text)
    surrogate = _lone_surrogate(text)
    if surrogate is not None:
        return BadLine(
            "RFT211", surrogate, "a lone surrogate escape is no character", "write the pair, or drop it"
        )
    if "out of range" in reason:
        return _number_out_of_range(text)
    at_byte = _AT_BYTE.match(reason)
    if not at_byte:
        column = len(text.rstrip()) + 1
        return BadLine(
            "RFT201", column, "the line is not JSON: it ends too early", "close every string and bracket"
        )
    column = len(text.encode()[: int(at_byte[2])].decode(errors="ignore")) + 1
    return _malformed(text, column, at_byte[1])


def _malformed(text: str, column: int, reason: str) -> BadLine:
    rest = text[column - 1 :]
    if word := _NOT_JSON_NUMBER.match(rest):
        sign = "-" if text[:column].endswith("-" + rest[:1]) else ""
        message = f"'{sign}{word.group()}' is not a JSON number"
        return BadLine("RFT210", column - len(sign), message, "use null, or leave the row out")
    column, reason = _standard_view(text) or (column, reason)
    rest = text[column - 1 :]
    hint = _OBJECT_HINT
    if _PYTHON_WORD.match(rest):
        hint = "JSON writes true, false and null"
    elif rest.startswith("'"):
        hint = "JSON strings stand in double quotes (write rows with json.dumps, not str)"
    elif reason == "extra data":
        hint = "write one object per line"
    return BadLine("RFT201", column, f"the line is not JSON: {reason}", hint)


def _standard_view(text: str) -> tuple[int, str] | None:
    """Ask the standard library where it fails: slower, but its positions are exact."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # Of a short \\u escape it names the u; every other bad escape is named by its backslash.
        column = error.pos + ("uXXXX" not in error.msg)
        return column, error.msg.lower().split(":")[0]
    except (ValueError, RecursionError):
        pass
    return None


def _lone_surrogate(text: str) -> int | None:
    high_end = -1
    high_start = 0
    for escape in _ESCAPE.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0
        is_low = 0xDC00 <= code < 0xE000
        if high_end >= 0 and not (is_low and escape.start() == high_end):
            return high_start + 1
        if is_low and high_end < 0:
            return escape.start() + 1
        high_end, high_start = (escape.end(), escape.start()) if 0xD800 <= code < 0xDC00 else (-1, 0)
    return high_start + 1 if high_end >= 0 else None


def _number_out_of_range(text: str) -> BadLine:
    for token in _TOKEN.finditer(text):
        if token.group()[0] in "-0123456789" and _is_out_of_range(token.group()):
            message = f"number '{one_line(token.group(), limit=24)}' is too large"
            return BadLine("RFT210", token.start() + 1, message, "write it as a string")
    return BadLine("RFT210", 1, "a number is too large", "write it as a string")


def _is_out_of_range(number: str) -> bool:
    return len(number) > 4000 or float(number) in (float("inf"), float("-inf"))


def _not_utf8(line: bytes, error: UnicodeDecodeError) -> BadLine:
    column = len(line[: error.start].decode(errors="ignore")) + 1
    message = f"byte 0x{line[error.start]:02x} is not valid UTF-8"
    return BadLine("RFT206", column, message, "save the file as UTF-8")
