"""Reading a list that comes in pages.

In: a way to get one page. Out: rows, one by one. Servers page in circles, promise more and give nothing, or
never end, so a list has a deadline of its own, and who must know that something is absent asks for its end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rftctl.errors import ProviderError
from rftctl.providers.deadlines import list_deadline_s
from rftctl.providers.replies import NOT_THE_API

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = 100


def rows_of(page: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """Take the rows of a list reply.

    Raises:
        ProviderError: it is no list, or holds something that is no row.
    """
    data = page.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise ProviderError(f"the reply to {path} is no list", NOT_THE_API, is_not_the_api=True)
    return data


def read_pages(
    get: Callable[[str, dict[str, Any]], dict[str, Any]],
    path: str,
    query: dict[str, str],
    *,
    must_end: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of every page.

    Args:
        get: reads one page, a path with a query.
        must_end: a list that breaks off is an error, since what it does not show may be there all the same.

    Raises:
        ProviderError: a page could not be read, or with `must_end` the list has no end.
    """
    seen: set[str] = set()
    cursor: dict[str, str] = {}
    ends_at = time.monotonic() + list_deadline_s()
    while time.monotonic() < ends_at:
        page = get(path, {"limit": str(PAGE), **query, **cursor})
        rows = rows_of(page, path)
        yield from rows
        if not page.get("has_more"):
            return
        last = str(rows[-1].get("id")) if rows else ""
        # The same cursor twice would page for ever.
        if not rows or last in seen:
            break
        seen.add(last)
        cursor = {"after": last}
    if must_end:
        raise ProviderError(f"the list at {path} has no end that can be read", "try again later")
