"""Azure OpenAI (Foundry): settings only.

In: `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_API_KEY`, or `AZURE_OPENAI_AD_TOKEN` for Entra.
Out: a connected provider on the v1 API, which is the plain wire with another header.
Source: Microsoft's reinforcement fine-tuning how-to (10/05/2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.providers.openai import checked_url, required
from rftctl.providers.openai_api import OpenAIAPI, make_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile


def connect(name: str, profile: Profile, home: Home, environ: Mapping[str, str]) -> OpenAIAPI:
    """Connect to a resource by its endpoint, with a key or an Entra token."""
    endpoint = required(environ, "AZURE_OPENAI_ENDPOINT", name).rstrip("/")
    base_url = checked_url(endpoint if endpoint.endswith("/v1") else f"{endpoint}/openai/v1", name)
    token = environ.get("AZURE_OPENAI_AD_TOKEN", "").strip()
    if token:
        return OpenAIAPI(name, profile, lambda: make_client(base_url, token))
    key = required(environ, "AZURE_OPENAI_API_KEY", name)
    return OpenAIAPI(name, profile, lambda: make_client(base_url, key, headers={"api-key": key}))
