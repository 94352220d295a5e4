"""The reward curve as text.

In: a `RewardCurve` and a width. Out: lines for a terminal, in colour or plain, in braille or ASCII.
The only file that knows plotext.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rftctl.curve import RewardCurve

TRAIN_COLOR = "cyan"
VALID_COLOR = "green+"


def draw_curve(curve: RewardCurve, *, width: int, height: int = 14, ascii_only: bool = False) -> str:
    """Draw training and validation reward over steps; "" while there is nothing to draw.

    Args:
        width, height: size in character cells, axes included.
        ascii_only: for terminals that cannot show braille and box characters.
    """
    train, valid = curve.split("train"), curve.split("valid")
    if not train and not valid:
        return ""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    line = plotext.marker("x" if ascii_only else "braille", TRAIN_COLOR)
    for points, marker in ((train, line), (valid, plotext.marker("O" if ascii_only else "●", VALID_COLOR))):
        if points:
            signal = figure.signal([p.step for p in points], [p.reward_mean for p in points], marker=marker)
            if points is train and len(points) > 1:
                signal.lines()
            figure.draw(signal)
    _scale(figure, curve)
    text: str = figure.build().string()
    lines = text.rstrip("\n").splitlines()
    return "\n".join(_ascii(lines) if ascii_only else lines)


def _scale(figure: object, curve: RewardCurve) -> None:
    rewards = [point.reward_mean for point in curve.points]
    low, high = min(0.0, *rewards), max(*rewards, 0.0)
    # Rewards between 0 and 1 are the usual case, and an axis that does not jump is easier to follow.
    high = 1.0 if 0.3 < high <= 1.0 else high * 1.1 or 1.0
    last = max(curve.total_steps or 0, curve.last_step, 2)
    y_axis, x_axis = figure.ruler("y"), figure.ruler("x")  # type: ignore[attr-defined]
    y_axis.lim(low, high)
    x_axis.lim(1, last)
    ticks = sorted({1, last, *(round(1 + (last - 1) * share) for share in (0.25, 0.5, 0.75))})
    x_axis.ticks(ticks, [str(tick) for tick in ticks])
    figure.label("step")  # type: ignore[attr-defined]


_SERIES = (("training, each step on other rows", "⠒", "x", "cyan"), ("validation", "●", "O", "bright_green"))


def legend(*, ascii_only: bool = False) -> Text:
    """Name the series on a line of its own: on the canvas a legend would hide points."""
    line = Text("     ")
    for label, symbol, plain, style in _SERIES:
        line.append(f"{plain if ascii_only else symbol} ", style=style)
        line.append(f"{label}   ", style="dim")
    return line


def _ascii(lines: list[str]) -> list[str]:
    corners = dict.fromkeys("┌┐└┘┤┬├┼", "+")
    table = str.maketrans({"─": "-", "│": "|", **corners})
    return [line.translate(table) for line in lines]
