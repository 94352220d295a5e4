"""Tokens of Microsoft Entra for whoever is signed in, by the package `azure-identity` if it is there.

In: the machine's own sign-in. Out: a token before each call; a watch outlives the hour that one token lasts.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from anyio import to_thread

from rftctl.errors import ProviderError
from rftctl.redaction import learn
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SCOPE = "https://cognitiveservices.azure.com/.default"


def has_identity() -> bool:
    """Tell whether `azure-identity` is installed."""
    try:
        return find_spec("azure.identity") is not None
    except ModuleNotFoundError:
        return False


def entra_tokens() -> Callable[[], Awaitable[str]]:
    """Give the way to fresh tokens; the package keeps and renews them, and a failure is a ProviderError."""
    identity = import_module("azure.identity")
    provide = identity.get_bearer_token_provider(identity.DefaultAzureCredential(), SCOPE)

    failures: type[Exception] = import_module("azure.core.exceptions").AzureError

    async def token() -> str:
        try:
            fresh = str(await to_thread.run_sync(provide))
        except failures as error:
            # 401 says that nothing was sent, so that a write that fails here is no unknown outcome.
            raise ProviderError(
                f"azure: nobody is signed in: {one_line(str(error), limit=200)}",
                "az login, or set AZURE_OPENAI_API_KEY",
                status=401,
            ) from error
        learn(fresh)
        return fresh

    return token
