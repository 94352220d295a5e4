"""Who runs a job: the one interface that every provider answers.

In: plain dicts and paths. Out: our types (`wire`), or a ProviderError. Connection settings differ by
provider, what it can do is data (`profiles.yaml`), and the calls are one and the same wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from rftctl.dataset import Sample
    from rftctl.errors import ProviderError
    from rftctl.profiles import Profile
    from rftctl.wire import Checkpoint, Job, JobEvent


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said to one chat request: a sample, or the error that stands in its place."""

    index: int
    sample: Sample | None
    error: ProviderError | None = None
    token_usage: dict[str, int] = field(default_factory=dict)


class Provider(Protocol):
    """A place that runs fine-tuning jobs and answers chat requests.

    Every call raises ProviderError when the provider refuses or is not reached, and
    OutcomeUnknownError when a write was sent and no reply came. Writes are never repeated here.

    Attributes:
        address: the base URL that it is reached at.
    """

    name: str
    profile: Profile
    address: str

    def upload(self, path: Path) -> str:
        """Send a dataset file and return its id."""
        ...

    def has_file(self, file_id: str) -> bool:
        """Tell whether the provider still holds a file."""
        ...

    def list_files(self) -> list[dict[str, Any]]:
        """List the files held, as raw dicts."""
        ...

    def delete_file(self, file_id: str) -> bool:
        """Remove a file; False when it was gone already."""
        ...

    def create_job(self, request: dict[str, Any]) -> Job:
        """Create a job from a raw request body."""
        ...

    def job(self, job_id: str) -> Job:
        """Read a job."""
        ...

    def find_jobs(self, metadata: dict[str, str]) -> list[Job]:
        """List the jobs that carry all of these metadata pairs, newest first.

        What can hide a job: another account, project, region or resource behind the key; a provider that
        keeps no metadata or no old jobs; a create so fresh that the list does not show it yet. What cannot:
        paging (the list is read to its end, or refused), a server that ignores the filter (filtered here
        again), and a job's status (failed and cancelled jobs are listed too).
        """
        ...

    def events(self, job_id: str, known: AbstractSet[str] = frozenset()) -> list[JobEvent]:
        """Read events, oldest first; reading stops one page after a known id."""
        ...

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """List a job's checkpoints, newest first."""
        ...

    def cancel(self, job_id: str) -> Job:
        """End a job for good."""
        ...

    def pause(self, job_id: str) -> Job:
        """Stop a job so that it can go on later."""
        ...

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        ...

    def models(self) -> list[dict[str, Any]]:
        """List the models offered, as raw dicts."""
        ...

    def answers(
        self, model: str, requests: Sequence[dict[str, Any]], *, concurrency: int
    ) -> Iterator[Answer]:
        """Answer chat requests, as they come in; `index` says which. A failed one carries its error."""
        ...

    def run_grader(
        self,
        grader: dict[str, Any],
        sample: str,
        item: dict[str, Any],
        judge: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Grade one text sample on the provider's side; the raw reply.

        Args:
            judge: the user's own judge, for the embedded service; others have theirs.
        """
        ...

    def validate_grader(self, grader: dict[str, Any]) -> dict[str, Any]:
        """Have the provider check a grader; the raw reply."""
        ...

    def content(self, file_id: str) -> bytes:
        """Download a file."""
        ...

    def close(self) -> None:
        """Free connections and models; may be called twice."""
        ...
