"""How a probe's text becomes the output that a grader is given.

In: text derived from a row. Out: a `Sample`. Where the row offers tools and the text is a JSON object
whose `calls` is a list of `{"name", "arguments"}`, these are the output's tool calls and the other keys
its text, so that every family of probes works on calls as it works on fields.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rftctl.dataset import Sample, parse_output
from rftctl.dataset.calls import wire_call
from rftctl.graders.cases import read_sample

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLS = "calls"
"""The row's field that holds the calls of a right output, as in the public tool-calling examples."""


def probe_sample(text: str, item: Mapping[str, Any], *, parse_json: bool) -> Sample:
    """Read a probe's text as the output of a row."""
    said = parse_output(text) if item.get("tools") else None
    if not isinstance(said, dict) or not isinstance(said.get(CALLS), list):
        return read_sample(text, parse_json=parse_json)
    calls = [wire_call(call, n) for n, call in enumerate(said.pop(CALLS))]
    if None in calls:
        return read_sample(text, parse_json=parse_json)
    rest = json.dumps(said, ensure_ascii=False) if said else ""
    return read_sample({"output_text": rest, "output_tools": calls}, parse_json=parse_json)


def is_called(item: Mapping[str, Any]) -> bool:
    """Whether a row names the calls of a right output."""
    return bool(item.get("tools")) and isinstance(item.get(CALLS), list)
