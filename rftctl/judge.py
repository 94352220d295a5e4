"""A judge: a model behind a chat-completions endpoint that answers graders, without the SDK.

In: chat messages. Out: a `Sample` and the tokens it cost. Threads share one judge, each with its own
connection. Busy and broken replies are retried with growing pauses; answers may be kept in a file,
found again by the content of the question, so that a repeated question costs nothing.
The key is read from the environment variable that the user's own config names, and goes nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from rftctl.dataset import Sample, parse_output
from rftctl.errors import InvalidInputError, ProviderError, StorageError
from rftctl.redaction import learn
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import urllib3

MAX_REPLY_BYTES = 8 * 2**20
_RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_REFUSED_FOR_GOOD = (401, 403, 404)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Where a judge is; comes from the user's config or flags, never from a spec.

    Attributes:
        base_url: such as `https://api.openai.com/v1`; http only on this machine.
        model: asked in place of the model that the grader names, or None to keep that.
        api_key_env: name of the environment variable that holds the key, or None for no key.
        api_key_header: `Authorization` gets `Bearer KEY`, any other header the bare key (Azure: `api-key`).
        concurrency: questions asked at a time.
        timeout_s: the longest wait for one reply, seconds.
        max_retries: further tries after a busy or broken reply.
        backoff_s: first pause between tries, seconds; doubles each time, at most 30.
    """

    base_url: str
    model: str | None = None
    api_key_env: str | None = "OPENAI_API_KEY"
    api_key_header: str = "Authorization"
    concurrency: int = 50
    timeout_s: float = 120.0
    max_retries: int = 5
    backoff_s: float = 0.5

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> JudgeSettings:
        """Read settings as config.yaml and the wire hold them; null means the default, but for the key."""
        given = settings.items()
        # No key at all is a setting too.
        return cls(**{name: value for name, value in given if value is not None or name == "api_key_env"})


class HttpJudge:
    """A `Sampler` over HTTP; safe to call from many threads.

    Args:
        settings: where the judge is.
        cache: a file for answers, or None to ask each time.

    Raises:
        InvalidInputError: the address is no http(s) URL, or plain http to another machine.
        ProviderError: the key's environment variable is not set.
    """

    def __init__(self, settings: JudgeSettings, cache: Path | None = None) -> None:
        self.settings = settings
        self.concurrency = settings.concurrency
        self._url = _chat_url(settings.base_url)
        self._headers = {"Content-Type": "application/json", **_key_header(settings)}
        self._pool: urllib3.PoolManager | None = None
        self._lock = threading.Lock()
        self._answers = AnswerFile(cache) if cache else None
        self._refusal: ProviderError | None = None

    def sample(
        self,
        messages: Sequence[dict[str, Any]],
        *,
        response_format: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
    ) -> tuple[Sample, dict[str, int]]:
        """Ask once; returns the answer and its token counts, all 0 for an answer from the cache.

        Args:
            params: further request fields, `model` among them.

        Raises:
            ProviderError: the judge was not reached, refused, or gave no chat completion.
        """
        request = {"messages": list(messages), **(params or {})}
        if self.settings.model:
            request["model"] = self.settings.model
        if response_format:
            request["response_format"] = response_format
        body = _encode(request)
        kept = self._answers.find(self._url, body) if self._answers else None
        if kept is not None:
            return read_reply(kept)[0], dict.fromkeys(_USAGE, 0)
        reply = self._post(body)
        answer = read_reply(reply)
        if self._answers:
            self._answers.keep(self._url, body, reply)
        return answer

    def close(self) -> None:
        """Close the connections and the cache; the judge may be used again."""
        if self._pool is not None:
            self._pool.clear()
        if self._answers:
            self._answers.close()

    def _post(self, body: bytes) -> bytes:
        if self._refusal is not None:
            raise self._refusal
        status, reply = self._send(body)
        if 200 <= status < 300:
            return reply
        error = _refused(status, reply, self.settings)
        if status in _REFUSED_FOR_GOOD:
            # The same key and address would be refused a thousand times over.
            self._refusal = error
        raise error

    def _send(self, body: bytes) -> tuple[int, bytes]:
        from urllib3.exceptions import HTTPError

        try:
            reply = self._connections().request(
                "POST", self._url, body=body, headers=self._headers, redirect=False, preload_content=False
            )
            try:
                data = reply.read(MAX_REPLY_BYTES + 1)
            finally:
                reply.release_conn()
        except HTTPError as error:
            reason = one_line(str(getattr(error, "reason", None) or error))
            message = f"judge '{self.settings.base_url}' did not answer: {reason}"
            raise ProviderError(message, "check the address and the network") from None
        if len(data) > MAX_REPLY_BYTES:
            raise ProviderError(f"judge '{self.settings.base_url}' sent more than {MAX_REPLY_BYTES:,} bytes")
        return reply.status, data

    def _connections(self) -> urllib3.PoolManager:
        with self._lock:
            if self._pool is None:
                self._pool = _open_pool(self._url, self.settings)
            return self._pool


class AnswerFile:
    """Judges' replies on disk, by the SHA-256 of address and request; shared by threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def find(self, url: str, body: bytes) -> bytes | None:
        """Give the reply once given to this request, if any.

        Raises:
            StorageError: the file cannot be read.
        """
        try:
            row = (
                self._open().execute("SELECT reply FROM answers WHERE key = ?", (_key(url, body),)).fetchone()
            )
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None
        return bytes(row[0]) if row else None

    def keep(self, url: str, body: bytes, reply: bytes) -> None:
        """Store a reply.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            with self._open() as connection:
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (_key(url, body), reply))
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close every thread's connection."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, check_same_thread=False)
            self._opened.append(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, reply BLOB NOT NULL)"
            )
            self._local.connection = connection
        return connection

    def _failed(self, error: Exception) -> StorageError:
        message = f"judge cache '{self._path}' failed: {one_line(str(error))}"
        return StorageError(message, "free some space, or delete this file; it is only a cache")


def forget_answers(path: Path) -> int:
    """Delete every kept answer; returns how many there were."""
    with closing(AnswerFile(path)) as answers:
        connection = answers._open()
        with connection:
            return connection.execute("DELETE FROM answers").rowcount


_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")


def read_reply(reply: bytes) -> tuple[Sample, dict[str, int]]:
    """Read a chat completion: its first answer, and the tokens it cost.

    Raises:
        ProviderError: it is not a chat completion.
    """
    try:
        document = msgspec.json.decode(reply)
        choice = document["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content") or "", message.get("refusal")
        reason = "refusal" if refusal else str(choice.get("finish_reason") or "stop")
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, AttributeError):
        raise ProviderError("judge's reply is not a chat completion", "check the judge's base_url") from None
    text = str(refusal) if refusal else _joined(text)
    usage = _usage(document.get("usage"))
    sample = Sample(
        text,
        parse_output(text),
        message.get("tool_calls") or [],
        finish_reason=reason,
        completion_tokens=usage["completion_tokens"],
    )
    return sample, usage


def _joined(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def _usage(raw: Any) -> dict[str, int]:
    fields = raw if isinstance(raw, dict) else {}
    details = fields.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts = (fields.get("prompt_tokens"), fields.get("completion_tokens"), cached)
    return {name: count if isinstance(count, int) else 0 for name, count in zip(_USAGE, counts, strict=True)}


def _refused(status: int, reply: bytes, settings: JudgeSettings) -> ProviderError:
    try:
        error = msgspec.json.decode(reply)["error"]
        said, code = one_line(str(error["message"])), error.get("code")
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, AttributeError):
        said, code = one_line(reply[:400].decode("utf-8", "replace")) or "no reason given", None
    hints = {
        401: f"check the key in {settings.api_key_env}" if settings.api_key_env else "this judge needs a key",
        403: "this key may not use this judge",
        404: "check base_url and the model's name",
        429: "lower the judge's concurrency or raise its quota",
    }
    message = f"judge '{settings.base_url}' answered {status}: {said}"
    return ProviderError(message, hints.get(status, ""), status=status, code=str(code) if code else None)


def _chat_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(f"judge base_url '{one_line(base_url)}' is not an http(s) URL")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        message = f"judge base_url '{one_line(base_url)}' would send the key and the data in the clear"
        raise InvalidInputError(message, "use https; http is for this machine only")
    if parts.username or parts.password:
        raise InvalidInputError("judge base_url holds a password", "put the key into an environment variable")
    return base_url.rstrip("/") + "/chat/completions"


def _key_header(settings: JudgeSettings) -> dict[str, str]:
    if settings.api_key_env is None:
        return {}
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key:
        message = f"judge '{settings.base_url}' needs a key and {settings.api_key_env} is not set"
        raise ProviderError(
            message, f"export {settings.api_key_env}=…, or name a judge of your config.yaml with `judge:`"
        )
    learn(key)
    is_bearer = settings.api_key_header.lower() == "authorization"
    return {settings.api_key_header: f"Bearer {key}" if is_bearer else key}


def _open_pool(url: str, settings: JudgeSettings) -> urllib3.PoolManager:
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    options: dict[str, Any] = {
        "maxsize": settings.concurrency,
        "block": True,
        "timeout": urllib3.Timeout(connect=10.0, read=settings.timeout_s),
        "retries": urllib3.Retry(
            total=settings.max_retries,
            allowed_methods=None,  # a question may be asked twice: it changes nothing
            status_forcelist=_RETRIED,
            backoff_factor=settings.backoff_s,
            backoff_max=30,
            backoff_jitter=settings.backoff_s,
            retry_after_max=60,
            raise_on_status=False,
        ),
    }
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname not in _LOOPBACK and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _key(url: str, body: bytes) -> bytes:
    return hashlib.sha256(url.encode() + b"\0" + body).digest()
