"""The `text_similarity` grader: two templates compared by a metric, reward 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rftctl.graders.base import ComparingGrader
from rftctl.graders.similarity import METRICS, has_wordnet, require_metric

if TYPE_CHECKING:
    from rftctl.graders.checks import Checker

_RENAMED = {
    "fuzzy": "fuzzy_match",
    "rouge": "rouge_l",
    "rougel": "rouge_l",
    "rouge-l": "rouge_l",
    **{f"rouge{n}": f"rouge_{n}" for n in range(1, 6)},
    **{f"rouge-{n}": f"rouge_{n}" for n in range(1, 6)},
}


def check_text_similarity(check: Checker) -> None:
    """Report what is wrong with a text_similarity config."""
    check.keys(("name", "input", "reference", "evaluation_metric"), (), ("pass_threshold",))
    if check.config.get("evaluation_metric") == "cosine":
        hint = "use fuzzy_match, meteor or rouge_l; for meaning, a score_model grader"
        check.error("RFT312", ("evaluation_metric",), "is 'cosine', which works in evals only", hint)
    elif check.choice("evaluation_metric", METRICS, "RFT311", _RENAMED) == "meteor" and not has_wordnet():
        message = "is 'meteor', which counts no synonyms here, since WordNet's data is not installed"
        hint = "the provider's reward may be higher; `python -m nltk.downloader wordnet` makes it equal"
        check.warning("RFT313", ("evaluation_metric",), message, hint)
    check.varies((check.template("input"), check.template("reference")))


class TextSimilarityGrader(ComparingGrader):
    """Measures how alike two rendered templates are."""

    type = "text_similarity"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config, require_metric(config["evaluation_metric"]))
