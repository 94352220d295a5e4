"""Fuzz one target with hypothesis: documents built from the grammar, right and nearly right.

In: `TARGET INPUTS FOLDER SEED`. Out: FOLDER/TARGET-hypothesis.json. Batches keep its memory bounded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.material import (
    JSON_WORDS,
    ODD_VALUES,
    ROW_EXAMPLES,
    ROWS,
    SEPARATOR,
    SPECS,
    YAML_WORDS,
    spoil_value,
)
from tests.fuzz.targets import CHECKS
from tests.fuzz.watch import Watch

BATCH = 2_000

_texts = st.text(max_size=12) | st.sampled_from(("a", "b", "messages", "role", "content", "code", "<<", ""))
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.sampled_from(ODD_VALUES[:40])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def _json_texts(draw: st.DrawFn) -> str:
    """A value as JSON, its blanks, escapes and repeated keys chosen freely."""
    value = draw(_values)
    blank = draw(st.sampled_from(("", " ", "  ", "\t")))
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), separators=(f",{blank}", f"{blank}:{blank}"), default=str
    )
    if draw(st.booleans()) and text.startswith("{") and len(text) > 2:
        text = f"{text[:-1]}, {text[1:]}"  # every key twice
    return text


@st.composite
def jsonl_inputs(draw: st.DrawFn) -> bytes:
    """Lines of JSON, of words, and of anything, with any line end."""
    word = st.sampled_from(JSON_WORDS)
    line = st.one_of(
        _json_texts().map(lambda text: text.encode(errors="surrogatepass")),
        st.lists(word, max_size=12).map(b"".join),
        st.sampled_from(ROW_EXAMPLES).map(lambda row: json.dumps(row).encode()),
        st.binary(max_size=20),
    )
    ends = draw(st.sampled_from((b"\n", b"\n", b"\n", b"\r\n")))
    return ends.join(draw(st.lists(line, max_size=4))) + draw(st.sampled_from((b"", ends)))


@st.composite
def yaml_inputs(draw: st.DrawFn) -> bytes:
    """A value as YAML in either style, words of YAML, or text, with a word thrown in."""
    style = draw(st.sampled_from((None, True, False)))
    width = draw(st.sampled_from((20, 80)))
    data = draw(
        st.one_of(
            _values.map(lambda value: _dump(value, style, width)),
            _json_texts().map(lambda text: text.encode(errors="surrogatepass")),
            st.lists(st.sampled_from(YAML_WORDS), max_size=12).map(b"".join),
            st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")),
        )
    )
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from(YAML_WORDS)) + data[at:]
    return data


def _dump(value: Any, style: bool | None, width: int) -> bytes:
    text = yaml.dump(value, default_flow_style=style, width=width, allow_unicode=True, sort_keys=False)
    return text.encode(errors="surrogatepass")


@st.composite
def validate_inputs(draw: st.DrawFn) -> bytes:
    """A valid spec with valid rows, a few things in them changed."""
    random = Random(draw(st.integers(0, 2**32)))
    spec, rows = draw(st.sampled_from(SPECS)), list(ROW_EXAMPLES)
    for _ in range(draw(st.integers(0, 3))):
        spec = spoil_value(spec, random)
    for _ in range(draw(st.integers(0, 3))):
        at = random.randrange(len(rows))
        rows[at] = spoil_value(rows[at], random)
    text = b"".join(json.dumps(row).encode() + b"\n" for row in rows) if draw(st.booleans()) else ROWS
    return _dump(spec, False, 80) + SEPARATOR + text


STRATEGIES = {"jsonl": jsonl_inputs(), "yaml": yaml_inputs(), "validate": validate_inputs()}


def main() -> None:
    """Run batches until the number of inputs is reached."""
    target, inputs, folder, first_seed = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    watch = Watch(f"{target}-hypothesis", folder)
    batch = 0
    while watch.figures.n_inputs < inputs:
        _run_batch(watch, target, min(BATCH, inputs - watch.figures.n_inputs), first_seed + batch)
        batch += 1
    watch.finish()


def _run_batch(watch: Watch, target: str, n: int, batch_seed: int) -> None:
    check = CHECKS[target]

    @seed(batch_seed)
    @settings(
        max_examples=n,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STRATEGIES[target])
    def try_one(data: bytes) -> None:
        watch(data, check)

    try_one()


if __name__ == "__main__":
    main()
