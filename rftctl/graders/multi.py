"""The `multi` grader: named graders and a formula over their rewards.

`graders` is a map; its keys, not the inner names, are the variables of `calculate_output`
(graders guide). When any of the graders failed, the whole has no reward and carries their flags.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import ERROR_FLAGS, Grade, TokenUsage
from rftctl.graders.checks import kind, suggestion
from rftctl.graders.formula import FUNCTIONS, FormulaError, FormulaValueError, parse_formula
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rftctl.dataset import Sample
    from rftctl.graders.base import Grader
    from rftctl.graders.checks import Checker

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_multi(check: Checker) -> dict[str, dict[str, Any]]:
    """Report what is wrong with a multi's own keys; returns the graders that can be checked further."""
    check.keys(("graders", "calculate_output"), ("name",), ("pass_threshold",))
    check.named()
    graders = check.config.get("graders")
    if graders is None:
        return {}
    if not isinstance(graders, dict):
        hint = "write graders: {correct: {type: …}, brief: {type: …}}; the keys are the formula's variables"
        check.error("RFT330", ("graders",), f"is {kind(graders)}, not a map of named graders", hint)
        return {}
    if "type" in graders and isinstance(graders["type"], str):
        hint = "write graders: {NAME: {type: …}} and use NAME in calculate_output"
        check.error("RFT330", ("graders",), "is a single grader, not a map of named graders", hint)
        return {}
    if not graders:
        check.error("RFT330", ("graders",), "names no grader", "add at least one")
    for key in graders:
        _check_key(check, key)
    _check_formula(check, graders)
    return {key: part for key, part in graders.items() if _is_checkable(check, key, part)}


def _check_key(check: Checker, key: str) -> None:
    if key in FUNCTIONS:
        what = f"has the name of the function '{key}'"
        check.error("RFT332", ("graders", key), what, "rename this key", of_key=True)
    elif not _KEY.match(key):
        hint = "use letters, digits and underscores, a letter first"
        check.error("RFT332", ("graders", key), "cannot be a variable of the formula", hint, of_key=True)


def _is_checkable(check: Checker, key: str, part: Any) -> bool:
    if not isinstance(part, dict):
        hint = f"write {one_line(key)}: {{type: string_check, name: …, …}}"
        check.error("RFT300", ("graders", key), f"is {kind(part)}, not a grader", hint)
        return False
    if part.get("type") == "multi":
        check.error(
            "RFT331", ("graders", key), "is a multi inside a multi", "write its graders into this one"
        )
        return False
    return True


def _check_formula(check: Checker, graders: Mapping[str, Any]) -> None:
    text = check.text("calculate_output")
    if text is None:
        return
    try:
        formula = parse_formula(text)
    except FormulaError as error:
        hint = f"operators: + - * / ^ and brackets; functions: {', '.join(FUNCTIONS)}"
        what = f"column {error.column}: {one_line(error.reason)}"
        check.error("RFT333", ("calculate_output",), what, hint)
        return
    for name, column in formula.variables.items():
        if name not in graders:
            hint = suggestion(name, graders) if graders else "name the grader in 'graders'"
            check.error(
                "RFT334", ("calculate_output",), f"column {column}: '{name}' is no key of 'graders'", hint
            )
    if not formula.variables:
        hint = f"write a formula of {', '.join(map(str, graders)) or 'the graders'}"
        check.warning("RFT336", ("calculate_output",), "names no grader, so every reward is the same", hint)
    for key in graders:
        if key not in formula.variables and formula.variables:
            hint = f"add {one_line(key)} to the formula, or drop it here"
            check.warning("RFT335", ("graders", key), "does not occur in calculate_output", hint, of_key=True)


class MultiGrader:
    """Combines named graders by a formula."""

    type = "multi"

    def __init__(self, config: dict[str, Any], graders: dict[str, Grader]) -> None:
        self.name: str = config.get("name", self.type)
        self.graders = graders
        self._formula = parse_formula(config["calculate_output"])

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) by every grader, then by the formula."""
        columns = [grader.grade_batch(pairs) for grader in self.graders.values()]
        return [
            self._combine(dict(zip(self.graders, row, strict=True))) for row in zip(*columns, strict=True)
        ]

    def _combine(self, grades: dict[str, Grade]) -> Grade:
        combined = replace(
            self._reward(grades),
            sub_rewards={key: grade.reward for key, grade in grades.items()},
            execution_time_s=sum(grade.execution_time_s for grade in grades.values()),
        )
        usage = _total_usage(grades)
        return replace(combined, token_usage=usage) if usage else combined

    def _reward(self, grades: dict[str, Grade]) -> Grade:
        rewards = {key: grade.reward for key, grade in grades.items() if grade.reward is not None}
        if len(rewards) < len(grades):
            errors, details = _carried(grades)
            return Grade(None, errors=errors, details=details)
        try:
            return Grade(self._formula.evaluate(rewards))
        except FormulaValueError as error:
            return Grade.failure("formula_parse_error", one_line(str(error)))

    def close(self) -> None:
        """Free what the graders hold."""
        for grader in self.graders.values():
            grader.close()


def _carried(grades: dict[str, Grade]) -> tuple[tuple[str, ...], dict[str, str]]:
    raised = {flag for grade in grades.values() for flag in grade.errors}
    details: dict[str, str] = {}
    for key, grade in grades.items():
        for flag, detail in grade.details.items():
            said = f"{key}: {detail}"
            details[flag] = f"{details[flag]}; {said}" if flag in details else said
    return tuple(flag for flag in ERROR_FLAGS if flag in raised), details


def _total_usage(grades: dict[str, Grade]) -> dict[str, TokenUsage]:
    total: dict[str, TokenUsage] = {}
    for grade in grades.values():
        for model, usage in grade.token_usage.items():
            total[model] = total.get(model, TokenUsage()) + usage
    return total
