"""Explain a finding code.

In: a code such as `RFT204`. Out: its `Explanation`: what it says, why it matters, a bad and a good example.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rftctl.errors import UsageError
from rftctl.strict_yaml import read_yaml
from rftctl.text import one_line

_CODES = Path(__file__).parents[1] / "codes.yaml"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is to be said about one code; `bad` and `good` are examples and may be empty."""

    code: str
    title: str
    why: str = ""
    bad: str = ""
    good: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the document `rftctl.explain/1`."""
        return {"schema": "rftctl.explain/1", **asdict(self)}


def explain(code: str) -> Explanation:
    """Return what a finding code means; case does not matter.

    Raises:
        UsageError: no finding has this code.
    """
    known = explanations()
    found = known.get(code.strip().upper())
    if found is not None:
        return found
    near = difflib.get_close_matches(code.strip().upper(), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "codes look like RFT204; `rftctl validate` prints them"
    raise UsageError(f"code '{one_line(code, limit=40)}' is not known", hint)


@lru_cache(maxsize=1)
def explanations() -> dict[str, Explanation]:
    """Return every code's explanation, in the order of the codes."""
    from rftctl.graders.codes import GRADER_CODES

    texts: dict[str, dict[str, str]] = {code: {"title": title} for code, title in GRADER_CODES.items()}
    for code, parts in read_yaml(_CODES).value.items():
        texts[code] = {**texts.get(code, {}), **parts}
    return {code: Explanation(code, **texts[code]) for code in sorted(texts)}
