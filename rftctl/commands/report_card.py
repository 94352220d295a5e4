"""Find out, before anything is spent, whether a grader tells right from wrong and can be tricked.

In: a spec. Out: `ReportCard`, the document `rftctl.report-card/1`. Every output is derived from the
user's own rows (see `graders.probes`). A card judges three things: right answers must beat another
row's answer, on so many rows that chance is ruled out; no family of bad outputs may be paid; and the
same output must get the same reward twice.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rftctl.commands.opening import open_grader
from rftctl.commands.updates import Command, Note, Progress
from rftctl.dataset import read_examples
from rftctl.errors import ExitCode, UsageError
from rftctl.graders.cases import read_sample
from rftctl.graders.probes import BASELINE, RIGHT, Probe, derive_probes, find_right_answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rftctl.dataset import Example
    from rftctl.graders import Grade, Grader
    from rftctl.home import Home
    from rftctl.spec import SpecFile

N_ROWS = 50
MIN_DISCRIMINATION = 0.8
"""The share of rows on which right must beat wrong; the interval's lower end counts, not the point."""

MAX_PAID_SHARE = 0.05
MAX_LIFT = 0.25
"""How much of the way from wrong to right a bad family may earn on average."""

_BATCH = 64
_Z = 1.96


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """How one family of outputs fared.

    Attributes:
        n, n_failed: outputs graded, and those without a reward.
        mean_reward: what they earned on average, a failed grade counting 0; None for no outputs.
        paid_share: share that earned at least half of the way from wrong to right.
        lift: mean reward on a scale where another row's answer is 0 and the right answer 1.
        example: one such output, the best paid.
    """

    family: str
    is_good: bool
    n: int
    n_failed: int
    mean_reward: float | None
    paid_share: float
    lift: float
    example: str

    @property
    def is_weakness(self) -> bool:
        """Whether bad outputs are paid, or good ones are not."""
        if self.is_good:
            return self.paid_share < 1 - MAX_PAID_SHARE
        return self.paid_share > MAX_PAID_SHARE or self.lift > MAX_LIFT


@dataclass(frozen=True, slots=True)
class ReportCard:
    """What is known about a grader before training.

    Attributes:
        verdict: "sound", "gameable", "dead" (right does not beat wrong), "unstable" (rewards differ
            from one grading to the next) or "undecided" (too few rows).
        reason: one line saying why.
        n_rows: rows with both a right answer and a wrong one.
        discrimination: share of rows where right beats wrong, with its 95 % interval.
        flip_share: share of outputs whose second reward differs from the first.
    """

    grader: str
    verdict: str
    reason: str
    n_rows: int
    discrimination: float
    discrimination_low: float
    discrimination_high: float
    flip_share: float
    families: tuple[FamilyResult, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 for a sound grader, else 1."""
        return ExitCode.OK if self.verdict == "sound" else ExitCode.NO

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.report-card/1` document."""
        families = [asdict(family) | {"is_weakness": family.is_weakness} for family in self.families]
        return {
            "schema": "rftctl.report-card/1",
            "exit_code": int(self.exit_code),
            **asdict(self),
            "families": families,
        }


def card_of_spec(
    spec_file: SpecFile, home: Home, *, allow_unsafe: bool = False, n_rows: int = N_ROWS
) -> Command[ReportCard]:
    """Probe a spec's grader with outputs derived from its training rows.

    Raises:
        UsageError: the spec has no training file.
        InvalidInputError: the grader or a row is wrong.
        NotOfferedError: no sandbox or no judge.
    """
    path = spec_file.file("training_file")
    if path is None:
        raise UsageError(f"spec '{spec_file.path}' has no training file to derive outputs from")
    examples = list(islice(read_examples(path), n_rows))
    response_format = spec_file.spec.response_format
    # Kept answers would make every second grading equal the first.
    with open_grader(spec_file, home, allow_unsafe=allow_unsafe, keep_answers=False) as (grader, _):
        return (yield from report_card(examples, grader, response_format=response_format))


def report_card(
    examples: Sequence[Example],
    grader: Grader,
    *,
    response_format: dict[str, Any] | None = None,
    right: Mapping[int, str] | None = None,
) -> Command[ReportCard]:
    """Probe a grader.

    Args:
        right: line number -> an output that deserves the full reward; found by trying when not given.
    """
    parse_json = response_format is not None
    if right is None:
        yield Progress("finding right answers", 0)
        properties = schema_properties(response_format)
        right = find_right_answers(examples, grader, properties=properties, parse_json=parse_json)
    probes = list(derive_probes(examples, right))
    yield Note(f"{len(probes)} outputs derived from {len(right)} rows")
    grades: list[Grade] = []
    for start in range(0, len(probes), _BATCH):
        grades += _graded(grader, probes[start : start + _BATCH], parse_json)
        yield Progress("probing", len(grades), len(probes))
    again = [n for n, probe in enumerate(probes) if probe.family in (RIGHT, BASELINE)]
    second = _graded(grader, [probes[n] for n in again], parse_json)
    flips = sum(grades[n].earned != grade.earned for n, grade in zip(again, second, strict=True))
    rewards = [grade.earned or 0.0 for grade in grades]
    return _card(grader.name, probes, grades, rewards, flips / len(again) if again else 0.0)


def _graded(grader: Grader, probes: Sequence[Probe], parse_json: bool) -> list[Grade]:
    return grader.grade_batch([(read_sample(p.text, parse_json=parse_json), p.item) for p in probes])


def _card(
    name: str, probes: Sequence[Probe], grades: Sequence[Grade], rewards: Sequence[float], flip_share: float
) -> ReportCard:
    by_line: dict[int, dict[str, float]] = {}
    for probe, reward in zip(probes, rewards, strict=True):
        by_line.setdefault(probe.line, {})[probe.family] = reward
    pairs = [(row[RIGHT], row[BASELINE]) for row in by_line.values() if RIGHT in row and BASELINE in row]
    wins = sum(right > wrong + 1e-9 for right, wrong in pairs)
    low, high = _wilson(wins, len(pairs))
    families = _families(probes, grades, rewards, pairs)
    verdict, reason = _verdict(len(pairs), wins, low, high, flip_share, families)
    share = wins / len(pairs) if pairs else 0.0
    return ReportCard(name, verdict, reason, len(pairs), share, low, high, flip_share, families)


def _families(
    probes: Sequence[Probe],
    grades: Sequence[Grade],
    rewards: Sequence[float],
    pairs: Sequence[tuple[float, float]],
) -> tuple[FamilyResult, ...]:
    floor = _mean([wrong for _, wrong in pairs])
    scale = _mean([right for right, _ in pairs]) - floor
    members: dict[str, list[int]] = {}
    for n, probe in enumerate(probes):
        members.setdefault(probe.family, []).append(n)
    results = []
    for family, places in members.items():
        earned = [rewards[n] for n in places]
        best = max(places, key=lambda n: rewards[n])
        paid = sum(reward >= floor + scale / 2 for reward in earned) if scale > 0 else 0
        results.append(
            FamilyResult(
                family=family,
                is_good=probes[places[0]].is_good,
                n=len(places),
                n_failed=sum(grades[n].failed for n in places),
                mean_reward=_mean(earned),
                paid_share=paid / len(places),
                lift=(_mean(earned) - floor) / scale if scale > 0 else 0.0,
                example=probes[best].text[:300],
            )
        )
    return tuple(results)


def _verdict(
    n: int, wins: int, low: float, high: float, flip_share: float, families: Sequence[FamilyResult]
) -> tuple[str, str]:
    told = f"right beats wrong on {wins} of {n} rows (95 % interval {low:.2f} to {high:.2f})"
    if high < MIN_DISCRIMINATION:
        return "dead", f"{told}; at least {MIN_DISCRIMINATION:.2f} is needed"
    gamed = [family.family for family in families if not family.is_good and family.is_weakness]
    if gamed:
        return "gameable", f"{told}, but it pays: {', '.join(gamed)}"
    if low < MIN_DISCRIMINATION:
        return "undecided", f"{told}; more rows must show that it is above {MIN_DISCRIMINATION:.2f}"
    if flip_share > MAX_PAID_SHARE:
        return "unstable", f"{flip_share:.0%} of outputs got another reward the second time"
    return "sound", f"{told}, and no family of bad outputs is paid"


def schema_properties(response_format: dict[str, Any] | None) -> list[str]:
    """Name the keys of a response format's schema, in the nested or the flat form; none without one."""
    inner = (response_format or {}).get("json_schema") or response_format or {}
    schema = inner.get("schema") if isinstance(inner, dict) else None
    return list((schema or {}).get("properties") or {}) if isinstance(schema, dict) else []


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _wilson(wins: int, n: int) -> tuple[float, float]:
    # Wilson's interval stays honest where all rows, or none, are won.
    if n == 0:
        return 0.0, 1.0
    share, spread = wins / n, _Z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)
