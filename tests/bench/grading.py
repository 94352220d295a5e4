"""Grading beside promptfoo and rouge-score in one run.

Whole commands over the same outputs, each at two sizes: the difference is what one more output costs,
without the start-up. CPU time of the command and its children for string checks, wall time for python
graders, whose sandbox hides its CPU time from the parent. ROUGE-L in one process, alternating.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rftctl.graders.similarity import METRICS
from tests.bench._peers import cpu_ratios, npm_peer, say

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
Command: TypeAlias = "tuple[list[str], Path, dict[str, str], Path]"
PROMPTFOO = ("promptfoo", "0.121.20")
SIZES = {"string_check": ((2_000, 20_000), (200, 1_000)), "python": ((200, 1_200), (10, 40))}
AIMS = {"string_check": 50, "python": 20}
CODE = "def grade(sample, item):\n    return float(sample['output_text'] == item['answer'])\n"
ASSERTION = "def get_assert(output, context):\n    return output == context['vars']['answer']\n"
GRADERS = {
    "string_check": {
        "type": "string_check",
        "name": "equal",
        "input": "{{sample.output_text}}",
        "reference": "{{item.answer}}",
        "operation": "eq",
    },
    "python": {"type": "python", "name": "equal", "source": CODE},
}
ASSERTIONS = {
    "string_check": {"type": "equals", "value": "{{answer}}"},
    "python": {"type": "python", "value": "file://check.py"},
}


def main() -> None:
    """Measure and print."""
    program = npm_peer(*PROMPTFOO)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".git").mkdir()
        for kind in GRADERS:
            compare(folder, kind, program)
    rouge()


def compare(folder: Path, kind: str, program: Path | None) -> None:
    """Print the rates of both on one kind of grader."""
    our_sizes, their_sizes = SIZES[kind]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(marginal(our_sizes, partial(our_command, folder, kind), kind))
        if program is not None:
            theirs.append(marginal(their_sizes, partial(their_command, folder, kind, program=program), kind))
    clock = "CPU" if kind == "string_check" else "wall"
    say(f"{kind}: rftctl {statistics.median(ours):,.0f} more a second ({clock} time)")
    if theirs:
        ratio = statistics.median(ours) / statistics.median(theirs)
        say(f"  promptfoo {statistics.median(theirs):,.0f}; ratio {ratio:,.0f}   aim >= {AIMS[kind]}")
    if kind == "python":
        taken, _ = timed(our_command(folder, kind, 1_000))
        say(f"  1,000 outputs with start-up, {os.cpu_count()} cores: {taken:.1f} s   aim <= 30 s")


def marginal(sizes: tuple[int, int], command: Callable[[int], Command], kind: str) -> float:
    """Outputs a second between two sizes."""
    small, large = ((n, timed(command(n))) for n in sizes)
    clock = 1 if kind == "string_check" else 0
    return (large[0] - small[0]) / (large[1][clock] - small[1][clock])


def timed(command: Command) -> tuple[float, float]:
    """Run a command; wall and CPU seconds. Its result must hold every output, all of them right."""
    arguments, folder, variables, result = command
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with result.open("w") if result.suffix == ".out" else open(os.devnull, "w") as stdout:
        subprocess.run(
            arguments, cwd=folder, env={**os.environ, **variables}, stdout=stdout,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    check(result)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check(result: Path) -> None:
    """Refuse a run that did not grade what it was given, or left a result out of its document."""
    document = json.loads(result.read_text())
    if result.suffix == ".out":
        summary = document["summary"]
        graded, right = len(document["results"]), summary["mean_reward"] == 1.0
    else:
        stats, results = document["results"]["stats"], document["results"]["results"]
        graded, right = len(results), stats["failures"] == stats["errors"] == 0
    assert right, result
    assert graded == int(result.stem.rsplit("-", 1)[1]), result


def our_command(folder: Path, kind: str, n: int) -> Command:
    """Write a spec and n outputs; the command that grades them."""
    cases = folder / f"{kind}-{n}.jsonl"
    cases.write_text(
        "".join(json.dumps({"item": {"answer": f"word {i}"}, "sample": f"word {i}"}) + "\n" for i in range(n))
    )
    spec = {"version": 1, "name": "b", "provider": "local", "model": "tiny-random", "grader": GRADERS[kind]}
    (folder / "rows.jsonl").write_text('{"messages": [{"role": "user", "content": "q"}]}\n')
    rows = {"training_file": "rows.jsonl", "cases": cases.name}
    path = folder / f"{kind}-{n}.yaml"
    path.write_text(json.dumps({**spec, **rows}))
    arguments = [sys.executable, "-m", "rftctl", "grade", str(path), "--json"]
    paths = {"RFTCTL_HOME": str(folder / "home"), "PYTHONPATH": str(Path(__file__).parents[2])}
    return arguments, folder, paths, folder / f"ours-{kind}-{n}.out"


def their_command(folder: Path, kind: str, n: int, program: Path) -> Command:
    """Write a config with n echoed outputs; the command that checks them."""
    (folder / "check.py").write_text(ASSERTION)
    tests = [{"vars": {"output": f"word {i}", "answer": f"word {i}"}} for i in range(n)]
    config = {"providers": ["echo"], "prompts": ["{{output}}"], "tests": tests}
    config["defaultTest"] = {"assert": [ASSERTIONS[kind]]}  # type: ignore[assignment]
    path, result = folder / f"theirs-{kind}-{n}.config.json", folder / f"theirs-{kind}-{n}.json"
    path.write_text(json.dumps(config))
    quiet = ["--no-cache", "--no-progress-bar", "--no-table", "--no-write"]
    variables = {
        "PROMPTFOO_CONFIG_DIR": str(folder / "promptfoo"),
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_PYTHON": sys.executable,
    }
    return [str(program), "eval", "-c", str(path), "-o", str(result), *quiet], folder, variables, result


def rouge() -> None:
    """Print ROUGE-L beside rouge-score on the same pairs, after proving equal values."""
    from rouge_score.rouge_scorer import RougeScorer

    text = "the quick brown fox jumps over a lazy dog while rain falls on quiet roofs"
    words = text.split()
    pairs = [
        (" ".join(words[i % 9 :] + words[: i % 5]), " ".join(words[i % 4 :] + words[: i % 7]))
        for i in range(2_000)
    ]
    scorer, ours = RougeScorer(["rougeL"]), METRICS["rouge_l"]
    assert all(ours(text, ref) == scorer.score(ref, text)["rougeL"].fmeasure for text, ref in pairs[:200])
    ways = {
        "rouge-score": lambda: [scorer.score(ref, text) for text, ref in pairs],
        "rftctl": lambda: [ours(text, ref) for text, ref in pairs],
    }
    for name, (seconds, ratio) in cpu_ratios(ways, "rouge-score", rounds=5).items():
        aim = "   aim >= 10" if name == "rftctl" else ""
        say(f"ROUGE-L: {name} {len(pairs) / seconds:,.0f}/s, ratio {ratio:.1f}{aim}")


if __name__ == "__main__":
    main()
