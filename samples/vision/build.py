"""Build the rows of the vision sample: small drawn charts and forms, and a figure to read from each.

In: a seed; Pillow (pinned) draws. Out: train, validation and test rows, each with one PNG as a data URL, the
right value, its unit and how far a reading may be off. Nothing of the answer stands in the text.
"""

from __future__ import annotations

import base64
import io
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from building import build_sample
from PIL import Image, ImageDraw, ImageFont

SEED = 20261123
PACKAGES = {"pillow": "13.0.0"}
SIZES = {"train": 320, "validation": 104, "test": 204}
QUICK_ROWS = 24
WIDTH, HEIGHT = 300, 200
INK, LINE, BAR, PAPER = 0, 1, 2, 3
PALETTE = (30, 30, 30, 190, 190, 190, 70, 120, 180, 255, 255, 255)

# No thing of a form and no place of a chart occurs in two splits.
THINGS = {
    "train": (
        *("anvil", "bolt", "clamp", "drill", "easel", "file", "gasket"),
        *("hinge", "iron", "jack", "kettle", "lamp", "mallet", "nozzle"),
    ),
    "validation": ("oven", "pump", "rasp", "saw", "tap"),
    "test": ("urn", "valve", "wrench", "axle", "brush", "chisel", "dowel", "funnel"),
}
PLACES = {
    "train": (
        *("Aldor", "Brinn", "Corvel", "Dunmar", "Elsby", "Farrow"),
        *("Gilden", "Harwick", "Istal", "Jorvan", "Keld", "Lunby"),
    ),
    "validation": ("Marwen", "Norbeck", "Ostrad", "Pellin", "Quorn"),
    "test": ("Rethmar", "Solby", "Tarn", "Ulverton", "Varde", "Wexcombe", "Yarrow", "Zellin"),
}
CURRENCIES = ("EUR", "USD", "GBP", "CHF")
MEASURES = (("Rainfall", "mm"), ("Harvest", "t"), ("Energy", "kWh"), ("Traffic", "km"), ("Yield", "kg"))
STEPS = (5, 10, 20, 50)
N_LINES = 5

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What one row asks: the picture, the question, and what a good reading says."""

    image: Image.Image
    question: str
    value: float
    unit: str
    tolerance: float


def build() -> dict[str, list[Row]]:
    """Draw every split, a quarter of its rows from each tier."""
    files: dict[str, list[Row]] = {}
    for split, n in SIZES.items():
        dice = random.Random(f"{SEED} {split}")
        files[split] = [_row(dice, split, 1 + at % 4) for at in range(n)]
        dice.shuffle(files[split])
    files["validation-quick"] = files["validation"][:QUICK_ROWS]
    return files


def _row(dice: random.Random, split: str, tier: int) -> Row:
    reading = (_form_cell, _chart_on_line, _chart_between, _two_steps)[tier - 1](dice, split)
    text = (
        f'{reading.question} Answer with JSON and nothing else: {{"value": number, "unit": text}}, '
        "the unit as the picture gives it."
    )
    content = [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": _data_url(reading.image), "detail": "low"}},
    ]
    return {
        "messages": [{"role": "user", "content": content}],
        "answer": {"value": reading.value, "unit": reading.unit},
        "tolerance": reading.tolerance,
        "tier": tier,
    }


def _data_url(image: Image.Image) -> str:
    body = io.BytesIO()
    image.save(body, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(body.getvalue()).decode()


def _paper() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("P", (WIDTH, HEIGHT), PAPER)
    image.putpalette(PALETTE)
    draw = ImageDraw.Draw(image)
    # Smoothed letters would need shades that the palette does not have.
    draw.fontmode = "1"
    return image, draw


def _form_cell(dice: random.Random, split: str) -> Reading:
    lines, currency = _lines(dice, split), dice.choice(CURRENCIES)
    thing, _, price = dice.choice(lines)
    question = f"The picture is a delivery note. What is the price of one {thing}?"
    return Reading(_form(lines, currency, dice.randint(10_000, 99_999)), question, price, currency, 0.0)


def _two_steps(dice: random.Random, split: str) -> Reading:
    if dice.random() < 0.5:
        lines, currency = _lines(dice, split), dice.choice(CURRENCIES)
        thing, n, price = dice.choice(lines)
        question = f"The picture is a delivery note. What do all pieces of the line '{thing}' cost together?"
        image = _form(lines, currency, dice.randint(10_000, 99_999))
        return Reading(image, question, round(n * price, 2), currency, 0.005)
    bars, step, (title, unit) = _bars(dice, split, on_line=True)
    (first, high), (second, low) = sorted(dice.sample(bars, 2), key=lambda bar: -bar[1])
    question = f"The picture is a bar chart. By how much is the bar of {first} higher than that of {second}?"
    return Reading(_chart(bars, step, title, unit), question, high - low, unit, step * 0.1)


def _chart_on_line(dice: random.Random, split: str) -> Reading:
    return _one_bar(dice, split, on_line=True, share_of_step=0.1)


def _chart_between(dice: random.Random, split: str) -> Reading:
    return _one_bar(dice, split, on_line=False, share_of_step=0.15)


def _one_bar(dice: random.Random, split: str, *, on_line: bool, share_of_step: float) -> Reading:
    bars, step, (title, unit) = _bars(dice, split, on_line=on_line)
    place, value = dice.choice(bars)
    question = f"The picture is a bar chart. What value does the bar of {place} show?"
    return Reading(_chart(bars, step, title, unit), question, value, unit, step * share_of_step)


def _lines(dice: random.Random, split: str) -> list[tuple[str, int, float]]:
    things = dice.sample(THINGS[split], N_LINES)
    return [(thing, dice.randint(2, 40), dice.randint(120, 9_999) / 100) for thing in things]


def _bars(
    dice: random.Random, split: str, *, on_line: bool
) -> tuple[list[tuple[str, float]], int, tuple[str, str]]:
    step, places = dice.choice(STEPS), dice.sample(PLACES[split], 4)
    # Fifths of a step: as fine as a bar between two lines can be told at this size.
    fifths = range(5, 26, 5) if on_line else [part for part in range(3, 24) if part % 5]
    values = [step * part / 5 for part in dice.sample(fifths, 4)]
    return list(zip(places, values, strict=True)), step, dice.choice(MEASURES)


def _form(lines: list[tuple[str, int, float]], currency: str, number: int) -> Image.Image:
    image, draw = _paper()
    font = ImageFont.load_default(12)
    draw.text((10, 8), f"Delivery note {number}", INK, ImageFont.load_default(15))
    columns = (10, 130, 190)
    for at, title in zip(columns, ("Item", "Pieces", f"Price each, {currency}"), strict=True):
        draw.text((at, 36), title, INK, font)
    for n, line in enumerate(lines):
        top = 58 + n * 24
        draw.line((10, top - 3, WIDTH - 10, top - 3), LINE)
        for at, cell in zip(columns, (line[0], str(line[1]), f"{line[2]:.2f}"), strict=True):
            draw.text((at, top + 2), cell, INK, font)
    return image


def _chart(bars: list[tuple[str, float]], step: int, title: str, unit: str) -> Image.Image:
    image, draw = _paper()
    font = ImageFont.load_default(12)
    draw.text((10, 4), f"{title} in {unit}", INK, ImageFont.load_default(14))
    left, bottom, high = 44, HEIGHT - 26, HEIGHT - 56
    for n in range(6):
        y = bottom - n * high // 5
        draw.line((left, y, WIDTH - 8, y), LINE)
        draw.text((8, y - 8), str(n * step), INK, font)
    for n, (place, value) in enumerate(bars):
        x = left + 14 + n * 60
        draw.rectangle((x, bottom - round(value / (5 * step) * high), x + 32, bottom), BAR)
        draw.text((x + 16, bottom + 6), place, INK, font, anchor="ma")
    return image


if __name__ == "__main__":
    sys.exit(build_sample(__file__, build, seed=SEED, packages=PACKAGES))
