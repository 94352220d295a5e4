"""Fixtures: all that rftctl sends, and the published description that judges it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.wire.judge import RequestJudge, Sent, description
from tests.wire.sending import send_everything


@pytest.fixture(scope="session")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    """All requests of all commands that talk to a provider."""
    return send_everything(Path(tmp_path_factory.mktemp("wire")))


@pytest.fixture(scope="session")
def judge() -> RequestJudge:
    """The published description."""
    if "RFTCTL_OPENAPI" not in os.environ:
        pytest.skip("the published description is not here; set RFTCTL_OPENAPI")
    return RequestJudge(description())
