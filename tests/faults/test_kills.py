"""Short forms of the kill harness; `make fuzz` runs longer ones. Every form prints its figures."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.faults import forker
from tests.faults.kills import Place
from tests.faults.tracer import IS_SUPPORTED
from tests.faults.world import REPOSITORY, FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = {"kills": 0, "commands": 0, "points": 0, "races": 0, "hidden": 0}
FORMS = {
    "launches killed at random moments": {"kills": 32},
    "the whole command killed": {"commands": 1},
    "two launches at once": {"races": 4},
    "a job hidden beyond the settle window": {"hidden": 3},
}
pytestmark = pytest.mark.xdist_group("kills")


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Give the tests a fault server."""
    with FaultServer() as server:
        yield server


def attack(module: str, **counts: int) -> subprocess.CompletedProcess[str]:
    options = [word for name, count in counts.items() for word in (f"--{name}", str(count))]
    command = [sys.executable, "-m", f"tests.faults.{module}", *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


@pytest.mark.parametrize("name", FORMS)
def test_no_job_is_made_twice_no_run_is_lost_and_no_ledger_breaks(name: str) -> None:
    done = attack("kills", **(NOTHING | FORMS[name]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 violations" in done.stdout


@pytest.mark.skipif(not IS_SUPPORTED, reason="the tracer speaks to Linux on x86-64 only")
def test_a_launch_killed_around_any_call_is_completed_by_the_next() -> None:
    done = attack("kills", **(NOTHING | {"points": 37}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a launch makes" in done.stdout


@pytest.mark.skipif(not IS_SUPPORTED, reason="the tracer speaks to Linux on x86-64 only")
def test_a_failing_disk_loses_nothing_that_was_acknowledged() -> None:
    done = attack("storage", every=32)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 violations") == 4


def test_a_client_that_sends_again_would_be_seen(server: FaultServer) -> None:
    place = Place(server)
    last = forker.run(place.launch())
    request = urllib.request.Request(f"{place.world.url}/fine_tuning/jobs", data=b'{"metadata": {}}')
    urllib.request.urlopen(request).close()
    found = " ".join(place.judge(last, "sent again"))
    assert "2 jobs for one spec" in found
    assert "2 creates sent for one intent" in found


def test_a_lost_ledger_would_be_seen(server: FaultServer) -> None:
    place = Place(server)
    last = forker.run(place.launch())
    (place.home / "ledger.sqlite").write_bytes(b"gone")
    assert "the ledger" in " ".join(place.judge(last, "overwritten"))
