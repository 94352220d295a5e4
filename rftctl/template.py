"""Templates: `{{ item.answer }}` and `{{ sample.output_text }}`, parsed once, rendered fast, strict.

In: template text of a grader, a dataset row (`item`) and a model output (`sample`). Out: a string,
or a typed error that names the path. The platform documents the two namespaces, dots and `[0]`
(graders guide); it leaves the rest open, and this table is how rftctl decides it:

| template or value | becomes |
| --- | --- |
| text | itself |
| null, true, 1, 1.0, list, object | its compact JSON: `null` `true` `1` `1.0` `[1,2]` `{"a":1}`, in UTF-8 |
| a value that itself holds `{{item.x}}` | literal text; rendering is a single pass |
| `{{item.x}}` `{{ item.x }}` | the same; spaces and tabs inside the braces do not count |
| `{{item.x}}}` | the value, then `}` |
| `{{{item.x}}}` | `{`, the value, `}`: the innermost pair of braces is the template |
| `{`, `}` and `}}` outside a template | literal |
| `{{` without `}}`, `{{}}`, `{{x}}`, `{{item}}` | syntax error: a path starts `item.` or `sample.` |
| `{{item.größe}}` `{{item.icd-10}}` | a key is any text without blanks, quotes, dots, brackets, braces |
| a key that holds a dot or a blank | not reachable; `item.a.b` is always `b` inside `a` |
| `{{item.a[-1]}}` `{{item.a["b"]}}` `{{item.a[*]}}` | syntax error: an index is a whole number from 0 |
| `{{item.a.0}}` | the key `"0"`; a list takes only `[0]` |
| `{{item.text[0]}}` on a string | missing: a string has no parts |
| a key whose value is null | `null`; null is a value, not a missing key |
| a key or index that is not there | `TemplateError`; `item` is the data's fault, `sample` the output's |
| `{{sample.output_json…}}` of an output that is not JSON | `TemplateError` on `sample` |
| `{{sample.output_tools[0].function.arguments}}` | the JSON string itself; a path below it is missing |
| `{{sample.choices[0].message.content}}` | the output text, as in a chat completion |
| `{{sample.output}}` or another unknown name | syntax error; the five names are fixed |
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Namespace = Literal["item", "sample"]

_Row: TypeAlias = Mapping[str, Any]
_Render: TypeAlias = Callable[[_Row, _Row], str]

SAMPLE_NAMES = ("output_text", "output_json", "output_tools", "choices", "output_audio")
"""What a template may read of a sample (graders guide)."""

_SEGMENT = re.compile(r"""\.([^\s.\[\]{}'"]+)|\[([0-9]{1,9})\]""")
_MAX_COMPILED = 64  # segments; Python's compiler follows a path as deep as it goes
_OPEN = re.compile(r"\{\{(?!\{)")
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class TemplateSyntaxError(ValueError):
    """A template that cannot be parsed.

    Attributes:
        reason: lower case, without the place.
        column: 1-based character in the template text where it goes wrong.
    """

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"column {column}: {reason}")
        self.reason = reason
        self.column = column


class TemplateError(LookupError):
    """A template whose variable is not there in this item or sample.

    Attributes:
        path: the path as written, such as `item.answer`.
        namespace: whose fault it is: the data's (`item`) or the output's (`sample`).
    """

    def __init__(self, path: str, namespace: Namespace, reason: str) -> None:
        super().__init__(f"'{path}': {reason}")
        self.path = path
        self.namespace: Namespace = namespace
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TemplatePath:
    """One variable of a template.

    Attributes:
        text: the path as written, without braces and blanks.
        segments: keys (str) and indexes (int) below the namespace.
        column: 1-based character in the template text where the path starts.
    """

    text: str
    namespace: Namespace
    segments: tuple[str | int, ...]
    column: int

    @property
    def has_index(self) -> bool:
        """Whether the path goes into a list."""
        return any(isinstance(segment, int) for segment in self.segments)

    def resolve(self, root: Mapping[str, Any]) -> Any:
        """Read this path below its namespace's `root`; raises TemplateError when it is not there."""
        value: Any = root
        for depth, segment in enumerate(self.segments):
            expected = dict if isinstance(segment, str) else list
            if not isinstance(value, expected):
                raise TemplateError(self.text, self.namespace, self._no_parts(depth, value))
            try:
                value = value[segment]  # type: ignore[index]
            except (KeyError, IndexError):
                raise TemplateError(self.text, self.namespace, self._absent(depth, value)) from None
        return value

    def _upto(self, depth: int) -> str:
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.segments[:depth])
        return self.namespace + "".join(parts)

    def _no_parts(self, depth: int, value: Any) -> str:
        segment = self.segments[depth]
        wanted = f"no key '{segment}'" if isinstance(segment, str) else f"no index {segment}"
        return f"'{self._upto(depth)}' is {_kind(value)} and has {wanted}"

    def _absent(self, depth: int, value: Any) -> str:
        segment = self.segments[depth]
        if self.namespace == "sample" and depth == 0 and segment == "output_json":
            return "the output is not JSON"
        if isinstance(segment, int):
            return f"'{self._upto(depth)}' has {len(value)} entries, so no index {segment}"
        return f"'{self._upto(depth)}' has no key '{segment}'"


class Template:
    """A parsed template; immutable and safe to share between threads.

    Attributes:
        source: the template text.
        paths: its variables, in order.
        render: (item, sample) -> the text with every variable filled in; `item` is the dataset row,
            `sample` the output as `graders.base.sample_namespace` lays it out. Raises TemplateError
            when a variable is not there.
    """

    __slots__ = ("paths", "render", "source")

    render: _Render

    def __init__(self, source: str, texts: Sequence[str], paths: tuple[TemplatePath, ...]) -> None:
        self.source = source
        self.paths = paths
        self.render = _strict_renderer(texts, paths)
        if sum(len(path.segments) for path in paths) <= _MAX_COMPILED:
            self.render = _compiled_renderer(texts, paths, self.render)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def reads(self, namespace: Namespace) -> bool:
        """Whether any variable comes from this namespace."""
        return any(path.namespace == namespace for path in self.paths)


def _strict_renderer(texts: Sequence[str], paths: tuple[TemplatePath, ...]) -> _Render:
    slots = tuple(zip(paths, texts[1:], strict=True))

    def strictly(item: _Row, sample: _Row) -> str:
        out = texts[0]
        for path, after in slots:
            out += _as_text(path.resolve(item if path.namespace == "item" else sample), path) + after
        return out

    return strictly


# Reads what is there and a string; for all else the strict way writes JSON or says what is missing.
_RENDER = """
def render(item, sample):
    try:
        return None
    except (KeyError, IndexError, TypeError):
        return strictly(item, sample)
"""


def _compiled_renderer(texts: Sequence[str], paths: tuple[TemplatePath, ...], strictly: _Render) -> _Render:
    # A syntax tree and not source text: what a template says gets in as constants, never as code.
    tree = ast.parse(_RENDER)
    answer = next(node for node in ast.walk(tree) if isinstance(node, ast.Return))
    answer.value = _joined(texts, paths)
    names: dict[str, Any] = {"strictly": strictly}
    exec(compile(ast.fix_missing_locations(tree), "<template>", "exec"), names)  # noqa: S102 - from the tree above
    render: _Render = names.pop("render")
    return render


def _joined(texts: Sequence[str], paths: tuple[TemplatePath, ...]) -> ast.expr:
    parts: list[ast.expr] = [ast.Constant(texts[0])] if texts[0] else []
    for path, after in zip(paths, texts[1:], strict=True):
        parts += [_lookup(path), ast.Constant(after)] if after else [_lookup(path)]
    if len(parts) < 2:
        # Adding text takes strings only, and gives a string back as it is.
        return ast.BinOp(parts[0] if parts else ast.Constant(""), ast.Add(), ast.Constant(""))
    # An f-string whose values are not formatted: joining them is what takes strings only.
    return ast.JoinedStr(parts)


def _lookup(path: TemplatePath) -> ast.expr:
    value: ast.expr = ast.Name(path.namespace, ast.Load())
    for segment in path.segments:
        if isinstance(segment, int):
            value = _list_or_none(value)
        value = ast.Subscript(value, ast.Constant(segment), ast.Load())
    return value


def _list_or_none(value: ast.expr) -> ast.expr:
    # `part if (part := value).__class__ is list else None`: a string would give a letter for an index.
    part = ast.NamedExpr(ast.Name("part", ast.Store()), value)
    own_type = ast.Attribute(part, "__class__", ast.Load())
    is_list = ast.Compare(own_type, [ast.Is()], [ast.Name("list", ast.Load())])
    return ast.IfExp(is_list, ast.Name("part", ast.Load()), ast.Constant(None))


def parse_template(text: str) -> Template:
    """Parse template text once, for rendering many times.

    Raises:
        TemplateSyntaxError: a malformed template or unknown namespace, with its column.
    """
    texts: list[str] = []
    paths: list[TemplatePath] = []
    start = 0
    for opening in _OPEN.finditer(text):
        if opening.start() < start:
            continue
        end = text.find("}}", opening.end())
        if end < 0:
            raise TemplateSyntaxError("'{{' is never closed by '}}'", opening.start() + 1)
        paths.append(_parse_path(text[opening.end() : end], opening.end()))
        texts.append(text[start : opening.start()])
        start = end + 2
    return Template(text, [*texts, text[start:]], tuple(paths))


def _parse_path(inner: str, offset: int) -> TemplatePath:
    text = inner.strip(" \t\r\n")
    column = offset + len(inner) - len(inner.lstrip(" \t\r\n")) + 1
    namespace = re.match(r"[^.\[]*", text)
    name = namespace.group() if namespace else ""
    if name not in ("item", "sample"):
        raise TemplateSyntaxError(_unknown_namespace(text, name), column)
    if text == name:
        raise TemplateSyntaxError(f"'{name}' names no field; write '{name}.' and a field's name", column)
    segments = _parse_segments(text, len(name), column)
    if not isinstance(segments[0], str):
        raise TemplateSyntaxError(f"'{name}' has no index; write '{name}.' and a field's name", column)
    if name == "sample" and segments[0] not in SAMPLE_NAMES:
        raise TemplateSyntaxError(_unknown_sample_name(segments[0]), column)
    return TemplatePath(text, "item" if name == "item" else "sample", segments, column)


def _parse_segments(text: str, at: int, column: int) -> tuple[str | int, ...]:
    segments: list[str | int] = []
    while at < len(text):
        match = _SEGMENT.match(text, at)
        if match is None:
            raise TemplateSyntaxError(_bad_segment(text, at), column + at)
        key, index = match.groups()
        segments.append(key if key is not None else int(index))
        at = match.end()
    return tuple(segments)


def _unknown_namespace(text: str, name: str) -> str:
    if not text:
        return "an empty template; a path starts with 'item.' or 'sample.'"
    return f"'{name}' is not a namespace; a path starts with 'item.' or 'sample.'"


def _unknown_sample_name(name: str) -> str:
    near = difflib.get_close_matches(name, SAMPLE_NAMES, n=1, cutoff=0.4)
    tip = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(SAMPLE_NAMES)}"
    return f"sample has no '{name}'; {tip}"


def _bad_segment(text: str, at: int) -> str:
    if text[at] == "[":
        return "an index is a whole number from 0 in brackets, such as [0]"
    return f"'{text[at : at + 20]}' is not part of a path; keys follow a dot and hold no blanks or quotes"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


def _as_text(value: Any, path: TemplatePath) -> str:
    try:
        return _to_json(value) if not isinstance(value, str) else str(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else "is not JSON"
        raise TemplateError(path.text, path.namespace, f"its value {reason}") from None
