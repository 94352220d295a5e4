"""Lay a target and command-line settings over a spec.

In: the spec's plain data, a target's name, `KEY=VALUE` settings. Out: the merged data, and where each
key came from, so that a finding points at the overlay and not at what it replaced.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.strict_yaml import parse_scalar
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.strict_yaml import Key, YamlDocument

MERGED_KEYS = frozenset({"hyperparameters", "engine", "budget", "watch", "evaluate", "metadata"})
"""Keys whose parts a target overlays one by one; a grader or a format is replaced whole."""


@dataclass
class Layers:
    """A spec's data under its overlays.

    Attributes:
        value: the merged data, without `targets`.
        target: the target laid over it, or None.
        findings: what is wrong with the overlays themselves.
    """

    document: YamlDocument
    value: dict[str, Any]
    target: str | None = None
    settings: dict[tuple[Key, ...], Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def place(self, *keys: Key, of_key: bool = False) -> Place:
        """Point at what decided the value under these keys: a setting, the target, or the spec itself."""
        keys = self._written(keys)
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.settings:
                return self.settings[keys[:end]]
        if self.target is not None and keys and self._is_overlaid(keys):
            return self.document.place("targets", self.target, *keys, of_key=of_key)
        return self.document.place(*keys, of_key=of_key)

    def _written(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        """Name the key that stands in the spec: text that came from a file stands there as `NAME_file`."""
        value: Any = self.value
        for at, key in enumerate(keys):
            if isinstance(value, dict) and key not in value and f"{key}_file" in value:
                return (*keys[:at], f"{key}_file")
            has_key = key in value if isinstance(value, dict) else isinstance(value, list)
            if not has_key or (isinstance(key, int) and key >= len(value)):
                return keys
            value = value[key]
        return keys

    def origin(self, *keys: Key) -> str:
        """Name what decided the value under these keys: `setting`, `target`, `spec`, or `default`."""
        value: Any = self.value
        for key in keys:
            has_key = key in value if isinstance(value, dict) else isinstance(value, list)
            if not has_key:
                return "default"
            value = value[key]
        if any(keys[:end] in self.settings for end in range(len(keys), 0, -1)):
            return "setting"
        return "target" if self.target is not None and self._is_overlaid(keys) else "spec"

    def is_dropped(self, *keys: Key) -> bool:
        """Whether the target takes away what the spec says under these keys, by a null."""
        overlay: Any = self.document.value["targets"][self.target] if self.target is not None else {}
        for key in keys:
            if not isinstance(overlay, dict) or key not in overlay:
                return False
            overlay = overlay[key]
        return overlay is None

    def _is_overlaid(self, keys: tuple[Key, ...]) -> bool:
        overlay = self.document.value["targets"][self.target]
        if keys[0] not in overlay:
            return False
        return keys[0] not in MERGED_KEYS or len(keys) < 2 or keys[1] in (overlay[keys[0]] or {})


def lay_over(document: YamlDocument, target: str | None, settings: Mapping[str, str]) -> Layers:
    """Merge a target and settings into a spec's data.

    Raises:
        InvalidInputError: the target is not one of the spec's.
    """
    value = {key: part for key, part in document.value.items() if key != "targets"}
    layers = Layers(document, value)
    if target is not None:
        layers.value = merge(value, _overlay(document, target))
        layers.target = target
    for name, text in settings.items():
        _set(layers, name, text)
    return layers


def merge(value: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one target's keys over a spec's data; a null takes the key away."""
    merged = dict(value)
    for key, part in overlay.items():
        old = merged.get(key)
        if key in MERGED_KEYS and isinstance(old, dict) and isinstance(part, dict):
            part = _without_nulls({**old, **part})
        merged[key] = part
    return _without_nulls(merged)


def suggest(name: object, known: list[str]) -> str:
    """Say `did you mean 'x'?`, or list what there is."""
    text = str(name)
    longer = [word for word in known if len(text) > 2 and word.startswith(text)]
    close = longer if len(longer) == 1 else difflib.get_close_matches(text, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(sorted(known))}" if known else ""


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if part is not None}


def _overlay(document: YamlDocument, target: str) -> dict[str, Any]:
    targets = document.value.get("targets")
    known = (
        [name for name, part in targets.items() if isinstance(part, dict)]
        if isinstance(targets, dict)
        else []
    )
    if isinstance(targets, dict) and target in known:
        overlay: dict[str, Any] = targets[target]
        return overlay
    hint = suggest(target, known) or "add it under `targets:`"
    message = f"target '{one_line(target)}' is not one of this spec's"
    finding = Finding("RFT125", Level.ERROR, document.place("targets"), message, hint)
    raise InvalidInputError(f"{finding.place}: {message}", hint, findings=[finding])


def _set(layers: Layers, name: str, text: str) -> None:
    keys = tuple(name.split("."))
    place = Place(f"--set {one_line(name)}")
    layers.settings[keys] = place
    try:
        value = parse_scalar(text)
        layers.value = _put(layers.value, keys, value)
    except InvalidInputError as error:
        message = f"setting '{one_line(name)}' has the value '{one_line(text)}', which is no YAML value"
        layers.findings.append(Finding("RFT126", Level.ERROR, place, message, error.hint))
    except _NotAMappingError:
        message = f"setting '{one_line(name)}' goes through a value that is no mapping"
        layers.findings.append(Finding("RFT126", Level.ERROR, place, message, "check the keys"))


class _NotAMappingError(Exception):
    """A dotted name leads through something that has no keys."""


def _put(value: Any, keys: tuple[str, ...], part: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _NotAMappingError
    if len(keys) > 1:
        part = _put(value.get(keys[0]) or {}, keys[1:], part)
    return {**value, keys[0]: part}
