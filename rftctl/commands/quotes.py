"""The lines that findings point into, read once for every report that quotes them.

In: findings. Out: place -> `Quote`: the text around the column, and a digest of the whole line.
Files are streamed and a line is kept only as a window, so that a file of any size costs nothing.
What looks like a secret is starred out: a quote goes to logs, to pull requests and to code scanning.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.spec.secrets import mask_secrets
from rftctl.strict_jsonl import MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rftctl.finding import Finding, Place

WINDOW = 120
"""Characters kept on either side of the column."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of the line a finding points into; untrusted text, secrets starred out.

    Attributes:
        before, after: text left of the column, and from it on; cut to a window.
        is_cut_before, is_cut_after: the line goes on beyond the window.
        digest: of the whole line without the white space around it.
    """

    before: str
    after: str
    is_cut_before: bool
    is_cut_after: bool
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return what a document says of the line."""
        return {"before": self.before, "after": self.after}


def read_quotes(findings: Iterable[Finding]) -> dict[Place, Quote]:
    """Read the line of every finding that points into a file; what cannot be read is left out."""
    wanted: dict[str, dict[int, set[Place]]] = {}
    for finding in findings:
        place = finding.place
        if place.line is not None:
            wanted.setdefault(place.path, {}).setdefault(place.line, set()).add(place)
    return {
        place: _quote(line, place.column or 1)
        for path, lines in wanted.items()
        for number, line in _lines(Path(path), lines)
        for place in lines[number]
    }


def _lines(path: Path, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
    left = set(numbers)
    try:
        with path.open("rb") as stream:
            number = 0
            while left and (line := stream.readline(MAX_LINE_BYTES + 1)):
                number += 1
                is_wanted = number in left
                left.discard(number)
                if is_wanted:
                    yield number, _text(line, is_first=number == 1)
                while not line.endswith(b"\n") and (line := stream.readline(2**20)):
                    pass
    except OSError:
        return


def _text(line: bytes, *, is_first: bool) -> str:
    line = line.removeprefix(_BOM) if is_first else line
    return line.rstrip(b"\r\n").decode(errors="replace")


def _quote(line: str, column: int) -> Quote:
    at = min(max(column - 1, 0), len(line))
    shown = mask_secrets(line)
    start, end = max(0, at - WINDOW), at + WINDOW
    digest = hashlib.sha256(line.strip().encode(errors="replace")).hexdigest()[:16]
    return Quote(shown[start:at], shown[at:end], start > 0, end < len(line), digest)
