"""What can be said about a score_model or label_model config without asking the judge."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rftctl.graders.checks import kind, suggestion
from rftctl.graders.messages import check_messages

if TYPE_CHECKING:
    from rftctl.graders.checks import Checker

_REASONING = re.compile(r"(?:o[134]|gpt-5)(?:-|\Z|\.)")

_PARAMS: dict[str, tuple[float, float, bool]] = {
    # name: lowest, highest, whole numbers only
    "temperature": (0, 2, False),
    "top_p": (0, 1, False),
    "seed": (-(2**63), 2**63 - 1, True),
    "max_completions_tokens": (1, math.inf, True),
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_SPELLINGS = ("max_tokens", "max_completion_tokens")


def check_score_model(check: Checker) -> None:
    """Report what is wrong with a score_model config."""
    check.keys(("name", "model", "input"), ("range", "sampling_params"), ("pass_threshold",))
    _check_shared(check)
    limits = check.config.get("range")
    if limits is not None and not _is_range(limits):
        check.error("RFT351", ("range",), "is not two numbers, the lower first", "write range: [0, 1]")


def check_label_model(check: Checker) -> None:
    """Report what is wrong with a label_model config."""
    check.keys(("name", "model", "input", "labels", "passing_labels"), ("sampling_params",))
    _check_shared(check)
    labels = _check_labels(check, "labels")
    passing = _check_labels(check, "passing_labels")
    for label in passing if labels else ():
        if label not in labels:
            hint = suggestion(label, labels)
            check.error("RFT354", ("passing_labels",), f"holds '{label}', which is not in labels", hint)
    if not check.path:
        hint = "wrap it: {type: multi, graders: {label: {…}}, calculate_output: label}"
        check.warning(
            "RFT306", ("type",), "is 'label_model', which no provider takes as a job's grader", hint
        )


def _check_shared(check: Checker) -> None:
    model = check.text("model")
    check.varies(check_messages(check, "input"))
    params = check.config.get("sampling_params")
    if params is None:
        return
    if not isinstance(params, dict):
        hint = "write sampling_params: {temperature: 0}"
        check.error("RFT352", ("sampling_params",), f"is {kind(params)}, not an object", hint)
        return
    for key, value in params.items():
        _check_param(check, key, value)
    if model is not None:
        _check_reasoning(check, model, params)


def _check_param(check: Checker, key: str, value: Any) -> None:
    path = ("sampling_params", key)
    if key in _SPELLINGS:
        check.warning(
            "RFT370",
            path,
            "is not the API's spelling",
            "use 'max_completions_tokens', with both s",
            of_key=True,
        )
        key = "max_completions_tokens"
    if key == "reasoning_effort":
        if value is not None and value not in _EFFORTS:
            check.error("RFT352", path, f"is '{value}'", suggestion(value, _EFFORTS))
    elif key not in _PARAMS:
        known = (*_PARAMS, "reasoning_effort")
        check.error("RFT352", path, "is not a sampling parameter", suggestion(key, known), of_key=True)
    elif value is not None and not _in_range(value, *_PARAMS[key]):
        low, high, whole = _PARAMS[key]
        what = "a whole number" if whole else "a number"
        upper = "" if high > 2**60 else f" to {high:g}"
        check.error(
            "RFT352", path, f"is {value!r}", f"give {what}" + (f" from {low:g}{upper}" if low > -1 else "")
        )


def _check_reasoning(check: Checker, model: str, params: dict[str, Any]) -> None:
    reasons = _REASONING.match(model) is not None
    if reasons and params.get("temperature") is not None:
        hint = "remove it, or set reasoning_effort"
        check.error("RFT353", ("sampling_params", "temperature"), f"is refused by '{model}'", hint)
    if not reasons and params.get("reasoning_effort") is not None and model.startswith("gpt-4"):
        check.error(
            "RFT353", ("sampling_params", "reasoning_effort"), f"is refused by '{model}'", "remove it"
        )


def _check_labels(check: Checker, key: str) -> list[str]:
    labels = check.config.get(key)
    if labels is None:
        return []
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) for label in labels):
        check.error("RFT354", (key,), "is not a list of strings", "write [good, bad]")
        return []
    if len(set(labels)) < len(labels):
        check.error("RFT354", (key,), "names a label twice", "name each label once")
    return labels


def _in_range(value: Any, low: float, high: float, whole: bool) -> bool:
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    return is_number and low <= value <= high


def _is_range(limits: Any) -> bool:
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        return False
    low, high = limits
    return _in_range(low, -math.inf, math.inf, False) and _in_range(high, low, 1e308, False) and low < high
