"""The embedded engine: this machine's processor or GPU, through torch.

In: a model name. Out: `TorchBackend`, which opens policies and training sessions.
Importing this package loads torch and transformers.
"""

from __future__ import annotations

from rftctl.engine.torch_backend.backend import TorchBackend

__all__ = ["TorchBackend"]
