"""Probes of rows whose right output is a tool call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rftctl.dataset import ABSENT, Example, Sample
from rftctl.graders.base import Grade
from rftctl.graders.probe_samples import probe_sample
from rftctl.graders.probes import derive_probes, find_right_answers

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]


def row(n: int) -> Example:
    call = {"name": "look_up", "arguments": {"id": f"r{n}"}}
    item = {"messages": [], "tools": TOOLS, "calls": [call], "verdict": "ab"[n % 2], "tier": n}
    return Example(n, [{"role": "user", "content": f"case {n}"}], TOOLS, item)


ROWS = [row(n) for n in range(1, 7)]


def calls_of(sample: Sample) -> list[tuple[str, Any]]:
    functions = [call["function"] for call in sample.output_tools]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


class CallGrader:
    """Pays the one right call, and the verdict beside it."""

    name = "calls"

    def grade_batch(self, pairs: list[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        return [Grade(self.reward(sample, item)) for sample, item in pairs]

    def reward(self, sample: Sample, item: dict[str, Any]) -> float:
        wanted = [(call["name"], call["arguments"]) for call in item["calls"]]
        verdict = sample.output_json
        said = verdict.get("verdict") if isinstance(verdict, dict) else None
        return 0.5 * (calls_of(sample) == wanted) + 0.5 * (said == item["verdict"])


def test_calls_in_a_probe_become_the_samples_calls_and_the_rest_its_text() -> None:
    text = json.dumps({"verdict": "a", "calls": ROWS[0].item["calls"]})
    sample = probe_sample(text, ROWS[0].item, parse_json=True)
    assert calls_of(sample) == [("look_up", {"id": "r1"})]
    assert (sample.output_text, sample.output_json) == ('{"verdict": "a"}', {"verdict": "a"})


def test_calls_alone_leave_no_text() -> None:
    sample = probe_sample(json.dumps({"calls": ROWS[0].item["calls"]}), ROWS[0].item, parse_json=True)
    assert (sample.output_text, sample.output_json) == ("", ABSENT)


@pytest.mark.parametrize("text", ['{"calls": "x"}', '{"calls": [1]}', "[1]", "plain"])
def test_what_holds_no_calls_stays_text(text: str) -> None:
    sample = probe_sample(text, ROWS[0].item, parse_json=True)
    assert (sample.output_text, sample.output_tools) == (text, [])


def test_a_row_without_tools_has_no_calls() -> None:
    item = {"calls": ROWS[0].item["calls"]}
    text = json.dumps(item)
    assert probe_sample(text, item, parse_json=True) == Sample(text, item)


@pytest.mark.parametrize("properties", [(), ("verdict",)])
def test_the_right_calls_and_the_verdict_are_found_by_trying(properties: tuple[str, ...]) -> None:
    found = find_right_answers(ROWS, CallGrader(), properties=properties)
    assert json.loads(found[1]) == {"verdict": "b", "calls": ROWS[0].item["calls"]}


def test_every_bad_family_of_a_calling_row_is_paid_nothing_for_its_calls() -> None:
    right = find_right_answers(ROWS, CallGrader())
    for probe in derive_probes(ROWS, right):
        sample = probe_sample(probe.text, probe.item, parse_json=True)
        called = calls_of(sample) == [("look_up", {"id": f"r{probe.line}"})]
        assert called is probe.is_good or probe.family == "wrong answer padded", probe
