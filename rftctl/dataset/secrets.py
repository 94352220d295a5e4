"""Notice what looks like a secret key in a dataset, and hide it.

In: a line of a file, or any text made from one. Out: what kind of key it holds and where, or the text
with every such value masked. Datasets are uploaded and shown in reports; a key in one has leaked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rftctl.dataset.fault import Fault
from rftctl.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    "an Anthropic key": r"(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{20,}",
    "an OpenAI key": r"(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",
    "an AWS access key id": r"(?<![A-Za-z0-9])A(?:KI|SI)A[0-9A-Z]{16}(?![A-Za-z0-9])",
    "an AWS secret key": r"(?i:aws_secret_access_key)[\\\"' :=]{1,8}[A-Za-z0-9/+]{40}",
    "a GitHub token": r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{50,})",
    "a GitLab token": r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}",
    "a Hugging Face token": r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}",
    "a Slack token": r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{16,}",
    "a Stripe key": r"(?<![A-Za-z0-9])[rs]k_live_[A-Za-z0-9]{16,}",
    "a Google API key": r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}",
    "an npm token": r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[^\"]*",
}
_SECRET = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()))
_NAMES = tuple(_KINDS)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MIN_VARIETY = 8
_KEPT = 4

# A search for one byte, as a number, is many times faster than one for a word, and most rows have few of
# these; what stands before each tells.
_DASH, _UNDERSCORE, _K, _I = b"-_KI"
_BEFORE_DASH = (b"sk", b"xoxa", b"xoxb", b"xoxe", b"xoxp", b"xoxr", b"xoxs", b"glpat", b"----")
_BEFORE_UNDERSCORE = (
    *(b"ghp", b"gho", b"ghu", b"ghs", b"ghr", b"github_pat", b"hf", b"sk_live", b"rk_live", b"npm"),
    *(b"access", b"ACCESS", b"Access"),
)


def may_hold_secret(line: bytes) -> bool:
    """Tell quickly that a line holds no key of a known kind; True means that it must be looked at."""
    return (
        (_DASH in line and _follows_any(line, _DASH, _BEFORE_DASH))
        or (_UNDERSCORE in line and _follows_any(line, _UNDERSCORE, _BEFORE_UNDERSCORE))
        or (_K in line and b"AKIA" in line)
        or (_I in line and (b"ASIA" in line or b"AIza" in line))
    )


def find_secrets(line: bytes) -> Iterator[tuple[int, Fault]]:
    """Yield what looks like a key, at most one of each kind, with the column of the string that holds it."""
    text = line.decode()
    seen: set[str] = set()
    for match in _likely(text):
        kind = _NAMES[(match.lastindex or 1) - 1]
        if kind not in seen:
            seen.add(kind)
            shown = f"{match.group()[:_KEPT]}…, {len(match.group())} characters"
            hint = "take it out, and revoke it if it is real: a dataset is uploaded and shown"
            message = f"a text holds what looks like {kind} ({shown})"
            yield _column(text, match.start()), Fault("RFT242", message, hint, Level.WARNING)


def mask(text: str) -> str:
    """Replace all but the first characters of what looks like a key by stars; the length stays."""
    return _SECRET.sub(_stars, text)


def _follows_any(line: bytes, mark: int, words: tuple[bytes, ...]) -> bool:
    at = line.find(mark)
    while at >= 0:
        if line.endswith(words, 0, at):
            return True
        at = line.find(mark, at + 1)
    return False


def _likely(text: str) -> Iterator[re.Match[str]]:
    """Leave out placeholders such as sk-xxxxxxxx and the keys that manuals print."""
    for match in _SECRET.finditer(text):
        value = match.group()
        if len(set(value)) >= _MIN_VARIETY and "EXAMPLE" not in value:
            yield match


def _stars(match: re.Match[str]) -> str:
    return match.group()[:_KEPT] + "*" * (len(match.group()) - _KEPT)


def _column(text: str, at: int) -> int:
    for string in _STRING.finditer(text):
        if string.end() > at:
            return min(string.start(), at) + 1
    return at + 1
