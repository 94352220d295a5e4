"""A report with every kind of finding, real files behind it, and text that would act where it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rftctl.commands.online import OnlineAnswers
from rftctl.commands.quotes import read_quotes
from rftctl.commands.validate import ValidationReport
from rftctl.finding import Finding, Level, Place

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "a|b `c` <img src=x onerror=alert(1)> @octocat ![x](http://evil) \x1b[2J\r\n::error::x %0A \u202e"
LONG = "messages[1].content is empty, and a message that says nothing is most often a mistake in an export"
SPEC = "version: 1\nprovider: azure # 漢字\nmodel: gpt-9\n"
ROWS = ['{"messages": []}', '{"messages": [' + "x" * 300 + "BROKEN" + "y" * 300 + "]}", '\t{"a": \x1b[2J 1}']


def make_report(folder: Path, *, text: str = "", online: OnlineAnswers | None = None) -> ValidationReport:
    """Write files into the current folder and make the report about them; `text` goes into each finding."""
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "train.jsonl").write_text("\n".join(ROWS) + "\n")
    findings = (
        Finding(
            "RFT406", Level.NOTE, Place("spec.yaml", 3, 8), f"model 'gpt-9' is by invitation{text}", "ask"
        ),
        Finding(
            "RFT401",
            Level.ERROR,
            Place("spec.yaml", 3, 8),
            f"model 'gpt-9' is not offered{text}",
            f"no{text}",
        ),
        Finding(
            "RFT201", Level.ERROR, Place("train.jsonl", 2, 315), f"the line is not JSON{text}", "mend it"
        ),
        Finding("RFT224", Level.WARNING, Place("train.jsonl", 3, 7), f"{LONG}{text}", f"fill it; {LONG}"),
        *(
            Finding("RFT204", Level.ERROR, Place("train.jsonl", n), f"last message is wrong{text}", "drop it")
            for n in (1, 2, 3)
        ),
        Finding("RFT230", Level.ERROR, Place("train.jsonl"), f"60,000 rows{text}", "take rows out"),
        Finding("RFT126", Level.ERROR, Place("--set name.x"), f"it goes nowhere{text}", "check the keys"),
    )
    prints = {finding: f"{number:032x}" for number, finding in enumerate(findings)}
    return ValidationReport(
        "spec.yaml",
        findings,
        {"RFT204": 17},
        {"training": 3},
        "azure",
        "azure",
        n_errors=23,
        n_warnings=1,
        n_notes=1,
        online=online,
        quotes=read_quotes(findings),
        fingerprints=prints,
    )


FAILED = OnlineAnswers("azure", ("access",), (), "azure was not reached", "check the network")
