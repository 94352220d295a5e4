"""Find out, before anything is spent, whether a grader tells right from wrong and can be tricked.

In: a spec. Out: `ReportCard`, the document `rftctl.report-card/1`. Every output is derived from the
user's own rows (see `graders.probes`). A card judges four things: right answers must beat another
row's answer, on so many rows that chance is ruled out; no family of bad outputs may be paid; length alone
may not raise the reward of a wrong answer, however little, since where all answers of a group are wrong
the little is all there is to learn from; and the same output must get the same reward twice. The other
figures (see `graders.figures`) inform.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from rftctl.commands.opening import open_grader
from rftctl.commands.updates import Command, Note, Progress
from rftctl.dataset import read_examples
from rftctl.errors import ExitCode, UsageError
from rftctl.graders.figures import (
    PartialCredit,
    Repeat,
    Spread,
    SubGraders,
    Times,
    partial_credit,
    repeat_of,
    spread_of,
    sub_graders,
    times_of,
)
from rftctl.graders.probe_samples import probe_sample
from rftctl.graders.probes import (
    BASELINE,
    LENGTH,
    RIGHT,
    Probe,
    derive_partly_right,
    derive_probes,
    find_right_answers,
)
from rftctl.text import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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

MAX_LENGTH_LIFT = 0.02
"""The same for length alone, where it raises the reward on most rows."""

MAX_CORRELATION = 0.95
"""Beyond this, two graders of a multi are one and the same."""

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
        gain_share: share that earned more than another row's answer did on the same row.
        example: one such output, the best paid.
    """

    family: str
    is_good: bool
    n: int
    n_failed: int
    mean_reward: float | None
    paid_share: float
    lift: float
    gain_share: float
    example: str

    @property
    def is_weakness(self) -> bool:
        """Whether bad outputs are paid, or good ones are not."""
        if self.is_good:
            return self.paid_share < 1 - MAX_PAID_SHARE
        if self.family in LENGTH and self.gain_share > 0.5 and self.lift > MAX_LENGTH_LIFT:
            return True
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
        spread, partial, repeat, parts, times: how rewards use their scale, what partly right outputs
            earn, how two gradings agree, which grader of a multi decides, how long a grading takes.
        notes: what of these is worth a sentence; no fault by itself.
        sandbox: how the grader's code was contained and what a call was given; None where it runs none.
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
    spread: Spread
    partial: PartialCredit
    repeat: Repeat
    parts: SubGraders
    times: Times
    notes: tuple[str, ...]
    sandbox: str | None = None

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
    spec_file: SpecFile, home: Home, *, n_rows: int = N_ROWS, **containment: Any
) -> Command[ReportCard]:
    """Probe a spec's grader with outputs derived from its training rows.

    Args:
        containment: of `open_grader`: sandbox_request, fidelity, allow_unsafe.

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
    with open_grader(spec_file, home, keep_answers=False, **containment) as (grader, sandbox):
        if sandbox:
            yield Note(f"python graders run in sandbox {sandbox.description}")
        card = yield from report_card(examples, grader, response_format=response_format)
    return replace(card, sandbox=sandbox.description if sandbox else None)


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
    ladders = list(derive_partly_right(examples, right))
    asked = [*probes, *(probe for ladder in ladders for probe in ladder)]
    yield Note(f"{len(asked)} outputs derived from {len(right)} rows")
    grades: list[Grade] = []
    for start in range(0, len(asked), _BATCH):
        grades += _graded(grader, asked[start : start + _BATCH], parse_json)
        yield Progress("probing", len(grades), len(asked))
    again = [n for n, probe in enumerate(probes) if probe.family in (RIGHT, BASELINE)]
    second = _graded(grader, [probes[n] for n in again], parse_json)
    return _Card(grader.name, asked, grades, len(probes), [grades[n] for n in again], second).report()


def _graded(grader: Grader, probes: Sequence[Probe], parse_json: bool) -> list[Grade]:
    return grader.grade_batch([(probe_sample(p.text, p.item, parse_json=parse_json), p.item) for p in probes])


@dataclass(frozen=True, slots=True)
class _Card:
    """All that was graded; the first `n_probes` belong to families, the others to ladders of three."""

    name: str
    asked: Sequence[Probe]
    grades: Sequence[Grade]
    n_probes: int
    first: Sequence[Grade]
    second: Sequence[Grade]

    def report(self) -> ReportCard:
        rewards = [grade.earned or 0.0 for grade in self.grades]
        by_line: dict[int, dict[str, float]] = {}
        for probe, reward in zip(self.asked, rewards, strict=True):
            by_line.setdefault(probe.line, {})[probe.family] = reward
        rows = {n: row for n, row in by_line.items() if RIGHT in row and BASELINE in row}
        pairs = {n: (row[RIGHT], row[BASELINE]) for n, row in rows.items()}
        wins = sum(right > wrong + 1e-9 for right, wrong in pairs.values())
        low, high = _wilson(wins, len(pairs))
        probes, grades = self.asked[: self.n_probes], self.grades[: self.n_probes]
        families = _families(probes, grades, rewards[: self.n_probes], pairs)
        middle = _mean([(right + wrong) / 2 for right, wrong in pairs.values()])
        repeat = repeat_of(self.first, self.second, middle)
        verdict, reason = _verdict(len(pairs), wins, (low, high), repeat, families)
        share = wins / len(pairs) if pairs else 0.0
        partial = self._partial(rewards, pairs)
        parts = sub_graders(self.grades, [probe.line for probe in self.asked])
        spread, times = spread_of(rewards), times_of(self.grades)
        notes = (*_unpaid(families), *_notes(spread, partial, repeat, parts, times))
        figures = (spread, partial, repeat, parts, times, notes)
        head = (self.name, verdict, reason, len(pairs), share, low, high, repeat.flip_share)
        return ReportCard(*head, families, *figures)

    def _partial(self, rewards: Sequence[float], pairs: Mapping[int, tuple[float, float]]) -> PartialCredit:
        ladders = []
        for start in range(self.n_probes, len(rewards), 3):
            right, wrong = pairs[self.asked[start].line]
            ladders.append([wrong, *rewards[start : start + 3], right])
        return partial_credit(ladders)


def _families(
    probes: Sequence[Probe],
    grades: Sequence[Grade],
    rewards: Sequence[float],
    pairs: Mapping[int, tuple[float, float]],
) -> tuple[FamilyResult, ...]:
    floor = _mean([wrong for _, wrong in pairs.values()])
    scale = _mean([right for right, _ in pairs.values()]) - floor
    members: dict[str, list[int]] = {}
    for n, probe in enumerate(probes):
        members.setdefault(probe.family, []).append(n)
    results = []
    for family, places in members.items():
        earned = [rewards[n] for n in places]
        best = max(places, key=lambda n: rewards[n])
        paid = sum(reward >= floor + scale / 2 for reward in earned) if scale > 0 else 0
        wrongs = [pairs.get(probes[n].line, (0.0, math.inf))[1] for n in places]
        gained = sum(reward > wrong + 1e-9 for reward, wrong in zip(earned, wrongs, strict=True))
        results.append(
            FamilyResult(
                family=family,
                is_good=probes[places[0]].is_good,
                n=len(places),
                n_failed=sum(grades[n].failed for n in places),
                mean_reward=_mean(earned),
                paid_share=paid / len(places),
                lift=(_mean(earned) - floor) / scale if scale > 0 else 0.0,
                gain_share=gained / len(places),
                example=probes[best].text[:300],
            )
        )
    return tuple(results)


def _verdict(
    n: int, wins: int, interval: tuple[float, float], repeat: Repeat, families: Sequence[FamilyResult]
) -> tuple[str, str]:
    low, high = interval
    told = f"right beats wrong on {wins} of {n} rows (95% interval {low:.2f} to {high:.2f})"
    if high < MIN_DISCRIMINATION:
        return "dead", f"{told}; at least {MIN_DISCRIMINATION:.2f} is needed"
    gamed = [family.family for family in families if not family.is_good and family.is_weakness]
    if gamed:
        return "gameable", f"{told}, but it pays: {', '.join(gamed)}"
    if low < MIN_DISCRIMINATION:
        return "undecided", f"{told}; more rows must show that it is above {MIN_DISCRIMINATION:.2f}"
    if repeat.is_judge and repeat.same_side_share < 1 - MAX_PAID_SHARE:
        return "unstable", f"the judge changed its mind on {1 - repeat.same_side_share:.0%} of outputs"
    if not repeat.is_judge and repeat.flip_share > MAX_PAID_SHARE:
        return "unstable", f"{repeat.flip_share:.0%} of outputs got another reward the second time"
    return "sound", f"{told}, and no family of bad outputs is paid"


def _unpaid(families: Sequence[FamilyResult]) -> Iterator[str]:
    for family in families:
        if family.is_good and family.is_weakness and family.family != RIGHT:
            yield f"{family.family}: paid on {family.paid_share:.0%} only, though it deserves the full reward"


def _notes(
    spread: Spread, partial: PartialCredit, repeat: Repeat, parts: SubGraders, times: Times
) -> Iterator[str]:
    if spread.n_levels == 2:
        yield f"every reward is one of two; {spread.ceiling_share:.0%} of these outputs got the higher one"
    if partial.n_rows and not partial.between_share:
        yield "partly right outputs earn no partial credit, so only whole answers teach anything"
    elif partial.backward_share > MAX_PAID_SHARE:
        yield f"on {partial.backward_share:.0%} of steps towards the right answer the reward falls"
    if repeat.is_judge and repeat.n:
        kept = f"{repeat.same_side_share:.0%} of {plural(repeat.n, 'output')}"
        yield f"the judge agrees with itself on {kept}; rewards change by {repeat.mean_change:.3f} on average"
    if parts.dominant is not None:
        yield f"grader '{one_line(parts.dominant)}' alone decides the order of outputs"
    for one, other, correlation in parts.correlations:
        if correlation is not None and correlation > MAX_CORRELATION:
            names = f"'{one_line(one)}' and '{one_line(other)}'"
            yield f"graders {names} say the same (rank correlation {correlation:.2f})"
    if times.p95_s > times.limit_s / 2:
        yield f"a grading takes up to {times.p95_s:.0f} s of the platform's {times.limit_s:.0f} s"


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
