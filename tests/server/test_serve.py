"""The service on a real socket, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest

from rftctl.errors import UsageError
from rftctl.server.serve import serve
from tests.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The base URL and token of a server; it must end well when interrupted."""
    with serving(tmp_path) as address:
        yield address


def test_an_ordinary_client_uploads_and_reads_back_over_loopback(served: tuple[str, str]) -> None:
    url, token = served
    with openai.OpenAI(base_url=url, api_key=token, max_retries=0) as client:
        file = client.files.create(file=("a.jsonl", b"{}\n"), purpose="fine-tune")
        assert client.files.content(file.id).content == b"{}\n"
        assert [each.id for each in client.files.list().data] == [file.id]
        assert "tiny-random" in [model.id for model in client.models.list()]


def test_a_wrong_token_is_an_authentication_error(served: tuple[str, str]) -> None:
    url, token = served
    assert len(token) >= 43
    with (
        openai.OpenAI(base_url=url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="the token is missing or wrong"),
    ):
        client.files.list()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", ""])
def test_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="is not this machine's loopback"):
        serve(tmp_path, host=host)


def test_a_taken_port_is_said(tmp_path: Path, served: tuple[str, str]) -> None:
    port = int(served[0].split(":")[2].split("/")[0])
    with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 cannot be used"):
        serve(tmp_path / "other", port=port)
