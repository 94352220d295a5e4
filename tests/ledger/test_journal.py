"""The journal: a line a fact, each with its own checksum, whatever is torn around it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from rftctl.errors import StorageError
from rftctl.ledger import Ledger
from rftctl.ledger.journal import Fact, Journal, Reading, read_line, to_line
from tests.ledger.conftest import add

if TYPE_CHECKING:
    from pathlib import Path

FACT = Fact("entry", "f1", 1.5, "r-1", "job", {"job_id": "ftjob-1", "text": "ü \ud83d \u2028\n"})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "ledger.journal.jsonl")


def fact(n: int) -> Fact:
    return Fact("entry", f"f{n}", 1.0, "r-1", "count", {"n": n})


def test_a_line_says_what_was_written() -> None:
    line = to_line(FACT)
    assert line.count(b"\n") == 1
    assert read_line(line) == FACT


@pytest.mark.parametrize("cut", [1, 2, 5, 20])
def test_a_torn_line_says_nothing(cut: int) -> None:
    assert read_line(to_line(FACT)[:-cut]) is None


def test_an_altered_line_says_nothing() -> None:
    assert read_line(to_line(FACT).replace(b"ftjob-1", b"ftjob-2")) is None


def test_a_torn_last_line_is_passed_over_and_the_next_stands_on_its_own(journal: Journal) -> None:
    journal.append([fact(1), fact(2)])
    os.truncate(journal.path, journal.size - 7)
    journal.append([fact(3)])
    reading = Reading()
    assert [f.data["n"] for f in journal.facts(0, reading)] == [1, 3]
    assert (reading.n_facts, reading.n_unreadable) == (2, 1)


def test_it_is_read_from_any_line_on(journal: Journal) -> None:
    start = journal.append([fact(1)])
    journal.append([fact(2), fact(3)])
    assert [f.data["n"] for f in journal.facts(start)] == [2, 3]


def test_only_its_owner_may_read_it(journal: Journal) -> None:
    journal.append([fact(1)])
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    journal.replace([fact(2)])
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_written_anew_it_holds_exactly_what_it_was_given(journal: Journal) -> None:
    journal.append([fact(1), fact(2)])
    size = journal.replace([fact(3)])
    assert [f.data["n"] for f in journal.facts()] == [3]
    assert size == journal.size


def test_a_link_in_its_place_is_not_written_through(path: Path) -> None:
    with Ledger(path) as ledger:
        add(ledger, "r-1")
        theirs = path.with_name("theirs")
        theirs.write_text("theirs")
        ledger.journal.path.unlink()
        ledger.journal.path.symlink_to(theirs)
        with pytest.raises(StorageError):
            ledger.note("r-1", "x", {})
    assert theirs.read_text() == "theirs"


def test_events_do_not_make_it_grow(path: Path) -> None:
    from rftctl.wire import JobEvent

    with Ledger(path) as ledger:
        add(ledger, "r-1")
        size = ledger.journal.size
        ledger.put_events("r-1", [JobEvent(f"e{n}", 1, "info", "", "metrics", {}) for n in range(50)])
        ledger.set_state("r-1", "planned")
        assert ledger.journal.size == size
