"""Any server that speaks the API, as the user's config.yaml defines it: settings only.

In: an entry of `providers:` in config.yaml. Out: a connected provider.
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
    """Connect to the base URL, with the key in the variable that the entry names, if any."""
    settings = home.providers[name]
    variable = settings.get("api_key_env")
    key = required(environ, str(variable), name) if variable else "none"
    base_url = checked_url(str(settings["base_url"]), name)
    return OpenAIAPI(name, profile, lambda: make_client(base_url, key))
