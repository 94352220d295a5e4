"""The forms of fuzzing that `make fuzz` runs, and their share of the inputs.

In: nothing. Out: `FORMS`. A further form is one more entry: a module that is started as
`python -m MODULE ARGUMENT INPUTS FOLDER SEED` and writes `watch.Figures` to FOLDER/NAME.json.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """One child process's work.

    Attributes:
        name: of its figures: FOLDER/NAME.json.
        module: what is started.
        argument: its first argument.
        share: part of all inputs; the shares add up to 1.
    """

    name: str
    module: str
    argument: str
    share: float


FORMS = (
    Form("jsonl-atheris", "tests.fuzz.by_atheris", "jsonl", 0.46),
    Form("yaml-atheris", "tests.fuzz.by_atheris", "yaml", 0.43),
    Form("jsonl-hypothesis", "tests.fuzz.by_hypothesis", "jsonl", 0.03),
    Form("yaml-hypothesis", "tests.fuzz.by_hypothesis", "yaml", 0.03),
    Form("validate-atheris", "tests.fuzz.by_atheris", "validate", 0.04),
    Form("validate-hypothesis", "tests.fuzz.by_hypothesis", "validate", 0.01),
)
