"""Fixtures: a billed provider on loopback that the user's config.yaml defines, and a spec for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.home import Home, open_home
from rftctl.ledger import Ledger
from tests.conftest import TINY_SPEC, write_tiny_spec
from tests.providers.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAB_SPEC = TINY_SPEC.replace("provider: local", "provider: lab").replace("tiny-random", "lab-model")
LAB_SPEC = LAB_SPEC.replace(
    "engine: {num_generations: 4, max_completion_tokens: 6, learning_rate: 3.0e-3}\n", ""
)
# A profile of its own: the packaged facts of real providers change with the calendar.
LAB_FACTS = """\
openai:
  models: [{id: lab-model}]
  ends_on: null
  usd_per_training_hour: 100
  step_seconds: [36, 72]
  poll_s: 0.1
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Give the test a provider whose faults it scripts."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def lab(home: Path, server: ScriptedServer) -> Home:
    """Give the test a state folder whose config.yaml names that provider `lab`."""
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(f"providers:\n  lab: {{base_url: '{server.url}', profile: openai}}\n")
    (home / "profiles.yaml").write_text(LAB_FACTS)
    return open_home()


@pytest.fixture
def lab_spec(tmp_path: Path) -> Path:
    """Give the test a spec for `lab` whose estimate is 4 to 8 dollars, and a budget for three such runs."""
    return write_tiny_spec(tmp_path / "project", LAB_SPEC + "budget: {max_usd: 25}\n")


@pytest.fixture
def ledger(lab: Home) -> Iterator[Ledger]:
    """Give the test the open ledger of that state folder."""
    with Ledger(lab.ledger) as ledger:
        yield ledger
