"""What the route handlers share: the open service, and bodies, ids and threads.

In: Starlette requests. Out: checked bodies and ids. Blocking work runs on a thread, so that a slow disk
or a slow grader never stops the event loop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from rftctl.server.kept_grader import KeptGrader
from rftctl.server.refusal import missing
from rftctl.server.schema import parse_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from rftctl.server.chat import Chat
    from rftctl.server.store import Store

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True, slots=True)
class Service:
    """What the app holds open, and whether judges are taken from requests."""

    store: Store
    chat: Chat
    takes_judges: bool
    kept_grader: KeptGrader = field(default_factory=KeptGrader)

    def close(self) -> None:
        """End the sampling thread and the kept grader's worker."""
        self.chat.close()
        self.kept_grader.close()


def service_of(request: Request) -> Service:
    """Return the service behind a request."""
    return cast("Service", request.app.state.service)


def store_of(request: Request) -> Store:
    """Return the store behind a request."""
    return service_of(request).store


def id_in_path(request: Request, noun: str) -> str:
    """Read the id in the path; one that could not be ours (or climbs folders) names nothing."""
    name = str(request.path_params["id"])
    if not _ID.fullmatch(name):
        raise missing(noun, name[:100])
    return name


async def json_body(request: Request) -> dict[str, Any]:
    """Read the request's JSON object; raises RefusalError (400, 413)."""
    return parse_json(await request.body())
