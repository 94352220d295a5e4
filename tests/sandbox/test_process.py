"""A grader's process: order, limits, isolation between calls, and survival of its worker."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.sandbox import GraderProcess, Limits, Sandbox, choose_sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.sandbox import CallResult

ECHO = "def grade(sample, item):\n    return item['n']\n"


def grade_one(sandbox: Sandbox, source: str, sample: Any = None, item: Any = None) -> CallResult:
    with sandbox.start(source) as process:
        return process.call_batch([(sample or {}, item or {})])[0]


def numbered(n_calls: int) -> Sequence[tuple[dict[str, Any], dict[str, Any]]]:
    return [({}, {"n": number}) for number in range(n_calls)]


def test_results_come_in_the_order_of_the_calls(sandbox: Sandbox) -> None:
    with sandbox.start(ECHO) as process:
        assert [result.value for result in process.call_batch(numbered(20))] == list(range(20))


def test_parallel_results_come_in_the_order_of_the_calls(sandbox: Sandbox) -> None:
    source = (
        "import time\ndef grade(s, item):\n    time.sleep(0.05 * (item['n'] % 3))\n    return item['n']\n"
    )
    with sandbox.start(source, workers=3) as process:
        assert [result.value for result in process.call_batch(numbered(9))] == list(range(9))


def test_an_empty_batch_gives_nothing(sandbox: Sandbox) -> None:
    with sandbox.start(ECHO) as process:
        assert process.call_batch([]) == []


def test_one_failing_call_fails_alone(sandbox: Sandbox) -> None:
    with sandbox.start(ECHO) as process:
        statuses = [r.status for r in process.call_batch([({}, {"n": 1}), ({}, {}), ({}, {"n": 2})])]
    assert statuses == ["ok", "runtime_error", "ok"]


def test_an_error_names_its_line(sandbox: Sandbox) -> None:
    result = grade_one(sandbox, "\n\ndef grade(sample, item):\n    return item['answr']\n")
    assert result.detail == "KeyError: 'answr' at line 4 of the grader"


def test_source_that_does_not_compile_fails_every_call_with_its_line(sandbox: Sandbox) -> None:
    with sandbox.start("def grade(sample, item):\n    return (\n") as process:
        results = process.call_batch(numbered(3))
    assert {r.status for r in results} == {"runtime_error"}
    assert results[0].detail == "SyntaxError: '(' was never closed at line 2 of the grader"


@pytest.mark.parametrize("source", ["x = 1\n", "grade = 3\n", "def Grade(sample, item): return 1\n"])
def test_source_without_grade_fails_every_call(sandbox: Sandbox, source: str) -> None:
    result = grade_one(sandbox, source)
    assert (result.status, result.detail) == (
        "runtime_error",
        "the source defines no function grade(sample, item)",
    )


@pytest.mark.parametrize("header", ["grade(sample)", "grade(sample, item, more)", "grade(*, sample, item)"])
def test_grade_with_other_arguments_is_refused(sandbox: Sandbox, header: str) -> None:
    result = grade_one(sandbox, f"def {header}: return 1\n")
    assert result.detail == "grade must take exactly two arguments: grade(sample, item)"


def test_a_module_body_that_never_ends_times_out() -> None:
    with choose_sandbox("S2", limits=Limits(time_s=0.3)) as sandbox:
        assert grade_one(sandbox, "while True: pass\n").status == "timeout"


def test_a_missing_package_is_named(sandbox: Sandbox) -> None:
    result = grade_one(sandbox, "import no_such_package\ndef grade(sample, item): return 1\n")
    assert result.detail == "ModuleNotFoundError: No module named 'no_such_package' at line 1 of the grader"


def test_state_does_not_pass_from_call_to_call(sandbox: Sandbox) -> None:
    source = "seen = []\ndef grade(sample, item):\n    seen.append(1)\n    return len(seen)\n"
    with sandbox.start(source) as process:
        assert [result.value for result in process.call_batch(numbered(3))] == [1.0, 1.0, 1.0]


def test_a_sample_that_is_not_json_fails_alone(sandbox: Sandbox) -> None:
    with sandbox.start(ECHO) as process:
        results = process.call_batch([({"x": object()}, {"n": 1}), ({}, {"n": 2})])
    assert [r.status for r in results] == ["server_error", "ok"]


def test_a_large_sample_arrives_whole(sandbox: Sandbox) -> None:
    sample = {"output_text": "x" * 3_000_000}
    result = grade_one(sandbox, "def grade(sample, item): return len(sample['output_text'])\n", sample)
    assert result.value == 3_000_000


def test_any_text_arrives_as_it_was(sandbox: Sandbox) -> None:
    text = "a\x00\u2028\U0001f600\ud800\n"
    result = grade_one(
        sandbox,
        "def grade(s, i): return s['output_text'] == i['a'] and 1\n",
        {"output_text": text},
        {"a": text},
    )
    assert result.value == 1.0


def test_a_worker_that_died_between_batches_is_replaced(sandbox: Sandbox) -> None:
    with sandbox.start(ECHO) as process:
        kill_worker(process)
        assert [result.value for result in process.call_batch(numbered(3))] == [0.0, 1.0, 2.0]


def test_a_grader_that_kills_its_worker_costs_only_its_own_call() -> None:
    # Without walls a grader can do that; the others must get their results all the same.
    source = "import os\ndef grade(s, i):\n    if i['n'] == 1: os.kill(os.getppid(), 9)\n    return i['n']\n"
    with choose_sandbox("S1", allow_unsafe=True) as sandbox, sandbox.start(source) as process:
        results = process.call_batch(numbered(4))
    assert [r.value for r in results] == [0.0, None, 2.0, 3.0]
    assert results[1].status == "killed"


def test_closing_twice_is_fine(sandbox: Sandbox) -> None:
    process = sandbox.start(ECHO)
    process.close()
    process.close()
    assert process.call_batch(numbered(1))[0].value == 0.0
    process.close()


def test_closing_ends_the_worker_even_when_it_does_not_listen() -> None:
    with choose_sandbox("S2") as sandbox:
        process = sandbox.start(ECHO)
        pid = worker_pid(process)
        os.kill(pid, signal.SIGSTOP)
        process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_memory_stays_within_the_limit(sandbox: Sandbox) -> None:
    source = (
        "def grade(sample, item):\n    blocks = []\n"
        "    try:\n        while True: blocks.append(bytes(1 << 20))\n"
        "    except MemoryError:\n        return len(blocks)\n"
    )
    result = grade_one(sandbox, source)
    assert result.value is not None
    assert 128 <= result.value <= 256


def test_a_grader_may_use_threads_and_an_event_loop(sandbox: Sandbox) -> None:
    source = (
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "async def two(): return await asyncio.to_thread(lambda: 2)\n"
        "def grade(sample, item):\n    with ThreadPoolExecutor(4) as pool:\n"
        "        return asyncio.run(two()) + sum(pool.map(int, '123'))\n"
    )
    assert grade_one(sandbox, source).value == 8.0


def test_the_scratch_folder_takes_a_file() -> None:
    source = (
        "import tempfile\ndef grade(sample, item):\n    with tempfile.TemporaryFile() as file:\n"
        "        file.write(b'abc')\n        return file.tell()\n"
    )
    with choose_sandbox("S3") as sandbox:
        assert grade_one(sandbox, source).value == 3.0


def test_every_interpreter_setting_repeats(sandbox: Sandbox) -> None:
    source = "import time\ndef grade(s, i): return hash('text') % 10**9 + time.timezone\n"
    assert grade_one(sandbox, source).value == grade_one(sandbox, source).value


def worker_pid(process: GraderProcess) -> int:
    assert process._channel is not None
    return process._channel._process.pid


def kill_worker(process: GraderProcess) -> None:
    os.killpg(worker_pid(process), signal.SIGKILL)
