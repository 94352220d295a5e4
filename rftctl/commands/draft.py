"""Propose a grader for a dataset, and say at once what it is worth.

In: training rows, and the response format if there is one. Out: `DraftReport`, the document
`rftctl.draft/1`: the proposed config and its report card.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rftctl.commands.opening import open_sandbox
from rftctl.commands.report_card import N_ROWS, ReportCard, report_card, schema_properties
from rftctl.dataset import read_examples
from rftctl.errors import NotOfferedError
from rftctl.graders import build_grader
from rftctl.graders.drafts import draft_grader
from rftctl.graders.lambda_export import export_lambda

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rftctl.commands.updates import Command
    from rftctl.errors import ExitCode


@dataclass(frozen=True, slots=True)
class DraftReport:
    """A proposed grader and its report card; refused unless the card is sound."""

    grader: dict[str, Any]
    fields: dict[str, str]
    card: ReportCard

    @property
    def exit_code(self) -> ExitCode:
        """0 when the card is sound, else 1."""
        return self.card.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.draft/1` document."""
        return {
            "schema": "rftctl.draft/1",
            "exit_code": int(self.exit_code),
            "grader": self.grader,
            "fields": self.fields,
            "card": self.card.to_json(),
        }


def draft(
    rows: Path,
    *,
    response_format: dict[str, Any] | None = None,
    fields: Sequence[str] = (),
    sandbox_request: str = "auto",
    fidelity: bool = False,
    allow_unsafe: bool = False,
    n_rows: int = N_ROWS,
) -> Command[DraftReport]:
    """Draft a grader for a file of rows and grade it.

    Args:
        fields: the rows' fields that hold the right answer; found when not given.
        sandbox_request, fidelity, allow_unsafe: see `open_grader`.

    Raises:
        InvalidInputError: a row is wrong, or it is not clear which field holds the right answer.
        NotOfferedError: the draft is a python grader and no sandbox works here.
    """
    examples = list(islice(read_examples(rows), n_rows))
    proposal = draft_grader(examples, properties=schema_properties(response_format), fields=fields)
    right = {example.line_number: proposal.right_answer(example.item) for example in examples}
    if proposal.as_json and response_format is None:
        response_format = {"type": "json_object"}
    with ExitStack() as opened:
        sandbox = None
        if proposal.config["type"] == "python":
            sandbox = opened.enter_context(open_sandbox(sandbox_request, fidelity, allow_unsafe))
        grader = build_grader(proposal.config, sandbox=sandbox)
        opened.callback(grader.close)
        card = yield from report_card(examples, grader, response_format=response_format, right=right)
    return DraftReport(proposal.config, proposal.fields, card)


def lambda_source(config: dict[str, Any]) -> str:
    """Give the source of an AWS Lambda function that rewards as a python grader does.

    Raises:
        NotOfferedError: the grader is not of type python.
    """
    if config.get("type") != "python":
        hint = "put the same checks into a python grader first"
        raise NotOfferedError(f"grader type '{config.get('type')}' cannot become a Lambda function", hint)
    return export_lambda(config["source"])
