"""What can be said about a text_similarity config beyond its keys: whether its metric suits its reference.

`fuzzy_match` is rapidfuzz's WRatio, which looks for the shorter text inside the longer one: any part of the
reference, its first letter too, earns 0.9 where the reference has fewer than eight times its letters, and
0.6 beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.graders.text_similarity import check_text_similarity

if TYPE_CHECKING:
    from rftctl.graders.checks import Checker

_SHORT_WORDS = 3


def check_similarity(check: Checker) -> None:
    """Report what is wrong with a text_similarity config, and a metric that pays for too little."""
    check_text_similarity(check)
    reference = check.config.get("reference")
    if check.config.get("evaluation_metric") != "fuzzy_match" or not isinstance(reference, str):
        return
    path, hint = ("evaluation_metric",), "use string_check for short answers, rouge_1 for several words"
    if "{{" in reference:
        message = "is 'fuzzy_match', which pays 0.9 for the first letter of a short reference"
        check.note("RFT315", path, message, f"{hint}; `rftctl grade --report-card` says what it pays here")
    elif len(reference.split()) < _SHORT_WORDS:
        message = f"is 'fuzzy_match', which pays 0.6 to 0.9 for the first letter of '{reference[:40]}'"
        check.warning("RFT315", path, message, hint)
