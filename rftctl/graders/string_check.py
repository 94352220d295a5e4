"""The `string_check` grader: two templates compared, reward 0 or 1.

`like` asks whether the input contains the reference, case included; `ilike` ignores case
(graders guide). No trimming, no Unicode normalisation.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import ComparingGrader

if TYPE_CHECKING:
    from collections.abc import Callable

    from rftctl.graders.checks import Checker


OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
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


class StringCheckGrader(ComparingGrader):
    """Compares two rendered templates."""

    type = "string_check"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config, OPERATIONS[config["operation"]])
