"""Small datasets, and what a check says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rftctl.commands.updates import finish
from rftctl.dataset.check import DataRules, SplitReport, check_dataset
from rftctl.dataset.log import FindingLog
from rftctl.template import parse_template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rftctl.finding import Finding


class Checked:
    """A checked split: its report and its findings."""

    def __init__(self, path: Path, report: SplitReport, log: FindingLog) -> None:
        self.path, self.report, self.log = path, report, log

    def of(self, code: str) -> list[Finding]:
        return [finding for finding in self.log.kept if finding.code == code]

    def places(self, code: str) -> list[tuple[int | None, int | None]]:
        return [(finding.place.line, finding.place.column) for finding in self.of(code)]


def row(content: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **fields}


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Checked]:
    """Write rows (objects, or lines as they are) and check them."""

    def run(
        *rows: dict[str, Any] | str,
        split: str = "training",
        reads: str = "",
        others: Any = None,
        **rules: Any,
    ) -> Checked:
        path, log = tmp_path / f"{split}.jsonl", FindingLog()
        lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
        path.write_text("".join(line + "\n" for line in lines))
        data_rules = DataRules(reads=parse_template(reads).paths, **rules)
        others = {name: other.report for name, other in (others or {}).items()}
        report = finish(check_dataset(path, split=split, log=log, rules=data_rules, others=others))
        return Checked(path, report, log)

    return run
