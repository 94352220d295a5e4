import json

import pytest

from rftctl.dataset import Sample, parse_output
from rftctl.errors import NotOfferedError
from rftctl.graders import build_grader
from rftctl.graders.lambda_export import export_lambda

LAMBDA = {"type": "lambda", "lambda": {"function": "arn:aws:lambda:us-west-2:123456789012:function:grade"}}
ROW = {"messages": [{"role": "user", "content": "q"}], "reference_answer": {"code": "K1"}, "weight": 0.5}

HANDLER = """
def lambda_handler(event, context):
    replies = []
    for one in event:
        text = one["messages"][-1]["content"]
        right = one["metadata"]["reference_answer"]["code"] == text
        reward = one["metadata"]["weight"] if right else 0.0
        replies.append({"id": one["id"], "aggregate_reward_score": reward, "metrics_list": []})
    return replies
"""


def graded(handler, sandbox, text, row=ROW):
    grader = build_grader({**LAMBDA, "handler": handler}, sandbox=sandbox)
    [grade] = grader.grade_batch([(Sample(text, parse_output(text)), row)])
    grader.close()
    return grade


@pytest.mark.parametrize(("text", "reward"), [("K1", 0.5), ("K2", 0.0)])
def test_a_local_handler_is_given_the_documented_event(sandbox, text, reward):
    assert graded(HANDLER, sandbox, text).reward == reward


def test_a_reference_answer_also_stands_beside_the_metadata(sandbox):
    handler = HANDLER.replace('one["metadata"]["reference_answer"]', 'one["reference_answer"]')
    assert graded(handler, sandbox, "K1").reward == 0.5


@pytest.mark.parametrize(
    "body",
    [
        "return []",
        "return {}",
        "return [{'id': '2', 'aggregate_reward_score': 1.0}]",
        "return [{'id': '1'}]",
        "return [{'id': '1', 'aggregate_reward_score': 'high'}]",
        "raise KeyError('x')",
    ],
)
def test_a_handler_that_breaks_the_contract_fails(sandbox, body):
    given = graded(f"def lambda_handler(event, context):\n    {body}", sandbox, "K1")
    assert given.errors == ("python_grader_runtime_error",)


def test_a_lambda_without_its_code_is_not_offered_here():
    with pytest.raises(NotOfferedError, match="runs at Amazon") as caught:
        build_grader(LAMBDA)
    assert "handler_file" in caught.value.hint


def test_an_endpoint_is_never_called_from_here():
    with pytest.raises(NotOfferedError, match="runs at the provider"):
        build_grader({"type": "endpoint", "url": "https://example.com/grade"})


BODIES = {
    "reads text": "return float(sample['output_text'] == item['reference_answer']['code'])",
    "reads JSON": "return float(sample['output_json']['code'] == 'K1')",
    "tests for JSON": "return 1.0 if 'output_json' in sample else 0.25",
    "reads choices": "return len(sample['choices'][0]['message']['content']) / 10",
    "reads the prompt": "return float(item['messages'][0]['content'] == 'q')",
    "returns a bool": "return True",
    "returns NaN": "return float('nan')",
    "raises": "return 1 / 0",
    "imports": "import math\n    return math.pi",
}
OUTPUTS = ["K1", "K2", '{"code": "K1"}', '{"code": NaN}', "null", "", "[1, 2]", "é\n"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_exported_lambda_rewards_as_the_grader_does(sandbox, body):
    source = f"from __future__ import annotations\ndef grade(sample, item) -> float:\n    {body}"
    pairs = [(Sample(text, parse_output(text)), ROW) for text in OUTPUTS]
    here = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    there = build_grader({**LAMBDA, "handler": export_lambda(source)}, sandbox=sandbox)
    rewards = [grade.reward or 0.0 for grade in here.grade_batch(pairs)]
    assert [grade.reward for grade in there.grade_batch(pairs)] == rewards
    here.close()
    there.close()


def test_an_exported_lambda_reports_a_failed_grader_as_a_metric():
    module = {"__name__": "handler"}
    exec(export_lambda("def grade(sample, item):\n    raise ValueError"), module)
    event = {"id": "7", "messages": [*ROW["messages"], {"role": "assistant", "content": "x"}], "metadata": {}}
    [reply] = json.loads(json.dumps(module["lambda_handler"]([event], None)))
    assert reply["aggregate_reward_score"] == 0.0
    assert reply["metrics_list"] == [{"name": "grader_failed", "value": 1.0, "type": "Metric"}]
