"""What the checks of all grader types share: a collector that knows where every key stands.

In: a grader's config and a `place`, a callable from key path to `Place` (the empty path is the
grader itself). Out: findings. One `Checker` checks one grader; `inside` goes down to a part of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rftctl.finding import Finding, Level, Place
from rftctl.template import Template, TemplateSyntaxError, parse_template
from rftctl.text import one_line

KeyPath: TypeAlias = tuple[str | int, ...]
PlaceOf: TypeAlias = Callable[[KeyPath], Place]

_LONGEST = 1000


@dataclass(slots=True)
class Checker:
    """Collects what is wrong with one grader's config."""

    config: dict[str, Any]
    place: PlaceOf
    path: KeyPath = ()
    findings: list[Finding] = field(default_factory=list)
    place_of_key: PlaceOf | None = None

    def inside(self, config: dict[str, Any], *path: str | int) -> Checker:
        """Check a part of this grader; findings go to the same list."""
        return Checker(config, self.place, (*self.path, *path), self.findings, self.place_of_key)

    def label(self, *path: str | int) -> str:
        """Name a key as the messages do: `grader.graders.a.operation`."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*self.path, *path))
        return "grader" + "".join(parts)

    def error(self, code: str, path: KeyPath, message: str, hint: str = "", *, of_key: bool = False) -> None:
        """Add an error at a key; the message goes after the key's name.

        Args:
            of_key: the key itself is wrong, not its value, so the finding points at the key.
        """
        self._add(code, Level.ERROR, path, message, hint, of_key)

    def warning(
        self, code: str, path: KeyPath, message: str, hint: str = "", *, of_key: bool = False
    ) -> None:
        """Add a warning at a key."""
        self._add(code, Level.WARNING, path, message, hint, of_key)

    def note(self, code: str, path: KeyPath, message: str, hint: str = "", *, of_key: bool = False) -> None:
        """Add a note at a key."""
        self._add(code, Level.NOTE, path, message, hint, of_key)

    def _add(self, code: str, level: Level, path: KeyPath, message: str, hint: str, of_key: bool) -> None:
        # Messages and hints quote what the user wrote, control characters included.
        text = one_line(f"{self.label(*path)} {message}", limit=_LONGEST)
        place = self.place_of_key if of_key and self.place_of_key else self.place
        self.findings.append(
            Finding(code, level, place((*self.path, *path)), text, one_line(hint, limit=_LONGEST))
        )

    def keys(self, required: Iterable[str], optional: Iterable[str], ignored: Iterable[str] = ()) -> None:
        """Report missing, unknown and ineffective keys."""
        for key in required:
            if self.config.get(key) is None:
                self.error("RFT302", (), f"has no '{key}'", f"add '{key}'")
        known = ("type", *required, *optional)
        for key in self.config:
            if key in ignored:
                hint = "delete it, or keep it for evals"
                self.note(
                    "RFT305", (key,), "is for evals only and never changes the reward", hint, of_key=True
                )
            elif key not in known:
                hint = suggestion(key, known)
                self.warning("RFT304", (key,), "is not a key of this grader type", hint, of_key=True)

    def named(self) -> None:
        """Advise a name where the guide's own samples leave it out and the API's schema wants one."""
        if "name" not in self.config:
            # A note: jobs without it are taken, and the guide's own samples leave it out.
            self.note("RFT302", (), "has no 'name'", "add 'name'; the API's schema asks for it")

    def text(self, key: str) -> str | None:
        """Give a string value; reports another type. None when absent or wrong."""
        value = self.config.get(key)
        if value is None or isinstance(value, str):
            return value
        self.error("RFT303", (key,), f"is {kind(value)}, not a string", "put it in quotes")
        return None

    def template(self, key: str) -> Template | None:
        """Give a parsed template; reports a wrong type or syntax."""
        text = self.text(key)
        return None if text is None else self.template_text(text, (key,))

    def template_text(self, text: str, path: KeyPath) -> Template | None:
        """Parse template text that stands at `path`; reports its syntax error."""
        try:
            return parse_template(text)
        except TemplateSyntaxError as error:
            hint = "write {{item.FIELD}} or {{sample.output_text}}"
            self.error("RFT320", path, f"column {error.column}: {one_line(error.reason)}", hint)
            return None

    def choice(self, key: str, allowed: Iterable[str], code: str, renamed: dict[str, str]) -> str | None:
        """Give a value that must be one of `allowed`; `renamed` maps common slips to it."""
        value = self.text(key)
        allowed = tuple(allowed)
        if value is None or value in allowed:
            return value
        right = renamed.get(value.lower())
        hint = f"use '{right}'" if right else suggestion(value, allowed)
        self.error(code, (key,), f"is '{one_line(value)}', which does not exist", hint)
        return None

    def varies(self, templates: Iterable[Template | None]) -> None:
        """Warn when no template reads the sample: a constant reward teaches nothing."""
        parsed = list(templates)
        if None not in parsed and not any(template and template.reads("sample") for template in parsed):
            hint = "put {{sample.output_text}} or {{sample.output_json.…}} where the output belongs"
            self.warning("RFT314", (), "reads nothing of the sample", hint)


def suggestion(value: object, allowed: Iterable[str]) -> str:
    """Say what was probably meant, or what there is."""
    allowed = tuple(allowed)
    near = difflib.get_close_matches(str(value).lower(), allowed, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"one of {', '.join(allowed)}"


def kind(value: object) -> str:
    """Name a JSON value's type with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", tuple: "a list"}
    return names.get(type(value), "an object")
