"""Connection settings: where keys come from, where they may go, and what is said when one is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.errors import InvalidInputError, ProviderError
from rftctl.home import Home
from rftctl.providers import connect, profile_of
from tests.providers.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.providers.scripted_server import ScriptedServer

COMPLETE = {
    "openai": {"OPENAI_API_KEY": KEY},
    "azure": {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY": KEY},
    "bedrock": {"AWS_BEARER_TOKEN_BEDROCK": KEY},
}


def lab(home: Path, **settings: Any) -> Home:
    return Home(home, providers={"lab": settings})


@pytest.mark.parametrize(
    ("provider", "variable"), [(name, key) for name, variables in COMPLETE.items() for key in variables]
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_setting_is_named(provider: str, variable: str, value: str | None, tmp_path: Path) -> None:
    environ = {k: v for k, v in COMPLETE[provider].items() if k != variable}
    environ |= {} if value is None else {variable: value}
    with pytest.raises(ProviderError, match=variable) as caught:
        connect(provider, Home(tmp_path), environ)
    assert caught.value.hint == f"export {variable}=..."
    assert KEY not in caught.value.message


@pytest.mark.parametrize("provider", COMPLETE)
def test_complete_settings_connect_without_sending_anything(provider: str, tmp_path: Path) -> None:
    connected = connect(provider, Home(tmp_path), COMPLETE[provider])
    assert connected.name == provider
    assert KEY not in repr(connected)
    connected.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://localhost.example.com",
        "ftp://x/v1",
        "x/v1",
        "http://[::2]/v1",
        "http://10.0.0.1/v1",
    ],
)
def test_a_key_is_not_sent_in_the_clear(url: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="unencrypted") as caught:
        connect("openai", Home(tmp_path), {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url})
    assert "https" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://x/v1", "http://127.0.0.1:1/v1", "http://localhost:1", "http://[::1]:1"]
)
def test_https_and_loopback_may_have_the_key(url: str, tmp_path: Path) -> None:
    connect("lab", lab(tmp_path, base_url=url), {}).close()


def test_a_base_url_that_cannot_be_read_is_a_provider_error(tmp_path: Path) -> None:
    with pytest.raises(ProviderError):
        connect("openai", Home(tmp_path), {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://[oops/v1"})


@pytest.mark.parametrize("region", ["us_west_2", "evil.com/", "US-WEST-2", "us-west-2.evil.com"])
def test_a_region_cannot_lead_elsewhere(region: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="is not a region"):
        connect("bedrock", Home(tmp_path), {"AWS_BEARER_TOKEN_BEDROCK": KEY, "AWS_REGION": region})


@pytest.mark.parametrize("suffix", ["", "/", "/openai/v1", "/openai/v1/"])
def test_azure_gets_its_v1_path_and_its_own_header(
    suffix: str, server: ScriptedServer, tmp_path: Path
) -> None:
    endpoint = server.url.removesuffix("/v1") + suffix
    azure = connect("azure", Home(tmp_path), {"AZURE_OPENAI_ENDPOINT": endpoint, "AZURE_OPENAI_API_KEY": KEY})
    azure.has_file("file-1")
    azure.close()
    assert server.requests[0].path == "/openai/v1/files/file-1"
    assert server.requests[0].headers["api-key"] == KEY


def test_azure_takes_an_entra_token_in_place_of_a_key(server: ScriptedServer, tmp_path: Path) -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_AD_TOKEN": "entra-token"}
    azure = connect("azure", Home(tmp_path), environ)
    azure.has_file("file-1")
    azure.close()
    assert server.requests[0].headers["authorization"] == "Bearer entra-token"
    assert "api-key" not in server.requests[0].headers


def test_a_provider_of_the_config_needs_no_key_unless_it_names_one(
    server: ScriptedServer, tmp_path: Path
) -> None:
    provider = connect("lab", lab(tmp_path, base_url=server.url), {"OPENAI_API_KEY": KEY})
    provider.has_file("file-1")
    provider.close()
    assert KEY not in str(server.requests[0].headers)
    with pytest.raises(ProviderError, match="LAB_KEY"):
        connect("lab", lab(tmp_path, base_url=server.url, api_key_env="LAB_KEY"), {"OPENAI_API_KEY": KEY})


def test_the_environment_does_not_add_headers_of_another_account(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    provider = connect("lab", lab(tmp_path, base_url=server.url), {})
    provider.has_file("file-1")
    provider.close()
    assert "secret" not in str(server.requests[0].headers)


def test_a_provider_of_the_config_has_the_profile_it_names(tmp_path: Path) -> None:
    home = lab(tmp_path, base_url="https://x", profile="bedrock")
    assert not profile_of("lab", home).can_pause


def test_a_provider_that_nobody_defines_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="'opnai' is not known") as caught:
        connect("opnai", Home(tmp_path), {})
    assert "openai" in caught.value.hint


IDENTITY = """\
import json, pathlib
from azure.core.exceptions import AzureError
class DefaultAzureCredential:
    pass
def get_bearer_token_provider(credential, scope):
    n = iter(range(1, 99))
    def token():
        if pathlib.Path(__file__).with_name("signed-out").exists():
            raise AzureError("please run az login")
        return f"entra-token-{next(n)}-{scope}"
    return token
"""


@pytest.fixture
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in for the package `azure-identity`, which no test machine need have; give its folder."""
    packages = {"azure": "", "azure/core": "", "azure/core/exceptions": "class AzureError(Exception): pass\n"}
    for name, text in {**packages, "azure/identity": IDENTITY}.items():
        folder = tmp_path / "site" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site" / "azure" / "identity"
    for name in [name for name in sys.modules if name.split(".")[0] == "azure"]:
        del sys.modules[name]


@pytest.mark.usefixtures("signed_in")
def test_azure_takes_whoever_is_signed_in_when_no_key_is_set(server: ScriptedServer, tmp_path: Path) -> None:
    azure = connect("azure", Home(tmp_path), {"AZURE_OPENAI_ENDPOINT": server.url})
    azure.has_file("file-1")
    azure.has_file("file-2")
    azure.close()
    scope = "https://cognitiveservices.azure.com/.default"
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == [f"Bearer entra-token-{n}-{scope}" for n in (1, 2)]
    assert "api-key" not in server.requests[0].headers


def test_nobody_signed_in_is_a_refusal_and_nothing_is_in_doubt(
    signed_in: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    (signed_in / "signed-out").touch()
    azure = connect("azure", Home(tmp_path), {"AZURE_OPENAI_ENDPOINT": server.url})
    with pytest.raises(ProviderError, match="nobody is signed in") as caught:
        azure.create_job({"model": "m"})
    azure.close()
    assert "az login" in caught.value.hint
    assert server.requests == []


@pytest.mark.usefixtures("signed_in")
def test_a_key_goes_before_whoever_is_signed_in(server: ScriptedServer, tmp_path: Path) -> None:
    azure = connect(
        "azure", Home(tmp_path), {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_API_KEY": KEY}
    )
    azure.has_file("file-1")
    azure.close()
    assert server.requests[0].headers["api-key"] == KEY
