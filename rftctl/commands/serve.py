"""Offer the embedded service on loopback.

In: the user's `Home`, a port, a token. Out: nothing; it serves until it is interrupted.
"""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rftctl.errors import NotOfferedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.home import Home

MIN_TOKEN_LENGTH = 32


def serve_home(home: Home, *, port: int, token_file: Path | None, say: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        token_file: holds the token clients must send; None makes a new one and says it.
        say: takes each line for the person who started it.

    Raises:
        NotOfferedError: the `local` extra is not installed.
        UsageError: the token file cannot be read, or its token is too short to be one.
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise NotOfferedError("serving needs starlette and uvicorn", 'pip install "rftctl[local]"')
    from rftctl.server.serve import serve

    token = secrets.token_urlsafe(32) if token_file is None else _read_token(token_file)

    def ready(base_url: str, _: str) -> None:
        say(f"serving the fine-tuning API on {base_url}; Ctrl-C ends it, jobs go on")
        say(f"export OPENAI_BASE_URL={base_url}")
        say(f"export OPENAI_API_KEY={token if token_file is None else f'$(cat {token_file})'}")

    serve(home.service, port=port, token=token, on_ready=ready)


def _read_token(path: Path) -> str:
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"token file '{path}' cannot be read", str(error)) from error
    if len(token) < MIN_TOKEN_LENGTH:
        raise UsageError(
            f"token file '{path}' holds fewer than {MIN_TOKEN_LENGTH} characters",
            "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one",
        )
    return token
