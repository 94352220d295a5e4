"""Collect findings without drowning in them.

In: findings of any number. Out: the first of each code, and how many more there were.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rftctl.finding import Finding, Level

SHOWN_PER_CODE = 20


class FindingLog:
    """Keeps the first findings of each code and counts the rest; memory stays bounded.

    Args:
        cap: findings kept of each code.
    """

    def __init__(self, cap: int = SHOWN_PER_CODE) -> None:
        self._cap = cap
        self._kept: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.n_by_level: Counter[Level] = Counter()

    def add(self, finding: Finding) -> None:
        """Take one finding."""
        self.counts[finding.code] += 1
        self.n_by_level[finding.level] += 1
        if self.counts[finding.code] <= self._cap:
            self._kept.append(finding)

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Take several findings."""
        for finding in findings:
            self.add(finding)

    def count(self, code: str, level: Level, n: int) -> None:
        """Count findings of a code of which the first are already kept."""
        if n:
            self.counts[code] += n
            self.n_by_level[level] += n

    @property
    def cap(self) -> int:
        """How many findings of each code are kept."""
        return self._cap

    @property
    def kept(self) -> tuple[Finding, ...]:
        """The findings shown, in the order they came."""
        return tuple(self._kept)

    @property
    def left_out(self) -> dict[str, int]:
        """Code -> how many findings of it are not shown."""
        return {code: count - self._cap for code, count in self.counts.items() if count > self._cap}
