"""Keys made unreadable: the one place that knows which words are secret.

In: any text on its way out. Out: the same text with every key masked. Known are the values of environment
variables that are named like secrets, whatever `learn` was told (a provider's token, a variable that
config.yaml names), each also as base64 and in a URL, and everything that has the form of a key.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK = "***"
SHORTEST_SECRET = 8
"""Shorter values are words ("none", "local", "test"): masking them would eat ordinary text."""
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY_ID|ACCESS_KEY|SECRET|SECRET_KEY|TOKEN|PASSWORD|PASSWD|CREDENTIALS?)$"
    r"|^AWS_BEARER_TOKEN_|^(?:AZURE|OPENAI)_.*(?:KEY|TOKEN)$",
    re.IGNORECASE,
)
# Forms of keys: OpenAI and Anthropic, AWS ids, Bedrock, GitHub, Hugging Face, Slack, JSON web tokens (Azure
# Entra), whatever follows `Bearer` or stands before the @ of a URL. Each begins with words that are looked
# for first, which is many times faster than any expression, and looks back only behind them.
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (words, re.compile(expression))
    for words, expression in (
        ("sk-", r"sk-(?<![A-Za-z0-9]sk-)[A-Za-z0-9_-]{16,}"),
        ("AKIA", r"AKIA(?<![A-Za-z0-9]AKIA)[A-Z0-9]{16}\b"),
        ("ASIA", r"ASIA(?<![A-Za-z0-9]ASIA)[A-Z0-9]{16}\b"),
        ("bedrock-api-key-", r"bedrock-api-key-[A-Za-z0-9+/=_-]{16,}"),
        ("gh", r"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{20,}"),
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{20,}"),
        ("hf_", r"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{20,}"),
        ("xox", r"xox[abprs]-[A-Za-z0-9-]{10,}"),
        ("eyJ", r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
        ("earer ", r"earer (?P<key>[A-Za-z0-9._~+/=-]{12,})"),
        ("://", r"://(?P<key>[^\s/@\"'<>]{1,200}:[^\s/@\"'<>]{1,500})@"),
    )
)


class _Known:
    """The secrets in use in this process, and every way in which each may be written."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.forms: tuple[str, ...] | None = None

    def add(self, value: str) -> None:
        value = value.strip()
        if len(value) >= SHORTEST_SECRET and value not in self.values:
            self.values.add(value)
            self.forms = None

    def all_forms(self) -> tuple[str, ...]:
        if self.forms is None:
            learn_environment(os.environ)
            forms = {form for value in self.values for form in _written_as(value)}
            # The longest first: a key may begin with another one.
            self.forms = tuple(sorted(forms, key=len, reverse=True))
        return self.forms


_known = _Known()


def learn(value: str) -> None:
    """Take a secret that was read from somewhere else than a variable named like one; masked from now on."""
    _known.add(value)


def learn_environment(environ: Mapping[str, str], names: tuple[str, ...] = ()) -> None:
    """Take the values of the variables in `names`, and of all that are named like secrets."""
    for name, value in environ.items():
        # A path to a secret is none, and neither is a number.
        if name in names or (
            _SECRET_NAME.search(name) and not value.startswith(("/", "~")) and not value.isdigit()
        ):
            _known.add(value)


def redact(text: str) -> str:
    """Mask every key in a text."""
    for form in _known.all_forms():
        if form in text:
            text = text.replace(form, MASK)
    for words, expression in _FORMS:
        if words in text:
            text = expression.sub(_masked, text)
    return text


def redact_values(value: Any) -> Any:
    """Mask every key in the strings of a JSON value, names included; returns a new value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact_values(key): redact_values(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(part) for part in value]
    return value


class GuardedStream:
    """A text stream that masks every key in what is written to it; in all else the stream it stands for."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text without its keys."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines without their keys."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Let nothing reach stdout or stderr of this process any more but through the mask."""
    sys.stdout, sys.stderr = GuardedStream(sys.stdout), GuardedStream(sys.stderr)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let nothing reach stdout or stderr, whoever writes it, but through the mask; for a while."""
    out, err = sys.stdout, sys.stderr
    guard_streams()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def _masked(match: re.Match[str]) -> str:
    key = match.groupdict().get("key")
    return MASK if key is None else match.group().replace(key, MASK)


def _written_as(value: str) -> set[str]:
    raw = value.encode(errors="surrogateescape")
    escaped = json.dumps(value)[1:-1]
    return {
        value,
        escaped,
        quote(value, safe="", errors="surrogateescape"),
        quote_plus(value, errors="surrogateescape"),
        *_base64_forms(raw),
    }


def _base64_forms(raw: bytes) -> set[str]:
    # Inside a longer text (`user:key`) the value starts at any of three positions of a group; the characters
    # that its neighbours share are left away.
    forms = set()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = encoded[-(-shift * 8 // 6) :]
        inner = inner[: len(inner) - ((shift + len(raw)) % 3 > 0)]
        forms |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return forms
