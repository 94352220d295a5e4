"""How long calls to a provider may take in all.

In: `RFTCTL_DEADLINE_S`. Out: seconds. A deadline covers a call with its retries, since a timeout per read
never ends on a server that trickles.
"""

from __future__ import annotations

import os

CALL_S = 120.0
UPLOAD_S = 1800.0
CHAT_S = 600.0
CALLS_PER_LIST = 10
"""A whole list may take so many times as long as one call."""


def call_deadline_s() -> float:
    """Say how long one call may take: `RFTCTL_DEADLINE_S` if it is set to a positive number."""
    return _chosen(CALL_S)


def chat_deadline_s() -> float:
    """Say how long one answer of a model may take; a set `RFTCTL_DEADLINE_S` counts here too."""
    return _chosen(CHAT_S)


def upload_deadline_s() -> float:
    """Say how long one upload or download may take; a set `RFTCTL_DEADLINE_S` counts here too."""
    return _chosen(UPLOAD_S)


def list_deadline_s() -> float:
    """Say how long reading a list of many pages may take."""
    return CALLS_PER_LIST * call_deadline_s()


def _chosen(default: float) -> float:
    try:
        chosen = float(os.environ.get("RFTCTL_DEADLINE_S", ""))
    except ValueError:
        return default
    return chosen if 0 < chosen <= UPLOAD_S else default
