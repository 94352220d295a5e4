"""What commands open: the model to evaluate, and where it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.xdist_group("finished")
def test_the_evaluation_says_where_the_checkpoint_lies(finished: Callable[..., object]) -> None:
    report = finished.report  # type: ignore[attr-defined]
    tuned = report["evaluation"]["models"][1]
    manifest = Path(tuned["checkpoint_folder"])
    assert manifest.name == f"step-{report['curve'][-1]['step']:06d}"
    assert json.loads((manifest / "adapter_config.json").read_text())["r"] > 0
