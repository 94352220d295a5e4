"""Outputs and graders that mean harm: one clear line each, and the next item is graded right."""

import pytest

from rftctl.dataset import Sample, parse_output
from rftctl.graders import build_grader
from rftctl.sandbox import Limits, choose_sandbox

CHECK = {
    "type": "string_check",
    "name": "c",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}
SIMILAR = {
    "type": "text_similarity",
    "name": "s",
    "input": CHECK["input"],
    "reference": CHECK["reference"],
    "evaluation_metric": "rouge_l",
}
MULTI = {
    "type": "multi",
    "name": "m",
    "graders": {"a": CHECK, "b": SIMILAR},
    "calculate_output": "(a + b) / 2",
}
MILLION = 1_000_000

HOSTILE_TEXTS = {
    "a million characters": "x" * MILLION,
    "a million emoji": "\U0001f600" * MILLION,
    "deep lists": "[" * 200_000 + "]" * 200_000,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a huge number": "9" * 100_000,
    "terminal escapes": "\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "markup": "[bold]x[/nope] [link=javascript:alert(1)]y[/link] <script>alert(1)</script>",
    "bidi and nulls": "\u202e\x00\ufeff\u2028",
    "template text": "{{item.answer}} {{sample.output_text}} {{{{",
    "lone surrogate": "\ud800",
}


def pair(text, answer="right"):
    return Sample(text, parse_output(text)), {"answer": answer}


@pytest.mark.parametrize("config", [CHECK, SIMILAR, MULTI], ids=lambda config: config["type"])
@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_hostile_output_earns_nothing_and_the_next_item_is_graded_right(config, text):
    hostile, following = build_grader(config).grade_batch([pair(text), pair("right")])
    assert (hostile.reward, hostile.errors, following.reward) == (0.0, (), 1.0)


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_a_hostile_output_reaches_a_python_grader_whole(sandbox, text):
    source = "def grade(sample, item):\n    return len(sample['output_text'])"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    hostile, following = grader.grade_batch([pair(text), pair("right")])
    grader.close()
    assert (hostile.reward, following.reward) == (len(text), 5)


HOSTILE_CODE = {
    "prints gigabytes": ("while True: print('x' * 1_000_000)", "timeout"),
    "sleeps": ("import time; time.sleep(3600)", "timeout"),
    "never ends": ("while True: pass", "timeout"),
    "forks for ever": ("import os\n    while True: os.fork()", ""),
    "takes all memory": ("return len('x' * 10**12)", "memory"),
    "returns NaN": ("return float('nan')", "nan"),
    "returns infinity": ("return float('-inf')", "inf"),
    "returns a string": ("return '1.0'", "str"),
    "returns nothing": ("return None", "None"),
    "returns a truth value": ("return True", "bool"),
    "returns a huge integer": ("return 10 ** 5000", ""),
    "returns a list": ("return [1.0]", "list"),
    "ends the process": ("import os; os._exit(0)", ""),
    "raises an escape": ("raise ValueError('\\x1b[2J\\n' * 1000)", "ValueError"),
    "recurses": ("return grade(sample, item)", "RecursionError"),
}


@pytest.fixture(scope="module")
def hasty():
    with choose_sandbox(limits=Limits(time_s=1.0)) as opened:
        yield opened


@pytest.mark.parametrize("name", HOSTILE_CODE)
def test_a_hostile_grader_fails_in_one_line_and_the_next_item_is_graded_right(hasty, name):
    code, told = HOSTILE_CODE[name]
    source = f"def grade(sample, item):\n    if sample['output_text'] == 'right': return 0.75\n    {code}\n"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=hasty)
    hostile, following = grader.grade_batch([pair("wrong"), pair("right")])
    grader.close()
    assert (hostile.reward, hostile.errors) == (None, ("python_grader_runtime_error",))
    [detail] = hostile.details.values()
    assert detail.isprintable()
    assert told.lower() in detail.lower()
    assert len(detail) < 400
    assert following.reward == 0.75
