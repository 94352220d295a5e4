"""Cursor paging as the API does it.

In: the query of a list request. Out: `Cursor`, and a page with `has_more`, `first_id`, `last_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rftctl.server.refusal import bad

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from starlette.datastructures import QueryParams

    from rftctl.server.store import Store


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page starts and how long it is; `is_ascending` puts the oldest first."""

    after: str | None = None
    limit: int = 20
    is_ascending: bool = False


def cursor_of(query: QueryParams, *, default: int = 20, largest: int = 100) -> Cursor:
    """Read `after`, `limit` and `order`; raises RefusalError on a limit or order out of range."""
    text, order = query.get("limit", str(default)), query.get("order", "desc")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= limit <= largest:
        raise bad(f"limit '{text}' must be a whole number from 1 to {largest}", "limit")
    if order not in ("asc", "desc"):
        raise bad(f"order '{order}' must be 'asc' or 'desc'", "order")
    return Cursor(query.get("after") or None, limit, order == "asc")


def fetch_page(
    store: Store, table: str, where: str, values: tuple[Any, ...], cursor: Cursor
) -> tuple[list[sqlite3.Row], bool]:
    """Read one page of `table` in order of `seq`; returns the rows and whether more follow.

    `table` and `where` are the caller's own words, never a client's.
    """
    if cursor.after is not None:
        start = store.read_one(f"SELECT seq FROM {table} WHERE id = ?", cursor.after)  # noqa: S608
        if start is None:
            raise bad(f"after '{cursor.after}' names nothing in this list", "after")
        where += f" AND seq {'>' if cursor.is_ascending else '<'} ?"
        values = (*values, start["seq"])
    order = "ASC" if cursor.is_ascending else "DESC"
    sql = f"SELECT * FROM {table} WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608
    rows = store.read(sql, *values, cursor.limit + 1)
    return rows[: cursor.limit], len(rows) > cursor.limit


def page_reply(rows: list[T], has_more: bool, to_wire: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Make the body of a list reply."""
    data = [to_wire(row) for row in rows]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return {"object": "list", "data": data, "has_more": has_more} | ends
