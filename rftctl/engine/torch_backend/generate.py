"""Completions, drawn together.

In: prompts, a seed each, and a network with its adapters switched on. Out: `Completion`s.
Each distinct prompt is prefilled once; all rows decode in one batch and finished rows leave it.

Dimensions: R live rows, V vocabulary, B blocks of the vocabulary.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from rftctl.engine.backend import Completion
from rftctl.engine.json_end import JsonEnd
from rftctl.engine.thinking import Thinking
from rftctl.engine.torch_backend.attention import DecodeLayout, rounded_up
from rftctl.engine.torch_backend.network import plant
from rftctl.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from rftctl.engine.backend import SamplingSettings
    from rftctl.engine.thinking import Markers
    from rftctl.engine.torch_backend.network import Network

ROWS_AT_ONCE = 64
"""Rows decoded together: beyond this a CPU gains nothing and the caches only grow."""

PROMPT_TOKENS_AT_ONCE = 8192
"""Prompt tokens prefilled together, so that many long prompts do not exhaust memory."""

_BLOCK = 256


class _Row:
    """One completion while it is being written."""

    def __init__(self, place: int, prompt: tuple[int, ...], writer: _Writer) -> None:
        self.place = place
        self.prompt = prompt
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.forced: list[bool] = []
        self.stopped = False
        self._writer = writer
        self._thinking = Thinking(writer.markers, prompt, writer.settings.reasoning_budget)
        self._json = JsonEnd() if writer.settings.stop_at_json else None

    @property
    def done(self) -> bool:
        """Whether nothing more is to be drawn."""
        return self.stopped or len(self.tokens) >= self._writer.max_tokens

    @property
    def must_write(self) -> int | None:
        """The token the budget forces next."""
        return self._thinking.forced()

    def write(self, token: int, logprob: float, *, forced: bool) -> None:
        """Take a token and notice the end."""
        was_thinking = self._thinking.is_open
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.forced.append(forced)
        self._thinking.feed(token)
        ended = token in self._writer.eos_ids
        if self._json is not None and not was_thinking and not self._thinking.is_open:
            ended = ended or self._json.feed(self._writer.piece(token)) is not None
        self.stopped = ended

    def completion(self) -> Completion:
        """Make the finished completion."""
        return Completion(
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            text=self._answer(),
            stop_reason="stop" if self.stopped else "length",
            reasoning_tokens=self._thinking.n_tokens,
            forced=tuple(self.forced),
        )

    def _answer(self) -> str:
        if self._thinking.is_open:
            return ""
        text = self._writer.decode(self.tokens[self._thinking.answer_start :])
        text = text.lstrip() if self._thinking.answer_start else text
        end = JsonEnd().feed(text) if self._json is not None else None
        return text if end is None else text[:end]


class _Writer:
    """What all rows of a call have in common."""

    def __init__(
        self, network: Network, settings: SamplingSettings, markers: Markers | None, longest: int
    ) -> None:
        self.settings = settings
        self.markers = markers
        self.eos_ids = network.eos_ids
        self._tokenizer: Any = network.tokenizer
        self.max_tokens = min(settings.max_tokens, network.context_length - longest)
        if self.max_tokens < 1:
            raise InvalidInputError(
                f"a prompt of {longest} tokens leaves no room in a context of {network.context_length}",
                "shorten the prompt or choose a model with a longer context",
            )
        self.piece = lru_cache(maxsize=4096)(self._piece)

    def _piece(self, token: int) -> str:
        return str(self._tokenizer.decode([token]))

    def decode(self, tokens: Sequence[int]) -> str:
        """Turn tokens into text without special tokens."""
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))


def generate(
    network: Network,
    prompts: Sequence[tuple[int, ...]],
    n: int,
    settings: SamplingSettings,
    seeds: Sequence[int],
    markers: Markers | None,
) -> list[list[Completion]]:
    """Draw `n` completions per prompt; row (i, j) draws from its own stream, seeded by (seeds[i], j).

    Log-probabilities are those of the tempered distribution (of the untempered one when greedy), before
    `top_p` cuts it.

    Raises:
        InvalidInputError: a prompt is empty or leaves no room in the model's context.
    """
    if not all(prompts):
        raise InvalidInputError("a prompt has no tokens", "check the model's chat template")
    writer = _Writer(network, settings, markers, max(map(len, prompts), default=0))
    rows = [_Row(i * n + j, prompts[i], writer) for i in range(len(prompts)) for j in range(n)]
    for wave in _waves(rows):
        _decode(network, wave, writer, [_stream(seeds[r.place // n], r.place % n, writer) for r in wave])
    done = [row.completion() for row in rows]
    return [done[i * n : (i + 1) * n] for i in range(len(prompts))]


def _waves(rows: list[_Row]) -> Iterator[list[_Row]]:
    # Equal prompts become neighbours, as the decoding layout needs, and share their prefill.
    wave: list[_Row] = []
    n_tokens = 0
    for row in sorted(rows, key=lambda row: row.prompt):
        more = 0 if wave and wave[-1].prompt == row.prompt else len(row.prompt)
        if wave and (len(wave) == ROWS_AT_ONCE or n_tokens + more > PROMPT_TOKENS_AT_ONCE):
            yield wave
            wave, n_tokens, more = [], 0, len(row.prompt)
        wave.append(row)
        n_tokens += more
    if wave:
        yield wave


def _stream(seed: int, nth: int, writer: _Writer) -> Tensor:
    if writer.settings.temperature == 0:
        return torch.zeros(writer.max_tokens)
    digest = hashlib.blake2b(f"{seed}:{nth}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
    # Two-stage selection uses up the leading bits in the first stage, hence double precision.
    return torch.rand(writer.max_tokens, generator=generator, dtype=torch.float64)


def _decode(network: Network, rows: list[_Row], writer: _Writer, streams: list[Tensor]) -> None:
    device = network.where.device
    uniforms_RT = torch.stack(streams).to(device)
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    node_of = {prompt: i for i, prompt in enumerate(prompts)}
    tree = plant(prompts, device=device)
    hidden_NE, prefill = network.hidden_of_tree(tree, keep=True)
    layout = DecodeLayout(prefill, [node_of[row.prompt] for row in rows], writer.max_tokens)
    last = torch.tensor([tree.last_of_prompt[node_of[row.prompt]] for row in rows], device=device)
    states_RE = hidden_NE.index_select(0, last)
    positions_R = torch.tensor([len(row.prompt) for row in rows], device=device)
    for step in range(writer.max_tokens):
        tokens_R = _write_next(network.logits(states_RE), uniforms_RT[:, step], rows, writer.settings)
        live = [i for i, row in enumerate(rows) if not row.done]
        if not live:
            return
        if (size := _batch_size(len(live))) < len(rows):
            finished = [i for i, row in enumerate(rows) if row.done]
            kept = sorted([*live, *finished[: size - len(live)]])
            keep = torch.tensor(kept, device=device)
            rows = [rows[i] for i in kept]
            layout.keep_rows(keep)
            tokens_R, positions_R, uniforms_RT = tokens_R[keep], positions_R[keep], uniforms_RT[keep]
        states_RE = network.next_hidden(tokens_R, positions_R + step, layout)


def _batch_size(n_live: int) -> int:
    # Dropping rows copies every cache, and a new size compiles new kernels: shrink in steps only.
    return rounded_up(n_live, 8) if n_live > 4 else n_live


def _write_next(
    logits_RV: Tensor, uniforms_R: Tensor, rows: list[_Row], settings: SamplingSettings
) -> Tensor:
    tokens_R, logprobs_RV_at = _pick(logits_RV, uniforms_R, settings)
    forced = [None if row.done else row.must_write for row in rows]
    if any(token is not None for token in forced):
        chosen = tokens_R.tolist()
        merged = [c if f is None else f for c, f in zip(chosen, forced, strict=True)]
        tokens_R = torch.tensor(merged, device=tokens_R.device)
    logprobs = logprobs_RV_at(tokens_R).tolist()
    for row, token, logprob, must in zip(rows, tokens_R.tolist(), logprobs, forced, strict=True):
        if not row.done:
            row.write(token, logprob, forced=must is not None)
    return tokens_R


def _pick(logits_RV: Tensor, uniforms_R: Tensor, settings: SamplingSettings) -> tuple[Tensor, Any]:
    """Choose a token per row; returns them and a function giving any token's log-probability.

    Works in place: the vocabulary is wide, and every fresh copy of it costs as much as the arithmetic.
    """
    greedy = settings.temperature == 0
    scaled_RV = logits_RV if greedy else logits_RV.div_(settings.temperature)
    top_R1, best_R1 = scaled_RV.max(-1, keepdim=True)
    weights_RV = scaled_RV.sub_(top_R1).exp_()
    total_R = weights_RV.sum(-1)

    def logprob_of(tokens_R: Tensor) -> Tensor:
        weight_R = weights_RV.gather(1, tokens_R[:, None]).squeeze(1)
        # Only a forced token can be this unlikely; it carries no gradient, but must stay finite.
        return (weight_R / total_R).clamp_min(torch.finfo(torch.float32).tiny).log()

    if greedy:
        return best_R1.squeeze(1), logprob_of
    cut_RV = _nucleus(weights_RV, settings.top_p) if settings.top_p < 1 else weights_RV
    return _inverse_cdf(cut_RV, uniforms_R), logprob_of


def _nucleus(weights_RV: Tensor, top_p: float) -> Tensor:
    # The smallest set of likeliest tokens that holds top_p of the mass; the likeliest always stays.
    ordered, index = weights_RV.sort(dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    ordered = ordered.masked_fill(before >= top_p * ordered.sum(-1, keepdim=True), 0.0)
    return torch.zeros_like(weights_RV).scatter_(1, index, ordered)


def _inverse_cdf(weights_RV: Tensor, uniforms_R: Tensor) -> Tensor:
    # In two stages, block then token: a running sum over the whole vocabulary costs ten times more.
    n_rows, n_tokens = weights_RV.shape
    if n_tokens % _BLOCK:
        weights_RV = functional.pad(weights_RV, (0, _BLOCK - n_tokens % _BLOCK))
    blocks_RBW = weights_RV.view(n_rows, -1, _BLOCK)
    block_R1, left_R1 = _stage(blocks_RBW.sum(-1), uniforms_R[:, None])
    inside = blocks_RBW[torch.arange(n_rows, device=weights_RV.device), block_R1.squeeze(1)]
    token_R1, _ = _stage(inside, left_R1)
    return (block_R1 * _BLOCK + token_R1).squeeze(1)


def _stage(weights: Tensor, uniform_R1: Tensor) -> tuple[Tensor, Tensor]:
    # Index drawn in proportion to the weights, and how far into it the draw fell (0 to 1).
    running = weights.double().cumsum(-1)
    target = uniform_R1.double() * running[:, -1:]
    index = torch.searchsorted(running, target, right=True)
    # Rounding may carry the target past the last weight that is not zero.
    last = (running < running[:, -1:]).sum(-1, keepdim=True)
    index = torch.minimum(index, last)
    width = weights.double().gather(1, index)
    rest = target - (running.gather(1, index) - width)
    return index, (rest / width).clamp(0.0, 1.0)
