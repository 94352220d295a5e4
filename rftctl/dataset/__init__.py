"""Datasets and model outputs.

In: JSON Lines files whose rows follow the fine-tuning API. Out: `Example`, `Sample`, findings RFT2xx.
Reserved keys of a row are `messages` and `tools`; every key of the row is reachable as `item.*`.
"""

from __future__ import annotations

from rftctl.dataset.model import ABSENT, Example, Sample, Sampler, parse_output
from rftctl.dataset.read import read_examples

__all__ = ["ABSENT", "Example", "Sample", "Sampler", "parse_output", "read_examples"]
