"""A model that is sampled from, and a model that is trained.

In: a `Network`, with an adapter or with weights of its own to train. Out: the `Policy` and `Session` of
the seam. Base weights are bfloat16 where the processor computes in it; adapters, moments and losses float32.

Dimensions: N flat tokens, C completion tokens, E hidden size, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from rftctl.engine.backend import ForwardBackward, OptimStep, Usage
from rftctl.engine.thinking import find_markers
from rftctl.engine.torch_backend import checkpoint
from rftctl.engine.torch_backend.attention import rounded_up
from rftctl.engine.torch_backend.generate import generate
from rftctl.engine.torch_backend.lora import switch_to
from rftctl.engine.torch_backend.network import plant
from rftctl.engine.torch_backend.prompt import render_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from rftctl.engine.backend import (
        AdamSettings,
        CheckpointRef,
        Completion,
        SamplingSettings,
        TrainSequence,
    )
    from rftctl.engine.torch_backend.lora import AdapterSet
    from rftctl.engine.torch_backend.network import Network

TOKENS_AT_ONCE = 1024
"""Tokens of one training pass: activations of a pass live until its backward, so this bounds memory."""

_LOGITS_AT_ONCE = 256
_LOGITS_STEP = 64


class TorchPolicy:
    """Samples from a network; several policies may share one network and switch its adapters."""

    def __init__(self, network: Network, adapters: AdapterSet | None) -> None:
        self._network: Network | None = network
        self._adapters = adapters
        self._markers = find_markers(network.tokenizer)
        self._usage = Usage()

    @property
    def network(self) -> Network:
        """The network, as long as this policy is open."""
        if self._network is None:
            raise RuntimeError("this policy is closed")
        return self._network

    def render(
        self,
        messages: Sequence[dict[str, object]],
        tools: Sequence[dict[str, object]] | None = None,
        reasoning_effort: str | None = None,
    ) -> tuple[int, ...]:
        """Turn chat messages into prompt token ids with the model's own template.

        Raises:
            InvalidInputError: the template refuses these messages.
        """
        return render_prompt(self.network.tokenizer, messages, tools, reasoning_effort)

    def sample(
        self, prompts: Sequence[tuple[int, ...]], n: int, settings: SamplingSettings, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        """Draw `n` completions per prompt; row i depends only on prompt i, `seeds[i]` and the weights.

        Which rows are computed together moves logits by rounding only; seeds decide everything else.
        """
        network = self.network
        with torch.inference_mode():
            frozen = None if self._adapters is None else self._adapters.frozen(network.where.dtype)
            switch_to(network.adapted, frozen)
            groups = generate(network, prompts, n, settings, seeds, self._markers)
        self._count(
            prefill_tokens=sum(map(len, set(prompts))),
            sampled_tokens=sum(len(c.tokens) for group in groups for c in group),
        )
        return groups

    def usage(self) -> Usage:
        """Tokens spent since it was opened."""
        return self._usage

    def close(self) -> None:
        """Free the model."""
        self._network = None
        self._adapters = None

    def _count(self, **more: int) -> None:
        self._usage = replace(self._usage, **{k: getattr(self._usage, k) + v for k, v in more.items()})


@dataclass(frozen=True, slots=True)
class _Pass:
    """Sequences trained in one forward pass: distinct prompts, and which one each sequence continues."""

    indices: list[int]
    prompts: list[tuple[int, ...]]
    prompt_of: list[int]


class TorchSession(TorchPolicy):
    """Trains an adapter, or all weights of its own network.

    Args:
        adapters: what to train; None trains the network's weights.
        reference: an untrained copy, only for full weights that need one.
        manifest: what checkpoints say about themselves.
    """

    def __init__(
        self,
        network: Network,
        adapters: AdapterSet | None,
        manifest: checkpoint.Manifest,
        reference: Network | None = None,
    ) -> None:
        super().__init__(network, adapters)
        self._manifest = manifest
        self._reference = reference
        self.parameters = dict(
            network.model.named_parameters() if adapters is None else adapters.parameters()
        )
        self.optimizer = torch.optim.AdamW(self.parameters.values(), lr=0.0, foreach=False, fused=False)

    def logprobs(
        self, sequences: Sequence[TrainSequence], *, reference: bool = False
    ) -> list[tuple[float, ...]]:
        """Log-probabilities of the completions, under the policy or the frozen reference."""
        network = self._reference if reference and self._reference is not None else self.network
        found: list[tuple[float, ...]] = [()] * len(sequences)
        with torch.no_grad():
            use_adapters = self._adapters is not None and not reference
            switch_to(network.adapted, self._adapters.tensors() if use_adapters and self._adapters else None)
            for work in _passes(sequences):
                hidden_CE, targets_C, warmth_C = _completion_states(network, sequences, work)
                parts = [
                    _softmax(network.project(hidden_CE[chunk]), targets_C[chunk], warmth_C[chunk])[0]
                    for chunk in _chunks(len(targets_C))
                ]
                _file(found, sequences, work, torch.cat(parts))
        return found

    def forward_backward(self, batch: Sequence[TrainSequence]) -> ForwardBackward:
        """Add the gradient of the summed importance-sampling loss, -sum(exp(lp - sampler_lp) * advantage).

        A prompt shared by several sequences is computed once, its gradient flowing from all of them.
        """
        found: list[tuple[float, ...]] = [()] * len(batch)
        total = 0.0
        for work in _passes(batch):
            # Anew for every pass: backward frees the graph through the scaled matrices.
            switch_to(self.network.adapted, self._adapters.tensors() if self._adapters else None)
            hidden_CE, targets_C, warmth_C = _completion_states(self.network, batch, work)
            loss, logprobs_C = self._backward(
                hidden_CE, targets_C, warmth_C, [batch[i] for i in work.indices]
            )
            total += loss
            _file(found, batch, work, logprobs_C)
        switch_to(self.network.adapted, None)
        self._count(trained_tokens=sum(len(s.completion) for s in batch))
        return ForwardBackward(total, tuple(found))

    def _backward(
        self, hidden_CE: Tensor, targets_C: Tensor, warmth_C: Tensor, batch: Sequence[TrainSequence]
    ) -> tuple[float, Tensor]:
        # The vocabulary projection runs and is differentiated in chunks, so that logits of the whole
        # pass never exist at once; what reaches the blocks is one gradient of the hidden states.
        device = hidden_CE.device
        sampler_C = torch.zeros(len(targets_C), device=device)
        advantage_C = torch.zeros(len(targets_C), device=device)
        n = sum(len(s.completion) for s in batch)
        sampler_C[:n] = torch.tensor([x for s in batch for x in s.sampler_logprobs])
        advantage_C[:n] = torch.tensor([x for s in batch for x in s.advantages])
        cut_CE = hidden_CE.detach().requires_grad_()
        total, found = 0.0, []
        for chunk in _chunks(len(targets_C)):
            logits_CV = self.network.project(cut_CE[chunk])
            logprobs, odds_CV = _softmax(logits_CV.detach(), targets_C[chunk], warmth_C[chunk])
            loss_C = -torch.exp(logprobs - sampler_C[chunk]) * advantage_C[chunk]
            # The loss of a token is also its own derivative by the log-probability; that one's by the
            # logits is (one-hot - softmax) / temperature.
            slope_C1 = (loss_C / warmth_C[chunk])[:, None]
            gradient_CV = odds_CV.mul_(-slope_C1).scatter_add_(1, targets_C[chunk, None], slope_C1)
            logits_CV.backward(gradient_CV.to(logits_CV.dtype))  # type: ignore[no-untyped-call]
            total += float(loss_C.sum())
            found.append(logprobs)
        hidden_CE.backward(cut_CE.grad)  # type: ignore[no-untyped-call]
        return total, torch.cat(found)

    def optim_step(self, settings: AdamSettings) -> OptimStep:
        """Apply and clear the accumulated gradient; returns its norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), settings.grad_clip)
        self.optimizer.param_groups[0].update(
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=settings.eps,
            weight_decay=settings.weight_decay,
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return OptimStep(float(norm))

    def save(self, folder: Path, step: int, *, optimizer: bool) -> CheckpointRef:
        """Write weights (and optimizer state) into `folder`, whole or not at all.

        Raises:
            StorageError: the disk is full, or the folder cannot be written.
        """
        manifest = replace(self._manifest, step=step, has_optimizer=optimizer)
        moments = self._moments() if optimizer else None
        return checkpoint.write(folder, manifest, self.network, self._adapters, moments)

    def _moments(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}:{name}"] = value
        return found

    def restore_moments(self, moments: Mapping[str, Tensor]) -> None:
        """Take up the optimizer state a checkpoint kept."""
        for entry, value in moments.items():
            key, _, name = entry.partition(":")
            parameter = self.parameters[name]
            # Adam counts its steps on the host whatever the device.
            place: Any = "cpu" if key == "step" else parameter.device
            self.optimizer.state[parameter][key] = value.to(place)

    def close(self) -> None:
        """Free the model, its gradients and its optimizer state."""
        super().close()
        self._reference = None
        self.parameters = {}
        self.optimizer.state.clear()


def _passes(sequences: Sequence[TrainSequence]) -> Iterator[_Pass]:
    """Group sequences by prompt and fill passes up to TOKENS_AT_ONCE; one sequence always fits."""
    by_prompt: dict[tuple[int, ...], list[int]] = {}
    for i, sequence in enumerate(sequences):
        by_prompt.setdefault(sequence.prompt, []).append(i)
    work, n_tokens = _Pass([], [], []), 0
    for prompt, indices in by_prompt.items():
        for i in indices:
            new_prompt = not work.prompts or work.prompts[-1] != prompt
            more = len(sequences[i].completion) + (len(prompt) if new_prompt else 0)
            if work.indices and n_tokens + more > TOKENS_AT_ONCE:
                yield work
                work, n_tokens, new_prompt = _Pass([], [], []), 0, True
                more = len(sequences[i].completion) + len(prompt)
            if new_prompt:
                work.prompts.append(prompt)
            work.indices.append(i)
            work.prompt_of.append(len(work.prompts) - 1)
            n_tokens += more
    if work.indices:
        yield work


def _completion_states(
    network: Network, sequences: Sequence[TrainSequence], work: _Pass
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a pass; returns the hidden state before each completion token, its id and its temperature.

    Rounded up in length: what follows the last completion's tokens means nothing.
    """
    device = network.where.device
    completions = [sequences[i].completion for i in work.indices]
    tree = plant(work.prompts, [c[:-1] for c in completions], work.prompt_of, device=device)
    hidden_NE, _ = network.hidden_of_tree(tree)
    before: list[int] = []
    for completion, prompt, start in zip(completions, work.prompt_of, tree.completion_start, strict=True):
        before += [tree.last_of_prompt[prompt], *range(start, start + len(completion) - 1)]
    before += [0] * (rounded_up(len(before), _LOGITS_STEP) - len(before))
    hidden_CE = hidden_NE.index_select(0, torch.tensor(before, device=device))
    targets = [token for c in completions for token in c]
    warmth = [sequences[i].temperature for i in work.indices for _ in sequences[i].completion]
    filling = len(before) - len(targets)
    targets_C = torch.tensor(targets + [0] * filling, device=device)
    return hidden_CE, targets_C, torch.tensor(warmth + [1.0] * filling, device=device)


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _LOGITS_AT_ONCE) for start in range(0, n, _LOGITS_AT_ONCE))


def _softmax(logits_CV: Tensor, targets_C: Tensor, warmth_C: Tensor) -> tuple[Tensor, Tensor]:
    """Give the tempered log-probability of each target, and the whole tempered distribution, float32."""
    # One copy, then in place: each pass over the vocabulary costs as much as its arithmetic.
    odds_CV = torch.div(logits_CV, warmth_C[:, None])
    odds_CV.sub_(odds_CV.amax(-1, keepdim=True))
    chosen_C = odds_CV.gather(1, targets_C[:, None]).squeeze(1)
    odds_CV.exp_()
    total_C = odds_CV.sum(-1)
    return chosen_C - total_C.log(), odds_CV.div_(total_C[:, None])


def _file(
    found: list[tuple[float, ...]], sequences: Sequence[TrainSequence], work: _Pass, logprobs_C: Tensor
) -> None:
    flat = logprobs_C.tolist()
    for i in work.indices:
        length = len(sequences[i].completion)
        found[i], flat = tuple(flat[:length]), flat[length:]
