"""What `check_grader` says about broken configs: the code, the key it points at, and the way out."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from rftctl.errors import InvalidInputError
from rftctl.finding import Level, Place
from rftctl.graders import GRADER_TYPES, build_grader, check_grader, wire_config
from rftctl.graders.codes import GRADER_CODES
from rftctl.graders.python_source import HOSTED_PACKAGES

TEXT = "{{sample.output_text}}"
CHECK = {"type": "string_check", "name": "c", "input": TEXT, "reference": "{{item.a}}", "operation": "eq"}
SIMILAR = {
    "type": "text_similarity",
    "name": "s",
    "input": TEXT,
    "reference": "x",
    "evaluation_metric": "rouge_l",
}
SCORE = {"type": "score_model", "name": "j", "model": "gpt-4.1", "input": [{"role": "user", "content": TEXT}]}
LABEL = {**SCORE, "type": "label_model", "labels": ["good", "bad"], "passing_labels": ["good"]}
MULTI = {"type": "multi", "name": "m", "graders": {"a": CHECK}, "calculate_output": "a"}
ENDPOINT = {"type": "endpoint", "url": "https://example.com/grade"}
LAMBDA = {"type": "lambda", "lambda": {"function": "arn:aws:lambda:us-west-2:123456789012:function:grade"}}


def python(source):
    return {"type": "python", "name": "p", "source": source}


def said(config):
    """Codes with the key path each points at."""
    findings = check_grader(config, lambda path: Place("/".join(map(str, path))))
    return {(finding.code, finding.place.path) for finding in findings}


@pytest.mark.parametrize("config", [CHECK, SIMILAR, SCORE, MULTI, ENDPOINT, LAMBDA], ids=lambda c: c["type"])
def test_a_right_config_gives_no_finding(config):
    assert said(config) == set()


def without(config, key):
    return {name: value for name, value in config.items() if name != key}


BROKEN = [
    ("RFT300", "", []),
    ("RFT300", "", "python"),
    ("RFT300", "", None),
    ("RFT301", "", {}),
    ("RFT301", "type", {"type": "string_chek"}),
    ("RFT301", "type", {"type": ["python"]}),
    ("RFT302", "", without(CHECK, "name")),
    ("RFT302", "", without(CHECK, "input")),
    ("RFT302", "", without(CHECK, "operation")),
    ("RFT302", "", without(SIMILAR, "evaluation_metric")),
    ("RFT302", "", without(SCORE, "model")),
    ("RFT302", "", without(python("def grade(sample, item): return 1"), "name")),
    ("RFT302", "", {"type": "python", "name": "p"}),
    ("RFT303", "reference", {**CHECK, "reference": 3}),
    ("RFT303", "input", {**CHECK, "input": {"text": "x"}}),
    ("RFT303", "image_tag", {**python("def grade(sample, item): return 1"), "image_tag": "latest"}),
    ("RFT303", "rate_limit", {**ENDPOINT, "rate_limit": 0}),
    ("RFT303", "headers", {**ENDPOINT, "headers": {"a": 1}}),
    ("RFT304", "strict", {**CHECK, "strict": True}),
    ("RFT304", "lambda/arn", {**LAMBDA, "lambda": {**LAMBDA["lambda"], "arn": "x"}}),
    ("RFT305", "pass_threshold", {**CHECK, "pass_threshold": 0.5}),
    ("RFT306", "type", LABEL),
    ("RFT310", "operation", {**CHECK, "operation": "equals"}),
    ("RFT311", "evaluation_metric", {**SIMILAR, "evaluation_metric": "rouge_9"}),
    ("RFT312", "evaluation_metric", {**SIMILAR, "evaluation_metric": "cosine"}),
    ("RFT314", "", {**CHECK, "input": "{{item.b}}"}),
    ("RFT314", "", {**SCORE, "input": [{"role": "user", "content": "give a score"}]}),
    ("RFT320", "input", {**CHECK, "input": "{{output_text}}"}),
    ("RFT320", "input/0/content", {**SCORE, "input": [{"role": "user", "content": "{{sample.x"}]}),
    ("RFT330", "graders", {**MULTI, "graders": [CHECK]}),
    ("RFT330", "graders", {**MULTI, "graders": CHECK}),
    ("RFT330", "graders", {**MULTI, "graders": {}}),
    ("RFT331", "graders/a", {**MULTI, "graders": {"a": MULTI}}),
    ("RFT332", "graders/exp", {**MULTI, "graders": {"exp": CHECK}, "calculate_output": "1"}),
    ("RFT332", "graders/a-b", {**MULTI, "graders": {"a-b": CHECK}}),
    ("RFT332", "graders/2nd", {**MULTI, "graders": {"2nd": CHECK}}),
    ("RFT333", "calculate_output", {**MULTI, "calculate_output": "(a + 1) / 2)"}),
    ("RFT334", "calculate_output", {**MULTI, "calculate_output": "a + b"}),
    ("RFT335", "graders/b", {**MULTI, "graders": {"a": CHECK, "b": CHECK}}),
    ("RFT336", "calculate_output", {**MULTI, "calculate_output": "1"}),
    ("RFT300", "graders/a", {**MULTI, "graders": {"a": "string_check"}}),
    ("RFT310", "graders/a/operation", {**MULTI, "graders": {"a": {**CHECK, "operation": "neq"}}}),
    ("RFT340", "source", python("def grade(sample, item): return 1\n" + "#" * 256_000)),
    ("RFT341", "source", python("def grade(sample, item)\n    return 1")),
    ("RFT341", "source", python("return 1")),
    ("RFT341", "source", python("x = '\0'")),
    ("RFT342", "source", python("def reward(sample, item): return 1")),
    ("RFT342", "source", python("class A:\n    def grade(self, sample, item): return 1")),
    ("RFT342", "source", python("async def grade(sample, item): return 1")),
    ("RFT343", "source", python("def grade(sample): return 1")),
    ("RFT343", "source", python("def grade(sample, item, extra=None): return 1")),
    ("RFT343", "source", python("def grade(sample, item, *, extra): return 1")),
    ("RFT344", "source", python("import torch\ndef grade(sample, item): return 1")),
    ("RFT345", "source", python("def grade(sample, item):\n    import subprocess\n    return 1")),
    ("RFT345", "source", python("import urllib.request\ndef grade(sample, item): return 1")),
    ("RFT350", "input", {**SCORE, "input": "grade this"}),
    ("RFT350", "input", {**SCORE, "input": []}),
    ("RFT350", "input/0", {**SCORE, "input": ["grade"]}),
    ("RFT350", "input/0/role", {**SCORE, "input": [{"role": "judge", "content": TEXT}]}),
    ("RFT350", "input/0", {**SCORE, "input": [{"content": TEXT}]}),
    ("RFT315", "evaluation_metric", {**SIMILAR, "evaluation_metric": "fuzzy_match"}),
    (
        "RFT315",
        "evaluation_metric",
        {**SIMILAR, "evaluation_metric": "fuzzy_match", "reference": "{{item.a}}"},
    ),
    ("RFT350", "input/0/content/0", {**SCORE, "input": [{"role": "user", "content": [{"type": "image"}]}]}),
    ("RFT350", "input/0/content", {**SCORE, "input": [{"role": "user", "content": []}]}),
    ("RFT350", "input/0/content", {**SCORE, "input": [{"role": "user"}]}),
    ("RFT351", "range", {**SCORE, "range": [1, 0]}),
    ("RFT351", "range", {**SCORE, "range": [0]}),
    ("RFT351", "range", {**SCORE, "range": "0-1"}),
    ("RFT351", "range", {**SCORE, "range": [0, True]}),
    ("RFT352", "sampling_params/top_k", {**SCORE, "sampling_params": {"top_k": 3}}),
    ("RFT352", "sampling_params/temperature", {**SCORE, "sampling_params": {"temperature": 3}}),
    ("RFT352", "sampling_params/seed", {**SCORE, "sampling_params": {"seed": 1.5}}),
    ("RFT352", "sampling_params", {**SCORE, "sampling_params": []}),
    (
        "RFT353",
        "sampling_params/temperature",
        {**SCORE, "model": "o3-mini", "sampling_params": {"temperature": 1}},
    ),
    ("RFT353", "sampling_params/reasoning_effort", {**SCORE, "sampling_params": {"reasoning_effort": "low"}}),
    ("RFT354", "labels", {**LABEL, "labels": "good"}),
    ("RFT354", "labels", {**LABEL, "labels": ["good", "good"]}),
    ("RFT354", "passing_labels", {**LABEL, "passing_labels": ["fine"]}),
    ("RFT360", "url", {**ENDPOINT, "url": "http://example.com"}),
    ("RFT360", "url", {**ENDPOINT, "url": "https://user:pw@example.com"}),
    ("RFT361", "lambda/function", {**LAMBDA, "lambda": {"function": "grade"}}),
    ("RFT362", "headers/X-Api-Key", {**ENDPOINT, "headers": {"X-Api-Key": "abc"}}),
    ("RFT342", "handler", {**LAMBDA, "handler": "def grade(sample, item): return 1"}),
    ("RFT370", "sampling_params/max_tokens", {**SCORE, "sampling_params": {"max_tokens": 100}}),
]


@pytest.mark.parametrize(("code", "path", "config"), BROKEN)
def test_a_broken_config_gets_its_code_at_its_key(code, path, config):
    assert (code, path) in said(config)


def test_every_code_a_check_can_say_is_explained():
    assert {code for code, _, _ in BROKEN} <= set(GRADER_CODES)


def test_all_findings_come_at_once():
    config = {**CHECK, "operation": "equals", "input": "{{x}}", "reference": 1, "extra": 1}
    assert {code for code, _ in said(config)} == {"RFT310", "RFT320", "RFT303", "RFT304"}


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"type": "string_chek"}, "did you mean 'string_check'?"),
        ({**CHECK, "operation": "neq"}, "use 'ne'"),
        ({**CHECK, "operation": "contains"}, "use 'like'"),
        ({**SIMILAR, "evaluation_metric": "rougeL"}, "use 'rouge_l'"),
        ({**CHECK, "refrence": "x"}, "did you mean 'reference'?"),
        ({**SCORE, "sampling_params": {"max_tokens": 9}}, "use 'max_completions_tokens', with both s"),
    ],
)
def test_a_slip_gets_its_correction_as_the_hint(config, hint):
    assert hint in [finding.hint for finding in check_grader(config, lambda _: Place("g"))]


@pytest.mark.parametrize("line", [1, 3])
def test_a_syntax_error_names_its_line(line):
    config = python("\n" * (line - 1) + "def grade(sample item): pass")
    [finding] = check_grader(config, lambda _: Place("g"))
    assert f"line {line}:" in finding.message


def test_building_a_wrong_config_raises_with_its_findings():
    with pytest.raises(InvalidInputError, match="operation is 'equals'") as caught:
        build_grader({**CHECK, "operation": "equals"})
    assert [finding.code for finding in caught.value.findings] == ["RFT310"]


def test_warnings_alone_do_not_stop_a_build():
    grader = build_grader({**CHECK, "pass_threshold": 0.5, "extra": 1})
    assert grader.name == "c"


def test_keys_of_our_own_are_not_sent():
    config = {"type": "multi", "graders": {"a": {**LAMBDA, "handler": "code"}}, "calculate_output": "a"}
    assert wire_config(config)["graders"] == {"a": LAMBDA}


@pytest.mark.parametrize("grader_type", GRADER_TYPES)
def test_a_type_alone_is_refused_and_never_a_crash(grader_type):
    findings = check_grader({"type": grader_type}, lambda _: Place("g"))
    assert any(finding.level is Level.ERROR for finding in findings)


@pytest.mark.parametrize("junk", [None, True, 3, "text", [], {}, [[]], {"type": {}}, {"a": [None]}])
@pytest.mark.parametrize("config", [CHECK, SIMILAR, SCORE, LABEL, MULTI, ENDPOINT, LAMBDA, python("x=1")])
def test_junk_in_any_key_is_a_finding_and_never_a_crash(config, junk):
    for key in config:
        findings = check_grader({**config, key: junk}, lambda _: Place("g"))
        assert all(finding.code in GRADER_CODES for finding in findings)


def imports(source):
    return [
        finding
        for finding in check_grader(
            python(f"{source}\ndef grade(sample, item): return 1"), lambda _: Place("g")
        )
        if finding.code == "RFT346"
    ]


def test_a_package_of_another_version_than_the_hosted_one_is_a_warning(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda package: "9.9.9")
    [finding] = imports("import numpy as np")
    assert finding.level is Level.WARNING
    assert "line 1: imports 'numpy', which is 9.9.9 here and 2.2.4 in the hosted image" in finding.message
    assert "rftctl[hosted-image]" in finding.hint


def test_a_hosted_package_that_is_missing_here_is_a_warning(monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr("importlib.metadata.version", missing)
    [finding] = imports("from sklearn.metrics import f1_score")
    assert "imports 'sklearn', which is not installed here" in finding.message


def test_the_hosted_version_and_the_standard_library_give_no_warning(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda package: HOSTED_PACKAGES["numpy"][1])
    assert imports("import numpy, json, re") == []


def test_the_extra_pins_what_the_checks_compare_with():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    extra = tomllib.loads(text)["project"]["optional-dependencies"]["hosted-image"]
    assert sorted(extra) == sorted(f"{package}=={version}" for package, version in HOSTED_PACKAGES.values())


def test_a_finding_about_a_key_points_at_the_key():
    config = {**MULTI, "graders": {"exp": {**CHECK, "pass_threshold": 1}}, "extra": 1}
    places = {"value": lambda path: Place("v"), "key": lambda path: Place("k")}
    findings = check_grader(config, places["value"], places["key"])
    at_key = {finding.code for finding in findings if finding.place.path == "k"}
    assert at_key == {"RFT304", "RFT305", "RFT332", "RFT335"}


@pytest.mark.parametrize(
    "config",
    [
        {"type": "a\x1b[2J"},
        {**CHECK, "operation": "\x00eq"},
        {**CHECK, "k\x07": 1},
        {**MULTI, "graders": {"\x9b": CHECK}},
        {**LABEL, "passing_labels": ["\u202eevil"]},
        {**ENDPOINT, "headers": {"key\r\n": "v"}},
    ],
)
def test_what_a_message_quotes_does_nothing_to_a_terminal(config):
    for finding in check_grader(config, lambda _: Place("g")):
        assert not set(finding.message + finding.hint) & set("\x00\x07\x1b\x9b\r\n\u202e")


def test_a_short_reference_in_words_of_its_own_is_a_warning_and_a_template_a_note():
    fuzzy = {**SIMILAR, "evaluation_metric": "fuzzy_match"}
    levels = {}
    for reference in ("yes", "{{item.a}}", "a reference of several words"):
        found = check_grader({**fuzzy, "reference": reference}, lambda _: Place("g"))
        levels[reference] = [finding.level for finding in found]
    assert list(levels.values()) == [[Level.WARNING], [Level.NOTE], []]


@pytest.mark.parametrize(("code", "path", "config"), BROKEN)
def test_every_finding_says_the_way_out(code, path, config):
    findings = check_grader(config, lambda _: Place("g"))
    assert [finding.code for finding in findings if not finding.hint] == []
