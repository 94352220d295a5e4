"""The store: many processes, one truth."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from rftctl.dataset import Sample
from rftctl.engine.progress import Rollout
from rftctl.errors import StorageError
from rftctl.graders.base import Grade
from rftctl.server import history
from rftctl.server.jobs import add_job, find_job, move_job, update_job
from rftctl.server.paging import Cursor
from rftctl.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST = {"model": "m", "training_file": "f", "method": {"type": "reinforcement", "reinforcement": {}}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    add_job(store, REQUEST, "ftjob-a")
    yield store
    store.close()


def rollout(step: int, text: str = "x") -> Rollout:
    return Rollout(step, "train", 1, Sample(text), Grade.failure("other_error", "broke"))


def test_writers_of_many_connections_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        store = Store(tmp_path)
        for i in range(5):
            add_job(store, REQUEST, f"ftjob-{number}-{i}")
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    store = Store(tmp_path)
    assert store.read("SELECT count(*) AS n FROM jobs")[0]["n"] == 40
    assert [row["turn"] for row in store.read("SELECT turn FROM jobs ORDER BY turn")] == list(range(1, 41))
    store.close()


def test_a_failed_write_leaves_nothing(store: Store) -> None:
    def half_a_write() -> None:
        with store.writing() as connection:
            connection.execute("UPDATE jobs SET status = 'running'")
            connection.execute("INSERT INTO jobs (id) VALUES (NULL)")

    with pytest.raises(StorageError):
        half_a_write()
    job = find_job(store, "ftjob-a")
    assert job is not None
    assert job.status == "validating_files"


def test_a_store_of_a_newer_rftctl_is_left_alone(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "service.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="has format 99, not 1"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        Store(tmp_path)


def test_a_status_moves_only_from_where_it_may(store: Store) -> None:
    assert move_job(store, "ftjob-a", ("queued",), "running") is False
    assert move_job(store, "ftjob-a", ("validating_files",), "queued") is True
    job = find_job(store, "ftjob-a")
    assert job is not None
    assert (job.status, job.finished_at) == ("queued", None)


def test_details_are_merged(store: Store) -> None:
    update_job(store, "ftjob-a", detail={"device": "cpu"})
    update_job(store, "ftjob-a", detail={"threads": "1"})
    job = find_job(store, "ftjob-a")
    assert job is not None
    assert job.detail == {"device": "cpu", "threads": "1"}


def test_a_step_told_twice_is_one_event(store: Store) -> None:
    history.put_metrics(store, "ftjob-a", 1, "first", {"step": 1})
    history.add_message(store, "ftjob-a", "resumed")
    history.put_metrics(store, "ftjob-a", 1, "second", {"step": 1})
    events, _ = history.page_of_events(store, "ftjob-a", Cursor())
    assert [event["message"] for event in events] == ["resumed", "second"]


def test_old_outputs_go_when_there_are_many_steps(store: Store) -> None:
    for step in (1, 2, history.KEPT_STEPS + 1):
        history.add_rollouts(store, "ftjob-a", [rollout(step)])
    kept = history.rollouts_of(store, "ftjob-a", step=None, split=None)
    assert [each["step"] for each in kept] == [2, history.KEPT_STEPS + 1]


def test_old_outputs_go_when_they_are_large(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_BYTES", 10_000)
    for step in (1, 2, 3):
        history.add_rollouts(store, "ftjob-a", [rollout(step, "x" * 4000)])
    kept = history.rollouts_of(store, "ftjob-a", step=None, split=None)
    assert [each["step"] for each in kept] == [2, 3]


def test_an_output_whose_grade_failed_has_no_reward(store: Store) -> None:
    history.add_rollouts(store, "ftjob-a", [rollout(1, "\ud800")])
    (kept,) = history.rollouts_of(store, "ftjob-a", step=1, split="train")
    assert kept["reward"] is None
    assert kept["errors"] == {"other_error": "broke"}
