"""What the service says when it says no.

In: a reason. Out: `RefusalError`, and the API's error body for it and for every other failure.
The body is the API's: `{"error": {"message", "type", "param", "code"}}`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from rftctl.errors import InvalidInputError, NotOfferedError, ProviderError, RftctlError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_CODES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Reply(JSONResponse):
    """A JSON reply in plain ASCII, so that a lone surrogate in user data cannot break the encoding."""

    def render(self, content: Any) -> bytes:
        """Encode the body; a NaN is a bug here, never a reply."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class RefusalError(ProviderError):
    """A request the service refuses.

    Args:
        status: HTTP status, 400 to 499.
        param: the field at fault, as a dotted path, or None.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint, status=status, code=code or _CODES.get(status))
        self.param = param

    @property
    def http_status(self) -> int:
        """The status as a plain number."""
        return self.status or 400


def bad(message: str, param: str | None = None, code: str | None = None) -> RefusalError:
    """Make the refusal of a wrong request (400)."""
    return RefusalError(400, message, param=param, code=code)


def missing(noun: str, name: str, param: str | None = None) -> RefusalError:
    """Make the refusal of a name that stands for nothing (404)."""
    return RefusalError(404, f"no such {noun}: '{name}'", param=param)


def error_reply(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Make a reply with the API's error body."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Reply(body, status_code=status, headers=dict(headers or {}))


def with_hint(error: RftctlError) -> str:
    """Join an error's message and its way out."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


async def answer_error(request: Request, error: Exception) -> Reply:
    """Turn any failure of a handler into the API's error body; unknown ones are a bug and say 500."""
    if isinstance(error, RefusalError):
        return error_reply(error.http_status, with_hint(error), param=error.param, code=error.code)
    if isinstance(error, RftctlError):
        return error_reply(_status_of(error), with_hint(error), code=_code_of(error))
    return error_reply(500, f"the service failed on {request.method} {request.url.path}", code="internal")


async def answer_http_error(request: Request, error: Exception) -> Reply:
    """Turn the router's own refusals (404, 405, a bad form) into the API's error body."""
    status = int(getattr(error, "status_code", 400))
    detail = str(getattr(error, "detail", "bad request"))
    messages = {
        404: f"unknown path '{request.url.path}'",
        405: f"method {request.method} is not allowed on '{request.url.path}'",
    }
    headers = getattr(error, "headers", None)
    message = messages.get(status, detail[:1].lower() + detail[1:])
    return error_reply(status, message, code=_CODES.get(status), headers=headers)


def _status_of(error: RftctlError) -> int:
    if isinstance(error, InvalidInputError):
        return 400
    if isinstance(error, NotOfferedError):
        return 404
    if isinstance(error, StorageError):
        return 507
    return error.status or 502 if isinstance(error, ProviderError) else 500


def _code_of(error: RftctlError) -> str:
    if isinstance(error, NotOfferedError):
        return "not_offered"
    if isinstance(error, StorageError):
        return "storage_failed"
    return "invalid_request" if isinstance(error, InvalidInputError) else "failed"
