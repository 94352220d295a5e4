"""The service as one ASGI app.

In: the service home. Out: a Starlette app that any client of the fine-tuning API can talk to, in process
or on loopback. Every refusal, the router's own included, has the API's error body.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from rftctl.errors import RftctlError
from rftctl.server import chat_routes, file_routes, grader_routes, job_routes, model_routes
from rftctl.server.chat import Chat, torch_backend
from rftctl.server.gate import Gate
from rftctl.server.handlers import Service
from rftctl.server.names import model_cache
from rftctl.server.refusal import answer_error, answer_http_error
from rftctl.server.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

_ROUTES = [
    *file_routes.ROUTES,
    *job_routes.ROUTES,
    *grader_routes.ROUTES,
    *model_routes.ROUTES,
    *chat_routes.ROUTES,
]


def create_app(
    home: Path, *, token: str | None = None, allowed_hosts: Collection[str] | None = None
) -> Starlette:
    """Make the app over a service home.

    Args:
        home: the service's folder; made when absent.
        token: demanded of every request; None is for use in process, where there is nobody to keep out.
        allowed_hosts: exact Host values taken; None takes any.

    Returns:
        The app. Close it by its lifespan, or by `app.state.service.close()` where no lifespan runs.

    Raises:
        StorageError: the home cannot be used.
    """
    store = Store(home)
    chat = Chat(lambda: torch_backend(model_cache(store)))
    service = Service(store, chat, takes_judges=token is None)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()
        store.close()

    app = Starlette(
        routes=_ROUTES,
        lifespan=lifespan,
        middleware=[Middleware(Gate, token=token, allowed_hosts=allowed_hosts)],
        exception_handlers={
            RftctlError: answer_error,
            HTTPException: answer_http_error,
            Exception: answer_error,
        },
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.chat = chat
    return app
