"""The wire: the only file that imports the openai SDK.

In: connection settings and plain dicts. Out: our types; SDK errors become ours. Replies are read as raw JSON,
since the SDK's classes misread `multi` graders, `paused` jobs and `response_format`.
The SDK's own retries stay on for reads only: it repeats a POST up to three times without an idempotency key.
"""

from __future__ import annotations

import json
import queue
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import openai
from anyio import CapacityLimiter, create_task_group, fail_after
from anyio.from_thread import start_blocking_portal

from rftctl.dataset import ABSENT, Sample, parse_output
from rftctl.errors import OutcomeUnknownError, ProviderError
from rftctl.providers.base import Answer
from rftctl.text import one_line
from rftctl.wire import Checkpoint, Job, JobEvent, mapping, number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    import httpx2

    from rftctl.profiles import Profile

T = TypeVar("T")

PAGE = 100
DEADLINE_S = 120.0
UPLOAD_DEADLINE_S = 1800.0
CHAT_DEADLINE_S = 600.0
MAX_PAGES = 10_000
_NOT_THE_API = "check the base URL: is it the API itself?"


class OpenAIAPI:
    """A provider that speaks the fine-tuning API.

    Args:
        client: makes the SDK's client; called once, inside the event loop's thread.
        profile: what this provider offers.
        close: frees what belongs to the connection (the embedded service's model).
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        client: Callable[[], openai.AsyncOpenAI],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.profile = profile
        self._stack = ExitStack()
        self._stack.callback(close)
        self._portal = self._stack.enter_context(start_blocking_portal())
        reading = self._portal.call(client)
        self._reading = reading
        self._writing = reading.with_options(max_retries=0)
        self._secret = reading.api_key or "***"
        self._stack.callback(self._portal.call, reading.close)

    def close(self) -> None:
        """Close the connection and the thread that serves it."""
        self._stack.close()

    def upload(self, path: Path) -> str:
        """Send a dataset file for fine-tuning and return its id."""
        with path.open("rb") as file:

            async def send() -> object:
                return await self._writing.files.with_raw_response.create(
                    file=(path.name, file, "application/jsonl"), purpose="fine-tune"
                )

            reply = self._write(f"upload of '{path.name}'", send, UPLOAD_DEADLINE_S)
        return _identity(_body(reply), "file")

    def has_file(self, file_id: str) -> bool:
        """Tell whether the provider still holds a file."""
        try:
            self._get(f"/files/{file_id}")
        except ProviderError as error:
            if error.status in (400, 404):
                return False
            raise
        return True

    def create_job(self, request: dict[str, Any]) -> Job:
        """Create a job; sent once, never repeated."""
        return self._job(self._post("/fine_tuning/jobs", request))

    def job(self, job_id: str) -> Job:
        """Read a job."""
        return self._job(self._get(f"/fine_tuning/jobs/{job_id}"))

    def find_jobs(self, metadata: dict[str, str]) -> list[Job]:
        """List the jobs with these metadata; filtered here too, since servers may ignore the filter."""
        query = {f"metadata[{key}]": value for key, value in metadata.items()}
        jobs = [self._job(raw) for raw in self._pages("/fine_tuning/jobs", query)]
        return [job for job in jobs if metadata.items() <= job.metadata.items()]

    def events(self, job_id: str, known: AbstractSet[str] = frozenset()) -> list[JobEvent]:
        """Read events, oldest first, until one page after an event already known."""
        events: dict[str, JobEvent] = {}
        pages_left = None
        for count, raw in enumerate(self._pages(f"/fine_tuning/jobs/{job_id}/events", {}), 1):
            event = self._read(JobEvent.from_wire, raw)
            events[event.id] = event
            if event.id in known and pages_left is None:
                pages_left = count + PAGE
            if pages_left is not None and count >= pages_left:
                break
        return sorted(events.values(), key=lambda event: (event.created_at, event.step or 0))

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """List a job's checkpoints, newest first."""
        raws = self._pages(f"/fine_tuning/jobs/{job_id}/checkpoints", {})
        return sorted((self._read(Checkpoint.from_wire, raw) for raw in raws), key=lambda c: -c.step)

    def cancel(self, job_id: str) -> Job:
        """End a job for good."""
        return self._job(self._post(f"/fine_tuning/jobs/{job_id}/cancel", {}))

    def pause(self, job_id: str) -> Job:
        """Stop a job so that it can go on later."""
        return self._job(self._post(f"/fine_tuning/jobs/{job_id}/pause", {}))

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._job(self._post(f"/fine_tuning/jobs/{job_id}/resume", {}))

    def models(self) -> list[dict[str, Any]]:
        """List the models offered, as raw dicts."""
        return list(self._get("/models").get("data") or ())

    def run_grader(self, grader: dict[str, Any], sample: str, item: dict[str, Any]) -> dict[str, Any]:
        """Grade one text sample on the provider's side; the raw reply."""
        body = {"grader": grader, "model_sample": sample, "item": item}
        return self._post("/fine_tuning/alpha/graders/run", body)

    def validate_grader(self, grader: dict[str, Any]) -> dict[str, Any]:
        """Have the provider check a grader; the raw reply."""
        return self._post("/fine_tuning/alpha/graders/validate", {"grader": grader})

    def content(self, file_id: str) -> bytes:
        """Download a file."""

        async def fetch() -> bytes:
            reply = await self._reading.files.content(file_id)
            return await reply.aread()

        return self._call(f"download of '{file_id}'", fetch, UPLOAD_DEADLINE_S)

    def answers(
        self, model: str, requests: Sequence[dict[str, Any]], *, concurrency: int
    ) -> Iterator[Answer]:
        """Answer chat requests as they come in, at most `concurrency` at once."""
        results: queue.Queue[Answer | None] = queue.Queue()

        async def ask_all() -> None:
            limiter = CapacityLimiter(concurrency)
            async with create_task_group() as group:
                for index, request in enumerate(requests):
                    group.start_soon(ask, index, request, limiter)

        async def ask(index: int, request: dict[str, Any], limiter: CapacityLimiter) -> None:
            async with limiter:
                results.put(await self._answer(index, {"model": model, **request}))

        future = self._portal.start_task_soon(ask_all)
        # The end is announced however it comes, so that no failure leaves the reader waiting.
        future.add_done_callback(lambda _: results.put(None))
        try:
            while (answer := results.get()) is not None:
                yield answer
            future.result()
        finally:
            future.cancel()

    async def _answer(self, index: int, body: dict[str, Any]) -> Answer:
        try:
            with fail_after(CHAT_DEADLINE_S):
                # A repeated question costs tokens but changes nothing, so the SDK's retries are welcome here.
                raw = await self._reading.post("/chat/completions", body=body, cast_to=object)
            return _answer(index, raw, has_response_format="response_format" in body)
        except (openai.OpenAIError, TimeoutError) as error:
            return Answer(index, None, self._failure(f"model '{body['model']}'", error))
        except ValueError:
            return Answer(
                index,
                None,
                ProviderError(
                    f"{self.name}: the model's reply is not JSON", _NOT_THE_API, is_not_the_api=True
                ),
            )
        except ProviderError as error:
            return Answer(index, None, error)

    def _get(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        async def fetch() -> object:
            return await self._reading.get(path, cast_to=object, options={"params": query or {}})

        return _object(self._call(path, fetch, DEADLINE_S))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async def send() -> object:
            return await self._writing.post(path, body=body, cast_to=object)

        return _object(self._write(path, send, DEADLINE_S))

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        cursor: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = self._get(path, {"limit": str(PAGE), **query, **cursor})
            rows = [row for row in page.get("data") or () if isinstance(row, dict)]
            yield from rows
            last = str(rows[-1].get("id")) if rows else ""
            # The same cursor twice would page for ever.
            if not page.get("has_more") or not rows or last in seen:
                return
            seen.add(last)
            cursor = {"after": last}

    def _job(self, raw: dict[str, Any]) -> Job:
        return self._read(Job.from_wire, raw)

    def _read(self, read: Callable[[dict[str, Any]], T], raw: dict[str, Any]) -> T:
        try:
            return read(raw)
        except ValueError as error:
            raise ProviderError(f"{self.name} sent something that cannot be used: {error}") from error

    def _failure(self, what: str, error: BaseException) -> ProviderError:
        name = self.name
        if isinstance(error, openai.APIStatusError):
            body = mapping(error.body)
            # A server may echo the key that it refuses.
            message = str(body.get("message") or error.message).replace(self._secret, "***")
            hint, code = _HINTS.get(error.status_code, ""), body.get("code")
            return ProviderError(
                f"{name}: {one_line(message, limit=300)}",
                hint,
                status=error.status_code,
                code=code if isinstance(code, str) else None,
            )
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            return ProviderError(f"{name} did not answer {what} in time", "try again later")
        reason = one_line(str(error.__cause__ or error), limit=200)
        if isinstance(error, openai.APIConnectionError):
            return ProviderError(
                f"{name} was not reached for {what}: {reason}", "check the network and the base URL"
            )
        return ProviderError(f"{name}: {reason}")

    def _call(self, what: str, act: Callable[[], Awaitable[T]], deadline_s: float) -> T:
        async def bounded() -> T:
            with fail_after(deadline_s):
                return await act()

        try:
            return self._portal.call(bounded)
        except (openai.OpenAIError, TimeoutError) as error:
            raise self._failure(what, error) from error
        except ValueError as error:
            # The SDK lets the JSON reader's own complaint through.
            raise ProviderError(
                f"{self.name}: the reply to {what} is not JSON", _NOT_THE_API, is_not_the_api=True
            ) from error

    def _write(self, what: str, act: Callable[[], Awaitable[T]], deadline_s: float) -> T:
        try:
            return self._call(what, act, deadline_s)
        except ProviderError as error:
            if _is_doubtful(error):
                raise OutcomeUnknownError(
                    f"{self.name} did not answer '{what}', so nobody knows whether it was done",
                    "run the same command again: it looks before it sends",
                ) from error
            raise


def http_client(transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """Make the HTTP client of a connection: redirects off, since they repeat writes elsewhere."""
    return openai.DefaultAsyncHttpxClient(transport=transport, follow_redirects=False)


def make_client(
    base_url: str | None,
    api_key: str,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    headers: dict[str, str] | None = None,
    is_own_account: bool = False,
) -> openai.AsyncOpenAI:
    """Make the SDK's client; call it inside the event loop's thread.

    Args:
        is_own_account: it is OpenAI itself, so the account named in the environment goes along.
    """
    client = openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        http_client=http_client(transport),
        default_headers=headers,
        timeout=CHAT_DEADLINE_S,
    )
    if not is_own_account:
        # The SDK takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID and would send them to anybody.
        client.organization = client.project = None
    return client


def _answer(index: int, raw: object, *, has_response_format: bool) -> Answer:
    body = _object(raw)
    choices = body.get("choices")
    choice = mapping(choices[0]) if isinstance(choices, list) and choices else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ProviderError("the model's reply has no message")
    usage = {k: v for k, v in mapping(body.get("usage")).items() if isinstance(v, int)}
    details = mapping(mapping(body.get("usage")).get("completion_tokens_details"))
    text, tools = message.get("content"), message.get("tool_calls")
    text = text if isinstance(text, str) else ""
    sample = Sample(
        output_text=text,
        output_json=parse_output(text) if has_response_format else ABSENT,
        output_tools=tools if isinstance(tools, list) else [],
        finish_reason=str(choice.get("finish_reason") or "stop"),
        completion_tokens=usage.get("completion_tokens", 0),
        reasoning_tokens=int(number(details.get("reasoning_tokens")) or 0),
    )
    return Answer(index, sample, token_usage=usage)


def _body(reply: object) -> dict[str, Any]:
    text = getattr(reply, "text", "")
    try:
        return _object(json.loads(text() if callable(text) else text))
    except ValueError as error:
        raise ProviderError("the provider's reply is not JSON", _NOT_THE_API, is_not_the_api=True) from error


def _object(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ProviderError(
            f"the provider's reply is not a JSON object: '{one_line(str(raw), limit=60)}'",
            _NOT_THE_API,
            is_not_the_api=True,
        )
    return raw


def _identity(raw: dict[str, Any], what: str) -> str:
    identity = raw.get("id")
    if not isinstance(identity, str) or not identity:
        raise ProviderError(f"the provider's {what} has no id")
    return identity


_HINTS = {
    401: "check the key: it comes from the provider's environment variable",
    403: "this account may not do that; rftctl validate --online says what it may",
    404: "it is gone, or belongs to another project or key",
    429: "the provider limits requests; wait and run the command again",
}


def _is_doubtful(error: ProviderError) -> bool:
    # A gateway's 5xx says nothing about the service behind it; it may have done what was asked.
    if error.status is not None:
        return error.status >= 500 or error.status == 408
    return not _never_sent(error.__cause__)


def _never_sent(error: BaseException | None) -> bool:
    # A connection that was never made carried nothing.
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
    return type(cause).__name__ in (
        "ConnectError",
        "ConnectTimeout",
        "UnsupportedProtocol",
        "LocalProtocolError",
    )
