"""Templates; the rendering table itself is covered row by row in graders/golden.jsonl."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.template import TemplateError, TemplateSyntaxError, parse_template


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("{{item.a", 1, "never closed"),
        ("ab {{item.a} }", 4, "never closed"),
        ("{{}}", 3, "an empty template"),
        ("{{  }}", 5, "an empty template"),
        ("{{x}}", 3, "'x' is not a namespace"),
        ("{{ answer.text }}", 4, "'answer' is not a namespace"),
        ("{{Item.a}}", 3, "'Item' is not a namespace"),
        ("{{item}}", 3, "names no field"),
        ("{{item.}}", 7, "not part of a path"),
        ("{{item..a}}", 7, "not part of a path"),
        ("{{item.a b}}", 9, "not part of a path"),
        ("{{item.a[-1]}}", 9, "an index is a whole number"),
        ("{{item.a[*]}}", 9, "an index is a whole number"),
        ('{{item.a["b"]}}', 9, "an index is a whole number"),
        ("{{item[0]}}", 3, "'item' has no index"),
        ("{{item.a | upper}}", 9, "not part of a path"),
        ("{{sample.output}}", 3, "did you mean 'output_text'?"),
        ("{{sample.reward_hack}}", 3, "sample has no 'reward_hack'"),
        ("{{item.x} and {{item.y}}", 9, "not part of a path"),
        ('{{"a": {{item.x}}}}', 3, "is not a namespace"),
    ],
)
def test_a_malformed_template_names_its_column_and_reason(text, column, reason):
    with pytest.raises(TemplateSyntaxError) as caught:
        parse_template(text)
    assert caught.value.column == column
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "item", "reason"),
    [
        ("{{item.a}}", {}, "'item' has no key 'a'"),
        ("{{item.a.b}}", {"a": None}, "'item.a' is null and has no key 'b'"),
        ("{{item.a.b}}", {"a": [1]}, "'item.a' is a list and has no key 'b'"),
        ("{{item.a[3]}}", {"a": [1]}, "'item.a' has 1 entries, so no index 3"),
        ("{{item.a[0]}}", {"a": "text"}, "'item.a' is a string and has no index 0"),
        ("{{item.a[0].b}}", {"a": [True]}, "'item.a[0]' is a boolean and has no key 'b'"),
    ],
)
def test_a_missing_variable_says_what_is_there_instead(text, item, reason):
    with pytest.raises(TemplateError) as caught:
        parse_template(text).render(item, {})
    assert caught.value.reason == reason
    assert caught.value.namespace == "item"


def test_an_output_that_is_not_json_is_the_samples_fault():
    with pytest.raises(TemplateError) as caught:
        parse_template("{{sample.output_json.a}}").render({}, {"output_text": "x"})
    assert caught.value.namespace == "sample"
    assert caught.value.reason == "the output is not JSON"


def test_paths_carry_their_segments_and_columns():
    first, second = parse_template("a {{ item.x[0].y }}{{sample.output_text}}").paths
    assert (first.text, first.segments, first.column) == ("item.x[0].y", ("x", 0, "y"), 6)
    assert (second.namespace, second.segments, second.column) == ("sample", ("output_text",), 22)


def test_a_path_resolves_against_a_row():
    [path] = parse_template("{{item.x[1]}}").paths
    assert path.resolve({"x": [1, {"y": 2}]}) == {"y": 2}


def test_a_template_tells_which_namespaces_it_reads():
    template = parse_template("{{item.x}}")
    assert template.reads("item")
    assert not template.reads("sample")


def test_a_value_nested_too_deeply_is_a_template_error():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested too deeply"):
        parse_template("{{item.x}}").render({"x": deep}, {})


def test_a_value_that_json_cannot_hold_is_a_template_error():
    with pytest.raises(TemplateError, match="is not JSON"):
        parse_template("{{item.x}}").render({"x": [float("inf")]}, {})


def test_a_million_characters_render_unchanged():
    long = "ab{{item.y}}" * 100_000
    assert parse_template("<{{item.x}}>").render({"x": long}, {}) == f"<{long}>"


@given(st.text(), st.text())
def test_any_text_value_renders_as_itself(before, value):
    before = before.replace("{", "")
    assert parse_template(before + "{{item.x}}").render({"x": value}, {}) == before + value


@given(st.text())
def test_any_text_parses_or_names_a_column_inside_it(text):
    column = 1
    try:
        parse_template(text)
    except TemplateSyntaxError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
