"""Check whether a provider would take a run.

In: a loaded spec, the provider's profile, the day. Out: findings RFT401 to RFT424, each with the source
and date of the fact it rests on, and with what to use instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from rftctl.finding import Finding, Level
from rftctl.spec.overlay import merge, suggest
from rftctl.spec.reads import inner_graders, model_graders
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from rftctl.profiles import Profile
    from rftctl.spec.load import SpecFile
    from rftctl.strict_yaml import Key

SOON = timedelta(days=90)
_METADATA_PAIRS = 12  # of the API's 16; four are the run's own


@dataclass(frozen=True)
class Fit:
    """One spec before one provider.

    Attributes:
        profiles: every provider's profile by name, for saying who offers what this one does not.
        judges: names of the judges that the user's config.yaml defines.
    """

    spec_file: SpecFile
    profile: Profile
    profiles: Mapping[str, Profile]
    today: date
    judges: Collection[str] = ()

    def check(self) -> list[Finding]:
        """Return everything that stands between this spec and this provider."""
        platform = list(self._platform())
        model = [] if any(f.level is Level.ERROR for f in platform) else list(self._model())
        rest = (self._hyperparameters(), self._files(), self._keys(), self._graders(), self._judges())
        return [*platform, *model, *(finding for part in rest for finding in part)]

    def _finding(self, code: str, level: Level, keys: tuple[Key, ...], message: str, hint: str) -> Finding:
        return Finding(code, level, self.spec_file.place(*keys), f"{message} ({self.profile.evidence})", hint)

    def _platform(self) -> Iterator[Finding]:
        ends_on, name = self.profile.ends_on, self.profile.name
        if ends_on is None:
            return
        if self.today >= ends_on:
            message = f"provider '{name}' has taken no jobs since {ends_on}"
            yield self._finding("RFT405", Level.ERROR, ("provider",), message, self._way_out())
        else:
            message = f"provider '{name}' takes no more jobs from {ends_on}"
            yield self._finding("RFT404", Level.WARNING, ("provider",), message, self._way_out())

    def _model(self) -> Iterator[Finding]:
        model, profile = self.spec_file.spec.model, self.profile
        facts = profile.find_model(model)
        if facts is None:
            yield from self._unlisted_model(model)
        elif facts.retires_on is not None and self.today >= facts.retires_on:
            message = f"model '{model}' has been shut down at '{profile.name}' since {facts.retires_on}"
            yield self._finding("RFT402", Level.ERROR, ("model",), message, self._way_out())
        elif facts.retires_on is not None and self.today + SOON >= facts.retires_on:
            message = f"model '{model}' is shut down at '{profile.name}' on {facts.retires_on}"
            yield self._finding("RFT403", Level.WARNING, ("model",), message, self._way_out())
        if facts is not None and facts.note:
            message = f"model '{model}' at '{profile.name}': {facts.note}"
            yield self._finding(
                "RFT406",
                Level.NOTE,
                ("model",),
                message,
                "make sure that this holds for you" if profile.is_billed else "",
            )

    def _unlisted_model(self, model: str) -> Iterator[Finding]:
        known = [facts.id for facts in self.profile.models if self.profile.offers_model(facts.id, self.today)]
        is_path_or_hub_id = "/" in model or model.startswith((".", "~"))
        if self.profile.has_any_model and is_path_or_hub_id:
            return
        others = self._providers_of(model)
        hint = f"provider {' or '.join(others)} has it" if others else suggest(model, known)
        message = f"model '{one_line(model)}' is not offered by provider '{self.profile.name}'"
        yield self._finding("RFT401", Level.ERROR, ("model",), message, hint or "choose another provider")

    def _providers_of(self, model: str) -> list[str]:
        return [
            name
            for name, profile in self.profiles.items()
            if profile.find_model(model) and profile.offers_model(model, self.today)
        ]

    def _way_out(self) -> str:
        targets = [f"--target {name}" for name in self.spec_file.spec.targets if self._target_works(name)]
        if targets:
            return f"{' or '.join(targets)} still runs it"
        others = [name for name in self._providers_of(self.spec_file.spec.model) if name != self.profile.name]
        if others:
            return f"provider {' or '.join(others)} still has this model"
        return "use provider: local, or another model"

    def _target_works(self, target: str) -> bool:
        spec = self.spec_file.spec
        plain = {"provider": spec.provider, "model": spec.model, "grader": spec.grader}
        value: dict[str, Any] = merge(plain, spec.targets[target])
        profile = self.profiles.get(str(value.get("provider")))
        if profile is None or not profile.offers_model(str(value.get("model")), self.today):
            return False
        grader = value.get("grader")
        parts = inner_graders(grader) if isinstance(grader, dict) else ()
        return all(part.get("type") in _offered(profile, is_inner=bool(keys)) for keys, part in parts)

    def _hyperparameters(self) -> Iterator[Finding]:
        chosen = self.spec_file.spec.hyperparameters.model_dump(exclude_unset=True)
        known = self.profile.hyperparameters
        for name, value in chosen.items():
            keys, title = ("hyperparameters", name), f"hyperparameters.{name}"
            if name not in known:
                message = f"{title} is not documented for provider '{self.profile.name}'"
                yield self._finding("RFT410", Level.WARNING, keys, message, f"documented: {', '.join(known)}")
                continue
            limit = known[name]
            if limit is not None and isinstance(value, int | float) and value not in limit:
                message = f"{title} '{value}' is out of range for provider '{self.profile.name}'"
                yield self._finding("RFT411", Level.ERROR, keys, message, f"use {limit}")

    def _files(self) -> Iterator[Finding]:
        if self.profile.needs_validation_file and self.spec_file.spec.validation_file is None:
            message = f"validation_file is missing; provider '{self.profile.name}' wants one"
            yield self._finding("RFT412", Level.ERROR, (), message, "add `validation_file:`")

    def _keys(self) -> Iterator[Finding]:
        spec, name = self.spec_file.spec, self.profile.name
        if spec.suffix is not None and not self.profile.accepts_suffix:
            message = f"suffix is not supported by provider '{name}'"
            yield self._finding(
                "RFT413", Level.ERROR, ("suffix",), message, "drop it for this provider: `suffix: null`"
            )
        if "engine" in spec.model_fields_set and not self.profile.accepts_engine:
            message = f"engine has no effect at provider '{name}'"
            yield self._finding(
                "RFT414", Level.NOTE, ("engine",), message, "it is for the embedded engine only"
            )
        if not self.profile.can_pause and spec.budget.on_limit == "pause" and spec.budget.max_usd is not None:
            message = f"budget.on_limit 'pause': provider '{name}' documents no pause"
            yield self._finding("RFT415", Level.ERROR, ("budget",), message, "write `on_limit: cancel`")
        yield from self._metadata()

    def _metadata(self) -> Iterator[Finding]:
        metadata = self.spec_file.spec.metadata
        too_long = [key for key, value in metadata.items() if len(key) > 64 or len(value) > 512]
        if len(metadata) > _METADATA_PAIRS:
            message = f"metadata has {len(metadata)} pairs"
            hint = f"keep {_METADATA_PAIRS}; the API takes 16 and the run's own need 4"
            yield self._finding("RFT416", Level.ERROR, ("metadata",), message, hint)
        for key in too_long:
            message = f"metadata '{one_line(key, limit=40)}' is too long"
            hint = "keys have up to 64 characters, values up to 512"
            yield self._finding("RFT416", Level.ERROR, ("metadata", key), message, hint)

    def _graders(self) -> Iterator[Finding]:
        for keys, part in inner_graders(self.spec_file.grader):
            kind = part.get("type")
            offered = _offered(self.profile, is_inner=bool(keys))
            if not isinstance(kind, str) or kind in offered or not self._is_known_type(kind):
                continue
            label = ".".join(("grader", *(str(key) for key in keys), "type"))
            message = f"{label} '{kind}' is not offered by provider '{self.profile.name}'"
            yield self._finding(
                "RFT420", Level.ERROR, ("grader", *keys, "type"), message, self._type_hint(kind)
            )

    def _is_known_type(self, kind: str) -> bool:
        return any(kind in p.grader_types + p.inner_grader_types for p in self.profiles.values())

    def _type_hint(self, kind: str) -> str:
        others = [name for name, profile in self.profiles.items() if kind in profile.grader_types]
        types = self.profile.grader_types
        instead = f"{'one of ' if len(types) > 1 else ''}{', '.join(types)}"
        here = f"at {self.profile.name} use {instead}"
        return f"{here}; '{kind}' runs at {', '.join(others)}" if others else here

    def _judges(self) -> Iterator[Finding]:
        graders = model_graders(self.spec_file.grader)
        judge = self.spec_file.spec.judge
        if judge is not None and judge not in self.judges:
            hint = suggest(judge, list(self.judges)) or "add it under `judges:` in config.yaml"
            message = f"judge '{one_line(judge)}' is not defined in config.yaml"
            yield Finding("RFT422", Level.ERROR, self.spec_file.place("judge"), message, hint)
        elif judge is None and graders and not self.profile.judge_models:
            message = f"grader needs a judge, and provider '{self.profile.name}' has none"
            hint = "name one with `judge:` and define it under `judges:` in config.yaml"
            yield Finding(
                "RFT422", Level.ERROR, self.spec_file.place("grader", *graders[0][0], "type"), message, hint
            )
        elif judge is None:
            for keys, part in graders:
                yield from self._judge_model(("grader", *keys, "model"), str(part.get("model")))

    def _judge_model(self, keys: tuple[Key, ...], model: str) -> Iterator[Finding]:
        offered = self.profile.judge_models
        facts = next(
            (facts for facts in offered if facts.id == model or facts.id.startswith(f"{model}-20")), None
        )
        alive = [f.id for f in offered if f.retires_on is None or self.today < f.retires_on]
        if facts is None:
            message = f"grader model '{one_line(model)}' is not listed by provider '{self.profile.name}'"
            yield self._finding("RFT423", Level.WARNING, keys, message, suggest(model, alive))
        elif facts.id not in alive:
            message = f"grader model '{model}' has been shut down since {facts.retires_on}"
            yield self._finding("RFT421", Level.ERROR, keys, message, f"use one of {', '.join(alive)}")
        elif facts.retires_on is not None and self.today + SOON >= facts.retires_on:
            message = f"grader model '{model}' is shut down on {facts.retires_on}"
            yield self._finding("RFT424", Level.WARNING, keys, message, "a job that outlives it fails")


def _offered(profile: Profile, *, is_inner: bool) -> tuple[str, ...]:
    """Name the grader types that a job may have, or a multi inside it."""
    return profile.grader_types + (profile.inner_grader_types if is_inner else ())
