"""The result file: one CSV row a step, as the platform writes it.

In: the metrics of a job's steps. Out: CSV bytes. Cells are blank where a step had no evaluation.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = (
    "step",
    "train_mean_reward",
    "full_valid_mean_reward",
    "completion_tokens_mean",
    "reasoning_tokens_mean",
    "mean_unresponsive_rewards",
    "full_valid_mean_parse_error",
)


def result_csv(steps: Sequence[dict[str, Any]]) -> bytes:
    """Write the result file of these steps, UTF-8, with path-like columns for each grader's errors."""
    rows = [_row(step) for step in steps]
    extra = sorted({name for row in rows for name in row} - set(_COLUMNS))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*_COLUMNS, *extra], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _row(data: dict[str, Any]) -> dict[str, Any]:
    row = {name: data.get(name) for name in _COLUMNS}
    for place, rest in (("scores", ("reward_mean",)), ("errors", ("_count",))):
        for grader in data[place]["graders"]:
            for name, value in grader.items():
                if name.endswith(rest):
                    row[f"{place}/graders/{grader['name']}/{name}"] = value
    return row
