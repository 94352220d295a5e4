"""Ask the provider what it would say, before anything is uploaded.

In: a valid spec, the user's `Home`, the day. Out: `OnlineAnswers`: findings RFT440 to RFT446, what was asked.
Three reads and no write: the list of models, the list of jobs (is this account let in?), and the
provider's own check of the grader. Nothing of the dataset is sent; the grader is, with its code.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from rftctl.commands.updates import Command, Progress
from rftctl.errors import NotOfferedError, OutcomeUnknownError, ProviderError
from rftctl.finding import Finding, Level
from rftctl.graders import wire_config
from rftctl.providers import connect
from rftctl.spec.fit import SOON
from rftctl.spec.overlay import suggest
from rftctl.spec.reads import model_graders
from rftctl.text import one_line
from rftctl.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rftctl.home import Home
    from rftctl.providers.base import Provider
    from rftctl.spec import SpecFile
    from rftctl.strict_yaml import Key

_QUESTIONS = 3
_NOBODYS_LAUNCH = {"rftctl_launch": "none"}
"""Metadata that no job has: whether jobs may be listed shows without reading any."""
_REFUSED = (401, 403)
_ABSENT = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class OnlineAnswers:
    """What the provider said.

    Attributes:
        asked: the questions that it answered, refusals included.
        failure: why it could not be asked on, or "".
    """

    provider: str
    asked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    failure: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the part of `rftctl.validate/1` that says what was asked."""
        return {
            "provider": self.provider,
            "asked": list(self.asked),
            "failure": self.failure or None,
            "hint": self.hint,
        }


def ask_provider(
    spec_file: SpecFile, home: Home, today: date, environ: Mapping[str, str] | None = None
) -> Command[OnlineAnswers]:
    """Put three questions to the spec's provider; yields progress.

    A provider that is not reached, or fails, ends the questions and is told in `failure`.
    """
    name = spec_file.spec.provider
    asked: list[str] = []
    findings: list[Finding] = []
    try:
        with closing(connect(name, home, environ)) as provider:
            questions = _Questions(spec_file, provider, today)
            for done, (title, ask) in enumerate(questions.all()):
                yield Progress("asking the provider", done, _QUESTIONS, title)
                findings += ask()
                asked.append(title)
    except (ProviderError, OutcomeUnknownError, NotOfferedError) as error:
        return OnlineAnswers(name, tuple(asked), tuple(findings), error.message, error.hint)
    return OnlineAnswers(name, tuple(asked), tuple(findings))


@dataclass(frozen=True, slots=True)
class _Questions:
    """One spec before one connected provider."""

    spec_file: SpecFile
    provider: Provider
    today: date

    def all(self) -> Iterator[tuple[str, Callable[[], list[Finding]]]]:
        """Yield each question's title and how it is put, the one that shows most first."""
        yield "access", lambda: list(self._access())
        yield "models", lambda: list(self._models())
        yield "grader", lambda: list(self._grader())

    def _finding(self, code: str, level: Level, keys: tuple[Key, ...], message: str, hint: str) -> Finding:
        asked = f"asked {self.today}"
        return Finding(code, level, self.spec_file.place(*keys), f"{message} ({asked})", hint)

    def _not_offered(self, what: str) -> Finding:
        message = f"provider '{self.provider.name}' offers no {what} to ask"
        return self._finding("RFT446", Level.NOTE, ("provider",), message, "nothing to do: launch will show")

    def _access(self) -> Iterator[Finding]:
        try:
            self.provider.find_jobs(_NOBODYS_LAUNCH)
        except ProviderError as error:
            if error.status in _REFUSED:
                message = f"provider '{self.provider.name}' does not let this key list jobs: "
                message += _said(error)
                hint = error.hint or "check the key, its project and its rights"
                yield self._finding("RFT440", Level.ERROR, ("provider",), message, hint)
            elif error.status in _ABSENT and not error.is_not_the_api:
                yield self._not_offered("list of jobs")
            else:
                raise

    def _models(self) -> Iterator[Finding]:
        try:
            raws = self.provider.models()
        except ProviderError as error:
            if error.status not in (*_REFUSED, *_ABSENT):
                raise
            yield self._not_offered("list of models")
            return
        listed = {str(raw.get("id")): raw for raw in raws if isinstance(raw, dict)}
        yield from self._model(("model",), self.spec_file.spec.model, listed)
        if self.spec_file.spec.judge is None:
            for keys, part in model_graders(self.spec_file.grader):
                yield from self._model(("grader", *keys, "model"), str(part.get("model")), listed)

    def _model(self, keys: tuple[Key, ...], model: str, listed: dict[str, Any]) -> Iterator[Finding]:
        raw, name = listed.get(model), self.provider.name
        if raw is None:
            # A folder or a hub id is no entry of anybody's list.
            if not (self.provider.profile.has_any_model and ("/" in model or model.startswith((".", "~")))):
                message = f"model '{one_line(model)}' is not in the list of {len(listed)} that '{name}' gives"
                hint = suggest(model, list(listed)) if listed else "this key sees no model at all"
                yield self._finding("RFT441", Level.ERROR, keys, message, one_line(hint, limit=200))
            return
        ends_on = shutdown_day(raw, is_base=keys == ("model",))
        if ends_on is not None and self.today >= ends_on:
            message = f"model '{model}' has been shut down at '{name}' since {ends_on}, says its list"
            yield self._finding("RFT442", Level.ERROR, keys, message, "choose another model or --target")
        elif ends_on is not None and self.today + SOON >= ends_on:
            message = f"model '{model}' is shut down at '{name}' on {ends_on}, says its list"
            yield self._finding("RFT443", Level.WARNING, keys, message, "what you train will not outlive it")
        if keys == ("model",) and mapping(raw.get("capabilities")).get("fine_tune") is False:
            message = f"model '{model}' cannot be fine-tuned by this account at '{name}', says its list"
            yield self._finding("RFT444", Level.ERROR, keys, message, "choose another model or region")

    def _grader(self) -> Iterator[Finding]:
        profile, spec = self.provider.profile, self.spec_file.spec
        # The judge stands in this machine's config.yaml; the service learns of it with the job alone.
        is_judged_here = profile.accepts_engine and bool(model_graders(self.spec_file.grader))
        if not profile.can_run_graders or (is_judged_here and spec.judge is not None):
            yield self._not_offered("check of this grader")
            return
        try:
            self.provider.validate_grader(wire_config(self.spec_file.grader))
        except ProviderError as error:
            if error.status in (400, 403, 422):
                message = f"provider '{self.provider.name}' refuses the grader: {_said(error)}"
                yield self._finding("RFT445", Level.ERROR, ("grader",), message, "correct the grader")
            elif error.status in (401, *_ABSENT) and not error.is_not_the_api:
                yield self._not_offered("check of this grader")
            else:
                raise


def shutdown_day(raw: Mapping[str, Any], *, is_base: bool) -> date | None:
    """Read the day on which a listed model ends: `shutdown_date`, or Azure's `deprecation`.

    Args:
        is_base: fine-tuning on it is what ends, and not only asking it.
    """
    deprecation = mapping(raw.get("deprecation"))
    for value in (raw.get("shutdown_date"), deprecation.get("fine_tune" if is_base else "inference")):
        found = _day(value)
        if found is not None:
            return found
    return None


def _day(value: object) -> date | None:
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, int | float) and value > 0:
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _said(error: ProviderError) -> str:
    said = error.message + (f" [{error.code}]" if error.code else "")
    return f"'{one_line(said, limit=240)}'"
