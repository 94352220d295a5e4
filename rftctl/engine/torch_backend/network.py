"""A model run over trees of tokens.

In: a folder of weights. Out: `Network`: hidden states of a prompt tree, logits of one new token per row.

Dimensions: N flat tokens, R live rows, V vocabulary, E hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rftctl.engine.tiny import quiet_bars
from rftctl.engine.torch_backend.attention import (
    ATTENTION_NAME,
    DecodeLayout,
    TreeLayout,
    TreeLevel,
    rounded_up,
)
from rftctl.engine.torch_backend.lora import adapt, packed, packed_linear
from rftctl.errors import InvalidInputError, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from rftctl.engine.torch_backend.attention import Layout

_TOKENS_STEP = 64
_ALTERED_LOGITS = ("final_logit_softcapping", "logits_scaling", "logit_scale")


@dataclass(frozen=True, slots=True)
class Device:
    """Where tensors live and how they are stored: base weights in `dtype`, adapters always float32."""

    device: torch.device
    dtype: torch.dtype


@dataclass(slots=True)
class PromptTree:
    """Prompts (and completions) laid out so that shared tokens appear once.

    Attributes:
        tokens, positions: flat, of length N.
        last_of_prompt: flat index of each prompt's last token.
        completion_start: flat index of each completion's first token.
    """

    tokens: list[int]
    positions: list[int]
    levels: list[TreeLevel]
    last_of_prompt: list[int]
    completion_start: list[int]


def plant(
    prompts: Sequence[tuple[int, ...]],
    completions: Sequence[tuple[int, ...]] = (),
    prompt_of: Sequence[int] = (),
    *,
    device: torch.device,
) -> PromptTree:
    """Lay prompts out below their common prefix, and completions below their prompts.

    Args:
        prompts: distinct, none empty.
        completions: input tokens only; `prompt_of` names each one's prompt by index.
    """
    n_common = _common_prefix(prompts)
    rests = [prompt[n_common:] for prompt in prompts]
    common = prompts[0][:n_common]
    tokens = [*common, *chain.from_iterable(rests), *chain.from_iterable(completions)]
    starts = [range(n_common)] if n_common else []
    starts += [range(n_common, n_common + len(rest)) for rest in rests]
    after = [len(prompts[p]) for p in prompt_of]
    starts += [range(a, a + len(c)) for a, c in zip(after, completions, strict=True)]
    levels = [TreeLevel(0, [n_common], [], device)] if n_common else []
    levels.append(TreeLevel(n_common, [len(r) for r in rests], [0] * len(rests), device))
    stop = levels[-1].stop
    levels.append(TreeLevel(stop, [len(c) for c in completions], prompt_of, device))
    return PromptTree(
        tokens=tokens,
        positions=list(chain.from_iterable(starts)),
        levels=levels,
        last_of_prompt=[end - 1 for end in _running_ends(n_common, rests)],
        completion_start=[
            e - len(c) for e, c in zip(_running_ends(stop, completions), completions, strict=True)
        ],
    )


def _running_ends(start: int, parts: Sequence[Sequence[int]]) -> list[int]:
    ends = []
    for part in parts:
        start += len(part)
        ends.append(start)
    return ends


def _common_prefix(prompts: Sequence[tuple[int, ...]]) -> int:
    # Every prompt keeps at least its last token: its hidden state predicts the first completion token.
    if len(prompts) == 1:
        return 0
    low, high = min(prompts), max(prompts)
    most = min(len(prompt) for prompt in prompts) - 1
    for i in range(most):
        if low[i] != high[i]:
            return i
    return most


class Network:
    """A causal language model and its tokenizer, run on packed tokens.

    Args:
        folder: a local model folder.
        where: device and dtype.
        trainable: whether its own weights get gradients; adapters do not need this.

    Raises:
        NotOfferedError: the model computes something this engine does not.
        InvalidInputError: the folder holds no readable model.
    """

    def __init__(self, folder: Path, where: Device, *, trainable: bool = False) -> None:
        self.where = where
        self.tokenizer = load_tokenizer(folder)
        self.model = _load_model(folder, where)
        self.model.requires_grad_(trainable)
        self._body = getattr(self.model, self.model.base_model_prefix)
        self._head = self.model.get_output_embeddings()
        self.adapted = {} if trainable else adapt(self.model, skip=self._head)
        self._packed_head = None if trainable else self._pack()
        self.eos_ids = self._end_tokens()
        self.context_length = int(getattr(self.model.config, "max_position_embeddings", 1 << 30))

    def hidden(self, tokens: Sequence[int], positions: Sequence[int], layout: Layout) -> Tensor:
        """Run the blocks over flat tokens; returns hidden states (N, E)."""
        n = len(tokens)
        filling = [0] * (rounded_up(n, _TOKENS_STEP) - n)
        ids = torch.tensor([[*tokens, *filling]], device=self.where.device)
        places = torch.tensor([[*positions, *filling]], device=self.where.device)
        return self._run(ids, places, layout)[:n]

    def _run(self, ids: Tensor, places: Tensor, layout: Layout) -> Tensor:
        out = self._body(input_ids=ids, position_ids=places, use_cache=False, layout=layout)
        states: Tensor = out.last_hidden_state[0]
        return states

    def hidden_of_tree(self, tree: PromptTree, *, keep: bool = False) -> tuple[Tensor, TreeLayout]:
        """Run a whole tree; returns hidden states (N, E) and the layout with its kept keys."""
        layout = TreeLayout(tree.levels, keep=keep)
        return self.hidden(tree.tokens, tree.positions, layout), layout

    def next_hidden(self, tokens_R: Tensor, positions_R: Tensor, layout: DecodeLayout) -> Tensor:
        """Run one new token per live row; returns (R, E)."""
        states = self._run(tokens_R[None], positions_R[None], layout)
        layout.step += 1
        return states

    def project(self, hidden_NE: Tensor) -> Tensor:
        """Project hidden states onto the vocabulary, in the model's own dtype: (N, V)."""
        if self._packed_head is not None and not torch.is_grad_enabled():
            return packed_linear(hidden_NE, self._packed_head, self._head.bias)
        out: Tensor = self._head(hidden_NE)
        return out

    def logits(self, hidden_NE: Tensor) -> Tensor:
        """Project hidden states onto the vocabulary, float32 and safe to overwrite: (N, V)."""
        out = self.project(hidden_NE)
        return out.clone() if out.dtype == torch.float32 else out.float()

    def _pack(self) -> Tensor | None:
        for layer in self.adapted.values():
            layer.pack()
        return packed(self._head.weight)

    def _end_tokens(self) -> frozenset[int]:
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)


def load_tokenizer(folder: Path) -> Any:
    """Load a folder's tokenizer.

    Raises:
        InvalidInputError: the folder holds none.
    """
    try:
        return AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(f"model folder '{folder}' has no readable tokenizer: {error}") from error


def _load_model(folder: Path, where: Device) -> Any:
    try:
        with quiet_bars():
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=where.dtype, attn_implementation=ATTENTION_NAME
            )
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInputError(
            f"model folder '{folder}' cannot be loaded: {error}",
            "it must hold config.json and *.safetensors of a causal language model",
        ) from error
    _refuse_other_models(model)
    return model.to(where.device).eval()


def _refuse_other_models(model: Any) -> None:
    altered = [name for name in _ALTERED_LOGITS if getattr(model.config, name, None) not in (None, 1, 1.0)]
    if altered or not getattr(model, "_supports_attention_backend", False):
        why = f"uses '{altered[0]}'" if altered else "does not take a registered attention function"
        raise NotOfferedError(
            f"model type '{model.config.model_type}' {why}, which this engine does not support",
            "choose smollm2-135m or a Llama, Qwen2.5, Qwen3, Mistral or SmolLM3 model",
        )
