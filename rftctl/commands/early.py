"""Ask the provider itself whether it would take a run, before anything is uploaded.

In: a prepared launch, a connected provider. Out: nothing, or the refusal that the create request would have
met after the upload: a model past its end, a closed platform, a missing entitlement. A question that the
provider cannot answer proves nothing and stops nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.commands.online import shutdown_day
from rftctl.commands.preparing import today
from rftctl.commands.updates import Note
from rftctl.errors import InvalidInputError, OutcomeUnknownError, ProviderError
from rftctl.finding import Finding, Level
from rftctl.providers.replies import CODE_HINTS
from rftctl.spec.fit import SOON
from rftctl.text import one_line
from rftctl.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.commands.preparing import Prepared
    from rftctl.commands.updates import Command
    from rftctl.providers.base import Provider

_REFUSALS = (401, 403)


def ask_early(prepared: Prepared, provider: Provider) -> Command[None]:
    """Read what a billed provider says of the model and of the account's right to its graders.

    Raises:
        InvalidInputError: by the provider's own list the model has ended (RFT442), and nobody allowed it, or
            this account may not train it (RFT444).
        ProviderError: the account may not do this.
    """
    if not prepared.profile.is_billed:
        return
    for finding in model_there(prepared, provider):
        if finding.level is Level.ERROR and finding.code not in prepared.allowed_codes:
            raise InvalidInputError(finding.message, finding.hint, findings=[finding])
        yield Note(finding.message, "warning")
    _check_entitlement(prepared, provider)


def model_there(prepared: Prepared, provider: Provider) -> list[Finding]:
    """Hold what the provider's own list says of the model against this launch; only reads.

    Raises:
        ProviderError: the key is refused, or the platform is closed to this account.
    """
    spec_file = prepared.spec_file
    facts = _listed(provider, spec_file.spec.model)
    model, place = one_line(spec_file.spec.model), spec_file.place("model")
    if mapping(facts.get("capabilities")).get("fine_tune") is False:
        message = f"model '{model}' cannot be fine-tuned by this account, says {provider.name} itself"
        return [Finding("RFT444", Level.ERROR, place, message, "choose another model, target or region")]
    ends_on = shutdown_day(facts, is_base=True)
    if ends_on is None or today() + SOON < ends_on:
        return []
    if today() >= ends_on:
        message = f"model '{model}' has been shut down since {ends_on}, says {provider.name} itself"
        hint = "choose another model or target; --allow RFT442 if you have an arrangement of your own"
        return [Finding("RFT442", Level.ERROR, place, message, hint)]
    message = f"model '{model}' is shut down on {ends_on}, says {provider.name} itself"
    return [Finding("RFT443", Level.WARNING, place, message, "what you train will not outlive it")]


def _listed(provider: Provider, model: str) -> dict[str, Any]:
    try:
        listed = provider.models()
    except ProviderError as error:
        if error.status in _REFUSALS:
            raise
        return {}
    return next((raw for raw in listed if raw.get("id") == model), {})


def _check_entitlement(prepared: Prepared, provider: Provider) -> None:
    """Let the provider run a python grader once: some accounts may train but not run code."""
    source = next(_python_graders(prepared.spec_file.grader), None)
    if source is None or not prepared.profile.can_run_graders:
        return
    try:
        reply = provider.run_grader(source, "", {})
    except OutcomeUnknownError:
        return
    except ProviderError as error:
        if error.code in CODE_HINTS or error.status == _REFUSALS[0]:
            raise
        return
    errors = mapping(mapping(reply.get("metadata")).get("errors"))
    if errors.get("python_grader_server_error_type") == "unauthorized_error":
        raise ProviderError(
            f"{provider.name}: this account may not run python graders",
            "ask the provider to enable them, use another grader type, or train with provider: local",
            code="unauthorized_error",
        )


def _python_graders(grader: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if grader.get("type") == "python":
        yield grader
    for part in mapping(grader.get("graders")).values():
        if isinstance(part, dict):
            yield from _python_graders(part)
