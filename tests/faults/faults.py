"""What can go wrong with one request, by name: what the server does, and what goes over the line instead.

In: the request and the true reply. Out: bytes, pauses and hang-ups on the connection.
`Fault.kind` is what a client must make of it (`stranger`: the reply is about another launch's job);
the expected outcomes in `expected` are written per kind.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

FOREVER_S = 60.0
"""Longer than any deadline of the harness; the server gives up on a connection then."""
SHORT_S = 0.3
"""Slow, and well within every deadline."""
MEBIBYTE = 1 << 20

Kind = Literal[
    "lost",
    "late",
    "broken",
    "refused",
    "limited",
    "redirected",
    "unusable",
    "harmless",
    "listing",
    "stranger",
]


@dataclass
class Line:
    """One connection in the middle of one exchange: the request and the reply that should go back."""

    writer: asyncio.StreamWriter
    key: str
    body: dict[str, Any] | bytes
    content_type: str = "application/json"
    status: int = 200

    def encoded(self) -> bytes:
        """The true reply's body."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    async def send(
        self, body: bytes, status: int = 200, content_type: str = "application/json", **headers: str
    ) -> None:
        """Send a whole reply."""
        self.writer.write(head(status, len(body), content_type, **headers) + body)
        await self.writer.drain()

    async def say(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """Send an API error; it repeats the key that it was given, as careless servers do."""
        error = {"message": f"{message} (key {self.key})", "type": "error", "code": code, "param": None}
        await self.send(json.dumps({"error": error}).encode(), status, X_Echo=self.key, **headers)


Respond = Callable[[Line], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """One way in which an exchange goes wrong.

    Attributes:
        acts: the server does what was asked, whatever it says afterwards.
        reshape: changes the true reply before it is sent; for listings.
    """

    name: str
    kind: Kind
    acts: bool
    respond: Respond | None = None
    reshape: Callable[[Any], Any] | None = None


FAULTS: dict[str, Fault] = {}


def head(status: int, length: int | None, content_type: str, **headers: str) -> bytes:
    """Write a reply's status line and headers; underscores in names become hyphens."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _add(name: str, kind: Kind, respond: Respond, *, acts: bool) -> None:
    FAULTS[name] = Fault(name, kind, acts, respond)


def _add_both(name: str, kind: Kind, respond: Respond) -> None:
    _add(f"{name}, nothing done", kind, respond, acts=False)
    _add(f"{name}, but done", kind, respond, acts=True)


async def _hang_up(line: Line) -> None:
    line.writer.close()


async def _reset(line: Line) -> None:
    sock = line.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.writer.transport.abort()


async def _half_a_body(line: Line) -> None:
    body = line.encoded()
    line.writer.write(head(line.status, len(body), line.content_type) + body[: len(body) // 2])
    await line.writer.drain()
    line.writer.close()


async def _half_the_headers(line: Line) -> None:
    line.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-")
    await line.writer.drain()
    line.writer.close()


async def _cut_chunks(line: Line) -> None:
    body = line.encoded()
    start = head(200, None, "application/json", Transfer_Encoding="chunked")
    line.writer.write(start + f"{len(body) + 9:x}\r\n".encode() + body)
    await line.writer.drain()
    line.writer.close()


async def _stall(line: Line) -> None:
    await asyncio.sleep(FOREVER_S)


async def _trickle(line: Line) -> None:
    """One byte at a time: no single read ever waits long, the whole never ends."""
    body = line.encoded()
    line.writer.write(head(200, len(body), "application/json"))
    for byte in body:
        line.writer.write(bytes([byte]))
        await line.writer.drain()
        await asyncio.sleep(FOREVER_S / len(body))


async def _slow_headers(line: Line) -> None:
    line.writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        line.writer.write(f"X-{number}: y\r\n".encode())
        await line.writer.drain()
        await asyncio.sleep(0.1)


async def _informational_for_ever(line: Line) -> None:
    for _ in range(600):
        line.writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await line.writer.drain()
        await asyncio.sleep(0.1)


def _error(status: int, message: str, code: str | None = None, **headers: str) -> Respond:
    async def respond(line: Line) -> None:
        await line.say(status, message, code, **headers)

    return respond


def _gateway(status: int) -> Respond:
    async def respond(line: Line) -> None:
        page = f"<html><h1>{status}</h1><pre>Authorization: Bearer {line.key}</pre></html>"
        await line.send(page.encode(), status, "text/html")

    return respond


def _redirect(status: int, to: str) -> Respond:
    async def respond(line: Line) -> None:
        await line.send(b"", status, "text/html", Location=to)

    return respond


def _instead(body: bytes, content_type: str = "application/json", **headers: str) -> Respond:
    async def respond(line: Line) -> None:
        await line.send(body, 200, content_type, **headers)

    return respond


async def _html(line: Line) -> None:
    page = f"<!doctype html><title>Sign in</title><p>Hotel wifi. You sent {line.key}"
    await line.send(page.encode(), 200, "text/html; charset=utf-8")


async def _truncated(line: Line) -> None:
    body = line.encoded()
    await line.send(body[: len(body) // 2])


async def _enormous(line: Line) -> None:
    """A reply without an end, as fast as the line takes it."""
    line.writer.write(head(200, None, "application/json", Transfer_Encoding="chunked"))
    chunk = f"{MEBIBYTE:x}\r\n".encode() + b" " * MEBIBYTE + b"\r\n"
    for _ in range(8192):
        line.writer.write(chunk)
        await line.writer.drain()


def _bomb() -> bytes:
    """2 GiB of blanks in 2 MB: gzip members may follow one another."""
    return gzip.compress(b" " * (64 * MEBIBYTE), 9) * 32


_BOMBS: list[bytes] = []


def prepare() -> None:
    """Make what takes long, before anybody waits for it."""
    _BOMBS[:] = [_bomb()]


async def _gzip_bomb(line: Line) -> None:
    await line.send(_BOMBS[0], Content_Encoding="gzip")


def _with(**changes: Any) -> Respond:
    async def respond(line: Line) -> None:
        body = dict(line.body) if isinstance(line.body, dict) else {}
        await line.send(json.dumps(body | changes).encode())

    return respond


async def _nulls(line: Line) -> None:
    body = dict.fromkeys(line.body) if isinstance(line.body, dict) else None
    await line.send(json.dumps(body).encode())


async def _wrong_types(line: Line) -> None:
    wrong: dict[str, Any] = {"id": 7, "status": ["queued"], "metadata": "none", "created_at": "today"}
    await line.send(json.dumps(wrong | {"data": {"a": 1}, "has_more": "yes", "object": 1}).encode())


async def _after_a_while(line: Line) -> None:
    await asyncio.sleep(SHORT_S)
    await line.send(line.encoded(), line.status)


async def _in_small_chunks(line: Line) -> None:
    line.writer.write(head(200, None, "application/json", Transfer_Encoding="chunked"))
    body = line.encoded()
    for start in range(0, len(body), 16):
        part = body[start : start + 16]
        line.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    line.writer.write(b"0\r\n\r\n")
    await line.writer.drain()


async def _zipped(line: Line) -> None:
    await line.send(gzip.compress(line.encoded()), Content_Encoding="gzip")


async def _as_text(line: Line) -> None:
    """What a proxy or a captive portal may have written, for all that its header says."""
    await line.send(line.encoded(), content_type="text/plain")


async def _with_unknown_keys(line: Line) -> None:
    body = dict(line.body) if isinstance(line.body, dict) else {}
    await line.send(json.dumps(body | {"zzz": {"deep": [1, None]}, "eval_id": None}).encode())


def _listing(name: str, reshape: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    FAULTS[name] = Fault(name, "listing", acts=True, reshape=reshape)


def _doubled(page: dict[str, Any]) -> dict[str, Any]:
    return page | {"data": [row for row in page["data"] for _ in range(2)]}


def _backwards(page: dict[str, Any]) -> dict[str, Any]:
    return page | {"data": page["data"][::-1]}


def _for_ever_the_same(page: dict[str, Any]) -> dict[str, Any]:
    return page | {"has_more": True}


def _more_without_data(page: dict[str, Any]) -> dict[str, Any]:
    return page | {"data": [], "has_more": True}


def _with_odd_rows(page: dict[str, Any]) -> dict[str, Any]:
    odd = [None, 7, "row", [], {}, {"id": None}, {"id": 7, "status": "x"}]
    return page | {"data": [*odd, *page["data"]]}


def _without_has_more(page: dict[str, Any]) -> dict[str, Any]:
    return {"data": page["data"]}


for _name, _respond in {
    "hung up": _hang_up,
    "reset": _reset,
    "half a body": _half_a_body,
    "half the headers": _half_the_headers,
    "cut chunks": _cut_chunks,
}.items():
    _add_both(_name, "lost", _respond)
for _name, _respond in {
    "stall": _stall,
    "trickle": _trickle,
    "slow headers": _slow_headers,
    "102 for ever": _informational_for_ever,
}.items():
    _add_both(_name, "late", _respond)
for _status in (500, 502, 503, 504, 408):
    _add_both(
        f"{_status}",
        "broken",
        _error(_status, "the server broke") if _status in (500, 408) else _gateway(_status),
    )
for _status, _code in {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    422: "unprocessable",
}.items():
    _add(f"{_status}", "refused", _error(_status, "no", _code), acts=False)
_add("403 closed", "refused", _error(403, "training is closed", "training_not_available"), acts=False)
_add("400 without JSON", "refused", _gateway(400), acts=False)
for _name, _value in {
    "soon": "0",
    "negative": "-5",
    "huge": "99999999999999999999",
    "an hour": "3600",
    "a date to come": "Fri, 01 Jan 2100 00:00:00 GMT",
    "a date gone by": "Fri, 01 Jan 1999 00:00:00 GMT",
    "NaN": "nan",
    "inf": "inf",
    "words": "a little later",
}.items():
    _add(
        f"429, {_name}",
        "limited",
        _error(429, "slow down", "rate_limit_exceeded", Retry_After=_value),
        acts=False,
    )
_add("429", "limited", _error(429, "slow down", "rate_limit_exceeded"), acts=False)
_add("429, no quota", "limited", _error(429, "you ran out", "insufficient_quota"), acts=False)
for _status in (301, 302, 307, 308):
    _add(f"{_status} loop", "redirected", _redirect(_status, ""), acts=False)
_add("307 elsewhere", "redirected", _redirect(307, "http://127.0.0.1:9/v1/fine_tuning/jobs"), acts=False)
_add("302 to a file", "redirected", _redirect(302, "file:///etc/passwd"), acts=False)
STRANGER = {"rftctl_launch": "of-another-launch"}
_add_both("another job", "stranger", _with(id="ftjob-777", status="succeeded", metadata=STRANGER))
for _name, _respond in {
    "HTML": _html,
    "an empty body": _instead(b""),
    "half a JSON": _truncated,
    "a list": _instead(b"[1, 2]"),
    "a string": _instead(b'"ok"'),
    "null": _instead(b"null"),
    "nulls everywhere": _nulls,
    "wrong types": _wrong_types,
    "not UTF-8": _instead(b'{"id": "\xff\xfe", "status": "\xff"}'),
    "5,000 deep": _instead(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "a broken gzip": _instead(b"\x1f\x8b\x08no", Content_Encoding="gzip"),
    "a gzip bomb": _gzip_bomb,
    "a body without an end": _enormous,
}.items():
    _add_both(_name, "unusable", _respond)
_add("JSON as text", "unusable", _as_text, acts=True)
for _name, _respond in {
    "slow": _after_a_while,
    "small chunks": _in_small_chunks,
    "gzip": _zipped,
    "unknown keys": _with_unknown_keys,
    "no metadata": _with(metadata=None),
}.items():
    _add(_name, "harmless", _respond, acts=True)
_listing("every row twice", _doubled)
_listing("rows backwards", _backwards)
_listing("the same page for ever", _for_ever_the_same)
_listing("more without data", _more_without_data)
_listing("odd rows", _with_odd_rows)
_listing("no has_more", _without_has_more)
