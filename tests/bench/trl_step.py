"""A training step beside TRL's GRPOTrainer: CPU seconds and peak memory as ratios.

Same model (SmolLM2-135M), prompts, reward and settings: LoRA of rank 16 on all linear layers, bfloat16,
4 prompts x 8 completions of at most 48 tokens, no KL penalty, one thread. Each side runs in a process of
its own; the first step warms up and is left out. TRL lives in an environment that is made when absent.

    python -m tests.bench trl_step
    python tests/bench/trl_step.py --venv FOLDER --steps 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import fmean
from typing import Any

AIM = 0.5
PINS = ("torch==2.13.0", "transformers==5.23.0", "trl==1.16.0", "peft", "accelerate", "datasets")
N_PROMPTS, N_GENERATIONS, MAX_TOKENS, RANK, LEARNING_RATE = 4, 8, 48, 16, 3e-4
SYSTEM = (
    'Answer with one JSON object with the keys "name" and "age" and nothing else. '
    'Example: "Ann, a teacher of 31, lives by the sea." gives {"name": "Ann", "age": 31}.'
)


def messages(n: int) -> list[list[dict[str, Any]]]:
    """Make the prompts both sides train on."""
    draw = random.Random(0)
    names = ("Bob", "Alice", "Greta", "Ivan", "Lena", "Omar", "Sue", "Raj")
    texts = [f"{draw.choice(names)}, now {draw.randrange(9, 90)}, bakes bread every day." for _ in range(n)]
    return [[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}] for text in texts]


def reward(text: str) -> float:
    """Reward short answers a little differently each, so that no group is without spread."""
    return sum(map(text.count, '{}":')) / 20 - len(text) / 1000


def finish(steps_cpu_s: list[float], tokens: list[float]) -> None:
    """Tell the parent what was measured, the first step left out."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    measured = {"cpu_s": fmean(steps_cpu_s[1:]), "tokens": fmean(tokens[1:]), "peak_gb": peak}
    sys.stdout.write(f"\nRESULT {json.dumps(measured)}\n")


def run_ours(folder: str, n_steps: int) -> None:
    """Train with the engine."""
    from rftctl.dataset import Example
    from rftctl.engine.loop import run_loop
    from rftctl.engine.progress import LoopSettings, Wish
    from rftctl.engine.torch_backend import TorchBackend
    from rftctl.graders.base import Grade

    reports: list[Any] = []

    class Grader:
        name, type = "brackets", "python"

        def grade_batch(self, pairs: Any) -> list[Grade]:
            return [Grade.of(reward(sample.output_text)) for sample, _ in pairs]

        def close(self) -> None: ...

    class Listener:
        def wish(self) -> Wish:
            return Wish.CONTINUE

        def on_note(self, message: str, level: str = "info") -> None: ...
        def on_rollouts(self, rollouts: Any) -> None: ...
        def on_checkpoint(self, ref: Any, report: Any) -> None: ...
        def on_step(self, report: Any) -> None:
            reports.append(report)

    rows = [Example(i, prompt, None, {}) for i, prompt in enumerate(messages(N_PROMPTS * n_steps))]
    settings = LoopSettings(
        model=folder,
        n_epochs=1,
        batch_size=N_PROMPTS,
        num_generations=N_GENERATIONS,
        max_completion_tokens=MAX_TOKENS,
        temperature=1.0,
        learning_rate=LEARNING_RATE,
        beta=0.0,
        lora_rank=RANK,
        eval_interval=n_steps,
        eval_samples=1,
        seed=0,
    )
    with tempfile.TemporaryDirectory() as scratch:
        backend = TorchBackend(Path(scratch), threads=1)
        run_loop(settings, backend, rows, [], Grader(), Listener(), Path(scratch))
    finish([r.cpu_s for r in reports], [r.train.completion_tokens_mean for r in reports])


def run_trl(folder: str, n_steps: int) -> None:
    """Train with TRL; runs in its own environment, without rftctl."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(1)
    spent: list[float] = []
    tokens: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **rest: Any) -> None:
            self.start_s = time.process_time()

        def on_step_end(self, *args: Any, **rest: Any) -> None:
            spent.append(time.process_time() - self.start_s)

    def graded(completions: Any, completion_ids: Any = (), **rest: Any) -> list[float]:
        tokens.append(fmean(map(len, completion_ids)))
        return [reward(completion[0]["content"]) for completion in completions]

    with tempfile.TemporaryDirectory() as scratch:
        config = GRPOConfig(
            output_dir=scratch,
            use_cpu=True,
            per_device_train_batch_size=N_PROMPTS * N_GENERATIONS,
            num_generations=N_GENERATIONS,
            max_completion_length=MAX_TOKENS,
            max_steps=n_steps,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            beta=0.0,
            temperature=1.0,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16),
            processing_class=AutoTokenizer.from_pretrained(folder),
            args=config,
            reward_funcs=graded,
            train_dataset=Dataset.from_dict({"prompt": messages(N_PROMPTS * n_steps)}),
            peft_config=LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"),
            callbacks=[Clock()],
        )
        trainer.train()
    finish(spent, tokens)


def measured(python: Path | str, side: str, folder: Path, n_steps: int) -> dict[str, float]:
    """Run one side in a process of its own."""
    command = [str(python), __file__, "--side", side, "--model", str(folder), "--steps", str(n_steps)]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise SystemExit(f"the {side} side failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(results[-1].removeprefix("RESULT "))
    return found


def trl_python(folder: Path) -> Path:
    """Make TRL's environment unless it is there; returns its interpreter."""
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.is_file():
        sys.stdout.write(f"making an environment for TRL in {folder} (about 1.5 GB)\n")
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PINS], check=True)
        ready.touch()
    return python


def compare(environment: Path, n_steps: int) -> None:
    """Measure both sides and print the table."""
    import platformdirs

    from rftctl.engine.models import find_model

    cache = Path(platformdirs.user_cache_dir("rftctl"))
    folder = find_model("smollm2-135m", cache).folder
    python = trl_python(environment if environment != Path() else cache / "bench-trl")
    rows = {
        "TRL": measured(python, "trl", folder, n_steps),
        "rftctl": measured(sys.executable, "ours", folder, n_steps),
    }
    for name, row in rows.items():
        sys.stdout.write(
            f"{name:7} {row['cpu_s']:6.1f} CPU s/step  {row['tokens']:5.1f} tokens/completion"
            f"  peak {row['peak_gb']:.1f} GB\n"
        )
    for key, what in (("cpu_s", "CPU"), ("peak_gb", "peak memory")):
        sys.stdout.write(f"{what}: x {rows['rftctl'][key] / rows['TRL'][key]:.2f} of TRL (aim <= {AIM})\n")


def main() -> None:
    """Read the options; without --side, compare."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--side", choices=("ours", "trl"))
    options.add_argument("--model", default="")
    options.add_argument("--steps", type=int, default=4)
    options.add_argument("--venv", type=Path, default=Path())
    given = options.parse_args()
    if given.side == "ours":
        run_ours(given.model, given.steps)
    elif given.side == "trl":
        run_trl(given.model, given.steps)
    else:
        compare(given.venv, given.steps)


if __name__ == "__main__":
    main()
