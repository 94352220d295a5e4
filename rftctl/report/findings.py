"""Findings for people: the worst first, the line quoted, the column marked, one block for one fault.

In: a validation report. Out: findings on stderr and the verdict for stdout. On a terminal words wrap at
its width; elsewhere a finding stays one line, so that grep and editors can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from rftctl.finding import Level
from rftctl.report.console import STYLES
from rftctl.text import one_line, plural, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rftctl.commands.online import OnlineAnswers
    from rftctl.commands.quotes import Quote
    from rftctl.commands.validate import ValidationReport
    from rftctl.finding import Finding, Place
    from rftctl.report.console import Terminal

_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}
_MAX_WIDTH = 120
_MIN_ROOM = 20
_MORE_PLACES = 12
_OF_WHAT_IS_MISSING = frozenset({"RFT121", "RFT412"})


@dataclass(frozen=True, slots=True)
class Block:
    """One fault and every place it was found in, in one file."""

    first: Finding
    others: tuple[Place, ...] = ()


def group(findings: Iterable[Finding]) -> list[Block]:
    """Put findings that say the same of one file into one block; errors come first, notes last."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.code, str(finding.level), finding.place.path, finding.message, finding.hint)
        groups.setdefault(key, []).append(finding)
    blocks = [Block(found[0], tuple(other.place for other in found[1:])) for found in groups.values()]
    return sorted(blocks, key=lambda block: _ORDER[block.first.level])


def show_findings(report: ValidationReport, terminal: Terminal) -> None:
    """Write every block to stderr, then how many findings are not shown and what the provider failed at."""
    for number, block in enumerate(group(report.findings)):
        if number and terminal.err.is_terminal:
            terminal.err.print()
        _show(block, report.quotes.get(block.first.place), terminal)
    for code, count in report.left_out.items():
        _say(terminal, Text(f"and {count:,} more of {code}", style="dim"))
    if report.online is not None and report.online.failure:
        _say(terminal, Text.assemble(("error: ", "bold red"), safe(report.online.failure)))
        terminal.hint(report.online.hint)


def verdict(report: ValidationReport) -> Text:
    """Say in one line whether the spec may run, and on how much that rests."""
    style, word = ("bold green", "valid") if report.is_valid else ("bold red", "not valid")
    found = f"{plural(report.n_errors, 'error')}, {plural(report.n_warnings, 'warning')}"
    if report.n_accepted:
        found += f", {report.n_accepted:,} accepted by the baseline"
    counts = ", ".join(f"{name} {plural(count, 'row')}" for name, count in report.n_examples.items())
    text = Text.assemble((word, style), f": {found}; {counts or 'no rows'}")
    if report.online is not None:
        text.append(f"; {_asked(report.online)}")
    return text


def _asked(answers: OnlineAnswers) -> str:
    provider, asked = f"'{one_line(answers.provider)}'", ", ".join(answers.asked)
    if not answers.failure:
        return f"asked {provider} about {asked}"
    return f"asked {provider} about {asked}, then it failed" if asked else f"{provider} could not be asked"


def _show(block: Block, quote: Quote | None, terminal: Terminal) -> None:
    finding = block.first
    head = Text.assemble(
        (f"{safe(str(finding.place))}: ", "bold"),
        (f"{finding.level} {finding.code} ", STYLES[finding.level]),
        one_line(finding.message, limit=400),
    )
    _say(terminal, head)
    if quote is not None and _is_worth_showing(finding, quote):
        for line in _quoted(quote, finding.place, terminal):
            terminal.err.print(line, soft_wrap=True)
    if block.others:
        _say(terminal, Text(f"also {_places(block.others)}", style="dim"))
    if finding.hint:
        _say(terminal, Text(f"hint: {one_line(finding.hint, limit=400)}", style="dim"))


def _is_worth_showing(finding: Finding, quote: Quote) -> bool:
    # What is missing has no line of its own, and a line with NULs is no text.
    return finding.code not in _OF_WHAT_IS_MISSING and "\0" not in quote.before + quote.after


def _say(terminal: Terminal, text: Text) -> None:
    """Write a sentence: wrapped at words under an indent for a person, whole for everything else."""
    if not terminal.err.is_terminal:
        terminal.err.print(text, soft_wrap=True)
        return
    first, *rest = text.wrap(terminal.err, max(_MIN_ROOM, terminal.err.width - 2))
    terminal.err.print(first)
    for line in rest:
        terminal.err.print(Text("  ").append_text(line))


def _quoted(quote: Quote, place: Place, terminal: Terminal) -> list[Text]:
    """Draw the line and, below it, a mark under the column; a long line is cut around the column."""
    gutter = f"  {place.line} | "
    room = max(_MIN_ROOM, min(terminal.err.width, _MAX_WIDTH) - len(gutter))
    dots = "..." if terminal.ascii_only else "…"
    before, after = (_plain(part, terminal) for part in (quote.before, quote.after))
    before, is_cut = _last_cells(before, room // 2 if cell_len(before + after) > room else room)
    left = (dots if is_cut or quote.is_cut_before else "") + before
    space = room - cell_len(left)
    is_cut = cell_len(after) > space or quote.is_cut_after
    right = set_cell_size(after, max(1, space - len(dots))).rstrip() + dots if is_cut else after
    lines = [Text.assemble((gutter, "dim"), left + right)]
    if place.column is not None:
        mark = " " * (len(gutter) - 2) + "| " + " " * cell_len(left)
        lines.append(Text.assemble((mark, "dim"), ("^", "bold red")))
    return lines


def _plain(text: str, terminal: Terminal) -> str:
    """Make a piece of a line harmless, with every character as wide as it will be shown."""
    shown = safe(text.replace("\t", " ").replace("\n", " "))
    return shown.encode("ascii", "backslashreplace").decode() if terminal.ascii_only else shown


def _last_cells(text: str, room: int) -> tuple[str, bool]:
    is_cut = cell_len(text) > room
    while cell_len(text) > room:
        text = text[max(1, (cell_len(text) - room) // 2) :]
    return text, is_cut


def _places(places: Sequence[Place]) -> str:
    lines = [place.line for place in places if place.line is not None]
    if not lines:
        return f"{len(places)} times"
    shown, left = ranges(lines).split(", "), 0
    if len(shown) > _MORE_PLACES:
        left, shown = len(shown) - _MORE_PLACES, shown[:_MORE_PLACES]
    more = f" and {left} more" if left else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(shown)}{more}"


def ranges(lines: Sequence[int]) -> str:
    """Write ascending line numbers short: `1-3, 7`."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
