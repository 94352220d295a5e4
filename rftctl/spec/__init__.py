"""The run spec: one YAML file that says what to train, on what, judged how, and where.

In: a YAML file. Out: `SpecFile` (a `RunSpec` with the place of every key), or InvalidInputError.
"""

from __future__ import annotations

from rftctl.spec.editor import spec_schema
from rftctl.spec.load import SpecFile, load_spec
from rftctl.spec.model import (
    Budget,
    EngineSettings,
    Evaluate,
    Hyperparameters,
    RunSpec,
    Watch,
    WatchRule,
)

__all__ = [
    "Budget",
    "EngineSettings",
    "Evaluate",
    "Hyperparameters",
    "RunSpec",
    "SpecFile",
    "Watch",
    "WatchRule",
    "load_spec",
    "spec_schema",
]
