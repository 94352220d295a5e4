"""The one spec that a target, settings and defaults make, and where each of its values comes from.

In: a spec's layers, the spec they make, the provider's profile. Out: `ResolvedValue`s, and YAML with the
origin behind each value. That YAML loads to the same spec: defaults stand in comments, since a default that
is written out would count as set, and go to providers that do not know the key. Secrets are never written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError
from rftctl.spec.explain import model_in
from rftctl.spec.model import RunSpec
from rftctl.spec.secrets import has_secret, names_secret
from rftctl.strict_yaml import parse_scalar
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from rftctl.profiles import Profile
    from rftctl.spec.overlay import Layers
    from rftctl.strict_yaml import Key

MASK = "***"
_COMMENT_COLUMN = 44
_PLAIN = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~-]*(?: [A-Za-z0-9_./~-]+)*")
_TO_ESCAPE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class ResolvedValue:
    """One value of the spec.

    Attributes:
        origin: `setting`, `target`, `spec` or `default`.
        place: the line and column that decided it, the setting, or "" for a default.
        note: what else is to be said, such as what a provider makes of `auto`.
    """

    keys: tuple[Key, ...]
    value: Any
    origin: str
    place: str = ""
    note: str = ""

    @property
    def comment(self) -> str:
        """Say where the value comes from, on one line."""
        by = {"target": "target, ", "default": "default"}.get(self.origin, "")
        return "; ".join(part for part in (f"{by}{self.place}", self.note) if part)

    def to_json(self) -> dict[str, Any]:
        """Return the value with its origin as a flat dict."""
        return {
            "keys": list(self.keys),
            "value": self.value,
            "origin": self.origin,
            "place": self.place or None,
            "note": self.note,
        }


@dataclass(frozen=True)
class Resolved:
    """A valid spec with its layers."""

    layers: Layers
    profile: Profile | None

    def values(self) -> Iterator[ResolvedValue]:
        """Yield every value, given or default, in the order of the documentation."""
        yield from self._part(self.layers.value, RunSpec, ())

    def yaml(self) -> str:
        """Write the spec as YAML, each value with its origin behind it."""
        lines = self._mapping(self.layers.value, RunSpec, (), "", is_comment=False)
        return "\n".join(lines) + "\n"

    def _part(
        self, value: Mapping[str, Any], model: type[BaseModel] | None, keys: tuple[Key, ...]
    ) -> Iterator[ResolvedValue]:
        for name in _names(value, model):
            below = (*keys, name)
            inner, default = _field(model, name)
            if name in value:
                yield from self._leaves(value[name], inner, below)
            elif inner is not None and not isinstance(default, list):
                yield from self._part({}, inner, below)
            else:
                yield self._value(below, default)

    def _leaves(
        self, value: Any, model: type[BaseModel] | None, keys: tuple[Key, ...]
    ) -> Iterator[ResolvedValue]:
        if isinstance(value, dict) and (value or model):
            yield from self._part(value, model, keys)
        elif isinstance(value, list) and value:
            for index, part in enumerate(value):
                yield from self._leaves(part, model, (*keys, index))
        else:
            yield self._value(keys, value)

    def _value(self, keys: tuple[Key, ...], value: Any) -> ResolvedValue:
        origin = self.layers.origin(*keys)
        place = "" if origin == "default" else one_line(str(self.layers.place(*keys)))
        notes = []
        if origin == "default" and self.layers.is_dropped(*keys):
            notes.append("the target takes the spec's value away")
        if keys[0] == "hyperparameters" and value == "auto":
            notes.append(self._auto(str(keys[1])))
        return ResolvedValue(keys, _masked(keys, value), origin, place, "; ".join(notes))

    def _auto(self, name: str) -> str:
        profile = self.profile
        if profile is None:
            return "the provider chooses"
        if name not in profile.hyperparameters:
            return f"{profile.name} does not document it ({profile.evidence})"
        limit = profile.hyperparameters[name]
        return f"{profile.name} chooses{f', {limit}' if limit else ''} ({profile.evidence})"

    def _mapping(
        self,
        value: Mapping[str, Any],
        model: type[BaseModel] | None,
        keys: tuple[Key, ...],
        indent: str,
        *,
        is_comment: bool,
    ) -> Iterator[str]:
        for name in _names(value, model):
            below, (inner, default) = (*keys, name), _field(model, name)
            is_default = name not in value
            head = f"{'# ' if is_default and not is_comment else ''}{indent}{_scalar(name)}:"
            if is_default and inner is not None and not isinstance(default, list):
                yield head
                lines = self._mapping({}, inner, below, f"{indent}  ", is_comment=True)
                yield from (f"# {line}" if not is_comment else line for line in lines)
            else:
                part = default if is_default else value[name]
                yield from self._node(head, part, None if is_default else inner, below, f"{indent}  ")

    def _node(
        self, head: str, value: Any, model: type[BaseModel] | None, keys: tuple[Key, ...], indent: str
    ) -> Iterator[str]:
        if isinstance(value, dict) and value:
            yield head
            yield from self._mapping(value, model, keys, indent, is_comment=False)
        elif isinstance(value, list) and value:
            yield head
            for index, part in enumerate(value):
                yield from self._item(part, model, (*keys, index), indent)
        else:
            found = self._value(keys, value)
            text, *rest = _written(found.value, indent)
            yield f"{f'{head} {text}':<{_COMMENT_COLUMN}}  # {found.comment}"
            yield from rest

    def _item(
        self, value: Any, model: type[BaseModel] | None, keys: tuple[Key, ...], indent: str
    ) -> Iterator[str]:
        if not (isinstance(value, dict | list) and value):
            yield from self._node(f"{indent}-", value, model, keys, f"{indent}  ")
            return
        lines = (
            self._mapping(value, model, keys, f"{indent}  ", is_comment=False)
            if isinstance(value, dict)
            else self._node("", value, model, keys, f"{indent}  ")
        )
        # A dash on a line of its own: comments of defaults may stand between it and the first key.
        yield f"{indent}-"
        yield from (line for line in lines if line)


def _names(value: Mapping[str, Any], model: type[BaseModel] | None) -> list[str]:
    known = [name for name in model.model_fields if name != "targets"] if model else []
    return [*known, *(name for name in value if name not in known)]


def _field(model: type[BaseModel] | None, name: str) -> tuple[type[BaseModel] | None, Any]:
    field = model.model_fields.get(name) if model else None
    if field is None:
        return None, None
    default = (
        field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else None
    )
    return model_in(field.annotation), list(default) if isinstance(default, tuple) else default


def _masked(keys: tuple[Key, ...], value: Any) -> Any:
    is_secret = isinstance(value, str) and (
        has_secret(value) or (keys[0] == "metadata" and names_secret(str(keys[-1])))
    )
    return MASK if is_secret else value


def _written(value: Any, indent: str) -> list[str]:
    if isinstance(value, str) and _is_block(value):
        chomp = "" if value.endswith("\n") else "-"
        return [f"|{chomp}", *(f"{indent}{line}" if line else "" for line in value.rstrip("\n").split("\n"))]
    return [_scalar(value)]


def _is_block(text: str) -> bool:
    """Whether text reads the same from a literal block as from a quoted string."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and not text.endswith("\n\n")
        and lines[0][:1] not in ("", " ", "\t")
        and text.replace("\n", "").replace("\t", "").isprintable()
    )


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and _reads_as_itself(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match.group()):04x}", quoted)


def _reads_as_itself(text: str) -> bool:
    try:
        return bool(parse_scalar(text) == text)
    except InvalidInputError:
        return False
