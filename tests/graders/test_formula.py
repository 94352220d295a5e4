import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.graders.formula import FUNCTIONS, FormulaError, FormulaValueError, parse_formula


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "expected a number"),
        ("   ", 4, "expected a number"),
        ("a +", 4, "found the end"),
        ("a ** 2", 3, "power is '^'"),
        ("2 ** 2", 3, "power is '^'"),
        ("(a + b", 7, "expected ')' but found the end"),
        ("a + b)", 6, "')' closes nothing"),
        ("a b", 3, "expected an operator but found 'b'"),
        ("2a", 2, "expected an operator but found 'a'"),
        ("+a", 1, "expected a number"),
        ("a < b", 3, "'<' is not part of a formula"),
        ("a if b else c", 3, "expected an operator but found 'if'"),
        ("a % 2", 3, "'%' is not part of a formula"),
        ("exp", 4, "needs '(' after it"),
        ("min()", 5, "expected a number"),
        ("min(a,)", 7, "expected a number"),
        ("log(a, 10)", 5, "takes one argument, not 2"),
        ("round(a)", 1, "'round' is not a function"),
        ("a.b", 2, "'.' is not part of a formula"),
        ("a[0]", 2, "'[' is not part of a formula"),
        ("'a'", 1, "is not part of a formula"),
        ("9e999", 1, "too large"),
        ("é", 1, "is not part of a formula"),
        ("__import__('os')", 1, "'__import__' is not a function"),
        ("min(a, b", 9, "expected ')'"),
    ],
)
def test_a_malformed_formula_names_its_column_and_reason(text, column, reason):
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    assert caught.value.column == column
    assert reason in caught.value.reason


@pytest.mark.parametrize("opening", ["(", "-", "abs(", "2^"])
def test_deep_nesting_is_refused_and_not_a_crash(opening):
    with pytest.raises(FormulaError, match="nested deeper"):
        parse_formula(opening * 4_000 + "1")


def test_a_sum_of_thousands_of_terms_works():
    assert parse_formula("+".join(["a"] * 5_000)).evaluate({"a": 0.5}) == 2500


def test_a_formula_beyond_the_cap_is_refused():
    with pytest.raises(FormulaError, match="longer than"):
        parse_formula("1" + " " * 20_000)


def test_variables_name_the_column_of_their_first_use():
    assert parse_formula("min(a, b) + a").variables == {"a": 5, "b": 8}


def test_a_name_that_contains_a_functions_name_is_a_variable():
    assert parse_formula("explanation + min_length").evaluate({"explanation": 1, "min_length": 2}) == 3


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_documented_function_works(name):
    expected = {"log": 0.0, "exp": math.e}.get(name, 1.0)
    assert parse_formula(f"{name}(1)").evaluate({}) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["1/a", "log(a)", "sqrt(a-1)", "exp(1000)", "a^-1", "10^200*10^200"])
def test_a_formula_without_a_finite_value_fails(text):
    with pytest.raises(FormulaValueError):
        parse_formula(text).evaluate({"a": 0.0})


_NUMBERS = st.floats(0.1, 9).map(lambda x: repr(round(x, 3)))
_TREES = st.recursive(
    _NUMBERS | st.sampled_from("ab"),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda x: f"abs({x})")
        | inner.map(lambda x: f"-{x}")
    ),
    max_leaves=12,
)


@given(_TREES)
def test_arithmetic_agrees_with_python(text):
    names = {"a": 0.25, "b": 3.0}
    try:
        expected = eval(text, {"abs": abs}, names)
    except ZeroDivisionError:
        expected = math.nan
    try:
        assert parse_formula(text).evaluate(names) == pytest.approx(expected)
    except FormulaValueError:
        assert not math.isfinite(expected)


@given(st.text(alphabet="ab01.+-*/^(), minexplog", max_size=40))
def test_any_text_parses_or_is_refused_with_a_column(text):
    column = 1
    try:
        parse_formula(text)
    except FormulaError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
