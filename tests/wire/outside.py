"""A mock server made from the published description (Prism, Steady), asked over loopback.

In: a request; the server's base URL in RFTCTL_JUDGE_URL. Out: its status and what it says.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.wire.judge import Sent

_EDGE = "rftctl-edge"


def ask(sent: Sent) -> tuple[int, str]:
    """Send a request to the mock server."""
    headers, data = {"Authorization": "Bearer none"}, None
    if sent.is_form:
        headers["Content-Type"] = f"multipart/form-data; boundary={_EDGE}"
        data = _form(sent.body)
    elif sent.body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(sent.body).encode()
    url = f"{os.environ['RFTCTL_JUDGE_URL']}{sent.path}?{urlencode(sent.query)}".rstrip("?")
    request = urllib.request.Request(url, data=data, headers=headers, method=sent.method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return int(reply.status), ""
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")[:2000]


def _form(fields: dict[str, str]) -> bytes:
    lines = []
    for name, value in fields.items():
        more = (
            '; filename="rows.jsonl"\r\nContent-Type: application/jsonl'
            if name == "file"
            else "\r\nContent-Type: text/plain"
        )
        lines.append(f'--{_EDGE}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n')
    return "".join([*lines, f"--{_EDGE}--\r\n"]).encode()
