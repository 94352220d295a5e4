"""A grader's report card, and a drafted grader under its own, as tables.

In: a report. Out: what Rich prints, within 80 columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from rftctl.report.cells import make_table, number
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from rftctl.commands.draft import DraftReport
    from rftctl.commands.report_card import FamilyResult, ReportCard
    from rftctl.graders.figures import SubGrader, SubGraders, Times
    from rftctl.report.console import Terminal

_KEY_WIDTH = 24


def card(report: ReportCard, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out what each kind of output earned, the figures beside it, and the verdict on the grader."""
    parts: list[RenderableType] = [_families(report), Text("")]
    if report.parts.graders:
        parts += [_sub_graders(report.parts), Text("")]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(report):
        facts.add_row(name, text)
    for note in report.notes:
        facts.add_row("note", one_line(note, limit=300))
    style = "bold green" if report.exit_code == 0 else "bold red"
    facts.add_row(Text(report.verdict, style=style), one_line(report.reason, limit=500))
    return [*parts, facts]


def drafted(report: DraftReport, terminal: Terminal, brief: bool) -> list[RenderableType]:
    """Lay out a drafted grader under its own report card; one that is refused is not shown as a draft."""
    compared = ", ".join(f"{one_line(name)} ({kind})" for name, kind in report.fields.items())
    parts = [*card(report.card, terminal, brief), Text(f"\ncompared: {compared}", style="dim")]
    if report.exit_code:
        parts.append(Text("refused as a draft; change it before you train on it:", style="bold red"))
    return [*parts, Text(safe(_as_yaml({"grader": report.grader})))]


def _as_yaml(document: dict[str, Any]) -> str:
    """Write a spec's part as a person would: code as a block of lines."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _families(report: ReportCard) -> Table:
    table = make_table("kind of output", "n", "reward", "paid", "for example", last_wraps=True)
    good = [family for family in report.families if family.is_good]
    weak = [family for family in report.families if not family.is_good and family.is_weakness]
    firm = [family for family in report.families if not family.is_good and not family.is_weakness]
    for family in (*good, *weak, *firm):
        table.add_row(*_family(family))
    return table


def _family(family: FamilyResult) -> tuple[Text | str, ...]:
    style = "red" if family.is_weakness else "green" if family.is_good else ""
    # Not by colour alone: a log and a colour-blind reader see the mark.
    paid = f"{family.paid_share:.0%}{' !' if family.is_weakness else '  '}"
    name = Text(one_line(family.family), style=style)
    example = one_line(family.example, limit=24)
    return name, str(family.n), number(family.mean_reward), Text(paid, style=style), example


def _facts(report: ReportCard) -> Iterator[tuple[str, str]]:
    spread = report.spread
    shares = f"{spread.floor_share:.0%} of outputs at the floor, {spread.ceiling_share:.0%} at the ceiling"
    yield "scale", f"{shares}; {plural(spread.n_levels, 'different reward')}"
    yield "partial credit", _partial(report)
    yield "graded again", _repeat(report)
    yield "time a grading", _times(report.times)


def _partial(report: ReportCard) -> str:
    partial = report.partial
    if not partial.n_rows:
        return "no answer has parts that could be right one by one"
    steps = " > ".join(number(reward) for reward in partial.mean_rewards)
    return f"{steps} with none, 1/4, 1/2, 3/4, all of the answer right"


def _repeat(report: ReportCard) -> str:
    repeat = report.repeat
    told = f"{repeat.flip_share:.0%} of {plural(repeat.n, 'output')} got another reward"
    if not repeat.is_judge:
        return told
    change = f"by {repeat.mean_change:.3f} on average"
    return f"{told}, {change}; the judge kept its side on {repeat.same_side_share:.0%}"


def _times(times: Times) -> str:
    over = f"; {plural(times.n_over, 'grading')} longer" if times.n_over else ""
    told = (
        f"median {_seconds(times.p50_s)}, 95% within {_seconds(times.p95_s)}, at most {_seconds(times.max_s)}"
    )
    return f"{told}; the platform stops it at {times.limit_s:.0f} s{over}"


def _seconds(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1000:.2g} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _sub_graders(parts: SubGraders) -> Table:
    table = make_table("grader", "mean", "with the reward", "decides", "most like", last_wraps=True)
    for grader in parts.graders:
        style = "yellow" if grader.key == parts.dominant else ""
        table.add_row(
            Text(one_line(grader.key, limit=_KEY_WIDTH), style=style),
            number(grader.mean),
            _correlation(grader.correlation),
            f"{grader.decides_share:.0%}",
            _most_like(grader, parts),
        )
    return table


def _most_like(grader: SubGrader, parts: SubGraders) -> str:
    """Name the other grader that orders outputs most like this one, with their rank correlation."""
    others = [
        (correlation, other if key == grader.key else key)
        for key, other, correlation in parts.correlations
        if grader.key in (key, other) and correlation is not None
    ]
    if not others:
        return "-"
    correlation, key = max(others)
    return f"{one_line(key, limit=_KEY_WIDTH)} {_correlation(correlation)}"


def _correlation(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
