"""Templates; the rendering table itself is covered row by row in graders/golden.jsonl."""

import json

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


_keys = st.text(min_size=1, max_size=4).filter(
    lambda key: not any(c.isspace() or c in ".[]{}'\"" for c in key)
)
_leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_values = st.recursive(
    _leaves | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


def _walk(draw, value, path):
    while isinstance(value, list | dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(range(len(value)) if isinstance(value, list) else sorted(value)))
        path += f"[{key}]" if isinstance(value, list) else f".{key}"
        value = value[key]
    return path, value


@st.composite
def _filled(draw):
    texts = st.text(max_size=8).filter(lambda text: "{" not in text and not text.startswith("}"))
    row = {"a": draw(_values), draw(_keys): draw(_values)}
    template = expected = ""
    for _ in range(draw(st.integers(0, 6))):
        key = draw(st.sampled_from(sorted(row)))
        path, value = _walk(draw, row[key], f"item.{key}")
        text = draw(texts)
        template += f"{text}{{{{{path}}}}}"
        as_json = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        expected += text + (value if isinstance(value, str) else as_json)
    return template, row, expected


@given(_filled())
def test_any_path_into_any_row_gives_its_text_or_its_json(filled):
    template, row, expected = filled
    assert parse_template(template).render(row, {}) == expected


@pytest.mark.parametrize(
    "text", ["'", '"', "\\", "\n", "\r\n", "\u2028", '"""', "');raise SystemExit#", "{0}%s", "\0"]
)
def test_text_that_python_reads_as_code_stays_text(text):
    assert parse_template(f"{text}{{{{item.a}}}}{text}").render({"a": "x"}, {}) == f"{text}x{text}"


@pytest.mark.parametrize(
    "key", ["__class__", "\\", "\\n", "a#b", "item", "list", "strictly", "größe", "a;b", "\0", "$(x)"]
)
def test_a_key_that_python_reads_as_code_stays_a_key(key):
    template = parse_template(f"{{{{item.{key}.{key}}}}}")
    assert template.render({key: {key: "found"}}, {}) == "found"
    with pytest.raises(TemplateError, match="has no key"):
        template.render({"a": {}}, {})


@pytest.mark.parametrize("path", ["a[0]", "a[0][0]", "b[0][0]", "b[0][0][0]"])
@pytest.mark.parametrize("around", ["", "text "])
def test_an_index_never_takes_a_letter_out_of_a_string(path, around):
    with pytest.raises(TemplateError, match="is a string and has no index 0"):
        parse_template(f"{around}{{{{item.{path}}}}}").render({"a": "text", "b": ["text"]}, {})


@pytest.mark.parametrize("value", [True, 0, 1.5, None, [], {}, ["x"], {"a": "x"}])
@pytest.mark.parametrize("around", ["", "text "])
def test_a_value_that_is_no_string_is_written_as_json(value, around):
    expected = around + json.dumps(value, separators=(",", ":"))
    assert parse_template(f"{around}{{{{item.a}}}}").render({"a": value}, {}) == expected


@pytest.mark.parametrize("n", [1, 20, 64, 65, 3_000])
def test_a_template_may_have_any_number_of_variables(n):
    template = parse_template("{{item.a}}-{{item.b}}." * n)
    assert template.render({"a": "x", "b": 2}, {}) == "x-2." * n


@pytest.mark.parametrize("n", [1, 20, 64, 65, 3_000])
@pytest.mark.parametrize("step", [".a", "[0]"])
def test_a_path_may_go_any_number_of_steps_down(n, step):
    value = "end"
    for _ in range(n - 1):
        value = {"a": value} if step == ".a" else [value]
    assert parse_template("{{item.a" + step * (n - 1) + "}}").render({"a": value}, {}) == "end"


def test_a_template_without_a_variable_is_its_text():
    assert parse_template("").render({}, {}) == ""
    assert parse_template("a }} {b}").render({}, {}) == "a }} {b}"


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
