"""Show the one spec that a target, settings and defaults make.

In: a spec's path, a target, settings. Out: `ResolvedReport`, the document `rftctl.resolved/1`, whose `text`
is YAML with the origin of each value behind it. Only the spec is read: not a row, and nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rftctl.errors import ExitCode
from rftctl.finding import Place
from rftctl.home import Home, open_home
from rftctl.spec.load import draft_spec
from rftctl.spec.resolved import Resolved
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rftctl.profiles import Profile
    from rftctl.spec.resolved import ResolvedValue


@dataclass(frozen=True)
class ResolvedReport:
    """A spec as it is in force.

    Attributes:
        sha256: of the spec and its grader, as runs record it.
        values: every value, given or default, with its origin.
        text: the same as YAML, which loads to the same spec when it lies in the same folder.
    """

    path: str
    target: str | None
    sha256: str
    values: tuple[ResolvedValue, ...]
    text: str
    exit_code: ExitCode = ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.resolved/1`."""
        return {
            "schema": "rftctl.resolved/1",
            "path": self.path,
            "target": self.target,
            "sha256": self.sha256,
            "values": [value.to_json() for value in self.values],
            "yaml": self.text,
        }


def resolve(
    spec_file_path: Path,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] = MappingProxyType({}),
    home: Home | None = None,
) -> ResolvedReport:
    """Resolve a spec.

    Raises:
        InvalidInputError: it is not valid; carries all its findings.
    """
    draft = draft_spec(spec_file_path, target=target, overrides=overrides)
    spec_file = draft.finish()
    resolved = Resolved(draft.layers, _profile(spec_file.spec.provider, home or open_home()))
    path = Place.of(spec_file_path).path
    return ResolvedReport(
        path,
        target,
        spec_file.sha256,
        tuple(resolved.values()),
        _heading(path, target, len(overrides)) + resolved.yaml(),
    )


def _profile(provider: str, home: Home) -> Profile | None:
    from rftctl.errors import InvalidInputError
    from rftctl.providers import profile_of

    try:
        return profile_of(provider, home)
    except InvalidInputError:
        # That the provider is unknown is for validation to say.
        return None


def _heading(path: str, target: str | None, n_settings: int) -> str:
    added = ([f"target '{one_line(target)}'"] if target else []) + (
        [plural(n_settings, "setting")] if n_settings else []
    )
    made = " with ".join([one_line(path), " and ".join(added)] if added else [one_line(path)])
    return (
        f"# {made}, as it is in force.\n"
        "# Behind each value is what decided it. What stands in comments are defaults, in force as well.\n"
        "# Paths are relative to that file's folder: keep a copy of this beside it.\n"
    )
