import json
import threading

import pytest

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.errors import NotOfferedError, ProviderError
from rftctl.graders import build_grader
from rftctl.graders.base import TokenUsage

SCORE = {
    "type": "score_model",
    "name": "judge",
    "model": "gpt-4.1",
    "input": [
        {"role": "system", "content": "Compare with {{item.answer}}."},
        {"role": "user", "content": "{{sample.output_text}}"},
    ],
}
LABEL = {
    **SCORE,
    "type": "label_model",
    "labels": ["good", "fair", "bad"],
    "passing_labels": ["good", "fair"],
}


class Judge:
    """Answers what the output under judgement says, and keeps the questions."""

    def __init__(self, concurrency=4):
        self.concurrency = concurrency
        self.asked = []
        self.busy = self.busiest = 0
        self._lock = threading.Lock()

    def sample(self, messages, *, response_format=None, params=None):
        with self._lock:
            self.asked.append((messages, response_format, params))
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            return self.answer(messages[-1]["content"])
        finally:
            with self._lock:
                self.busy -= 1

    def answer(self, text):
        if text == "DOWN":
            raise ProviderError("judge did not answer", "wait")
        reason = {"REFUSE": "refusal", "FILTER": "content_filter", "CUT": "length"}.get(text, "stop")
        output_json = parse_output(text) if reason == "stop" else ABSENT
        return Sample(text, output_json, finish_reason=reason), {"prompt_tokens": 7, "completion_tokens": 2}


@pytest.fixture
def judge():
    return Judge()


def grade(config, judge, text, item=None):
    grader = build_grader(config, sampler=judge)
    [grade] = grader.grade_batch([(Sample(text), item or {"answer": "x"})])
    grader.close()
    return grade


@pytest.mark.parametrize(
    ("reply", "limits", "reward"),
    [
        ('{"steps": [], "result": 0.7}', None, 0.7),
        ('{"result": 1}', None, 1.0),
        ('{"result": 3}', None, 1.0),
        ('{"result": -3}', None, 0.0),
        ('{"result": 6}', [1, 7], 6.0),
        ('{"result": 0}', [1, 7], 1.0),
        ('{"result": 55.5}', [0, 100], 55.5),
        ('{"result": -2}', [-1, 1], -1.0),
        ("0.25", None, 0.25),
        ('{"result": ' + "9" * 400 + "}", [0, 10], 10.0),
    ],
)
def test_a_score_is_clipped_to_the_range(judge, reply, limits, reward):
    assert grade({**SCORE, "range": limits}, judge, reply).reward == reward


@pytest.mark.parametrize(
    "reply",
    ["", "eight", '{"result": "8"}', '{"result": true}', '{"result": null}', '{"score": 1}', "[1]", "CUT"],
)
def test_a_reply_without_a_number_is_a_parse_error(judge, reply):
    given = grade(SCORE, judge, reply)
    assert (given.reward, given.errors) == (None, ("model_grader_parse_error",))


@pytest.mark.parametrize("reply", ["REFUSE", "FILTER"])
def test_a_refusal_has_its_own_flag(judge, reply):
    assert grade(SCORE, judge, reply).errors == ("model_grader_refusal_error",)


def test_a_judge_that_is_down_is_a_server_error(judge):
    given = grade(SCORE, judge, "DOWN")
    assert given.errors == ("model_grader_server_error",)
    assert "did not answer" in given.details["model_grader_server_error"]


def test_a_cut_off_reply_says_what_to_raise(judge):
    assert "max_completions_tokens" in grade(SCORE, judge, "CUT").details["model_grader_parse_error"]


@pytest.mark.parametrize(("label", "reward"), [("good", 1.0), ("fair", 1.0), ("bad", 0.0)])
def test_a_label_passes_or_not(judge, label, reward):
    assert grade(LABEL, judge, json.dumps({"result": label})).reward == reward


@pytest.mark.parametrize("reply", ['{"result": "Good"}', '{"result": 1}', "good"])
def test_a_label_that_is_not_one_of_the_labels_is_a_parse_error(judge, reply):
    assert grade(LABEL, judge, reply).errors == ("model_grader_parse_error",)


def test_templates_are_filled_in_before_the_judge_is_asked(judge):
    grade(SCORE, judge, "0.5", {"answer": "K35"})
    [(messages, _, _)] = judge.asked
    assert messages[0] == {"role": "system", "content": "Compare with K35."}


def test_a_missing_reference_is_never_sent_to_the_judge(judge):
    assert grade(SCORE, judge, "0.5", {"other": 1}).errors == ("invalid_variable_error",)
    assert judge.asked == []


def test_the_judge_is_asked_for_a_structured_reply(judge):
    grade(SCORE, judge, "0.5")
    schema = judge.asked[0][1]["json_schema"]["schema"]
    assert schema["properties"]["result"]["type"] == "number"
    assert schema["required"] == ["steps", "result"]


def test_labels_are_the_only_values_the_reply_may_have(judge):
    grade(LABEL, judge, "x")
    assert judge.asked[0][1]["json_schema"]["schema"]["properties"]["result"]["enum"] == LABEL["labels"]


@pytest.mark.parametrize("spelling", ["max_completions_tokens", "max_tokens", "max_completion_tokens"])
def test_the_token_cap_reaches_the_wire_in_every_spelling(judge, spelling):
    grade({**SCORE, "sampling_params": {spelling: 50, "temperature": 0.0, "seed": None}}, judge, "0.5")
    assert judge.asked[0][2] == {"model": "gpt-4.1", "max_completion_tokens": 50, "temperature": 0.0}


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        ("a {{item.answer}}", "a x"),
        ({"type": "input_text", "text": "a {{item.answer}}"}, "a x"),
        ([{"type": "output_text", "text": "a"}], "a"),
        (["a", "b"], [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        (
            [{"type": "input_image", "image_url": "https://h/{{item.answer}}", "detail": "low"}],
            [{"type": "image_url", "image_url": {"url": "https://h/x", "detail": "low"}}],
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "{{item.answer}}", "format": "mp3"}},
            [{"type": "input_audio", "input_audio": {"data": "x", "format": "mp3"}}],
        ),
    ],
)
def test_every_form_of_content_becomes_a_chat_message(judge, content, wire):
    config = {**SCORE, "input": [{"role": "user", "content": content}, SCORE["input"][1]]}
    grade(config, judge, "0.5")
    assert judge.asked[0][0][0] == {"role": "user", "content": wire}


def test_a_batch_keeps_its_order_and_asks_no_more_than_the_judge_allows(judge):
    grader = build_grader(SCORE, sampler=judge)
    grades = grader.grade_batch([(Sample(f"0.{n:03}"), {"answer": "x"}) for n in range(200)])
    grader.close()
    assert [grade.reward for grade in grades] == [n / 1000 for n in range(200)]
    assert judge.busiest <= judge.concurrency


def test_tokens_are_counted_per_model_and_summed_by_a_multi(judge):
    config = {"type": "multi", "name": "m", "graders": {"a": SCORE, "b": SCORE}, "calculate_output": "a+b"}
    assert grade(config, judge, "0.5").token_usage == {"gpt-4.1": TokenUsage(14, 4, 0)}


def test_without_a_judge_the_way_out_is_named():
    with pytest.raises(NotOfferedError, match="needs a judge") as caught:
        build_grader(SCORE)
    assert "config.yaml" in caught.value.hint


class Silent:
    """A judge that must not be asked."""

    def sample(self, messages, *, response_format=None, params=None):
        raise AssertionError(messages)


def judged(config, results):
    grader = build_grader(config, sampler=Silent())
    [given] = grader.grade_batch([(Sample("x", judged=results), {"answer": "x"})])
    return given


@pytest.mark.parametrize(
    ("config", "results", "reward"),
    [
        (SCORE, {"*": 0.4}, 0.4),
        (SCORE, {"judge": 0.3, "*": 0.4}, 0.3),
        (SCORE, {"*": 7}, 1.0),
        (LABEL, {"*": "fair"}, 1.0),
        (LABEL, {"*": "bad"}, 0.0),
    ],
)
def test_a_result_that_came_with_the_output_is_taken_without_asking(config, results, reward):
    given = judged(config, results)
    assert (given.reward, given.errors) == (reward, ())


@pytest.mark.parametrize(
    ("config", "results"), [(SCORE, {"other": 1.0}), (SCORE, {"*": "high"}), (LABEL, {"*": "x"})]
)
def test_a_recorded_result_that_is_none_of_this_graders_never_becomes_a_reward(config, results):
    given = judged(config, results)
    assert (given.reward, given.errors) == (None, ("model_grader_parse_error",))
