"""Why a job failed, in the form its `error` takes.

In: what ended a worker. Out: code, message, param.
"""

from __future__ import annotations

import errno
from typing import Any

from rftctl.errors import (
    InvalidInputError,
    NotOfferedError,
    ProviderError,
    RftctlError,
    StorageError,
    UngradableError,
)
from rftctl.server.refusal import with_hint
from rftctl.text import safe

_CODES: tuple[tuple[type[BaseException], str, str | None], ...] = (
    (UngradableError, "ungradable", "method.reinforcement.grader"),
    (NotOfferedError, "not_offered", None),
    (InvalidInputError, "invalid_input", None),
    (ProviderError, "judge_failed", "rftctl.judge"),
    (StorageError, "storage_failed", None),
    (MemoryError, "out_of_memory", None),
)


class JobError(RftctlError):
    """A failure that already knows its code and field, as the job's `error` will say them."""

    def __init__(self, message: str, code: str, param: str | None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def describe(error: BaseException) -> dict[str, Any]:
    """Turn what ended a worker into the job's `error`: code, message, param."""
    code, param = "internal", None
    if isinstance(error, JobError):
        code, param = error.code, error.param
    elif _is_full_disk(error):
        code = "out_of_disk"
    else:
        found = next((each for each in _CODES if isinstance(error, each[0])), None)
        code, param = found[1:] if found else (code, param)
    message = with_hint(error) if isinstance(error, RftctlError) else _plain(error)
    return {"code": code, "message": safe(message, limit=2000), "param": param}


def _is_full_disk(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        full = isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or "database or disk is full" in str(seen):
            return True
        seen = seen.__cause__
    return False


def _plain(error: BaseException) -> str:
    said = f": {error}" if str(error) else ""
    return f"the worker failed with {type(error).__name__}{said}; its log has the details"
