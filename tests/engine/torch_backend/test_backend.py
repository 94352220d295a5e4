from pathlib import Path

import pytest
import torch

from rftctl.engine.backend import LoraSettings, TrainSequence
from rftctl.engine.torch_backend import TorchBackend
from rftctl.engine.torch_backend.backend import choose_device
from rftctl.engine.torch_backend.session import TorchSession
from rftctl.errors import InvalidInputError, NotOfferedError


def test_it_says_what_it_chose(backend: TorchBackend) -> None:
    said = backend.capabilities().description
    assert said["dtype"] == "float32"
    assert said["threads"].startswith("1 (")
    assert {"device", "free_cores", "omp_wait_policy"} <= said.keys()


def test_a_model_that_is_not_here_is_not_offered(
    backend: TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotOfferedError, match="model 'gpt-9' is neither"):
        backend.open("gpt-9", lora=LoraSettings(), seed=0)


def test_a_damaged_model_folder_is_refused(backend: TorchBackend, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="model folder"):
        backend.open_policy(str(tmp_path))


def test_fresh_adapters_change_nothing_and_differ_by_seed(backend: TorchBackend, tiny: Path) -> None:
    one, other = (backend.open(str(tiny), lora=LoraSettings(rank=2), seed=seed) for seed in (1, 2))
    names = [name for name in one.parameters if name.endswith("lora_A")]
    assert any(not torch.equal(one.parameters[n], other.parameters[n]) for n in names)
    assert not any(p.any() for n, p in one.parameters.items() if n.endswith("lora_B"))


def test_messages_of_every_shape_are_rendered(session: TorchSession) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    plain = session.render([{"role": "system", "content": "s"}, {"role": "user", "content": "ab"}])
    assert plain == session.render(
        [{"role": "developer", "content": "s"}, {"role": "user", "content": parts}], reasoning_effort="low"
    )


def test_bfloat16_sampling_is_close_to_float32(tiny: Path, tmp_path: Path) -> None:
    assert choose_device(torch.bfloat16).dtype == torch.bfloat16
    backends = [TorchBackend(tmp_path, threads=1, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    sessions = [backend.open(str(tiny), lora=LoraSettings(), seed=0) for backend in backends]
    prompt = sessions[0].render([{"role": "user", "content": "x"}])
    sequence = TrainSequence(prompt, (1, 2, 3), (0.0,) * 3, (0.0,) * 3)
    exact, rounded = (session.logprobs([sequence])[0] for session in sessions)
    assert rounded == pytest.approx(exact, abs=0.05)
