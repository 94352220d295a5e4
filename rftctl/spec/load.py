"""Load a run spec from its file.

In: a YAML file, a target's name, `KEY=VALUE` settings. Out: `SpecFile`, or InvalidInputError that
carries every finding RFT1xx of the spec, each at its line and column. Nothing in a spec is expanded:
`${NAME}` stays text and is refused, since a spec may come from a stranger's pull request.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place, has_errors
from rftctl.spec.explain import explain_errors
from rftctl.spec.files import FileFinder, find_root, inline_files, named_files
from rftctl.spec.model import RunSpec
from rftctl.spec.overlay import Layers, lay_over, merge
from rftctl.spec.secrets import has_secret
from rftctl.strict_yaml import YamlDocument, read_yaml
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rftctl.strict_yaml import Key

FILE_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "training_file": ("training_file",),
        "validation_file": ("validation_file",),
        "test_file": ("evaluate", "test_file"),
        "cases": ("cases",),
    }
)
"""The data files a spec may name, and the keys that name them."""

_VARIABLE = re.compile(r"\$\{[A-Za-z_]")


@dataclass(frozen=True)
class SpecFile:
    """A valid spec and where it came from.

    Attributes:
        spec: the settings, target and `--set` values laid over them.
        grader: the API's grader JSON, the text of every `*_file` in place.
        sha256: of `spec` and `grader` as canonical JSON; equal for equal runs.
        root: the folder outside of which no file may lie.
        target: the overlay in force, or None.
        findings: warnings of the spec itself.
    """

    path: Path
    spec: RunSpec
    grader: dict[str, Any]
    sha256: str
    root: Path
    target: str | None = None
    findings: tuple[Finding, ...] = ()
    _layers: Layers | None = field(default=None, repr=False, compare=False)
    _files: Mapping[str, Path] = field(default_factory=dict, repr=False)

    def file(self, name: str) -> Path | None:
        """Name the absolute path of `training_file`, `validation_file`, `test_file` or `cases`, if given."""
        if name not in FILE_KEYS:
            raise KeyError(name)
        return self._files.get(name)

    def place(self, *keys: Key, of_key: bool = False) -> Place:
        """Point at the value under these keys, or at the key itself; for findings."""
        return self._layers.place(*keys, of_key=of_key) if self._layers else Place.of(self.path)


@dataclass(frozen=True)
class SpecDraft:
    """A spec read as far as it can be, right or wrong; for checks that want to say everything at once.

    Attributes:
        spec: None when the keys and values are not those of a spec.
        grader: with the text of every `*_file` in place, or None when that failed.
        files: the data files that were found.
        findings: everything wrong so far.
    """

    path: Path
    layers: Layers
    root: Path
    spec: RunSpec | None
    grader: dict[str, Any] | None
    files: Mapping[str, Path]
    findings: tuple[Finding, ...]

    def finish(self) -> SpecFile:
        """Return the spec if nothing is wrong with it.

        Raises:
            InvalidInputError: carries all findings of the spec.
        """
        if self.spec is None or self.grader is None or has_errors(self.findings):
            raise _refusal(self.findings)
        digest, target = _digest(self.spec, self.grader), self.layers.target
        return SpecFile(
            self.path,
            self.spec,
            self.grader,
            digest,
            self.root,
            target,
            self.findings,
            self.layers,
            self.files,
        )


@dataclass(frozen=True, slots=True)
class NamedFiles:
    """The files that a spec names in any of its targets, as far as they are there; absolute paths.

    Attributes:
        rows: training, validation and test files.
        cases: files of sample outputs.
        texts: what graders name, such as their code.
    """

    rows: tuple[Path, ...]
    cases: tuple[Path, ...]
    texts: tuple[Path, ...]


def files_of(draft: SpecDraft) -> NamedFiles:
    """List every file that a spec names, those of its targets too."""
    document, finder = draft.layers.document, FileFinder(draft.path.resolve().parent, draft.root)
    targets = document.value.get("targets")
    overlays = (
        [part for part in targets.values() if isinstance(part, dict)] if isinstance(targets, dict) else []
    )
    found: dict[str, list[Path]] = {"rows": [], "cases": [], "texts": []}
    for value in (draft.layers.value, document.value, *overlays):
        layers = Layers(document, value)
        for name, path in _find_files(layers, finder)[0].items():
            found["cases" if name == "cases" else "rows"].append(path)
        found["texts"] += named_files(value.get("grader"), finder, document.place, ("grader",))
    return NamedFiles(**{kind: tuple(dict.fromkeys(paths)) for kind, paths in found.items()})


def load_spec(
    path: Path, *, target: str | None = None, overrides: Mapping[str, str] = MappingProxyType({})
) -> SpecFile:
    """Load a spec, lay a target and `KEY=VALUE` settings over it, and resolve the files it names.

    Args:
        target: a key of the spec's `targets`.
        overrides: dotted key -> YAML text, such as `hyperparameters.n_epochs` -> `3`.

    Raises:
        InvalidInputError: carries all findings of the spec.
    """
    return draft_spec(path, target=target, overrides=overrides).finish()


def draft_spec(
    path: Path, *, target: str | None = None, overrides: Mapping[str, str] = MappingProxyType({})
) -> SpecDraft:
    """Read a spec as far as it can be; arguments as for `load_spec`.

    Raises:
        InvalidInputError: the file is not a mapping in strict YAML, or has no such target.
    """
    document = read_yaml(path)
    if not isinstance(document.value, dict):
        message, hint = "a spec is a mapping of keys", "start with `version: 1`"
        raise _refusal([Finding("RFT111", Level.ERROR, document.place(), message, hint)])
    layers = lay_over(document, target, overrides)
    spec, findings = _validate(layers)
    findings += [*layers.findings, *_text_findings(layers), *_target_findings(document, layers)]
    finder = FileFinder(path.resolve().parent, find_root(path))
    files, file_findings = _find_files(layers, finder)
    grader, grader_findings = _inline_grader(layers, finder)
    findings = _sorted([*findings, *file_findings, *grader_findings])
    return SpecDraft(path, layers, finder.root, spec, grader, files, tuple(findings))


def _validate(layers: Layers) -> tuple[RunSpec | None, list[Finding]]:
    value = dict(layers.value)
    if "targets" in layers.document.value:
        value["targets"] = layers.document.value["targets"]
    try:
        return RunSpec.model_validate_json(json.dumps(value)), []
    except ValidationError as error:
        return None, explain_errors(error, value, layers.place)


def _target_findings(document: YamlDocument, layers: Layers) -> list[Finding]:
    """Check the overlays that are not in force, so that a broken one does not wait for its day."""
    targets = document.value.get("targets")
    if not isinstance(targets, dict):
        return []
    findings: list[Finding] = []
    base = {key: part for key, part in document.value.items() if key != "targets"}
    for name, overlay in targets.items():
        if name == layers.target or not isinstance(overlay, dict):
            continue
        try:
            RunSpec.model_validate_json(json.dumps(merge(base, overlay)))
        except ValidationError as error:
            other = Layers(document, merge(base, overlay), name)
            inside = document.positions_below("targets", name)
            found = explain_errors(error, other.value, other.place)
            findings += [f for f in found if (f.place.line, f.place.column) in inside]
    return findings


def _text_findings(layers: Layers) -> list[Finding]:
    """Look through every text of the spec, targets included, and of the settings laid over it."""
    document, findings = layers.document, []
    texts = [(keys, text, document.place(*keys)) for keys, text in _strings(document.value, ())]
    texts += [
        (keys, text, layers.place(*keys))
        for keys, text in _strings(layers.value, ())
        if any(keys[: len(setting)] == setting for setting in layers.settings)
    ]
    for keys, text, place in texts:
        if _VARIABLE.search(text) and keys[:1] != ("grader",):
            message = f"{_dotted(keys)} holds '${{', and nothing is expanded in a spec"
            hint = "write the value, or set it with --set"
            findings.append(Finding("RFT124", Level.ERROR, place, message, hint))
        if has_secret(text):
            message = f"{_dotted(keys)} looks like a secret key"
            hint = "delete it and revoke the key; keys come from the environment"
            findings.append(Finding("RFT136", Level.ERROR, place, message, hint))
    return findings


def _strings(value: Any, keys: tuple[Key, ...]) -> Iterator[tuple[tuple[Key, ...], str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield from _strings(part, (*keys, key))


def _dotted(keys: tuple[Key, ...]) -> str:
    return ".".join(str(key) for key in keys) or "the spec"


def _find_files(layers: Layers, finder: FileFinder) -> tuple[dict[str, Path], list[Finding]]:
    files: dict[str, Path] = {}
    findings: list[Finding] = []
    for name, keys in FILE_KEYS.items():
        value: Any = layers.value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str) or _VARIABLE.search(value):
            continue
        found = finder.find(value, layers.place(*keys))
        if isinstance(found, Finding):
            findings.append(found)
        else:
            findings += _shared_file(name, found, files, layers.place(*keys))
            files[name] = found
    return files, findings


def _shared_file(name: str, path: Path, files: Mapping[str, Path], place: Place) -> list[Finding]:
    other = next((key for key, known in files.items() if known == path), None)
    if other is None:
        return []
    message = f"{name} and {other} are the same file"
    return [
        Finding("RFT134", Level.ERROR, place, message, "split the rows; a reward on rows seen proves nothing")
    ]


def _inline_grader(layers: Layers, finder: FileFinder) -> tuple[dict[str, Any] | None, list[Finding]]:
    grader = layers.value.get("grader")
    if not isinstance(grader, dict):
        return None, []
    inlined, findings = inline_files(grader, finder, layers.place)
    return (None if findings else inlined), findings


def _digest(spec: RunSpec, grader: dict[str, Any]) -> str:
    content = {"spec": spec.model_dump(mode="json", exclude={"targets", "grader"}), "grader": grader}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sorted(findings: list[Finding]) -> list[Finding]:
    unique = list(dict.fromkeys(findings))
    return sorted(unique, key=lambda f: (f.place.path, f.place.line or 0, f.place.column or 0, f.code))


def _refusal(findings: Sequence[Finding]) -> InvalidInputError:
    first = next(finding for finding in findings if finding.level is Level.ERROR)
    more = len(findings) - 1
    message = f"{first.place}: {first.message}" + (f" (and {plural(more, 'more finding')})" if more else "")
    return InvalidInputError(message, first.hint, findings=findings)
