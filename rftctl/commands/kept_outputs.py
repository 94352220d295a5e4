"""What the models of an evaluation answered, kept as cases.

In: held-out rows, the samples and their grades. Out: one JSON Lines file a model, of the form that `rftctl
grade --outputs` reads, each output with the reward it got: to be looked at, and to try a changed grader on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rftctl.errors import StorageError
from rftctl.redaction import redact_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rftctl.dataset import Example, Sample
    from rftctl.graders.base import Grade

Answer = tuple["Example", "Sample", "Grade | None"]


def keep_outputs(folder: Path, name: str, answers: Iterable[Answer]) -> Path:
    """Write one model's answers to `folder/name.jsonl` and return that path.

    Raises:
        StorageError: it cannot be written.
    """
    path = folder / f"{name}.jsonl"
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in _cases(answers))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"'{path}' cannot be written: {error.strerror}", "name another folder") from error
    return path


def _cases(answers: Iterable[Answer]) -> Iterator[dict[str, Any]]:
    for example, sample, grade in answers:
        said: dict[str, Any] = {"output_text": sample.output_text, "finish_reason": sample.finish_reason}
        if sample.output_tools:
            said["output_tools"] = sample.output_tools
        # A service may have said a key back to the one who sent it.
        case: dict[str, Any] = {"item": example.item, "sample": redact_values(said)}
        if grade is not None:
            case["expect"] = {"error": grade.errors[0]} if grade.reward is None else {"reward": grade.reward}
        yield case
