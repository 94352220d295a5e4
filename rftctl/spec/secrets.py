"""Tell a secret from a setting, and keep it off every screen.

In: text of any origin. Out: whether it holds what looks like a key, or the same text with keys starred out.
"""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{30,}"
    r"|\bhf_[A-Za-z0-9]{30,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\\\sn]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_SECRET_NAME = re.compile(r"(?:^|[_-])(?:api_?key|key|token|secret|password|passwd)$", re.IGNORECASE)


def has_secret(text: str) -> bool:
    """Tell whether text holds what looks like a key, a token or a password in a URL."""
    return _SECRET.search(text) is not None


def mask_secrets(text: str) -> str:
    """Star out what looks like a secret; the text keeps its length, so that columns stay right."""
    return _SECRET.sub(lambda match: "*" * len(match.group()), text)


def names_secret(key: str) -> bool:
    """Tell whether the value under a key of this name is most likely a secret."""
    return _SECRET_NAME.search(key) is not None
