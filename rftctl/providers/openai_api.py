"""The wire: the only file that imports the openai SDK.

In: connection settings and plain dicts. Out: our types; SDK errors become ours. Replies are read as raw JSON,
since the SDK's classes misread `multi` graders, `paused` jobs and `response_format`.
The SDK's own retries stay on for reads only: it repeats a POST up to three times without an idempotency key.
"""

from __future__ import annotations

import queue
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import openai
from anyio import CapacityLimiter, create_task_group, fail_after
from anyio.from_thread import start_blocking_portal

from rftctl.errors import OutcomeUnknownError, ProviderError
from rftctl.providers.base import Answer
from rftctl.providers.bounded import bound_reply
from rftctl.providers.deadlines import call_deadline_s, chat_deadline_s, upload_deadline_s
from rftctl.providers.paging import PAGE, read_pages, rows_of
from rftctl.providers.replies import (
    NOT_THE_API,
    body_of,
    chat_answer,
    created_job,
    identity_of,
    object_of,
    refusal_of,
)
from rftctl.redaction import learn
from rftctl.text import one_line
from rftctl.wire import Checkpoint, Job, JobEvent, mapping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    import httpx2

    from rftctl.profiles import Profile

T = TypeVar("T")


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
        learn(reading.api_key or "")
        self.address = str(reading.base_url)
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

            what = f"upload of '{path.name}'"
            return self._settled(
                what, lambda: identity_of(body_of(self._write(what, send, upload_deadline_s())), "file")
            )

    def has_file(self, file_id: str) -> bool:
        """Tell whether the provider still holds a file."""
        try:
            self._get(f"/files/{_part(file_id)}")
        except ProviderError as error:
            if error.status in (400, 404):
                return False
            raise
        return True

    def list_files(self) -> list[dict[str, Any]]:
        """List the files held, as raw dicts."""
        return list(self._pages("/files", {}, must_end=True))

    def delete_file(self, file_id: str) -> bool:
        """Remove a file; False when it was gone already."""

        async def send() -> object:
            return await self._writing.delete(f"/files/{_part(file_id)}", cast_to=object)

        said: object = None
        try:
            said = self._call(f"removal of '{file_id}'", send, call_deadline_s())
        except ProviderError as error:
            if error.status == 404:
                return False
            if not error.is_not_the_api:
                raise
        # Some answer without a body, a proxy with a page: what does not say so is looked at, not believed.
        if mapping(said).get("deleted") is not True and self.has_file(file_id):
            raise ProviderError(
                f"{self.name} does not say that '{file_id}' was removed, and still shows it", NOT_THE_API
            )
        return True

    def create_job(self, request: dict[str, Any]) -> Job:
        """Create a job; sent once, never repeated."""
        path = "/fine_tuning/jobs"
        return self._settled(path, lambda: created_job(self._post(path, request), request))

    def job(self, job_id: str) -> Job:
        """Read a job."""
        return self._job(self._get(f"/fine_tuning/jobs/{_part(job_id)}"), job_id)

    def find_jobs(self, metadata: dict[str, str]) -> list[Job]:
        """List the jobs with these metadata; filtered here too, since servers may ignore the filter.

        Raises:
            ProviderError: also when the list cannot be read to its end, since absence is then not proven.
        """
        query = {f"metadata[{key}]": value for key, value in metadata.items()}
        raws = self._pages("/fine_tuning/jobs", query, must_end=True)
        wanted = [raw for raw in raws if metadata.items() <= mapping(raw.get("metadata")).items()]
        return [self._job(raw) for raw in wanted]

    def events(self, job_id: str, known: AbstractSet[str] = frozenset()) -> list[JobEvent]:
        """Read events, oldest first, until one page after an event already known."""
        events: dict[str, JobEvent] = {}
        pages_left = None
        for count, raw in enumerate(self._pages(f"/fine_tuning/jobs/{_part(job_id)}/events", {}), 1):
            event = self._read(JobEvent.from_wire, raw)
            events[event.id] = event
            if event.id in known and pages_left is None:
                pages_left = count + PAGE
            if pages_left is not None and count >= pages_left:
                break
        return sorted(events.values(), key=lambda event: (event.created_at, event.step or 0))

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """List a job's checkpoints, newest first."""
        raws = self._pages(f"/fine_tuning/jobs/{_part(job_id)}/checkpoints", {})
        return sorted((self._read(Checkpoint.from_wire, raw) for raw in raws), key=lambda c: -c.step)

    def cancel(self, job_id: str) -> Job:
        """End a job for good."""
        return self._steer(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Stop a job so that it can go on later."""
        return self._steer(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._steer(job_id, "resume")

    def models(self) -> list[dict[str, Any]]:
        """List the models offered, as raw dicts."""
        return rows_of(self._get("/models"), "/models")

    def run_grader(
        self,
        grader: dict[str, Any],
        sample: str,
        item: dict[str, Any],
        judge: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Grade one text sample on the provider's side; the raw reply."""
        body: dict[str, Any] = {"grader": grader, "model_sample": sample, "item": item}
        if judge is not None and self.profile.accepts_engine:
            body["rftctl"] = {"judge": dict(judge)}
        return self._post("/fine_tuning/alpha/graders/run", body)

    def validate_grader(self, grader: dict[str, Any]) -> dict[str, Any]:
        """Have the provider check a grader; the raw reply."""
        return self._post("/fine_tuning/alpha/graders/validate", {"grader": grader})

    def content(self, file_id: str) -> bytes:
        """Download a file."""

        async def fetch() -> bytes:
            reply = await self._reading.files.content(file_id)
            return await reply.aread()

        return self._call(f"download of '{file_id}'", fetch, upload_deadline_s())

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
            with fail_after(chat_deadline_s()):
                # A repeated question costs tokens but changes nothing, so the SDK's retries are welcome here.
                raw = await self._reading.post("/chat/completions", body=body, cast_to=object)
            return chat_answer(index, raw, has_response_format="response_format" in body)
        except (openai.OpenAIError, TimeoutError) as error:
            return Answer(index, None, self._failure(f"model '{body['model']}'", error))
        except (ValueError, RecursionError):
            return Answer(
                index,
                None,
                ProviderError(
                    f"{self.name}: the model's reply is not JSON", NOT_THE_API, is_not_the_api=True
                ),
            )
        except ProviderError as error:
            return Answer(index, None, error)

    def _steer(self, job_id: str, verb: str) -> Job:
        path = f"/fine_tuning/jobs/{_part(job_id)}/{verb}"
        return self._settled(path, lambda: self._job(self._post(path, {}), job_id))

    def _get(self, path: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        async def fetch() -> object:
            return await self._reading.get(path, cast_to=object, options={"params": query or {}})

        return object_of(self._call(path, fetch, call_deadline_s()))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async def send() -> object:
            return await self._writing.post(path, body=body, cast_to=object)

        return object_of(self._write(path, send, call_deadline_s()))

    def _pages(self, path: str, query: dict[str, str], *, must_end: bool = False) -> Iterator[dict[str, Any]]:
        return read_pages(self._get, path, query, must_end=must_end)

    def _job(self, raw: dict[str, Any], job_id: str | None = None) -> Job:
        if job_id is not None and raw.get("id") != job_id:
            message = f"{self.name} answered for another job than {one_line(job_id)}"
            raise ProviderError(message, NOT_THE_API, is_not_the_api=True)
        return self._read(Job.from_wire, raw)

    def _read(self, read: Callable[[dict[str, Any]], T], raw: dict[str, Any]) -> T:
        try:
            return read(raw)
        except ValueError as error:
            raise ProviderError(f"{self.name} sent something that cannot be used: {error}") from error

    def _failure(self, what: str, error: BaseException) -> ProviderError:
        name = self.name
        if isinstance(error, openai.APIStatusError):
            return refusal_of(name, error.status_code, error.body, error.message)
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
        except (ValueError, RecursionError) as error:
            # The SDK lets the JSON reader's own complaint through; nesting without end is one of them.
            raise ProviderError(
                f"{self.name}: the reply to {what} is not JSON", NOT_THE_API, is_not_the_api=True
            ) from error

    def _write(self, what: str, act: Callable[[], Awaitable[T]], deadline_s: float) -> T:
        try:
            return self._call(what, act, deadline_s)
        except ProviderError as error:
            if _is_doubtful(error):
                raise self._unknown(what) from error
            raise

    def _settled(self, what: str, read: Callable[[], T]) -> T:
        """Take an answer that says neither yes nor no for an unknown outcome: the act may have been done."""
        try:
            return read()
        except ProviderError as error:
            if error.status is None and not _never_sent(error.__cause__):
                raise self._unknown(what, f": {error.message}") from error
            raise

    def _unknown(self, what: str, reason: str = "") -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"{self.name} did not answer '{what}' clearly, so nobody knows whether it was done{reason}",
            "run the same command again; a job is looked for before it is sent, a file may be sent twice",
        )


def http_client(transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """Make the HTTP client of a connection: redirects off, since they repeat writes elsewhere."""
    return openai.DefaultAsyncHttpxClient(
        transport=transport,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound_reply]},
    )


def make_client(
    base_url: str | None,
    api_key: str | Callable[[], Awaitable[str]],
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    headers: dict[str, str] | None = None,
    is_own_account: bool = False,
) -> openai.AsyncOpenAI:
    """Make the SDK's client; call it inside the event loop's thread.

    Args:
        api_key: a key, or where a fresh token comes from before each call.
        is_own_account: it is OpenAI itself, so the account named in the environment goes along.
    """
    client = openai.AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        http_client=http_client(transport),
        default_headers=headers,
        timeout=chat_deadline_s(),
    )
    if not is_own_account:
        # The SDK takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID and would send them to anybody.
        client.organization = client.project = None
    return client


def _part(identity: str) -> str:
    """Make an id one part of a path, whatever is in it."""
    return quote(identity, safe="")


def _is_doubtful(error: ProviderError) -> bool:
    # A gateway's 5xx says nothing about the service behind it; it may have done what was asked. A 303 is how
    # some answer what they have done; the other redirects say that nothing was done here.
    if error.status is not None:
        return error.status >= 500 or error.status in (408, 303)
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
