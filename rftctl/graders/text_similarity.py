"""The `text_similarity` grader: two templates compared by a metric, reward 0 to 1."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import Grade, sample_namespace, unreadable
from rftctl.graders.similarity import METRICS, has_wordnet, require_metric
from rftctl.template import TemplateError, parse_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Sample
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


class TextSimilarityGrader:
    """Measures how alike two rendered templates are."""

    type = "text_similarity"

    def __init__(self, config: dict[str, Any]) -> None:
        self.name: str = config["name"]
        self._input = parse_template(config["input"])
        self._reference = parse_template(config["reference"])
        self._metric = require_metric(config["evaluation_metric"])

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) by the metric, 0 to 1."""
        return [self._grade(sample, item) for sample, item in pairs]

    def _grade(self, sample: Sample, item: dict[str, Any]) -> Grade:
        start = perf_counter()
        namespace = sample_namespace(sample)
        try:
            text = self._input.render(item, namespace)
            reference = self._reference.render(item, namespace)
        except TemplateError as error:
            return unreadable(error, sample)
        return Grade.of(self._metric(text, reference), execution_time_s=perf_counter() - start)

    def close(self) -> None:
        """Free nothing: this grader holds nothing."""
