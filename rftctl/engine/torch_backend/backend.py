"""Opening models on this machine.

In: a cache folder and, if wished, a thread count. Out: policies and sessions; base models that were
opened for sampling stay loaded, so that switching between a model's checkpoints costs only the adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rftctl.engine.backend import Capabilities
from rftctl.engine.models import find_model
from rftctl.engine.threads import choose_threads, has_native_bfloat16
from rftctl.engine.torch_backend import checkpoint
from rftctl.engine.torch_backend.checkpoint import Manifest
from rftctl.engine.torch_backend.lora import new_adapters
from rftctl.engine.torch_backend.network import Device, Network
from rftctl.engine.torch_backend.session import TorchPolicy, TorchSession

if TYPE_CHECKING:
    from rftctl.engine.backend import CheckpointRef, LoraSettings


class TorchBackend:
    """Trains and samples with torch in this process.

    Args:
        cache: where converted weights are kept.
        threads: CPU threads; by default chosen from the cores that are free now.
        dtype: of frozen base weights; by default what the hardware computes fastest.
    """

    def __init__(self, cache: Path, *, threads: int | None = None, dtype: torch.dtype | None = None) -> None:
        self._cache = cache
        self._choice = choose_threads(threads)
        torch.set_num_threads(self._choice.n_threads)
        self._where = choose_device(dtype)
        self._loaded: tuple[Path, Network] | None = None

    def capabilities(self) -> Capabilities:
        """Say what this backend can do here, and what it chose."""
        on_gpu = self._where.device.type == "cuda"
        name = torch.cuda.get_device_name(self._where.device) if on_gpu else "cpu"
        return Capabilities(
            losses=("importance_sampling",),
            has_reference_logprobs=True,
            has_full_weights=True,
            # Sums on a GPU are not ordered, so a resumed run is equal only up to rounding there.
            has_exact_resume=not on_gpu,
            description={
                "device": name,
                "dtype": str(self._where.dtype).removeprefix("torch."),
                **self._choice.description(),
            },
        )

    def open_policy(self, model: str, checkpoint: CheckpointRef | None = None) -> TorchPolicy:
        """Load a model, or a checkpoint of one, for sampling only.

        Raises:
            NotOfferedError: the weights are not here and cannot be had; the hint says what to install.
            InvalidInputError: the checkpoint is damaged or belongs to another model.
        """
        if checkpoint is None:
            return TorchPolicy(self._shared_network(find_model(model, self._cache).folder), None)
        return self._open_checkpoint(model, Path(checkpoint.path))

    def _open_checkpoint(self, model: str, folder: Path) -> TorchPolicy:
        manifest = checkpoint.read_manifest(folder)
        if manifest.kind == "full":
            return TorchPolicy(self._shared_network(folder), None)
        network = self._shared_network(find_model(model, self._cache).folder)
        return TorchPolicy(network, checkpoint.read_adapters(folder, manifest, network))

    def _shared_network(self, folder: Path) -> Network:
        if self._loaded is None or self._loaded[0] != folder:
            self._loaded = None
            self._loaded = folder, Network(folder, self._where)
        return self._loaded[1]

    def open(
        self,
        model: str,
        *,
        lora: LoraSettings | None,
        seed: int,
        resume: CheckpointRef | None = None,
        needs_reference: bool = False,
    ) -> TorchSession:
        """Load a model for training; `lora=None` trains all weights, in float32.

        Args:
            needs_reference: keep the untrained model for `logprobs(reference=True)`; adapters need no copy.

        Raises:
            NotOfferedError: the weights are not here and cannot be had; the hint says what to install.
            InvalidInputError: the checkpoint is damaged, or belongs to another model or kind of training.
        """
        folder = find_model(model, self._cache).folder
        saved = None if resume is None else Path(resume.path)
        if lora is None:
            session = self._open_full(model, folder, saved, needs_reference=needs_reference)
        else:
            session = self._open_adapters(model, folder, saved, lora, seed)
        if saved is not None and resume is not None and resume.has_optimizer:
            session.restore_moments(checkpoint.read_moments(saved))
        return session

    def _open_adapters(
        self, model: str, folder: Path, saved: Path | None, lora: LoraSettings, seed: int
    ) -> TorchSession:
        network = Network(folder, self._where)
        manifest = Manifest("adapter", model, str(self._where.dtype), lora.rank, lora.alpha)
        if saved is None:
            adapters = new_adapters(network.adapted, lora, seed)
        else:
            adapters = checkpoint.read_adapters(saved, checkpoint.read_manifest(saved), network)
        return TorchSession(network, adapters, manifest)

    def _open_full(
        self, model: str, folder: Path, saved: Path | None, *, needs_reference: bool
    ) -> TorchSession:
        where = Device(self._where.device, torch.float32)
        network = Network(saved or folder, where, trainable=True)
        reference = Network(folder, where) if needs_reference else None
        return TorchSession(network, None, Manifest("full", model, str(where.dtype)), reference)


def choose_device(dtype: torch.dtype | None = None) -> Device:
    """Choose the GPU when there is one; bfloat16 where the hardware computes in it, else float32."""
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported()
        return Device(torch.device("cuda"), dtype or (torch.bfloat16 if fast else torch.float32))
    fast = has_native_bfloat16()
    return Device(torch.device("cpu"), dtype or (torch.bfloat16 if fast else torch.float32))
