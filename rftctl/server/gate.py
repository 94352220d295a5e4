"""The door: who may ask, and how much they may send.

In: every request. Out: the request with its body counted, or a refusal before any handler runs.
On loopback a token, the exact Host and the exact Origin are demanded, which keeps other users of the
machine and web pages (DNS rebinding) out. In process there is nobody to keep out, so no token.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from rftctl.server.refusal import RefusalError, error_reply

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 10 << 20
UPLOAD_LIMIT = 512 << 20
# Boundaries and part headers around a file of exactly the limit.
_MULTIPART_SLACK = 64 << 10


class Gate:
    """ASGI middleware that refuses before it forwards.

    Args:
        token: demanded as `Authorization: Bearer`, or None for in-process use.
        allowed_hosts: exact values of the Host header, or None for any.
    """

    def __init__(self, app: ASGIApp, token: str | None, allowed_hosts: Collection[str] | None) -> None:
        self._app = app
        self._token = token
        self._hosts = None if allowed_hosts is None else frozenset(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward an HTTP request that passes; answer 4xx to the others."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except RefusalError as refusal:
            reply = error_reply(refusal.http_status, refusal.message, param=refusal.param, code=refusal.code)
            await reply(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, _limit(scope)), send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_token(headers)
        if scope["method"] == "POST":
            _check_type(headers)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise RefusalError(400, f"content-length '{length[:40]}' is not a number")
        if int(length) > _limit(scope):
            raise _too_large(_limit(scope))

    def _check_host(self, headers: Headers) -> None:
        if self._hosts is None:
            return
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            raise RefusalError(403, f"host '{host[:100]}' is not this service", code="host_not_allowed")
        if origin is not None and origin not in {f"http://{name}" for name in self._hosts}:
            raise RefusalError(403, f"origin '{origin[:100]}' is not allowed", code="origin_not_allowed")

    def _check_token(self, headers: Headers) -> None:
        if self._token is None:
            return
        expected, given = f"Bearer {self._token}", headers.get("authorization", "")
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
            raise RefusalError(401, "the token is missing or wrong; `rftctl serve` printed it at its start")


def _check_type(headers: Headers) -> None:
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    is_empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if kind not in ("application/json", "multipart/form-data") and not (is_empty and not kind):
        raise RefusalError(
            415, f"content-type '{kind[:100]}' must be application/json or multipart/form-data"
        )


def _limit(scope: Scope) -> int:
    is_upload = scope["method"] == "POST" and scope["path"].rstrip("/") == "/v1/files"
    return UPLOAD_LIMIT + _MULTIPART_SLACK if is_upload else BODY_LIMIT


def _bounded(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> RefusalError:
    return RefusalError(413, f"the request body is larger than {limit >> 20} MiB")
