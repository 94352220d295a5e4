"""The vision sample: its pictures measured pixel by pixel, its grader's credit and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import re
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rftctl.commands.draft import lambda_source

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "vision"
SPLITS = ("train", "validation", "test")
GRADE = runpy.run_path(str(SAMPLE / "grader.py"))["grade"]
ITEM = {"answer": {"value": 60.0, "unit": "km"}, "tolerance": 3.0}
BAR, LINE = (70, 120, 180), (190, 190, 190)


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


def parts(row: dict[str, Any]) -> tuple[str, bytes]:
    text, image = row["messages"][0]["content"]
    return text["text"], base64.b64decode(image["image_url"]["url"].split(",")[1])


def bar_heights(png: bytes) -> list[float]:
    """Heights of the bars from left to right, in steps between the lines."""
    with Image.open(io.BytesIO(png)) as picture:
        width, body, palette = picture.width, picture.tobytes(), picture.getpalette() or []
    colors = [tuple(palette[n : n + 3]) for n in range(0, len(palette), 3)]
    columns, bar, line = [body[x::width] for x in range(width)], colors.index(BAR), colors.index(LINE)
    edge = [y for y, color in enumerate(columns[-9]) if color == line]
    step = (edge[-1] - edge[0]) / 5
    starts = [x for x in range(1, width) if bar in columns[x] and bar not in columns[x - 1]]
    return [(edge[-1] - columns[x].index(bar)) / step for x in starts]


@pytest.mark.parametrize("name", SPLITS)
def test_the_asked_bar_is_as_high_in_the_picture_as_the_answer_says(name: str) -> None:
    asked = [row for row in rows(name) if row["tier"] in (2, 3)]
    assert len(asked) > 50
    for row in asked:
        # A tolerance is 0.1 or 0.15 of a step, by tier.
        step = row["tolerance"] / {2: 0.1, 3: 0.15}[row["tier"]]
        heights = bar_heights(parts(row)[1])
        assert min(abs(height * step - row["answer"]["value"]) for height in heights) < row["tolerance"]


@pytest.mark.parametrize("name", SPLITS)
def test_a_difference_is_that_of_two_bars_in_the_picture(name: str) -> None:
    for row in (row for row in rows(name) if row["tier"] == 4 and "higher" in parts(row)[0]):
        heights = sorted(bar_heights(parts(row)[1]))
        step = row["tolerance"] * 10
        gaps = {round(b - a) * step for n, a in enumerate(heights) for b in heights[n + 1 :]}
        assert row["answer"]["value"] in gaps
        assert all(a < b for a, b in pairwise(heights))


@pytest.mark.parametrize("name", SPLITS)
def test_nothing_of_the_answer_stands_in_the_text(name: str) -> None:
    for row in rows(name):
        question = parts(row)[0].split(" Answer with")[0]
        assert not re.search(r"\d", question)
        assert row["answer"]["unit"] not in question.split()


def test_what_is_asked_for_never_occurs_in_two_splits() -> None:
    def named(name: str) -> set[str]:
        text = " ".join(parts(row)[0].split(" Answer with")[0] for row in rows(name))
        return set(re.findall(r"one (\w+)\?|line '(\w+)'|bar of (\w+)|that of (\w+)", text)) - {("",) * 4}

    train, validation, test = (named(name) for name in SPLITS)
    assert [train & validation, train & test, validation & test] == [set()] * 3


@pytest.mark.parametrize(
    ("value", "unit", "reward"),
    [
        (60, "km", 1.0),
        (63, " KM ", 1.0),
        (66, "km", 0.5),
        (69.1, "km", 0.0),
        (60, "m", 0.1),
        (66, "m", 0.05),
        (-60, "km", 0.0),
    ],
)
def test_value_and_unit_are_weighed(value: float, unit: str, reward: float) -> None:
    text = json.dumps({"value": value, "unit": unit})
    assert GRADE({"output_text": text}, ITEM) == pytest.approx(reward)


def test_a_form_must_be_read_to_the_cent() -> None:
    item = {"answer": {"value": 3.53, "unit": "CHF"}, "tolerance": 0.0}
    said = [GRADE({"output_text": json.dumps({"value": v, "unit": "CHF"})}, item) for v in (3.53, 3.54)]
    assert said == [1.0, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60 km",
        '[60, "km"]',
        '{"value": "60", "unit": "km"}',
        '{"value": true, "unit": "km"}',
        '{"value": NaN, "unit": "km"}',
        '{"value": [60, 61], "unit": "km"}',
        '{"value": 1, "value": 60, "unit": "km"}',
        '{"value": 60, "unit": "km", "note": ""}',
        '{"value": 60, "unit": null}',
        '```json\n{"value": 60, "unit": "km"}\n```',
    ],
)
def test_what_is_not_exactly_a_number_and_a_text_earns_nothing(text: str) -> None:
    assert GRADE({"output_text": text}, ITEM) == 0.0


def test_the_lambda_function_carries_the_grader_as_it_is() -> None:
    source = (SAMPLE / "grader.py").read_text("utf-8")
    written = (SAMPLE / "lambda_function.py").read_text("utf-8")
    assert lambda_source({"type": "python", "source": source}) == written
