"""Checkpoints on disk: whole or not at all.

In: adapters or a model, optimizer moments, a manifest. Out: a folder, and the same read back bit by bit.
An adapter folder has the layout of `peft`, a full one that of `transformers`; `rftctl.json` says which.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from rftctl.engine.backend import CheckpointRef
from rftctl.engine.tiny import quiet_bars
from rftctl.engine.torch_backend.lora import AdapterSet
from rftctl.errors import InvalidInputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from rftctl.engine.torch_backend.network import Network

MANIFEST = "rftctl.json"
_ADAPTER, _ADAPTER_CONFIG, _MOMENTS = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "optimizer.safetensors",
)
_PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checkpoint says about itself; `base_model` is the name the run used."""

    kind: Literal["adapter", "full"]
    base_model: str
    dtype: str
    rank: int | None = None
    alpha: float | None = None
    step: int = 0
    has_optimizer: bool = False
    format: int = 1


def read_manifest(folder: Path) -> Manifest:
    """Read what a checkpoint folder holds.

    Raises:
        InvalidInputError: it is not a checkpoint, or a damaged one.
    """
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(
            f"checkpoint '{folder}' is not readable: {error}", "name a checkpoint folder that rftctl wrote"
        ) from error


def write(
    folder: Path,
    manifest: Manifest,
    network: Network,
    adapters: AdapterSet | None,
    moments: Mapping[str, Tensor] | None,
) -> CheckpointRef:
    """Write a checkpoint beside its place and move it there once it is safely on disk.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if adapters is None:
            with quiet_bars():
                network.model.save_pretrained(partial)
            network.tokenizer.save_pretrained(partial)
        else:
            _write_adapters(partial, adapters, manifest)
        if moments is not None:
            save_file(
                {name: value.detach().contiguous() for name, value in moments.items()}, partial / _MOMENTS
            )
        (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
        _settle(partial, folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StorageError(
            f"checkpoint '{folder}' could not be written: {error}",
            "free some disk space, then resume the job",
        ) from error
    return CheckpointRef(str(folder), manifest.step, manifest.has_optimizer)


def _settle(partial: Path, folder: Path) -> None:
    for path in [*partial.iterdir(), partial]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    # A leftover of the same step, from before a crash, makes way for the new one.
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _write_adapters(folder: Path, adapters: AdapterSet, manifest: Manifest) -> None:
    tensors = {
        f"{_PEFT_PREFIX}{name}.weight": parameter.detach().contiguous()
        for name, parameter in adapters.parameters()
    }
    save_file(tensors, folder / _ADAPTER, metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": manifest.base_model,
        "r": adapters.rank,
        "lora_alpha": adapters.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted({name.rpartition(".")[2] for name in adapters.a}),
    }
    (folder / _ADAPTER_CONFIG).write_text(json.dumps(config, indent=1), "utf-8")


def read_adapters(folder: Path, manifest: Manifest, network: Network) -> AdapterSet:
    """Read an adapter for a network.

    Raises:
        InvalidInputError: the file is damaged or belongs to another model.
    """
    try:
        tensors = load_file(folder / _ADAPTER, device=str(network.where.device))
        a, b = (
            {name: nn.Parameter(tensors[f"{_PEFT_PREFIX}{name}.{which}.weight"]) for name in network.adapted}
            for which in ("lora_A", "lora_B")
        )
    except (OSError, SafetensorError, KeyError) as error:
        raise InvalidInputError(
            f"checkpoint '{folder}' does not fit model '{manifest.base_model}': {error}"
        ) from error
    rank = next(iter(a.values())).shape[0]
    return AdapterSet(rank, manifest.alpha or float(rank), a, b)


def read_moments(folder: Path) -> dict[str, Tensor]:
    """Read optimizer moments.

    Raises:
        InvalidInputError: the checkpoint was saved without them, or they are damaged.
    """
    try:
        return load_file(folder / _MOMENTS)
    except (OSError, SafetensorError) as error:
        raise InvalidInputError(
            f"checkpoint '{folder}' has no readable optimizer state: {error}",
            "resume from a checkpoint that was saved for resuming",
        ) from error
