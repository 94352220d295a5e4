"""The service on loopback, for any client of the API.

In: a home and a port. Out: a running server; it refuses to listen anywhere but on this machine.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from rftctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import uvicorn

_TOKEN_BYTES = 32


def serve(
    home: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    on_ready: Callable[[str, str], None] | None = None,
) -> None:
    """Serve until interrupted.

    Args:
        port: 0 takes a free one.
        token: clients send it as their API key; by default 256 random bits.
        on_ready: told the base URL (with `/v1`) and the token, once connections are accepted.

    Raises:
        UsageError: the host is not loopback, or the port is taken.
        StorageError: the home cannot be used.
    """
    address = _loopback(host)
    token = token or secrets.token_urlsafe(_TOKEN_BYTES)
    listener = _listen(address, port)
    try:
        bound = listener.getsockname()[1]
        server = _server(home, token, _hosts(address, bound))
        if on_ready is not None:
            on_ready(f"http://{_in_url(address)}:{bound}/v1", token)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    except KeyboardInterrupt:
        # Ctrl-C is how serving ends, also in the moment before the server listens to it itself.
        return
    finally:
        listener.close()


def _server(home: Path, token: str, hosts: frozenset[str]) -> uvicorn.Server:
    import uvicorn

    from rftctl.server.app import create_app

    config = uvicorn.Config(
        create_app(home, token=token, allowed_hosts=hosts),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=512,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        ws="none",
    )
    return uvicorn.Server(config)


def _loopback(host: str) -> str:
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        is_loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"host '{host}' is not this machine's loopback", "use 127.0.0.1; put a tunnel in front for others"
        )
    return name


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        # Connections made from now on wait in the backlog until the server takes them.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            f"port {port} on {address} cannot be used: {error}", "choose another --port"
        ) from error
    return listener


def _hosts(address: str, port: int) -> frozenset[str]:
    return frozenset(f"{name}:{port}" for name in (_in_url(address), "localhost"))


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
