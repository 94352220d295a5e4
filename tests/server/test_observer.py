"""What the loop's listener hears and says."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from rftctl.engine.backend import CheckpointRef
from rftctl.engine.progress import Wish
from rftctl.server.history import checkpoints_of
from rftctl.server.jobs import add_job, update_job
from rftctl.server.observer import StoreObserver
from rftctl.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST = {
    "model": "some/folder/of weights",
    "training_file": "f",
    "suffix": "my run",
    "method": {"type": "reinforcement", "reinforcement": {"grader": {"type": "string_check"}}},
}


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[tuple[Store, StoreObserver, threading.Event]]:
    """A store with one job, its observer, and the event that says the process is to end."""
    store, asked = Store(tmp_path), threading.Event()
    job = add_job(store, REQUEST, "ftjob-00000000abcdefgh")
    yield store, StoreObserver(store, job, asked), asked
    store.close()


def test_a_wish_in_the_store_is_heard(heard: tuple[Store, StoreObserver, threading.Event]) -> None:
    store, observer, _ = heard
    assert observer.wish() is Wish.CONTINUE
    update_job(store, "ftjob-00000000abcdefgh", wish="cancel")
    assert observer.wish() is Wish.CANCEL


def test_a_process_told_to_end_pauses_but_a_cancel_stays(
    heard: tuple[Store, StoreObserver, threading.Event],
) -> None:
    store, observer, asked = heard
    asked.set()
    assert observer.wish() is Wish.PAUSE
    update_job(store, "ftjob-00000000abcdefgh", wish="cancel")
    assert observer.wish() is Wish.CANCEL


def test_a_checkpoint_gets_a_name_fit_for_a_path(
    heard: tuple[Store, StoreObserver, threading.Event], tmp_path: Path
) -> None:
    store, observer, _ = heard
    observer.on_checkpoint(CheckpointRef(str(tmp_path / "a"), 3, True), None)
    (row,) = checkpoints_of(store, "ftjob-00000000abcdefgh")
    assert row.name == "ft:of-weights:rftctl:my-run:abcdefgh:ckpt-step-3"
    assert (row.valid_reward, row.metrics) == (None, {"step": 3.0})


def test_old_checkpoints_go_from_the_disk(
    heard: tuple[Store, StoreObserver, threading.Event], tmp_path: Path
) -> None:
    store, observer, _ = heard
    for step in range(1, 6):
        (tmp_path / str(step)).mkdir()
        observer.on_checkpoint(CheckpointRef(str(tmp_path / str(step)), step, True), None)
    kept = [row.step for row in checkpoints_of(store, "ftjob-00000000abcdefgh")]
    assert kept == [5, 4, 3]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit()) == ["3", "4", "5"]
