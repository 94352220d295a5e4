"""Azure OpenAI (Foundry): settings only.

In: `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_AD_TOKEN`, or `AZURE_OPENAI_API_KEY`; with neither, and the
package `azure-identity` installed, the account that is signed in (`az login`, a managed identity).
Out: a connected provider on the v1 API, which is the plain wire with another header.
Source: Microsoft's reinforcement fine-tuning how-to (10/05/2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.providers.entra import entra_tokens, has_identity
from rftctl.providers.openai import checked_url, required
from rftctl.providers.openai_api import OpenAIAPI, make_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile


def connect(name: str, profile: Profile, home: Home, environ: Mapping[str, str]) -> OpenAIAPI:
    """Connect to a resource by its endpoint, with an Entra token, a key, or whoever is signed in."""
    base_url = base_url_in(environ, name)
    token = environ.get("AZURE_OPENAI_AD_TOKEN", "").strip()
    if token:
        return OpenAIAPI(name, profile, lambda: make_client(base_url, token))
    if not environ.get("AZURE_OPENAI_API_KEY", "").strip() and has_identity():
        return OpenAIAPI(name, profile, lambda: make_client(base_url, entra_tokens()))
    key = required(environ, "AZURE_OPENAI_API_KEY", name)
    return OpenAIAPI(name, profile, lambda: make_client(base_url, key, headers={"api-key": key}))


def base_url_in(environ: Mapping[str, str], name: str) -> str:
    """Give the address of the resource's v1 API, checked."""
    endpoint = required(environ, "AZURE_OPENAI_ENDPOINT", name).rstrip("/")
    return checked_url(endpoint if endpoint.endswith("/v1") else f"{endpoint}/openai/v1", name)
