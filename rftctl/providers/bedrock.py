"""Amazon Bedrock's OpenAI-compatible endpoint: settings only.

In: `AWS_BEARER_TOKEN_BEDROCK` and `AWS_REGION`. Out: a connected provider.
Source: Bedrock user guide, fine-tuning with the OpenAI-compatible APIs (2026).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rftctl.errors import ProviderError
from rftctl.providers.openai import checked_url, required
from rftctl.providers.openai_api import OpenAIAPI, make_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile

DEFAULT_REGION = "us-west-2"


def connect(name: str, profile: Profile, home: Home, environ: Mapping[str, str]) -> OpenAIAPI:
    """Connect to a region's endpoint with a Bedrock API key."""
    key = required(environ, "AWS_BEARER_TOKEN_BEDROCK", name)
    base_url = base_url_in(environ, name)
    return OpenAIAPI(name, profile, lambda: make_client(base_url, key))


def base_url_in(environ: Mapping[str, str], name: str) -> str:
    """Give the address of the region's endpoint, checked."""
    region = environ.get("AWS_REGION") or DEFAULT_REGION
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise ProviderError(f"bedrock: '{region}' is not a region", "set AWS_REGION, for example us-west-2")
    own = environ.get("RFTCTL_BEDROCK_BASE_URL")
    return checked_url(own or f"https://bedrock-mantle.{region}.api.aws/v1", name)
