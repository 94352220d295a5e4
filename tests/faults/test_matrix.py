"""A share of the fault matrix; all of it is `python -m tests.faults.matrix --share 1`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.expected import expect
from tests.faults.faults import FAULTS
from tests.faults.matrix import CALLS, cases, pick
from tests.faults.world import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SHARE, SEED = 0.008, 7
CHOSEN = [case.name for case in pick(SHARE, SEED)]
pytestmark = pytest.mark.xdist_group("matrix")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each chosen case came to: the cases mostly wait, so they are played side by side."""
    report: Path = tmp_path_factory.mktemp("matrix") / "verdicts.jsonl"
    command = [sys.executable, "-m", "tests.faults.matrix", "--share", str(SHARE), "--seed", str(SEED)]
    done = subprocess.run([*command, "--report", str(report)], cwd=REPOSITORY, capture_output=True, text=True)
    assert report.exists(), done.stdout + done.stderr
    found = [json.loads(line) for line in report.read_text().splitlines()]
    return {verdict["name"]: verdict for verdict in found}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_fault_ends_as_the_table_says(name: str, verdicts: dict[str, dict[str, Any]]) -> None:
    assert verdicts[name]["wrong"] == []


def test_there_are_more_than_forty_faults_for_every_call() -> None:
    single = {fault.name for fault in FAULTS.values() if fault.kind not in ("listing", "stranger")}
    assert len(single) > 80
    for call in CALLS:
        assert single <= {case.fault.name for case in cases() if case.call == call}


def test_every_call_and_every_fault_is_in_the_share() -> None:
    chosen = pick(SHARE, SEED)
    assert {case.call.name for case in chosen} == {call.name for call in CALLS}
    assert {case.fault.name for case in chosen} == set(FAULTS)


def test_the_table_knows_every_case_and_never_expects_a_bug_or_a_second_create() -> None:
    expected = {case.name: expect(case.call.name, case.fault, case.mode) for case in cases()}
    assert {code for one in expected.values() for code in one.codes} <= {0, 1, 2, 3, 4, 5, 9, 10}
    assert {one.creates for one in expected.values() if 9 in one.codes and one.then == {9}} == {1}
