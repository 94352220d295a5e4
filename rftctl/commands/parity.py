"""Prove that the local grader and the provider's say the same.

In: cases, the local grader, and a way to run the same config at the provider (`graders/run`).
Out: `ParityReport`, the document `rftctl.parity/1`, with every case on which they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from rftctl.commands.updates import Command, Progress
from rftctl.errors import ExitCode
from rftctl.graders import wire_config
from rftctl.graders.base import ERROR_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rftctl.graders import Grade, Grader
    from rftctl.graders.cases import Case

TOLERANCE = 1e-6

RunHosted: TypeAlias = Callable[[dict[str, Any], str, dict[str, Any]], dict[str, Any]]
"""(grader config, sample text, item) -> the raw reply of the provider's `graders/run`."""


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One case as both graded it; a failed grader's reward is 0.0 at the provider."""

    line: int
    local_reward: float
    hosted_reward: float
    local_errors: tuple[str, ...]
    hosted_errors: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether rewards agree and the same flags are raised."""
        same_reward = abs(self.local_reward - self.hosted_reward) <= TOLERANCE
        return same_reward and set(self.local_errors) == set(self.hosted_errors)


@dataclass(frozen=True, slots=True)
class ParityReport:
    """How far two graders agree.

    Attributes:
        n: cases that both graded.
        n_skipped: cases with tool calls, which `graders/run` cannot take.
        different: the cases on which they differ.
    """

    n: int
    n_skipped: int
    different: tuple[ParityRow, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 when both agree on every case, 4 when there was none to compare, else 1."""
        if self.n == 0:
            return ExitCode.UNGRADABLE
        return ExitCode.NO if self.different else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.parity/1` document."""
        return {"schema": "rftctl.parity/1", "exit_code": int(self.exit_code), **asdict(self)}


def compare_graders(
    cases: Iterable[Case], grader: Grader, config: dict[str, Any], run_hosted: RunHosted
) -> Command[ParityReport]:
    """Grade every case here and at the provider.

    Args:
        config: the grader's config; keys of our own are not sent.
        run_hosted: usually `Provider.run_grader`.

    Raises:
        ProviderError: the provider refused or was not reached.
    """
    wire, rows, n_skipped = wire_config(config), [], 0
    for case in cases:
        if case.sample.output_tools:
            n_skipped += 1
            continue
        # Both sides ask their judge; a recorded result would compare a file with the provider.
        [grade] = grader.grade_batch([(replace(case.sample, judged={}), case.item)])
        reply = run_hosted(wire, case.sample.output_text, case.item)
        rows.append(_compare(case.line, grade, reply))
        yield Progress("comparing", len(rows))
    return ParityReport(len(rows), n_skipped, _different(rows))


def _compare(line: int, grade: Grade, reply: dict[str, Any]) -> ParityRow:
    metadata = reply.get("metadata")
    raised = metadata.get("errors") if isinstance(metadata, dict) else None
    flags = raised if isinstance(raised, dict) else {}
    reward = reply.get("reward")
    return ParityRow(
        line=line,
        local_reward=0.0 if grade.reward is None else grade.reward,
        hosted_reward=float(reward) if isinstance(reward, int | float) else 0.0,
        local_errors=grade.errors,
        hosted_errors=tuple(flag for flag in ERROR_FLAGS if flags.get(flag)),
    )


def _different(rows: Sequence[ParityRow]) -> tuple[ParityRow, ...]:
    return tuple(row for row in rows if not row.is_equal)
