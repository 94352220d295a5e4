"""Graders: a config in, a grader out; a sample and its row in, a `Grade` out.

`build_grader` is the only dispatch on a grader's type, `check_grader` says all that is wrong
with a config. Configs are the API's grader JSON, with code and other `*_file` keys inlined.

The API names its eleven error flags (`metadata.errors` of a grader run) and says of none when it is raised.
What rftctl takes them to mean:

| flag | raised when |
| --- | --- |
| formula_parse_error | `calculate_output` has no finite value: a division by zero, a logarithm of 0 |
| sample_parse_error | the output lacks what a template reads: it is no JSON, or has no such key |
| truncated_observation_error | never: an output that was cut off and cannot be read is a sample_parse_error |
| unresponsive_reward_error | never: a grader that does not answer in time has its own type's flag |
| invalid_variable_error | the row lacks what a template reads |
| other_error | a metric gave no finite number |
| python_grader_server_error | the sandbox failed, not the code |
| python_grader_runtime_error | the user's code raised, gave no finite number, or took too much |
| model_grader_server_error | the judge was not reached, refused the request, or was too slow |
| model_grader_refusal_error | the judge refused to answer |
| model_grader_parse_error | the judge's answer holds no usable result |

Flags that others raise are carried up and compared as they come, the two that are never raised here included.
Further assumptions stand where they are made: templates in `rftctl.template`, metrics in `similarity`,
formulas in `formula`, Bedrock's event in `remote`, a judge's reply in `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError, NotOfferedError
from rftctl.finding import Finding, Place, has_errors
from rftctl.graders.base import Grade, Grader, TokenUsage
from rftctl.graders.checks import Checker, PlaceOf, kind, suggestion
from rftctl.graders.model import LabelModelGrader, ScoreModelGrader
from rftctl.graders.model_checks import check_label_model, check_score_model
from rftctl.graders.multi import MultiGrader, check_multi
from rftctl.graders.python import PythonGrader, check_python
from rftctl.graders.remote import LOCAL_KEYS, LambdaGrader, check_endpoint, check_lambda
from rftctl.graders.similarity_checks import check_similarity
from rftctl.graders.string_check import StringCheckGrader, check_string_check
from rftctl.graders.text_similarity import TextSimilarityGrader
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.dataset import Sampler
    from rftctl.sandbox import Sandbox

__all__ = ["GRADER_TYPES", "Grade", "Grader", "TokenUsage", "build_grader", "check_grader", "wire_config"]

_CHECKS: dict[str, Callable[[Checker], None]] = {
    "string_check": check_string_check,
    "text_similarity": check_similarity,
    "python": check_python,
    "score_model": check_score_model,
    "label_model": check_label_model,
    "endpoint": check_endpoint,
    "lambda": check_lambda,
}
GRADER_TYPES = (*_CHECKS, "multi")
"""Every grader type there is; an `endpoint` can be checked but not built."""


def build_grader(
    config: dict[str, Any], *, sampler: Sampler | None = None, sandbox: Sandbox | None = None
) -> Grader:
    """Build the grader that a config describes.

    Args:
        config: the API's grader JSON; files already inlined.
        sampler: the judge behind score_model and label_model.
        sandbox: where python graders run; by default the strongest this machine has.

    Raises:
        InvalidInputError: the config is wrong; carries the findings.
        NotOfferedError: a python grader, and no sandbox works here; or a model grader and no judge.
    """
    findings = check_grader(config, lambda _: Place("grader"))
    if has_errors(findings):
        first = next(finding for finding in findings if has_errors([finding]))
        raise InvalidInputError(first.message, first.hint, findings=findings)
    return _build(config, sampler, sandbox)


def check_grader(config: Any, place: PlaceOf, place_of_key: PlaceOf | None = None) -> list[Finding]:
    """Say all that is wrong with a grader's config.

    Args:
        config: the API's grader JSON, of any type and shape.
        place: gives the place of the value under a key path below the grader; `()` is the grader itself.
        place_of_key: gives the place of the key instead, for findings about keys.
    """
    check = Checker(config if isinstance(config, dict) else {}, place, place_of_key=place_of_key)
    if not isinstance(config, dict):
        hint = "write grader: {type: string_check, name: …, …}"
        check.error("RFT300", (), f"is {kind(config)}, not an object with a 'type'", hint)
    else:
        _check(check)
    return check.findings


def _check(check: Checker) -> None:
    grader_type = check.config.get("type")
    if grader_type == "multi":
        for key, part in check_multi(check).items():
            _check(check.inside(part, "graders", key))
    elif isinstance(grader_type, str) and grader_type in _CHECKS:
        _CHECKS[grader_type](check)
    elif grader_type is None:
        check.error("RFT301", (), "has no 'type'", f"one of {', '.join(GRADER_TYPES)}")
    else:
        message = f"is '{one_line(str(grader_type))}', which is not a grader type"
        check.error("RFT301", ("type",), message, suggestion(grader_type, GRADER_TYPES))


def wire_config(config: dict[str, Any]) -> dict[str, Any]:
    """Give the config as a provider gets it: without the keys that are for rftctl alone."""
    return {
        key: {name: wire_config(part) for name, part in value.items()} if key == "graders" else value
        for key, value in config.items()
        if key not in LOCAL_KEYS
    }


def _build(config: dict[str, Any], sampler: Sampler | None, sandbox: Sandbox | None) -> Grader:
    match config["type"]:
        case "multi":
            parts = {key: _build(part, sampler, sandbox) for key, part in config["graders"].items()}
            return MultiGrader(config, parts)
        case "string_check":
            return StringCheckGrader(config)
        case "text_similarity":
            return TextSimilarityGrader(config)
        case "python":
            return PythonGrader(config, sandbox or _strongest_sandbox())
        case "lambda" if "handler" in config:
            return LambdaGrader(config, sandbox or _strongest_sandbox())
        case "score_model":
            return ScoreModelGrader(config, _required(sampler, config))
        case "label_model":
            return LabelModelGrader(config, _required(sampler, config))
    raise _not_here(config["type"])


def _required(sampler: Sampler | None, config: dict[str, Any]) -> Sampler:
    if sampler is None:
        hint = "name one with `judge:` in the spec or --judge, and define it in your config.yaml"
        raise NotOfferedError(f"grader type '{config['type']}' needs a judge", hint)
    return sampler


def _not_here(grader_type: str) -> NotOfferedError:
    if grader_type == "lambda":
        hint = "give the function's code with `handler_file:` to grade by a local copy"
        return NotOfferedError("grader type 'lambda' runs at Amazon", hint)
    hint = "to try it here, put the code behind it into a python grader"
    return NotOfferedError(f"grader type '{grader_type}' runs at the provider", hint)


def _strongest_sandbox() -> Sandbox:
    from rftctl.sandbox import choose_sandbox

    return choose_sandbox()
