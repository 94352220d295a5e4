"""Plans, settings, adopted and imported jobs on a terminal: whole, within 80 columns, and harmless."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rftctl.commands.adopt import AdoptReport
from rftctl.commands.import_job import ImportReport
from rftctl.commands.plan import plan_spec
from rftctl.commands.settings import Setting, SettingsReport
from rftctl.commands.updates import finish
from rftctl.finding import Finding, Level, Place
from rftctl.home import open_home
from rftctl.ledger import Ledger
from rftctl.report.console import Terminal
from rftctl.report.tables import show_report
from tests.report.examples import FREE, HOSTILE, make_curve, make_job, make_run

if TYPE_CHECKING:
    from rftctl.commands.plan import LaunchPlan

SETTINGS = SettingsReport(
    make_run(),
    (
        Setting("model", "smollm2-135m", "configs/icd10.yaml:4:8", "smollm2-135m", "smollm2-135m"),
        Setting("hyperparameters.learning_rate_multiplier", None, "provider's default", None, 1.0),
        Setting("hyperparameters.n_epochs", 2, "--set hyperparameters.n_epochs", 2, 3),
        Setting("grader", {"type": HOSTILE}, "spec.yaml:7:1", {"type": HOSTILE}, {"type": HOSTILE}),
    ),
    (Finding("RFT451", Level.WARNING, Place("hyperparameters.n_epochs"), f"'2' and '3' {HOSTILE}", "look"),),
)
IMPORTED = ImportReport(
    f"ftjob-1{HOSTILE}", "lab", Path("out"), {f"train{HOSTILE}": "6 rows"}, (f"gone {HOSTILE}",), ("azure",)
)
ADOPTED = AdoptReport(make_run(), make_job(f"queued{HOSTILE}", text=HOSTILE), make_curve(), FREE, is_new=True)


@pytest.fixture
def plan(tiny_spec: Path, home: Path) -> LaunchPlan:
    """Give the test a plan whose grader holds what a terminal would act on."""
    tiny_spec.write_text(tiny_spec.read_text().replace("word after", "word").replace("near", "ne\\u200bar"))
    opened = open_home()
    with Ledger(opened.ledger) as ledger:
        return finish(plan_spec(tiny_spec, opened, ledger))


def shown(report: object) -> str:
    terminal = Terminal(out=Console(file=io.StringIO(), width=80, markup=False, highlight=False, emoji=False))
    show_report(report, terminal)
    text: str = terminal.out.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize("report", [SETTINGS, IMPORTED, ADOPTED], ids=["settings", "imported", "adopted"])
def test_nothing_a_provider_says_acts_on_the_terminal(report: object) -> None:
    text = shown(report)
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_settings_show_four_columns_and_the_disagreement() -> None:
    text = shown(SETTINGS)
    assert [word in text for word in ("spec", "from", "sent", "used")] == [True] * 4
    assert "RFT451" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "RFT451" not in line)


def test_a_plan_shows_request_files_price_and_dates(plan: LaunchPlan) -> None:
    text = shown(plan)
    for word in (
        "{{ item.answer }}",
        "train.jsonl",
        "sha256:",
        "model ends on",
        "platform ends on",
        "estimate",
    ):
        assert word in text
    assert plan.prepared.data["training_file"].sha256[:16] in text


def test_an_import_says_what_is_missing_and_how_to_go_on() -> None:
    text = shown(IMPORTED)
    assert "missing: gone" in text
    assert "rftctl launch out/spec.yaml --target azure" in text
