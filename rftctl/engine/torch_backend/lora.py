"""Low-rank adapters: small trainable matrices beside frozen linear layers.

In: a loaded model. Out: the same model with `AdaptedLinear` in its blocks, and `AdapterSet`s to switch.
Source: LoRA (arXiv 2106.09685): y = W x + (alpha / rank) B A x, A random, B zero.

Dimensions: r rank, I inputs, O outputs, N rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from rftctl.engine.backend import LoraSettings


class AdaptedLinear(nn.Module):
    """A linear layer that adds whichever adapter is switched on."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.adapter: tuple[Tensor, Tensor] | None = None
        self._packed: Tensor | None = None

    @property
    def weight(self) -> Tensor:
        """The frozen weight, for code that looks at a layer's device or dtype."""
        return self.base.weight

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer; adapter matrices are cast to the input's dtype."""
        if self._packed is not None and not torch.is_grad_enabled():
            out = packed_linear(x, self._packed, self.base.bias)
        else:
            out = functional.linear(x, self.base.weight, self.base.bias)
        if self.adapter is None:
            return out
        a_rI, b_Or = self.adapter
        low = functional.linear(x, a_rI.to(x.dtype))
        return out + functional.linear(low, b_Or.to(x.dtype))

    def pack(self) -> None:
        """Keep a second copy of the frozen weight in the order the processor multiplies it."""
        self._packed = packed(self.base.weight)


def packed(weight_OI: Tensor) -> Tensor | None:
    """Reorder a frozen bfloat16 weight for small batches; None where that is not to be had.

    A decoding step reads every weight for a few rows: reordering on each call costs a third of it.
    """
    usable = weight_OI.device.type == "cpu" and weight_OI.dtype == torch.bfloat16
    if not usable:
        return None
    try:
        return torch.ops.mkldnn._reorder_linear_weight(weight_OI.detach())  # type: ignore[no-any-return]
    except (AttributeError, RuntimeError):
        return None


def packed_linear(x: Tensor, packed_OI: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply by a packed weight; no gradient."""
    return torch.ops.mkldnn._linear_pointwise(x, packed_OI, bias, "none", [], "")  # type: ignore[no-any-return]


@dataclass(slots=True)
class AdapterSet:
    """One adapter for every adapted layer, by its name in the model: `a` (r, I) and `b` (O, r), float32."""

    rank: int
    alpha: float
    a: dict[str, nn.Parameter]
    b: dict[str, nn.Parameter]

    @property
    def scale(self) -> float:
        """Factor on B A x."""
        return self.alpha / self.rank

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield (name, parameter) in a fixed order; names are `LAYER.lora_A` and `LAYER.lora_B`."""
        for name in self.a:
            yield f"{name}.lora_A", self.a[name]
            yield f"{name}.lora_B", self.b[name]

    def tensors(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Matrices as the layers apply them, scale folded into B, with gradients."""
        return {name: (self.a[name], self.b[name] * self.scale) for name in self.a}

    def frozen(self, dtype: torch.dtype) -> dict[str, tuple[Tensor, Tensor]]:
        """The same without gradients and cast once, for sampling."""
        with torch.no_grad():
            return {name: (a.to(dtype), b.to(dtype)) for name, (a, b) in self.tensors().items()}


def adapt(model: nn.Module, skip: nn.Module | None) -> dict[str, AdaptedLinear]:
    """Wrap every linear layer but `skip` (the output head); returns them by name."""
    found = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear) and m is not skip]
    adapted: dict[str, AdaptedLinear] = {}
    for name, linear in found:
        parent, _, leaf = name.rpartition(".")
        adapted[name] = AdaptedLinear(linear)
        setattr(model.get_submodule(parent), leaf, adapted[name])
    return adapted


def new_adapters(layers: Mapping[str, AdaptedLinear], settings: LoraSettings, seed: int) -> AdapterSet:
    """Make fresh adapters: A uniform as `nn.Linear` draws it, from `seed`; B zero."""
    generator = torch.Generator().manual_seed(seed)
    a, b = {}, {}
    for name, layer in layers.items():
        n_out, n_in = layer.base.weight.shape
        bound = 1 / math.sqrt(n_in)
        start = torch.empty(settings.rank, n_in).uniform_(-bound, bound, generator=generator)
        a[name] = nn.Parameter(start.to(layer.base.weight.device))
        b[name] = nn.Parameter(torch.zeros(n_out, settings.rank, device=layer.base.weight.device))
    return AdapterSet(settings.rank, settings.alpha, a, b)


def switch_to(
    layers: Mapping[str, AdaptedLinear], adapters: Mapping[str, tuple[Tensor, Tensor]] | None
) -> None:
    """Switch these adapters on in every layer, or off with None."""
    for name, layer in layers.items():
        layer.adapter = None if adapters is None else adapters[name]
