import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rftctl.engine.backend import AdamSettings, LoraSettings, SamplingSettings, TrainSequence
from rftctl.engine.torch_backend import TorchBackend
from rftctl.engine.torch_backend.session import TorchSession
from rftctl.errors import InvalidInputError, StorageError

Batch = list[TrainSequence]
GREEDY = SamplingSettings(max_tokens=8, temperature=0)


@pytest.fixture
def taught(session: TorchSession, batch: Batch) -> TorchSession:
    for _ in range(3):
        session.forward_backward(batch)
        session.optim_step(AdamSettings(3e-2))
    return session


def test_adapters_have_the_names_peft_gives_them(taught: TorchSession, tmp_path: Path) -> None:
    taught.save(tmp_path / "c", 3, optimizer=False)
    tensors = load_file(tmp_path / "c" / "adapter_model.safetensors")
    assert len(tensors) == 2 * 2 * 7
    low = tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"]
    high = tensors["base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"]
    assert (low.shape, high.shape) == ((4, 64), (64, 4))


def test_the_adapter_config_is_what_peft_reads(taught: TorchSession, tmp_path: Path) -> None:
    taught.save(tmp_path / "c", 3, optimizer=False)
    config = json.loads((tmp_path / "c" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 8.0)
    assert config["target_modules"] == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )


def test_a_policy_opened_from_a_checkpoint_answers_as_the_session(
    taught: TorchSession, backend: TorchBackend, tiny: Path, batch: Batch, tmp_path: Path
) -> None:
    ref = taught.save(tmp_path / "c", 3, optimizer=False)
    prompts = [batch[0].prompt]
    base, tuned = backend.open_policy(str(tiny)), backend.open_policy(str(tiny), ref)
    wanted = taught.sample(prompts, 1, GREEDY, [0])
    assert tuned.sample(prompts, 1, GREEDY, [0]) == wanted
    assert base.sample(prompts, 1, GREEDY, [0]) != wanted
    assert tuned.sample(prompts, 1, GREEDY, [0]) == wanted
    assert base.network is tuned.network


def test_a_full_checkpoint_is_a_model_folder(
    backend: TorchBackend, tiny: Path, batch: Batch, tmp_path: Path
) -> None:
    session = backend.open(str(tiny), lora=None, seed=0)
    session.forward_backward(batch)
    session.optim_step(AdamSettings(1e-2))
    ref = session.save(tmp_path / "c", 1, optimizer=True)
    wanted = session.sample([batch[0].prompt], 1, GREEDY, [0])
    assert backend.open_policy(ref.path).sample([batch[0].prompt], 1, GREEDY, [0]) == wanted
    assert backend.open_policy(str(tiny), ref).sample([batch[0].prompt], 1, GREEDY, [0]) == wanted


def test_optimizer_state_comes_back_bit_by_bit(
    taught: TorchSession, backend: TorchBackend, tiny: Path, tmp_path: Path
) -> None:
    ref = taught.save(tmp_path / "c", 3, optimizer=True)
    back = backend.open(str(tiny), lora=LoraSettings(rank=4, alpha=8.0), seed=9, resume=ref)
    for name, parameter in taught.parameters.items():
        assert torch.equal(parameter, back.parameters[name])
        ours, theirs = taught.optimizer.state[parameter], back.optimizer.state[back.parameters[name]]
        assert all(torch.equal(ours[key], theirs[key]) for key in ("exp_avg", "exp_avg_sq", "step"))


def test_a_checkpoint_is_there_whole_or_not_at_all(taught: TorchSession, tmp_path: Path) -> None:
    # A folder that bears the partial's name cannot be removed from under a file's path.
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(StorageError, match="could not be written"):
        taught.save(tmp_path / "run" / "c", 1, optimizer=True)
    taught.save(tmp_path / "ok", 1, optimizer=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ok", "run"]


def test_a_leftover_of_a_crash_makes_way(taught: TorchSession, tmp_path: Path) -> None:
    for name in ("c", ".c.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "junk").write_text("x")
    taught.save(tmp_path / "c", 1, optimizer=False)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert not (tmp_path / "c" / "junk").exists()


@pytest.mark.parametrize("broken", ["rftctl.json", "adapter_model.safetensors", "optimizer.safetensors"])
def test_a_damaged_checkpoint_is_refused(
    taught: TorchSession, backend: TorchBackend, tiny: Path, tmp_path: Path, broken: str
) -> None:
    ref = taught.save(tmp_path / "c", 1, optimizer=True)
    (tmp_path / "c" / broken).write_bytes(b"{")
    with pytest.raises(InvalidInputError, match="checkpoint"):
        backend.open(str(tiny), lora=LoraSettings(rank=4), seed=0, resume=ref)


def test_an_adapter_of_another_model_is_refused(
    taught: TorchSession, backend: TorchBackend, tiny: Path, tmp_path: Path
) -> None:
    ref = taught.save(tmp_path / "c", 1, optimizer=False)
    adapter = tmp_path / "c" / "adapter_model.safetensors"
    tensors = {name.replace("layers.1", "layers.9"): value for name, value in load_file(adapter).items()}
    save_file(tensors, adapter)
    with pytest.raises(InvalidInputError, match="does not fit model"):
        backend.open_policy(str(tiny), ref)
