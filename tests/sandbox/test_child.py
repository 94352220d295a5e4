"""What counts as a reward, and what a grader's source may look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.sandbox import CallResult, GraderProcess, Sandbox


def run(sandbox: Sandbox, source: str) -> CallResult:
    with sandbox.start(source) as process:
        return process.call_batch([({"output_text": "x"}, {"answer": "x"})])[0]


@pytest.fixture(scope="session")
def evaluator(sandbox: Sandbox) -> Iterator[GraderProcess]:
    """A grader that returns what the item says, started once."""
    with sandbox.start(
        "import numpy as np\ndef grade(sample, item): return eval(item['returns'])\n"
    ) as process:
        yield process


def returned(evaluator: GraderProcess, expression: str) -> CallResult:
    return evaluator.call_batch([({}, {"returns": expression})])[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.5", 0.5),
        ("1", 1.0),
        ("-3", -3.0),
        ("1e-320", 1e-320),
        ("-0.0", -0.0),
        ("__import__('fractions').Fraction(1, 4)", 0.25),
        ("__import__('enum').IntEnum('E', 'A').A", 1.0),
    ],
)
def test_a_real_number_is_a_reward(evaluator: GraderProcess, expression: str, value: float) -> None:
    result = returned(evaluator, expression)
    assert (result.status, str(result.value)) == ("ok", str(value))


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "uint64"])
def test_a_numpy_scalar_is_a_reward(evaluator: GraderProcess, kind: str) -> None:
    assert returned(evaluator, f"np.{kind}(3)").value == 3.0


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("True", "grade returned bool True, which is not a number"),
        ("None", "grade returned NoneType None, which is not a number"),
        ("'1.0'", "grade returned str '1.0', which is not a number"),
        ("[1]", "grade returned list [1], which is not a number"),
        ("__import__('decimal').Decimal(1)", "grade returned Decimal Decimal('1'), which is not a number"),
        ("np.bool_(True)", "grade returned bool np.True_, which is not a number"),
        ("np.array([1.0])", "grade returned ndarray array([1.]), which is not a number"),
        ("float('nan')", "grade returned nan, which is not a finite number"),
        ("1e999", "grade returned inf, which is not a finite number"),
        ("10**400", "grade returned a number too large to be a reward"),
    ],
)
def test_anything_else_is_no_reward(evaluator: GraderProcess, expression: str, said: str) -> None:
    result = returned(evaluator, expression)
    assert (result.value, result.status, result.detail) == (None, "bad_value", said)


def test_the_main_guard_does_not_run(sandbox: Sandbox) -> None:
    source = "def grade(sample, item): return 1\nif __name__ == '__main__':\n    raise SystemExit(3)\n"
    assert run(sandbox, source).value == 1.0


def test_functions_below_grade_are_found(sandbox: Sandbox) -> None:
    assert run(sandbox, "def grade(sample, item): return _half()\ndef _half(): return 0.5\n").value == 0.5


def test_a_dataclass_with_postponed_annotations_works(sandbox: Sandbox) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass Answer:\n    text: str\n    best: ClassVar[float] = 0.75\n"
        "def grade(sample, item): return Answer(sample['output_text']).best\n"
    )
    assert run(sandbox, source).value == 0.75


def test_a_pydantic_model_works(sandbox: Sandbox) -> None:
    source = (
        "from __future__ import annotations\nfrom pydantic import BaseModel\n"
        "class Answer(BaseModel):\n    output_text: str\n    then: Answer | None = None\n"
        "def grade(sample, item): return len(Answer.model_validate(sample).output_text)\n"
    )
    assert run(sandbox, source).value == 1.0


def test_a_callable_object_may_be_grade(sandbox: Sandbox) -> None:
    source = "class G:\n    def __call__(self, sample, item): return 0.5\ngrade = G()\n"
    assert run(sandbox, source).value == 0.5


def test_what_a_grader_prints_goes_nowhere(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    source = (
        "import sys\ndef grade(s, i):\n"
        "    print('hello')\n    print('there', file=sys.stderr)\n    return 1\n"
    )
    assert run(sandbox, source).value == 1.0
    assert capfd.readouterr() == ("", "")


def test_source_that_is_not_unicode_text_is_an_error(sandbox: Sandbox) -> None:
    assert run(sandbox, "def grade(s, i): return '\ud800'\n").status == "runtime_error"


def test_a_null_byte_in_the_source_is_an_error(sandbox: Sandbox) -> None:
    assert run(sandbox, "\x00def grade(s, i): return 1\n").status == "runtime_error"
