"""Fixtures: a scripted server on loopback and a provider connected to it as a user would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rftctl.home import Home
from rftctl.providers import connect
from tests.providers.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rftctl.providers.base import Provider

KEY = "sk-canary-0123456789"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Give the test a server whose faults it scripts."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def provider(server: ScriptedServer, tmp_path: Path) -> Iterator[Provider]:
    """Give the test a provider of config.yaml that is that server."""
    home = Home(tmp_path, providers={"lab": {"base_url": server.url, "api_key_env": "LAB_KEY"}})
    provider = connect("lab", home, {"LAB_KEY": KEY})
    yield provider
    provider.close()
