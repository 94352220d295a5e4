"""Untrusted text made harmless.

In: any string from a model, a dataset or a provider. Out: the same words, with nothing a
terminal, a browser or a spreadsheet would act on. Every sink goes through here.
"""

from __future__ import annotations

import re

from rftctl.redaction import redact

# A key that begins before the cut is masked whole; Azure's tokens are the longest.
_LONGEST_KEY = 8192
# C0 but newline and tab, DEL, C1, soft hyphen, bidi, zero-width, line separators, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]"
)


def safe(value: str, *, limit: int = 10_000) -> str:
    """Mask keys, replace control, bidi and surrogate characters by visible escapes and cap the length.

    Args:
        value: text of any origin.
        limit: characters kept; the rest is replaced by a count of what was cut.
    """
    masked = redact(value[: limit + _LONGEST_KEY])
    cut = max(0, len(value) - limit - _LONGEST_KEY) + len(masked) - limit
    kept = _UNSAFE.sub(_escape, masked[:limit])
    return f"{kept}… ({cut} more characters)" if cut > 0 else kept


def one_line(value: str, *, limit: int = 120) -> str:
    """Make text safe and fold it onto a single line of at most about `limit` characters."""
    folded = " ".join(safe(value, limit=limit * 4).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def plural(count: int, noun: str) -> str:
    """Say how many: `1 example`, `12 examples`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
