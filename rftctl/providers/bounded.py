"""A bound on the size of replies: a server may send without end, or a little that unpacks to a lot.

In: a response of the HTTP client, before its body is read. Out: the same, whose body fails beyond the bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_REPLY_BYTES = 64 * 2**20
MAX_DOWNLOAD_BYTES = 640 * 2**20
"""Data files may have 512 MiB."""
MAX_PACKED_BYTES = 256 * 2**10
"""gzip packs at most about a thousand to one."""


async def bound_reply(response: httpx2.Response) -> None:
    """Put the bound on a response; an event hook of the client."""
    packed = response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
    is_download = response.request.url.path.endswith("/content")
    limit = MAX_PACKED_BYTES if packed else MAX_DOWNLOAD_BYTES if is_download else MAX_REPLY_BYTES
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, limit)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._limit:
                raise httpx2.ReadError(f"the reply is larger than {self._limit >> 10:,} KiB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
