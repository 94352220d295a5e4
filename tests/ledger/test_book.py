"""The ledger: nothing acknowledged is ever lost, and every failure says what to do."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import StorageError, UsageError
from rftctl.ledger import SCHEMA_VERSION, Ledger
from rftctl.wire import JobEvent
from tests.ledger.conftest import add, start_writer

if TYPE_CHECKING:
    from pathlib import Path


def event(event_id: str, created_at: int = 1, **data: object) -> JobEvent:
    return JobEvent(event_id, created_at, "info", "hello", "metrics", dict(data))


def test_a_run_comes_back_as_it_was_written(path: Path) -> None:
    with Ledger(path) as ledger:
        run = add(
            ledger, "r-1", overrides={"hyperparameters.n_epochs": "3"}, target="azure", git_commit="abc"
        )
        assert ledger.run("r-1") == run
    with Ledger(path) as again:
        assert again.run("r-1") == run


def test_the_state_is_the_newest_entry_and_history_is_kept(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        for state in ("uploading", "sending", "sending", "running"):
            ledger.set_state("r-1", state)
        assert ledger.run("r-1").state == "running"
        states = [e["state"] for e in ledger.entries("r-1") if e["kind"] == "state"]
    assert states == ["planned", "uploading", "sending", "running"]


def test_a_job_is_known_once_it_is_noted(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        assert ledger.run("r-1").job_id is None
        ledger.note("r-1", "job", {"job_id": "ftjob-9"})
        assert ledger.run("r-1").job_id == "ftjob-9"


def test_a_run_is_found_by_id_by_its_beginning_and_by_its_job(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "digits-abc")
        add(ledger, "words-def")
        ledger.note("words-def", "job", {"job_id": "ftjob-7"})
        found = [ledger.run(name).run_id for name in ("digits-abc", "dig", "ftjob-7")]
    assert found == ["digits-abc", "digits-abc", "words-def"]


def test_without_a_name_the_newest_run_is_meant(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "old", 5)
        add(ledger, "new", 9)
        add(ledger, "same-second", 9)
        assert ledger.run(None).run_id == "same-second"
        assert [run.run_id for run in ledger.runs()] == ["same-second", "new", "old"]


def test_an_ambiguous_beginning_is_refused_and_names_the_runs(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "digits-abc")
        add(ledger, "digits-abd")
        with pytest.raises(UsageError, match="names 2 runs") as caught:
            ledger.run("digits")
    assert "digits-abc" in caught.value.hint


def test_a_whole_id_is_never_ambiguous(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "digits-ab")
        add(ledger, "digits-abc")
        assert ledger.run("digits-ab").run_id == "digits-ab"


@pytest.mark.parametrize(("name", "words"), [(None, "no run yet"), ("nope", "no run 'nope'")])
def test_a_run_that_is_not_there_is_a_usage_error(path: Path, name: str | None, words: str) -> None:
    with Ledger(path) as ledger, pytest.raises(UsageError, match=words) as caught:
        ledger.run(name)
    assert caught.value.hint


def test_an_event_seen_again_takes_the_newer_body(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        ledger.put_events("r-1", [event("e2", 2, step=2), event("e1", 1, step=1)])
        ledger.put_events("r-1", [event("e2", 3, step=2, train_mean_reward=0.5)])
        found = ledger.events("r-1")
    assert [e.id for e in found] == ["e1", "e2"]
    assert found[1] == event("e2", 3, step=2, train_mean_reward=0.5)


def test_events_of_two_runs_do_not_mix(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        add(ledger, "r-2")
        ledger.put_events("r-1", [event("e", 1)])
        ledger.put_events("r-2", [event("e", 2)])
        assert [e.created_at for e in ledger.events("r-1")] == [1]


def test_runs_of_one_spec_are_found_by_provider(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "a", 1)
        add(ledger, "b", 2)
        add(ledger, "c", 3, provider="azure")
        add(ledger, "d", 4, spec_sha256="other")
        assert [run.run_id for run in ledger.find_launched("s", "local")] == ["b", "a"]


def test_an_upload_is_remembered_by_provider_and_content(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.put_upload("openai", "sha", "file-1")
        ledger.put_upload("openai", "sha", "file-2")
        assert (ledger.upload("openai", "sha"), ledger.upload("azure", "sha")) == ("file-2", None)


def test_two_processes_writing_at_once_lose_nothing(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
    body = """
        with Ledger(path) as ledger:
            for n in range(100):
                ledger.note("r-1", "count", {"who": sys.argv[2], "n": n})
    """
    writers = [start_writer(path, body, who) for who in ("a", "b", "c")]
    assert [w.communicate()[1] for w in writers] == ["", "", ""]
    with Ledger(path) as ledger:
        found = [(e["who"], e["n"]) for e in ledger.entries("r-1") if e["kind"] == "count"]
    assert len(found) == 300
    assert [n for who, n in found if who == "b"] == list(range(100))


def test_many_processes_may_make_the_ledger_at_once(path: Path) -> None:
    body = """
        import time
        time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
        with Ledger(path) as ledger:
            sys.stdout.write(str(len(ledger.runs())))
    """
    start_at = str(time.time() + 2.5)
    makers = [start_writer(path, body, start_at) for _ in range(6)]
    assert [m.communicate() for m in makers] == [("0", "")] * 6


COUNT_FOR_EVER = """
    import itertools
    ledger = Ledger(path)
    for n in itertools.count():
        ledger.note("r-1", "count", {"n": n})
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()
"""


def test_a_process_killed_between_entries_leaves_every_entry_it_acknowledged(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
    writer = start_writer(path, COUNT_FOR_EVER)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    with Ledger(path) as ledger:
        found = [e["n"] for e in ledger.entries("r-1") if e["kind"] == "count"]
        ledger.note("r-1", "count", {"n": -1})
    assert found == list(range(len(found)))
    assert len(found) > acknowledged


def test_a_process_killed_inside_a_transaction_leaves_no_half_of_it(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
    body = """
        import os, signal
        ledger = Ledger(path)
        with ledger._writing() as db:
            db.execute("INSERT INTO entries (run_id, at, kind, data) VALUES ('r-1', 1.0, 'count', '{}')")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    writer = start_writer(path, body)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    with Ledger(path) as ledger:
        assert [e["kind"] for e in ledger.entries("r-1")] == ["state"]


def test_a_ledger_of_a_newer_rftctl_is_refused(path: Path) -> None:
    with Ledger(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StorageError, match="newer rftctl") as caught:
        Ledger(path)
    assert "upgrade" in caught.value.hint


def test_a_database_of_another_program_is_not_written_into(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.execute("PRAGMA application_id = 7")
    db.commit()
    db.close()
    with pytest.raises(StorageError):
        Ledger(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
    db.close()


def test_a_folder_in_place_of_the_ledger_is_a_storage_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match="cannot be used") as caught:
        Ledger(path)
    assert "RFTCTL_HOME" in caught.value.hint


def test_a_full_disk_is_a_storage_error_and_keeps_what_was_written(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        # SQLite's own cap on pages gives the same answer as a full disk.
        pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
        ledger._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="full") as caught:
            ledger.note("r-1", "request", {"body": "x" * 1_000_000})
        assert "free disk space" in caught.value.hint
    with Ledger(path) as ledger:
        assert ledger.run("r-1").state == "planned"


def test_an_entry_for_a_run_that_does_not_exist_is_refused(path: Path) -> None:
    with Ledger(path) as ledger, pytest.raises(StorageError, match="FOREIGN KEY"):
        ledger.note("ghost", "state", {"state": "running"})


def test_a_held_write_lock_ends_in_a_storage_error_not_a_hang(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        ledger._db.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            ledger.note("r-1", "x", {})
        other.execute("ROLLBACK")
        other.close()
        ledger.note("r-1", "x", {})


def test_an_entry_keeps_text_that_no_encoding_takes(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        ledger.note("r-1", "request", {"body": {"model": "m", "text": "\u2028 \ud83d"}})
    db = sqlite3.connect(path)
    rows = [json.loads(row[0]) for row in db.execute("SELECT data FROM entries")]
    db.close()
    assert rows[1]["body"]["text"] == "\u2028 \ud83d"


def test_a_key_never_reaches_the_ledger_nor_its_journal(path: Path) -> None:
    key = "sk-proj-abcdefghij0123456789"
    with Ledger(path) as ledger:
        add(ledger, "r-1", overrides={"judge": key})
        ledger.note("r-1", "request", {"body": {"grader": [f"print('{key}')"]}})
        ledger.put_events("r-1", [event("e", 1, text=key)])
        ledger.put_upload("openai", "sha", key)
        assert ledger.entries("r-1")[-1]["body"] == {"grader": ["print('***')"]}
        assert [p.name for p in path.parent.iterdir() if p.is_file() and key.encode() in p.read_bytes()] == []


def test_a_run_is_not_added_twice(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        with pytest.raises(StorageError, match="in the ledger already"):
            add(ledger, "r-1")


def test_an_upload_that_is_gone_is_forgotten(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.put_upload("openai", "sha", "file-1")
        ledger.drop_upload("openai", "file-1")
        assert (ledger.upload("openai", "sha"), ledger.uploads("openai")) == (None, {})


FILL_THE_DISK = """
    import resource, signal
    from rftctl.errors import StorageError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    ledger = Ledger(path)
    # Beyond this size every write to any file fails, as on a full disk.
    limit = max(p.stat().st_size for p in path.parent.iterdir() if p.name != "ledger.reserve")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit + int(sys.argv[2]), -1))
    try:
        ledger.note("r-1", sys.argv[3], {"job_id": "ftjob-9"})
        sys.stdout.write("kept")
    except StorageError as error:
        sys.stdout.write("refused " + str(int(error.exit_code)))
"""


@pytest.mark.parametrize("room", [0, 50, 100, 300, 5000, 9000])
@pytest.mark.parametrize("kind", ["sending", "job"])
def test_what_was_acknowledged_on_a_full_disk_is_there_and_what_was_refused_is_said(
    path: Path, room: int, kind: str
) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
    writer = start_writer(path, FILL_THE_DISK, str(room), kind)
    said, errors = writer.communicate()
    assert (said in ("kept", "refused 11"), errors) == (True, "")
    with Ledger(path) as ledger:
        assert ledger.check() is None
        if said == "kept" or kind == "sending":
            assert (ledger.newest("r-1", kind) is not None) == (said == "kept")
