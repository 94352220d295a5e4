"""OpenAI: settings only, and what every connection over HTTP checks.

In: the environment. Out: a connected provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rftctl.errors import ProviderError
from rftctl.providers.openai_api import OpenAIAPI, make_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile

BASE_URL = "https://api.openai.com/v1"


def connect(name: str, profile: Profile, home: Home, environ: Mapping[str, str]) -> OpenAIAPI:
    """Connect with `OPENAI_API_KEY`, to `OPENAI_BASE_URL` if it is set."""
    key = required(environ, "OPENAI_API_KEY", name)
    base_url = base_url_in(environ, name)
    return OpenAIAPI(name, profile, lambda: make_client(base_url, key, is_own_account=True))


def base_url_in(environ: Mapping[str, str], name: str) -> str:
    """Give the address of the API, checked."""
    return checked_url(environ.get("OPENAI_BASE_URL") or BASE_URL, name)


def required(environ: Mapping[str, str], variable: str, provider: str) -> str:
    """Return a variable's value, or say which one is missing."""
    value = environ.get(variable, "").strip()
    if not value:
        raise ProviderError(
            f"{provider}: the environment variable {variable} is not set", f"export {variable}=..."
        )
    return value


def checked_url(url: str, provider: str) -> str:
    """Refuse to send a key in the clear: plain http is for loopback only."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ProviderError(f"{provider}: base URL '{url}' cannot be read", str(error)) from error
    is_loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback):
        return url
    raise ProviderError(
        f"{provider}: base URL '{url}' would send the key unencrypted", "use https, or http on loopback"
    )
