"""What each provider offers, as dated facts.

In: the packaged `profiles.yaml`, and the user's own file laid over it. Out: `Profile`.
Code asks a profile and never compares a provider's name; a fact that changed is corrected in a file.
"""

from __future__ import annotations

import difflib
import re
from datetime import date  # noqa: TC003  msgspec reads the annotations
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from rftctl.errors import InvalidInputError
from rftctl.finding import Finding, Level, Place
from rftctl.strict_yaml import YamlDocument, read_yaml
from rftctl.text import one_line

_PACKAGED = Path(__file__).with_name("profiles.yaml")
_AT_PATH = re.compile(r"at `\$([^`]*)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_UNKNOWN_KEY = re.compile(r"unknown field `([^`]*)`")


class ModelFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of a provider.

    Attributes:
        retires_on: first day on which it cannot be used for this any more, or None.
        note: who gets it and how, when not everybody does.
        context_tokens: tokens of a prompt that it reads at most, or None when that is not published.
        tokenizer: "o200k_base", or the path of a tokenizer.json; "" when there is none to count with.
    """

    id: str
    retires_on: date | None = None
    note: str = ""
    context_tokens: int | None = None
    tokenizer: str = ""


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of a number, both included; None leaves a side open."""

    min: float | None = None
    max: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        if self.min is None or self.max is None:
            return f"{self.min:g} or more" if self.max is None else f"{self.max:g} or less"
        return f"{self.min:g} to {self.max:g}"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a job takes; None where no limit is published."""

    min_training_rows: int | None = None
    max_training_rows: int | None = None
    max_validation_rows: int | None = None
    max_file_bytes: int | None = None
    max_images_per_row: int | None = None
    max_image_bytes: int | None = None
    image_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif")
    takes_image_links: bool = True


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one provider offers.

    Attributes:
        models: base models that RFT jobs may name.
        has_any_model: it takes models that are not listed too (a folder, a hub id).
        grader_types, inner_grader_types: types for a job's grader, and further ones inside a multi.
        judge_models: models that model graders may name; empty when it has no judges of its own.
        hyperparameters: the documented ones with their ranges; None where any value of the wire goes.
        roles, last_roles, part_types: what its dataset rows may hold.
        can_run_graders: it has graders/run and graders/validate.
        accepts_engine: it understands the `rftctl` key of a request.
        usd_per_training_hour: None when it is billed and no price was found.
        step_seconds: seconds of a training step, low and high, for estimates; None when unknown.
        pauses_at_usd: it pauses jobs by itself at this cost.
        ends_on: first day on which it takes no more jobs, or None.
        poll_s: seconds between two looks at a job.
        request_keys: further keys of every create request, as the provider wants them.
        needs_deployment: a tuned model answers only once its user has deployed it.
        shows_flat_response_format: its own documents show the form without `json_schema` around it.
        source, checked_on: where the facts come from, and the day (ISO) they were read.
    """

    name: str
    title: str
    source: str
    checked_on: str
    models: tuple[ModelFacts, ...] = ()
    has_any_model: bool = False
    grader_types: tuple[str, ...] = ()
    inner_grader_types: tuple[str, ...] = ()
    judge_models: tuple[ModelFacts, ...] = ()
    hyperparameters: dict[str, Range | None] = {}
    limits: Limits = Limits()
    roles: tuple[str, ...] = ("developer", "system", "user", "assistant", "tool")
    last_roles: tuple[str, ...] = ("user",)
    part_types: tuple[str, ...] = ("text",)
    needs_validation_file: bool = False
    can_pause: bool = True
    can_run_graders: bool = True
    accepts_engine: bool = False
    accepts_suffix: bool = True
    accepts_temperature: bool = True
    is_billed: bool = True
    usd_per_training_hour: float | None = None
    step_seconds: tuple[float, float] | None = None
    pauses_at_usd: float | None = None
    ends_on: date | None = None
    poll_s: float = 30.0
    request_keys: dict[str, Any] = {}
    needs_deployment: bool = False
    shows_flat_response_format: bool = False

    def find_model(self, model: str) -> ModelFacts | None:
        """Return the facts of a base model; a fine-tune of it (`ft:MODEL:…`, `MODEL.ft-…`) counts as it."""
        base = model.removeprefix("ft:").split(":")[0].split(".ft-")[0]
        return next((facts for facts in self.models if facts.id in (model, base)), None)

    def offers_model(self, model: str, today: date) -> bool:
        """Whether a job on this model would be taken on that day, as far as is known."""
        if self.ends_on is not None and today >= self.ends_on:
            return False
        facts = self.find_model(model)
        if facts is None:
            return self.has_any_model
        return facts.retires_on is None or today < facts.retires_on

    @property
    def evidence(self) -> str:
        """Source and day of the facts, as a finding ends with them."""
        return f"{self.source}, checked {self.checked_on}"


def load_profile(name: str, extra: Path | None = None) -> Profile:
    """Return what a provider offers.

    Args:
        extra: the user's own `profiles.yaml`, whose keys replace the packaged ones.

    Raises:
        InvalidInputError: the provider is unknown (RFT400), or the user's file is wrong (RFT430).
    """
    profiles = load_profiles(extra)
    if name in profiles:
        return profiles[name]
    near = difflib.get_close_matches(name, profiles, n=1)
    hint = (
        f"did you mean '{near[0]}'?" if near else f"known: {', '.join(profiles)}; add others to config.yaml"
    )
    message = f"provider '{one_line(name)}' is not known"
    finding = Finding("RFT400", Level.ERROR, Place("provider"), message, hint)
    raise InvalidInputError(message, hint, findings=[finding])


def load_profiles(extra: Path | None = None) -> dict[str, Profile]:
    """Return every provider's profile by name, the user's facts laid over the packaged ones.

    Raises:
        InvalidInputError: the user's file is wrong (RFT430).
    """
    packaged = _packaged()
    if extra is None:
        return {name: _build(name, facts, None) for name, facts in packaged.items()}
    document = read_yaml(extra)
    own = document.value if isinstance(document.value, dict) else None
    if own is None or not all(isinstance(facts, dict) for facts in own.values()):
        raise _refusal(document.place(), "it does not map providers to facts", "write `openai: {...}`")
    names = [*packaged, *(name for name in own if name not in packaged)]
    merged = {name: {**packaged.get(name, {}), **own.get(name, {})} for name in names}
    return {name: _build(name, facts, document if name in own else None) for name, facts in merged.items()}


@lru_cache(maxsize=1)
def _packaged() -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = read_yaml(_PACKAGED).value
    return facts


def _build(name: str, facts: dict[str, Any], document: YamlDocument | None) -> Profile:
    try:
        return msgspec.convert({"name": name, **facts}, Profile)
    except msgspec.ValidationError as error:
        place = _place_of(str(error), name, document) if document else Place.of(_PACKAGED)
        reason = one_line(str(error).replace("Object", f"'{name}'").replace("`", "'").lower())
        raise _refusal(place, reason, "compare with the packaged profiles.yaml") from None


def _place_of(reason: str, name: str, document: YamlDocument) -> Place:
    """Point at the fact that msgspec complains of; it names the path, as `$.models[0].id`."""
    path, unknown = _AT_PATH.search(reason), _UNKNOWN_KEY.search(reason)
    keys: list[str | int] = [name]
    for key, index in _STEP.findall(path[1]) if path else ():
        keys.append(key or int(index))
    if unknown:
        return document.place(*keys, unknown[1], of_key=True)
    return document.place(*keys)


def _refusal(place: Place, reason: str, hint: str) -> InvalidInputError:
    message = f"the provider facts are wrong: {reason}"
    finding = Finding("RFT430", Level.ERROR, place, message, hint)
    return InvalidInputError(f"{place}: {message}", hint, findings=[finding])
