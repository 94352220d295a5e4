import pytest

from rftctl.dataset import Sample
from rftctl.graders import build_grader
from rftctl.sandbox import Limits, choose_sandbox


@pytest.fixture
def strict_sandbox():
    with choose_sandbox(limits=Limits(time_s=0.5, memory_bytes=256 * 2**20)) as opened:
        yield opened


def grade(body, sandbox, n=1):
    source = f"def grade(sample, item):\n    {body}"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    grades = grader.grade_batch([(Sample(str(i)), {"n": i}) for i in range(n)])
    grader.close()
    return grades


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", "timeout"),
        ("return len('x' * 10**9)", "memory"),
        ("return item['gone']", "KeyError: 'gone' at line 2"),
        ("return 'high'", "bad value"),
    ],
)
def test_what_the_code_does_wrong_is_a_runtime_error_that_says_so(strict_sandbox, body, said):
    [given] = grade(body, strict_sandbox)
    assert given.errors == ("python_grader_runtime_error",)
    assert said in given.details["python_grader_runtime_error"]


def test_a_broken_grader_earned_nothing_that_counts(sandbox):
    assert grade("return 1 / 0", sandbox)[0].earned is None


def test_one_bad_call_leaves_the_others_alone(sandbox):
    grades = grade("return 1 / item['n']", sandbox, n=4)
    assert [given.reward for given in grades] == [None, 1.0, 0.5, pytest.approx(1 / 3)]


def test_a_large_batch_keeps_its_order(sandbox):
    grades = grade("return item['n']", sandbox, n=60)
    assert [given.reward for given in grades] == list(range(60))


def test_nothing_is_kept_from_one_call_to_the_next(sandbox):
    source = "seen = []\ndef grade(sample, item):\n    seen.append(1)\n    return len(seen)"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    assert [g.reward for g in grader.grade_batch([(Sample(""), {})] * 3)] == [1.0, 1.0, 1.0]
    grader.close()


def test_a_closed_grader_can_be_used_again(sandbox):
    source = "def grade(sample, item):\n    return 0.5"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    for _ in range(2):
        assert grader.grade_batch([(Sample(""), {})])[0].reward == 0.5
        grader.close()


def test_an_empty_batch_starts_no_worker(sandbox):
    source = "def grade(sample, item):\n    return 0.5"
    grader = build_grader({"type": "python", "name": "p", "source": source}, sandbox=sandbox)
    assert grader.grade_batch([]) == []
