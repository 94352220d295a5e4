import os
import subprocess
import sys

import pytest

from rftctl.engine.threads import choose_threads, usable_cores, worker_environment


def test_a_wished_count_is_kept() -> None:
    assert choose_threads(3).n_threads == 3


def test_the_choice_stays_within_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= choose_threads().n_threads <= usable_cores()


def test_the_environment_of_a_worker_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    choice = choose_threads()
    assert (choice.n_threads, choice.reason) == (2, "from OMP_NUM_THREADS")


def test_affinity_limits_the_cores() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from rftctl.engine.threads import usable_cores; raise SystemExit(usable_cores())"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 1


def test_a_worker_waits_passively() -> None:
    assert worker_environment()["OMP_WAIT_POLICY"] == "PASSIVE"
    assert worker_environment(2)["OMP_NUM_THREADS"] == "2"


def test_choosing_threads_loads_no_torch() -> None:
    code = "import sys, rftctl.engine.threads, rftctl.engine.loop; raise SystemExit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert done.returncode == 0
