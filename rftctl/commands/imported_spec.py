"""From a job at a provider to the run spec that would make it again.

In: a `Job`. Out: `ImportedSpec`: the spec's YAML, the code of its graders in files of their own, and what of
the job a spec cannot say. The YAML is read back strictly before anybody gets it.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from rftctl.errors import InvalidInputError, UsageError
from rftctl.spec import EngineSettings, Hyperparameters
from rftctl.strict_yaml import parse_yaml
from rftctl.text import one_line
from rftctl.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.profiles import Profile
    from rftctl.wire import Job

LOCAL_MODEL = "smollm2-135m"
_SIMPLE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_OWN_METADATA = "rftctl_"


@dataclass(frozen=True)
class ImportedSpec:
    """A spec made from a job.

    Attributes:
        text: the YAML.
        value: the same as plain data.
        sources: file name -> code of a python grader.
        left_out: what the job has and a spec has no key for.
    """

    text: str
    value: dict[str, Any]
    sources: dict[str, bytes]
    left_out: tuple[str, ...]


def imported_spec(job: Job, provider: str, profile: Profile, profiles: Mapping[str, Profile]) -> ImportedSpec:
    """Make the spec of a job.

    Raises:
        UsageError: it is no reinforcement job, or tells no grader.
    """
    method = mapping(job.raw.get("method"))
    reinforcement = mapping(method.get("reinforcement"))
    grader = reinforcement.get("grader")
    if not isinstance(grader, dict):
        kind = one_line(str(method.get("type") or "supervised"))
        raise UsageError(f"job '{job.id}' is a {kind} job without a grader", "import a reinforcement job")
    left_out: list[str] = []
    sources: dict[str, bytes] = {}
    value = {
        "version": 1,
        "name": _name(job),
        "provider": provider,
        "model": job.model,
        "training_file": "train.jsonl",
        "validation_file": "validation.jsonl" if job.validation_file else None,
        "grader": _with_files(copy.deepcopy(grader), ("grader",), sources),
        "response_format": reinforcement.get("response_format"),
        "tools": reinforcement.get("tools"),
        "hyperparameters": _hyperparameters(mapping(reinforcement.get("hyperparameters")), left_out),
        "engine": _engine(job, profile),
        "seed": job.raw.get("seed"),
        "suffix": job.raw.get("user_provided_suffix") or job.raw.get("suffix"),
        "metadata": {k: v for k, v in job.metadata.items() if not k.startswith(_OWN_METADATA)},
        "targets": _targets(job, grader, provider, profiles),
    }
    value = {key: part for key, part in value.items() if part not in (None, {}, [])}
    for key in ("integrations", "max_episode_steps"):
        if job.raw.get(key) or reinforcement.get(key):
            left_out.append(f"{key}: a spec has no key for it; job.json holds it")
    return ImportedSpec(dump_spec(value), value, sources, tuple(left_out))


def dump_spec(value: dict[str, Any]) -> str:
    """Write a spec as YAML that means the same in YAML 1.1 and 1.2.

    Raises:
        InvalidInputError: the strict reader does not get the same back.
    """
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    if parse_yaml(text, Path("spec.yaml")).value != value:
        raise InvalidInputError("the job's settings cannot be written as YAML", "its job.json holds them")
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # What one version of YAML takes for text, another takes for a number or a boolean; quotes settle it.
    is_plain = _SIMPLE.fullmatch(value) and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)


def _name(job: Job) -> str:
    # A run's id is the spec's name and six digits of its launch.
    run_name = re.sub(r"-[0-9a-f]{6}$", "", str(job.metadata.get("rftctl_run") or ""))
    for told in (run_name, job.raw.get("user_provided_suffix"), job.id):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(told or "")).strip("-._")[:64]
        if name:
            return name
    return "imported"


def _with_files(grader: dict[str, Any], keys: tuple[str, ...], sources: dict[str, bytes]) -> dict[str, Any]:
    """Move the code of python graders into files; everything else stays as the provider tells it."""
    source = grader.get("source")
    if grader.get("type") == "python" and isinstance(source, str) and _is_writable(source):
        name = f"{re.sub(r'[^A-Za-z0-9_]+', '_', '_'.join(keys))}.py"
        if name not in sources:
            sources[name] = source.encode()
            return {("source_file" if k == "source" else k): v for k, v in {**grader, "source": name}.items()}
    parts = grader.get("graders")
    if isinstance(parts, dict):
        inside = {
            key: _with_files(part, (*keys, key), sources) if isinstance(part, dict) else part
            for key, part in parts.items()
        }
        return {**grader, "graders": inside}
    return grader


def _is_writable(source: str) -> bool:
    try:
        return bool(source.encode())
    except UnicodeEncodeError:
        return False


def _hyperparameters(told: dict[str, Any], left_out: list[str]) -> dict[str, Any]:
    chosen = {}
    for name, value in told.items():
        if value is None:
            continue
        if name not in Hyperparameters.model_fields:
            left_out.append(f"hyperparameters.{one_line(name)}: a spec has no key for it; job.json holds it")
            continue
        is_whole = isinstance(value, float) and value.is_integer() and "multiplier" not in name
        chosen[name] = int(value) if is_whole else value
    return chosen


def _engine(job: Job, profile: Profile) -> dict[str, Any]:
    if not profile.accepts_engine:
        return {}
    told = mapping(mapping(job.raw.get("rftctl")).get("engine"))
    return {name: value for name, value in told.items() if name in EngineSettings.model_fields}


def _targets(
    job: Job, grader: dict[str, Any], provider: str, profiles: Mapping[str, Profile]
) -> dict[str, dict[str, str]]:
    """Name the other places where this could run today."""
    today, kind = datetime.now(UTC).date(), grader.get("type")
    targets = {
        name: {"provider": name}
        for name, profile in profiles.items()
        if name != provider
        and not profile.has_any_model
        and profile.offers_model(job.model, today)
        and kind in profile.grader_types
    }
    for name, profile in profiles.items():
        if profile.accepts_engine and name != provider and kind in profile.grader_types:
            targets[name] = {"provider": name, "model": LOCAL_MODEL}
    return targets
