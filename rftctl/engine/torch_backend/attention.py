"""Attention over shared prefixes: what several continuations have in common is computed once.

In: one flat row of tokens (1, H, N, D) from a model's own layers. Out: the attended values, flat again.
The tokens form a tree: a level-0 node may be the prefix common to all prompts, level 1 the prompts,
level 2 the completions; a token sees its ancestors whole and its own node up to itself.
Any model of `transformers` that takes a registered attention function can be run this way.

Dimensions: N flat tokens, n nodes of a level, T padded length of a node, L keys seen, R live rows,
H query heads, K key heads, Q query heads per key head (H = K * Q), D head size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn import functional
from transformers import AttentionInterface

from rftctl.errors import NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ATTENTION_NAME = "rftctl_shared_prefix"

_PLAIN_SCORES = 2_000_000
"""Up to this many scores a layer, plain matrix products beat the fused kernel, which keeps no scores but
runs its backward pass four times slower on short sequences (measured on AVX-512); above, memory decides."""

_WIDTH_STEP = 16


def rounded_up(n: int, step: int) -> int:
    """Round a size up to a multiple: the matrix library compiles and keeps a kernel for every new size."""
    return -(-n // step) * step


class Layout(Protocol):
    """Who sees whom in one forward pass."""

    @property
    def longest(self) -> int:
        """Most keys any token sees."""
        ...

    def attend(self, layer: int, q_HND: Tensor, k_KND: Tensor, v_KND: Tensor, scale: float) -> Tensor:
        """Attend in one layer; returns (N, H, D)."""
        ...


def shared_prefix_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **extra: Any,
) -> tuple[Tensor, None]:
    """Stand in for the model's attention; the layout travels as the keyword `layout`.

    Raises:
        NotOfferedError: the model's attention has a part this function does not compute.
    """
    layout: Layout = extra["layout"]
    _refuse_other_attention(module, extra, layout.longest)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = layout.attend(int(module.layer_idx), query[0], key[0], value[0], scale)  # type: ignore[arg-type]
    # Tokens past the layout's only round the size up; nobody looks at them.
    out = functional.pad(out, (0, 0, 0, 0, 0, query.shape[2] - out.shape[0]))
    return out.unsqueeze(0), None


def _refuse_other_attention(module: torch.nn.Module, extra: dict[str, Any], longest: int) -> None:
    window = extra.get("sliding_window")
    unsupported = [name for name in ("softcap", "s_aux") if extra.get(name) is not None]
    if window is not None and window < longest:
        unsupported.append(f"a sliding window of {window} tokens")
    if unsupported:
        raise NotOfferedError(
            f"model layer '{type(module).__name__}' uses {unsupported[0]}, which is not supported",
            "choose a model with plain attention, such as smollm2-135m, Llama, Qwen2.5 or Qwen3",
        )


AttentionInterface.register(ATTENTION_NAME, shared_prefix_attention)


class TreeLevel:
    """The nodes of one level: where their tokens lie, and on which node of the level above they hang.

    Args:
        start: flat index of the level's first token; nodes follow each other.
        lengths: tokens of each node, may be 0.
        parents: node index in the level above, one per node; empty at the root.
    """

    def __init__(
        self, start: int, lengths: Sequence[int], parents: Sequence[int], device: torch.device
    ) -> None:
        self.lengths = list(lengths)
        self.start, self.stop = start, start + sum(lengths)
        self.width = rounded_up(max(lengths, default=0), _WIDTH_STEP)
        self.parents = torch.tensor(list(parents), dtype=torch.long, device=device)
        sizes = torch.tensor(self.lengths, device=device)
        self.valid_nT = torch.arange(self.width, device=device)[None, :] < sizes[:, None]
        self._ragged = not bool(self.valid_nT.all())
        if self._ragged:
            starts = torch.cumsum(sizes, 0) - sizes
            grid = starts[:, None] + torch.arange(self.width, device=device)[None, :]
            self._pad_index = torch.where(self.valid_nT, grid, 0).flatten()
            self._unpad_index = self.valid_nT.flatten().nonzero().flatten()

    def pad(self, x_HND: Tensor) -> Tensor:
        """Cut this level's tokens out of the flat row: (n, H, T, D)."""
        mine = x_HND[:, self.start : self.stop]
        if self._ragged:
            mine = mine.index_select(1, self._pad_index)
        heads, _, size = mine.shape
        return mine.reshape(heads, len(self.lengths), self.width, size).transpose(0, 1)

    def unpad(self, x_nTHD: Tensor) -> Tensor:
        """Lay padded values flat again: (N of this level, H, D)."""
        flat = x_nTHD.flatten(0, 1)
        return flat.index_select(0, self._unpad_index) if self._ragged else flat


class TreeLayout:
    """A whole forward pass over a tree of tokens, with gradients where the caller wants them.

    Args:
        levels: from the root downwards.
        keep: keep every layer's keys and values for decoding.
    """

    def __init__(self, levels: Sequence[TreeLevel], *, keep: bool = False) -> None:
        self.levels = [level for level in levels if level.width]
        self.longest = sum(level.width for level in self.levels)
        self.kept: dict[int, list[tuple[Tensor, Tensor]]] = {}
        self._keep = keep
        self._ancestors = [_ancestors(self.levels, depth) for depth in range(len(self.levels))]
        self._biases: list[Tensor] = []

    def attend(self, layer: int, q_HND: Tensor, k_KND: Tensor, v_KND: Tensor, scale: float) -> Tensor:
        """Attend level by level; returns (N, H, D)."""
        if not self._biases:
            # Query heads that share a key head become extra queries: keys are never repeated.
            fold = q_HND.shape[0] // k_KND.shape[0]
            self._biases = [self._bias(depth, fold, q_HND.dtype) for depth in range(len(self.levels))]
        padded = [(level.pad(k_KND), level.pad(v_KND)) for level in self.levels]
        if self._keep:
            self.kept[layer] = padded
        outs = []
        for depth, level in enumerate(self.levels):
            k_nKLD = self._context([pair[0] for pair in padded], depth)
            v_nKLD = self._context([pair[1] for pair in padded], depth)
            out = self._attend_level(level.pad(q_HND) * scale, k_nKLD, v_nKLD, self._biases[depth])
            outs.append(level.unpad(out))
        return torch.cat(outs) if len(outs) > 1 else outs[0]

    def _context(self, own: list[Tensor], depth: int) -> Tensor:
        parts = [own[a].index_select(0, index) for a, index in enumerate(self._ancestors[depth])]
        return torch.cat([*parts, own[depth]], dim=2) if parts else own[depth]

    @staticmethod
    def _attend_level(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        n, n_heads, width, size = q.shape
        n_kv = k.shape[1]
        folded = q.reshape(n, n_kv, n_heads // n_kv * width, size)
        if n_kv * bias.numel() <= _PLAIN_SCORES:
            scores = torch.matmul(folded, k.transpose(2, 3)) + bias
            out = torch.matmul(torch.softmax(scores, dim=-1, dtype=torch.float32).to(v.dtype), v)
        else:
            out = functional.scaled_dot_product_attention(folded, k, v, attn_mask=bias, scale=1.0)
        return out.reshape(n, n_heads, width, size).transpose(1, 2)

    def _bias(self, depth: int, fold: int, dtype: torch.dtype) -> Tensor:
        # 0 where a query may look, minus infinity elsewhere: (n, 1, fold * T, L).
        level = self.levels[depth]
        n, width = level.valid_nT.shape
        parts = [
            self.levels[a].valid_nT.index_select(0, index)[:, None, :].expand(n, width, -1)
            for a, index in enumerate(self._ancestors[depth])
        ]
        causal = torch.ones(width, width, dtype=torch.bool, device=level.valid_nT.device).tril()
        seen = torch.cat([*parts, causal.expand(n, width, width)], dim=2)
        bias = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))
        return bias.repeat(1, fold, 1)[:, None]


def _ancestors(levels: Sequence[TreeLevel], depth: int) -> list[Tensor]:
    # For each level above `depth`, the node each of its nodes descends from; root first.
    found: list[Tensor] = []
    index = torch.arange(len(levels[depth].lengths), device=levels[depth].valid_nT.device)
    for level in reversed(levels[1 : depth + 1]):
        index = level.parents.index_select(0, index)
        found.insert(0, index)
    return found


@dataclass(slots=True)
class _Shared:
    """One level of kept prompt keys during decoding, and how the live rows map onto its nodes."""

    valid: Tensor
    node_of_row: Tensor
    n_nodes: int = 0
    per_node: int = 0
    slots: Tensor | None = None
    bias: Tensor | None = None


class DecodeLayout:
    """One new token per live row, against kept prompt keys and the row's own growing cache.

    Args:
        prefill: a pass that kept its keys; its last level holds the prompts.
        prompt_of_row: which node of that level each row continues; rows of a node are neighbours.
        max_tokens: steps at most.
    """

    def __init__(self, prefill: TreeLayout, prompt_of_row: Sequence[int], max_tokens: int) -> None:
        device = prefill.levels[-1].valid_nT.device
        rows = torch.tensor(list(prompt_of_row), dtype=torch.long, device=device)
        last = len(prefill.levels) - 1
        itself = torch.arange(len(prefill.levels[last].lengths), device=device)
        ancestors = [*_ancestors(prefill.levels, last), itself]
        self.n_rows = len(rows)
        self._prompt_longest = prefill.longest
        self._kept = prefill.kept
        self._max_tokens = max_tokens
        self._shared = [
            _Shared(level.valid_nT, index.index_select(0, rows))
            for level, index in zip(prefill.levels, ancestors, strict=True)
        ]
        self._own: dict[int, tuple[Tensor, Tensor]] = {}
        self._bias: tuple[int, Tensor] | None = None
        self.step = 0
        self._map_rows()

    @property
    def longest(self) -> int:
        """Most keys any row sees."""
        return self._prompt_longest + self.step + 1

    def keep_rows(self, rows: Tensor) -> None:
        """Drop every row but these (ascending indices of live rows)."""
        self.n_rows = len(rows)
        for shared in self._shared:
            shared.node_of_row = shared.node_of_row.index_select(0, rows)
        self._own = {i: (k.index_select(0, rows), v.index_select(0, rows)) for i, (k, v) in self._own.items()}
        self._map_rows()

    def _map_rows(self) -> None:
        for depth, shared in enumerate(self._shared):
            _, counts = torch.unique_consecutive(shared.node_of_row, return_counts=True)
            shared.n_nodes, shared.per_node = len(counts), int(counts.max())
            starts = torch.cumsum(counts, 0) - counts
            nth = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
            slots = nth * shared.per_node + torch.arange(self.n_rows, device=counts.device) - starts[nth]
            shared.slots = None if shared.n_nodes * shared.per_node == self.n_rows else slots
            self._forget_dead_nodes(depth, live=shared.node_of_row[starts])
            valid = shared.valid
            shared.bias = None if bool(valid.all()) else torch.zeros_like(valid, dtype=torch.float32)
            if shared.bias is not None:
                shared.bias.masked_fill_(~valid, float("-inf"))

    def _forget_dead_nodes(self, depth: int, live: Tensor) -> None:
        shared = self._shared[depth]
        if len(live) == len(shared.valid):
            return
        shared.valid = shared.valid.index_select(0, live)
        shared.node_of_row = torch.searchsorted(live, shared.node_of_row)
        for pairs in self._kept.values():
            k, v = pairs[depth]
            pairs[depth] = (k.index_select(0, live), v.index_select(0, live))

    def attend(self, layer: int, q_HND: Tensor, k_KND: Tensor, v_KND: Tensor, scale: float) -> Tensor:
        """Attend one token per row; returns (R, H, D)."""
        n_heads, n_rows, size = q_HND.shape
        n_kv = k_KND.shape[0]
        q_RKQD = (q_HND.transpose(0, 1) * scale).reshape(n_rows, n_kv, n_heads // n_kv, size)
        k_own, v_own = self._grow(layer, k_KND.transpose(0, 1), v_KND.transpose(0, 1))
        kept = self._kept[layer]
        scores = [
            _shared_scores(q_RKQD, k, shared) for (k, _), shared in zip(kept, self._shared, strict=True)
        ]
        scores.append(torch.matmul(q_RKQD, k_own.transpose(2, 3)) + self._unwritten(k_own))
        weights = torch.softmax(torch.cat(scores, dim=-1), dim=-1, dtype=torch.float32).to(q_RKQD.dtype)
        parts = torch.split(weights, [part.shape[-1] for part in scores], dim=-1)
        out = torch.matmul(parts[-1], v_own)
        for part, (_, v), shared in zip(parts, kept, self._shared, strict=False):
            out = out + _shared_values(part, v, shared)
        return out.reshape(n_rows, n_heads, size)

    def _grow(self, layer: int, k_RKD: Tensor, v_RKD: Tensor) -> tuple[Tensor, Tensor]:
        if layer not in self._own or self._own[layer][0].shape[2] <= self.step:
            self._own[layer] = self._enlarged(layer, k_RKD), self._enlarged(layer, v_RKD, which=1)
        k, v = self._own[layer]
        k[:, :, self.step] = k_RKD
        v[:, :, self.step] = v_RKD
        seen = rounded_up(self.step + 1, _WIDTH_STEP)
        return k[:, :, :seen], v[:, :, :seen]

    def _unwritten(self, k_own: Tensor) -> Tensor:
        # 0 for the steps taken, minus infinity for the room beyond them; the same in every layer.
        if self._bias is None or self._bias[0] != self.step:
            bias = k_own.new_zeros(k_own.shape[2])
            bias[self.step + 1 :] = float("-inf")
            self._bias = self.step, bias
        return self._bias[1]

    def _enlarged(self, layer: int, like_RKD: Tensor, which: int = 0) -> Tensor:
        # Doubling keeps memory near what is used, where a cap of thousands would be reserved unused.
        room = rounded_up(min(self._max_tokens, max(64, 2 * self.step)), _WIDTH_STEP)
        rows, heads, size = like_RKD.shape
        new = like_RKD.new_zeros(rows, heads, room, size)
        if layer in self._own:
            new[:, :, : self.step] = self._own[layer][which][:, :, : self.step]
        return new


def _by_node(x_RKQD: Tensor, shared: _Shared) -> Tensor:
    # (R, K, Q, D) -> (n * K, rows of a node * Q, D), so that a node's keys are read once for all its rows.
    _, n_kv, per_key, size = x_RKQD.shape
    if shared.slots is not None:
        padded = x_RKQD.new_zeros(shared.n_nodes * shared.per_node, n_kv, per_key, size)
        x_RKQD = padded.index_copy_(0, shared.slots, x_RKQD)
    grid = x_RKQD.view(shared.n_nodes, shared.per_node, n_kv, per_key, size).transpose(1, 2)
    return grid.reshape(shared.n_nodes * n_kv, shared.per_node * per_key, size)


def _by_row(x: Tensor, shared: _Shared, n_kv: int, per_key: int) -> Tensor:
    size = x.shape[-1]
    grid = x.view(shared.n_nodes, n_kv, shared.per_node, per_key, size).transpose(1, 2)
    rows = grid.reshape(shared.n_nodes * shared.per_node, n_kv, per_key, size)
    return rows if shared.slots is None else rows.index_select(0, shared.slots)


def _shared_scores(q_RKQD: Tensor, k_nKLD: Tensor, shared: _Shared) -> Tensor:
    _, n_kv, per_key, _ = q_RKQD.shape
    scores = torch.bmm(_by_node(q_RKQD, shared), k_nKLD.flatten(0, 1).transpose(1, 2))
    if shared.bias is not None:
        scores = scores + shared.bias.repeat_interleave(n_kv, 0)[:, None, :].to(scores.dtype)
    return _by_row(scores, shared, n_kv, per_key)


def _shared_values(weights_RKQL: Tensor, v_nKLD: Tensor, shared: _Shared) -> Tensor:
    _, n_kv, per_key, _ = weights_RKQL.shape
    out = torch.bmm(_by_node(weights_RKQL, shared), v_nKLD.flatten(0, 1))
    return _by_row(out, shared, n_kv, per_key)
