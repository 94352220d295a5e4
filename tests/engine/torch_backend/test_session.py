from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rftctl.engine.backend import AdamSettings, LoraSettings, TrainSequence
from rftctl.engine.torch_backend import TorchBackend
from rftctl.engine.torch_backend import session as session_module
from rftctl.engine.torch_backend.lora import switch_to
from rftctl.engine.torch_backend.session import TorchSession

Batch = list[TrainSequence]


def plain_gradient(session: TorchSession, batch: Batch) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss written out by hand, one full sequence at a time, with the model's own attention."""
    model = session.network.model
    config = model.config
    before, config._attn_implementation = config._attn_implementation, "eager"
    total = torch.zeros(())
    for s in batch:
        if session._adapters is not None:
            switch_to(session.network.adapted, session._adapters.tensors())
        logits = model(torch.tensor([[*s.prompt, *s.completion]])).logits[0, len(s.prompt) - 1 : -1]
        logprobs = torch.log_softmax(logits / s.temperature, -1)
        chosen = logprobs.gather(1, torch.tensor(s.completion)[:, None])[:, 0]
        ratio = torch.exp(chosen - torch.tensor(s.sampler_logprobs))
        total = total - (ratio * torch.tensor(s.advantages)).sum()
    total.backward()
    config._attn_implementation = before
    return float(total.detach()), taken_gradient(session)


def taken_gradient(session: TorchSession) -> dict[str, torch.Tensor]:
    taken = {n: p.grad.clone() for n, p in session.parameters.items() if p.grad is not None}
    for parameter in session.parameters.values():
        parameter.grad = None
    return taken


@pytest.fixture(params=["adapters", "all weights"])
def trained(request: pytest.FixtureRequest, backend: TorchBackend, tiny: Path) -> TorchSession:
    lora = LoraSettings(rank=4, alpha=8.0) if request.param == "adapters" else None
    session = backend.open(str(tiny), lora=lora, seed=0)
    # B starts at zero, where A has no gradient: move away from there.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in session.parameters.values():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.02)
    return session


def assert_same_gradient(ours: dict[str, torch.Tensor], plain: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == plain.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, plain[name], rtol=1e-4, atol=1e-5, msg=name)


def test_the_gradient_is_that_of_the_plain_loss(trained: TorchSession, batch: Batch) -> None:
    loss, plain = plain_gradient(trained, batch)
    done = trained.forward_backward(batch)
    assert done.loss_sum == pytest.approx(loss, abs=1e-4)
    assert_same_gradient(taken_gradient(trained), plain)


def test_many_small_passes_add_up_to_the_same_gradient(
    trained: TorchSession, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.forward_backward(batch)
    whole = taken_gradient(trained)
    monkeypatch.setattr(session_module, "TOKENS_AT_ONCE", 60)
    monkeypatch.setattr(session_module, "_LOGITS_AT_ONCE", 5)
    trained.forward_backward(batch)
    assert_same_gradient(taken_gradient(trained), whole)


def test_the_fused_attention_gives_the_same_gradient(
    trained: TorchSession, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.forward_backward(batch)
    whole = taken_gradient(trained)
    monkeypatch.setattr("rftctl.engine.torch_backend.attention._PLAIN_SCORES", 0)
    trained.forward_backward(batch)
    assert_same_gradient(taken_gradient(trained), whole)


def test_a_completion_of_one_token_can_be_trained_on(trained: TorchSession, batch: Batch) -> None:
    short = [
        TrainSequence(s.prompt, s.completion[:1], s.sampler_logprobs[:1], (1.0,), s.temperature)
        for s in batch[:2]
    ]
    _, plain = plain_gradient(trained, short)
    trained.forward_backward(short)
    assert_same_gradient(taken_gradient(trained), plain)


def test_trainer_logprobs_match_the_samplers(session: TorchSession, batch: Batch) -> None:
    done = session.forward_backward(batch)
    for sequence, logprobs in zip(batch, done.trainer_logprobs, strict=True):
        assert logprobs == pytest.approx(sequence.sampler_logprobs, abs=1e-4)


def test_gradients_accumulate_until_the_optimizer_steps(session: TorchSession, batch: Batch) -> None:
    session.forward_backward(batch)
    once = taken_gradient(session)
    session.forward_backward(batch[:5])
    session.forward_backward(batch[5:])
    assert_same_gradient(taken_gradient(session), once)
    session.forward_backward(batch)
    assert session.optim_step(AdamSettings(1e-3)).grad_norm > 0
    assert not taken_gradient(session)


@pytest.mark.parametrize("lora", [LoraSettings(rank=4), None])
def test_the_reference_is_the_untrained_model(
    backend: TorchBackend, tiny: Path, batch: Batch, lora: LoraSettings | None
) -> None:
    session = backend.open(str(tiny), lora=lora, seed=0, needs_reference=True)
    before = session.logprobs(batch)
    session.forward_backward(batch)
    session.optim_step(AdamSettings(1e-2))
    assert session.logprobs(batch) != before
    for now, then in zip(session.logprobs(batch, reference=True), before, strict=True):
        assert now == pytest.approx(then, abs=1e-5)


def test_training_moves_the_policy_towards_the_advantages(session: TorchSession, batch: Batch) -> None:
    wished = [replace(batch[0], advantages=(1.0,) * len(batch[0].completion))]
    before = sum(session.logprobs(wished)[0])
    for _ in range(5):
        session.forward_backward(wished)
        session.optim_step(AdamSettings(1e-2))
    assert sum(session.logprobs(wished)[0]) > before + 0.5


def test_usage_counts_tokens(session: TorchSession, batch: Batch) -> None:
    before = session.usage().trained_tokens
    session.forward_backward(batch)
    assert session.usage().trained_tokens - before == sum(len(s.completion) for s in batch)
    assert session.usage().sampled_tokens == sum(len(s.completion) for s in batch)


def test_closing_twice_is_harmless(backend: TorchBackend, tiny: Path) -> None:
    session = backend.open(str(tiny), lora=LoraSettings(), seed=0)
    session.close()
    session.close()
