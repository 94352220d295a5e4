"""`/v1/models`: what can be trained from or talked to here.

In: a model's name. Out: model objects: base models, finished fine-tunes, and their checkpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from rftctl.server.handlers import store_of
from rftctl.server.names import model_cache
from rftctl.server.refusal import Reply, missing
from rftctl.server.replies import ORGANIZATION, model_body

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rftctl.server.store import Store

# The service knows no better date for weights that it did not make.
_BASE_CREATED = 1_704_067_200


async def index(request: Request) -> Response:
    """List all models."""
    return Reply({"object": "list", "data": await run_in_threadpool(_models, store_of(request))})


async def show(request: Request) -> Response:
    """Read one model."""
    name = str(request.path_params["name"])
    for model in await run_in_threadpool(_models, store_of(request)):
        if model["id"] == name:
            return Reply(model)
    raise missing("model", name[:200], "model")


def _models(store: Store) -> list[dict[str, Any]]:
    from rftctl.engine.models import list_local_models

    bases = [model_body(name, _BASE_CREATED, "rftctl") for name in list_local_models(model_cache(store))]
    tuned = store.read(
        "SELECT fine_tuned_model AS name, finished_at AS created FROM jobs WHERE fine_tuned_model IS NOT NULL"
        " UNION ALL SELECT name, created_at FROM checkpoints ORDER BY created DESC"
    )
    return bases + [model_body(row["name"], row["created"], ORGANIZATION) for row in tuned]


ROUTES = [
    Route("/v1/models", index, methods=["GET"]),
    Route("/v1/models/{name:path}", show, methods=["GET"]),
]
