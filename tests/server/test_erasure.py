"""Erasing a job of the embedded service: its rows, its folder and its files, and nothing of any other job."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.errors import UsageError
from rftctl.server.erasure import erase_job
from rftctl.server.files import add_file, find_file
from rftctl.server.history import add_message
from rftctl.server.jobs import add_job, find_job, move_job, new_job_id
from rftctl.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "Erika-Mustermann"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give the test a service's store."""
    store = Store(tmp_path / "local")
    yield store
    store.close()


def upload(store: Store, text: str) -> str:
    return add_file(store, io.BytesIO(text.encode()), "rows.jsonl", "fine-tune", None).id


def ended_job(store: Store, *files: str) -> str:
    named: dict[str, Any] = dict(zip(("training_file", "validation_file"), files, strict=False))
    job_id = new_job_id()
    add_job(store, {"model": "m", "seed": 1, **named}, job_id)
    add_message(store, job_id, f"hello {NAME}")
    store.job_folder(job_id).mkdir(parents=True, exist_ok=True)
    (store.job_folder(job_id) / "worker.log").write_text(NAME)
    move_job(store, job_id, ("validating_files", "queued"), "failed")
    return job_id


def files_with(folder: Path, text: str) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def test_nothing_of_the_job_is_left_on_disk(store: Store) -> None:
    job_id = ended_job(store, upload(store, NAME))
    gone = erase_job(store.home, job_id)
    assert find_job(store, job_id) is None
    assert len(gone) == 2
    assert files_with(store.home, NAME) == []


def test_a_file_that_another_job_read_stays(store: Store) -> None:
    shared, own = upload(store, "shared"), upload(store, "own")
    job_id, other = ended_job(store, shared, own), ended_job(store, shared)
    erase_job(store.home, job_id)
    assert find_file(store, shared) is not None
    assert find_file(store, own) is None
    assert find_job(store, other) is not None


def test_a_job_that_goes_on_is_refused(store: Store) -> None:
    job_id = new_job_id()
    add_job(store, {"model": "m", "seed": 1, "training_file": upload(store, "x")}, job_id)
    with pytest.raises(UsageError, match="is validating_files"):
        erase_job(store.home, job_id)
    assert find_job(store, job_id) is not None


def test_a_job_that_is_not_there_is_no_error(store: Store) -> None:
    assert erase_job(store.home, "ftjob-0") == []
