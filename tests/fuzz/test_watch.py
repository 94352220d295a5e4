"""The watch notices what a fuzzed input must not do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import watch as module
from tests.fuzz.watch import Watch, last_input

if TYPE_CHECKING:
    from pathlib import Path


def crash(data: bytes) -> bool:
    raise ZeroDivisionError(data)


def spin(data: bytes) -> bool:
    while data:
        os.getpid()
    return True


def test_a_traceback_is_counted_and_its_input_saved(tmp_path: Path) -> None:
    watch = Watch("form", tmp_path)
    for _ in range(2):
        watch(b"bad", crash)
    figures = watch.finish()
    assert figures.failures == {"ZeroDivisionError in the check": 2}
    assert {(tmp_path / name).read_bytes() for name in figures.saved} == {b"bad"}


def test_an_input_that_hangs_is_stopped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.05)
    watch = Watch("form", tmp_path)
    watch(b"slow", spin)
    assert "HangError" in next(iter(watch.finish().failures))


def test_what_was_accepted_is_counted(tmp_path: Path) -> None:
    watch = Watch("form", tmp_path)
    for data in (b"", b"1", b"2"):
        watch(data, bool)
    figures = watch.finish()
    assert (figures.n_inputs, figures.n_accepted, figures.failures) == (3, 2, {})
    assert json.loads((tmp_path / "form.json").read_text())["n_inputs"] == 3


def test_the_input_that_is_being_tried_can_be_read_from_outside(tmp_path: Path) -> None:
    watch = Watch("form", tmp_path)
    watch(b"first", bool)
    watch(b"second", bool)
    assert last_input(tmp_path, "form") == (2, b"second")


def test_an_interrupt_ends_the_run(tmp_path: Path) -> None:
    def interrupt(data: bytes) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Watch("form", tmp_path)(b"x", interrupt)
