"""The `string_check` grader: two templates compared, reward 0 or 1.

`like` asks whether the input contains the reference, case included; `ilike` ignores case
(graders guide). No trimming, no Unicode normalisation.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import Grade, sample_namespace, unreadable
from rftctl.template import TemplateError, parse_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rftctl.dataset import Sample
    from rftctl.graders.checks import Checker


OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda text, other: text == other,
    "ne": lambda text, other: text != other,
    "like": lambda text, part: part in text,
    "ilike": lambda text, part: part.lower() in text.lower(),
}

_RENAMED = {
    **dict.fromkeys(("equals", "equal", "==", "=", "is", "exact", "eq", "match"), "eq"),
    **dict.fromkeys(("neq", "not_equals", "not_equal", "!=", "<>", "ne"), "ne"),
    **dict.fromkeys(("contains", "includes", "in", "like"), "like"),
    **dict.fromkeys(("icontains", "ilike"), "ilike"),
}


def check_string_check(check: Checker) -> None:
    """Report what is wrong with a string_check config."""
    check.keys(("name", "input", "reference", "operation"), (), ("pass_threshold",))
    check.choice("operation", OPERATIONS, "RFT310", _RENAMED)
    check.varies((check.template("input"), check.template("reference")))


class StringCheckGrader:
    """Compares two rendered templates."""

    type = "string_check"

    def __init__(self, config: dict[str, Any]) -> None:
        self.name: str = config["name"]
        self._input = parse_template(config["input"])
        self._reference = parse_template(config["reference"])
        self._holds = OPERATIONS[config["operation"]]

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item): 1.0 where the operation holds, else 0.0."""
        return [self._grade(sample, item) for sample, item in pairs]

    def _grade(self, sample: Sample, item: dict[str, Any]) -> Grade:
        start = perf_counter()
        namespace = sample_namespace(sample)
        try:
            holds = self._holds(self._input.render(item, namespace), self._reference.render(item, namespace))
        except TemplateError as error:
            return unreadable(error, sample)
        return Grade(1.0 if holds else 0.0, execution_time_s=perf_counter() - start)

    def close(self) -> None:
        """Free nothing: this grader holds nothing."""
