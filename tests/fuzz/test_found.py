"""What fuzzing starts from, and what it once found, checked without a fuzzer."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.material import seeds, spoil, words
from tests.fuzz.targets import CHECKS

FOUND = sorted((Path(__file__).parent / "found").glob("*.bin"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_an_input_that_once_failed_keeps_every_promise(path: Path) -> None:
    check = CHECKS[path.name.partition("-")[0]]
    assert check(path.read_bytes()) is False


@pytest.mark.parametrize("target", ["yaml", "jsonl"])
def test_every_seed_keeps_every_promise(target: str) -> None:
    accepted = [CHECKS[target](data) for data in seeds(target)]
    assert accepted[0]
    assert not all(accepted)


@pytest.mark.parametrize("data", seeds("validate"), ids=range(len(seeds("validate"))))
def test_the_specs_that_fuzzing_spoils_are_valid(data: bytes) -> None:
    assert CHECKS["validate"](data)


@pytest.mark.parametrize("target", ["yaml", "jsonl"])
def test_every_word_keeps_every_promise_alone_and_in_a_line(target: str) -> None:
    lines = [word + b"\n" for word in words(target)] + [b"a: " + word + b"\n" for word in words(target)]
    assert [CHECKS[target](line) for line in lines].count(True) < len(lines)


@pytest.mark.parametrize("target", list(CHECKS))
def test_spoiling_changes_an_input_the_same_way_for_the_same_seed(target: str) -> None:
    data = seeds(target)[0]
    spoiled = [spoil(target, data, Random(number)) for number in range(40)]
    assert spoiled == [spoil(target, data, Random(number)) for number in range(40)]
    assert len(set(spoiled) - {data}) > 20
