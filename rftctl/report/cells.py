"""What fills the cells of a table: numbers, intervals, and the table itself.

In: values. Out: short text that lines up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from rftctl.stats import Interval


def make_table(*columns: str, last_wraps: bool = False) -> Table:
    """Make a table whose numbers stand right; a last column of words folds instead of squeezing them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        is_words = number == 0 or (last_wraps and number == len(columns) - 1)
        fixed = number > 0 and not is_words
        table.add_column(column, justify="left" if is_words else "right", overflow="fold", no_wrap=fixed)
    return table


def number(value: float | None) -> str:
    """Write a reward with three decimals, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def interval(found: Interval | None, *, signed: bool = False) -> str:
    """Write an interval as `low to high`."""
    if found is None:
        return "-"
    form = "{:+.3f} to {:+.3f}" if signed else "{:.3f} to {:.3f}"
    return form.format(found.low, found.high)
