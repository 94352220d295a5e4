"""Compare checkpoints with the base model on rows that training never saw.

In: a run, its spec, a grader. Out: `EvaluationReport`: means with intervals, paired differences, a verdict.
Every model answers the same rows; the comparison is paired by row, and a row's samples are averaged first.
An output that could not be read earned 0; where the grader broke or no answer came, it is counted, left out.
"""

from __future__ import annotations

import statistics
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rftctl.commands.kept_outputs import keep_outputs
from rftctl.commands.opening import load_run_spec, open_grader, tuned_model
from rftctl.commands.preparing import hash_file
from rftctl.commands.updates import Note, Progress
from rftctl.dataset import read_examples
from rftctl.errors import NotOfferedError, UngradableError, UsageError
from rftctl.providers import connect
from rftctl.providers.request import chat_request
from rftctl.stats import Difference, Interval, mean_interval, paired_difference
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rftctl.commands.kept_outputs import Answer
    from rftctl.commands.updates import Command
    from rftctl.dataset import Example, Sample
    from rftctl.graders.base import Grade, Grader
    from rftctl.home import Home
    from rftctl.ledger import Ledger, Run
    from rftctl.providers.base import Provider
    from rftctl.spec import SpecFile

CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Deployment:
    """The names under which the tuned model and its base are asked, at providers that serve deployments."""

    tuned: str | None
    base: str | None


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model on the test rows.

    Attributes:
        n_examples: rows asked.
        n_failed: samples without a verdict: no answer came, or the grader broke.
        mean_reward: over rows with a verdict, unreadable outputs counting 0.
        parseable_share: share of samples that could be read, 0 to 1.
        mean_reward_parseable: mean over those alone, None when there are none.
    """

    name: str
    n_examples: int
    n_samples: int
    n_failed: int
    mean_reward: float | None
    interval: Interval | None
    parseable_share: float
    mean_reward_parseable: float | None
    truncated_share: float
    completion_tokens_mean: float
    checkpoint_folder: str | None = None


@dataclass(frozen=True, slots=True)
class PairReport:
    """Two models on the rows that both have a verdict for."""

    base: str
    other: str
    comparison: Difference


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The held-out comparison."""

    models: tuple[ModelReport, ...]
    pairs: tuple[PairReport, ...]
    min_difference: float | None = None

    @property
    def exit_code(self) -> int:
        """1 when the spec asks for a proven gain and there is none, else 0."""
        if self.min_difference is None:
            return 0
        proven = any(pair.comparison.interval.low > self.min_difference for pair in self.pairs)
        return 0 if proven else 1

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> EvaluationReport:
        """Read a document back that `to_json` made."""
        models = [
            ModelReport(**m | {"interval": m["interval"] and Interval(*m["interval"])})
            for m in document["models"]
        ]
        pairs = [
            PairReport(
                p["base"],
                p["other"],
                Difference(p["difference"], Interval(*p["interval"]), p["n_examples"], p["verdict"]),
            )
            for p in document["pairs"]
        ]
        return cls(tuple(models), tuple(pairs), document["min_difference"])

    def to_json(self) -> dict[str, Any]:
        """Return the `rftctl.evaluate/1` document."""
        return {
            "schema": "rftctl.evaluate/1",
            "min_difference": self.min_difference,
            "models": [asdict(m) | {"interval": _ends(m.interval)} for m in self.models],
            "pairs": [
                {
                    "base": pair.base,
                    "other": pair.other,
                    "n_examples": pair.comparison.n_examples,
                    "difference": pair.comparison.difference,
                    "interval": _ends(pair.comparison.interval),
                    "verdict": pair.comparison.verdict,
                }
                for pair in self.pairs
            ],
        }


@dataclass(frozen=True, slots=True)
class _Judged:
    sample: Sample | None
    grade: Grade | None

    @property
    def earned(self) -> float | None:
        return None if self.grade is None else self.grade.earned


def evaluate(
    spec_file: SpecFile,
    provider: Provider,
    grader: Grader,
    models: Sequence[str],
    folders: dict[str, str] | None = None,
    deployments: Mapping[str, str] | None = None,
    outputs: Path | None = None,
) -> Command[EvaluationReport]:
    """Ask every model, grade the answers, compare each with the first.

    Args:
        models: the base model first, then what is compared with it.
        folders: model name -> where its checkpoint lies, for the report.
        deployments: model name -> the name under which it is asked, where that is another one.
        outputs: a folder for the answers, as cases: base.jsonl, tuned.jsonl.

    Raises:
        UsageError: the spec names no test file.
        UngradableError: no answer could be graded.
    """
    examples = held_out_examples(spec_file)
    judged = {}
    for model in models:
        asked_as = (deployments or {}).get(model, model)
        judged[model] = yield from _judge(spec_file, provider, grader, asked_as, examples)
        if outputs is not None:
            name = "base" if model == models[0] else "tuned"
            yield Note(f"answers: {keep_outputs(outputs, name, _answers(judged[model], examples))}")
    reports = tuple(_model_report(m, judged[m], len(examples), (folders or {}).get(m)) for m in models)
    if all(report.mean_reward is None for report in reports):
        raise _nothing_graded(judged[models[0]])
    pairs = tuple(
        PairReport(models[0], other, comparison)
        for other in models[1:]
        if (comparison := _compare(judged[models[0]], judged[other], len(examples))) is not None
    )
    return EvaluationReport(reports, pairs, spec_file.spec.evaluate.min_difference)


def evaluate_run(
    spec_file: SpecFile,
    run_id: str,
    ledger: Ledger,
    provider: Provider,
    grader: Grader,
    *,
    checkpoint: str | None = None,
    again: bool = False,
    deployment: Deployment | None = None,
    outputs: Path | None = None,
) -> Command[EvaluationReport]:
    """Evaluate a run's model against its base, or hand back the same evaluation made before.

    Args:
        outputs: a folder for the answers; these are not kept otherwise, so the models are asked anew.

    Raises:
        NotOfferedError: the provider answers only for deployed models, and nobody names the deployments.
    """
    run = ledger.run(run_id)
    model, folder = tuned_model(run, provider, checkpoint)
    test_file = spec_file.file("test_file")
    key = {"model": model, "test_sha256": hash_file(test_file) if test_file else None}
    known = [e for e in ledger.entries(run_id) if e["kind"] == "evaluation" and e["key"] == key]
    if known and not again and outputs is None:
        yield Note(f"{model} was evaluated on these rows before; --again repeats it")
        return EvaluationReport.from_json(known[-1]["report"])
    folders, base = ({model: folder} if folder else {}), spec_file.spec.model
    names = _deployed(run, provider, base, model, deployment)
    report = yield from evaluate(spec_file, provider, grader, [base, model], folders, names, outputs)
    ledger.note(run_id, "evaluation", {"key": key, "report": report.to_json()})
    return report


def evaluate_ledger_run(
    run: Run,
    home: Home,
    ledger: Ledger,
    *,
    checkpoint: str | None = None,
    again: bool = False,
    allow_unsafe: bool = False,
    deployment: Deployment | None = None,
    outputs: Path | None = None,
) -> Command[EvaluationReport]:
    """Open what a run's evaluation needs and evaluate it."""
    spec_file = load_run_spec(run)
    with (
        open_grader(spec_file, home, allow_unsafe=allow_unsafe) as (grader, _),
        closing(connect(run.provider, home)) as provider,
    ):
        return (
            yield from evaluate_run(
                spec_file,
                run.run_id,
                ledger,
                provider,
                grader,
                checkpoint=checkpoint,
                again=again,
                deployment=deployment,
                outputs=outputs,
            )
        )


def _deployed(
    run: Run, provider: Provider, base: str, model: str, deployment: Deployment | None
) -> dict[str, str]:
    if deployment is None and not provider.profile.needs_deployment:
        return {}
    if deployment is None or deployment.base is None or deployment.tuned is None:
        raise NotOfferedError(
            f"{provider.name} answers for a model only where it is deployed, '{one_line(model)}' too",
            "deploy it and its base (az cognitiveservices account deployment create --model-format OpenAI "
            f"--model-name {one_line(model)} ...), then rftctl evaluate {run.run_id} "
            "--deployment NAME --base-deployment NAME",
        )
    return {base: deployment.base, model: deployment.tuned}


def held_out_examples(spec_file: SpecFile) -> list[Example]:
    """Read the held-out rows that the spec names, up to its `max_examples`."""
    path = spec_file.file("test_file")
    if path is None:
        raise UsageError("the spec names no held-out rows", "set evaluate.test_file")
    examples = list(islice(read_examples(path), spec_file.spec.evaluate.max_examples))
    if not examples:
        raise UsageError(f"test file '{path.name}' has no rows", "put held-out rows into it")
    return examples


def _judge(
    spec_file: SpecFile, provider: Provider, grader: Grader, model: str, examples: Sequence[Example]
) -> Command[list[_Judged]]:
    repeats = spec_file.spec.evaluate.samples_per_example
    requests = [_request(spec_file, provider, example, k) for example in examples for k in range(repeats)]
    samples: list[Sample | None] = [None] * len(requests)
    failures = 0
    for done, answer in enumerate(provider.answers(model, requests, concurrency=CONCURRENCY), 1):
        samples[answer.index] = answer.sample
        if answer.error is not None:
            failures += 1
            if failures == 1:
                yield Note(
                    f"no answer for row {answer.index // repeats + 1}: {answer.error.message}", "warning"
                )
        yield Progress(f"evaluate {model}", done, len(requests))
    answered = [(s, examples[i // repeats].item) for i, s in enumerate(samples) if s is not None]
    grades = iter(grader.grade_batch(answered))
    return [_Judged(s, None if s is None else next(grades)) for s in samples]


def _request(spec_file: SpecFile, provider: Provider, example: Example, repeat: int) -> dict[str, Any]:
    spec = spec_file.spec
    cap = spec.engine.max_completion_tokens if provider.profile.accepts_engine else None
    return chat_request(
        example.messages,
        response_format=spec.response_format,
        tools=example.tools or (list(spec.tools) if spec.tools else None),
        max_completion_tokens=cap,
        temperature=spec.evaluate.temperature if provider.profile.accepts_temperature else None,
        seed=repeat,
    )


def _model_report(name: str, judged: Sequence[_Judged], n_examples: int, folder: str | None) -> ModelReport:
    rewards = [r for r in _by_example(judged, n_examples) if r is not None]
    samples = [j.sample for j in judged if j.sample is not None]
    readable = [j.grade.reward for j in judged if j.grade is not None and j.grade.reward is not None]
    n_verdicts = sum(j.earned is not None for j in judged)
    return ModelReport(
        name=name,
        n_examples=n_examples,
        n_samples=len(judged),
        n_failed=len(judged) - n_verdicts,
        mean_reward=statistics.fmean(rewards) if rewards else None,
        interval=mean_interval(rewards) if rewards else None,
        parseable_share=_parseable_share(judged),
        mean_reward_parseable=statistics.fmean(readable) if readable else None,
        truncated_share=sum(s.is_truncated for s in samples) / max(1, len(samples)),
        completion_tokens_mean=statistics.fmean(s.completion_tokens for s in samples) if samples else 0.0,
        checkpoint_folder=folder,
    )


def _parseable_share(judged: Sequence[_Judged]) -> float:
    readable = sum(
        j.sample is not None and j.grade is not None and "sample_parse_error" not in j.grade.errors
        for j in judged
    )
    return readable / max(1, len(judged))


def _by_example(judged: Sequence[_Judged], n_examples: int) -> list[float | None]:
    repeats = len(judged) // n_examples
    means: list[float | None] = []
    for start in range(0, len(judged), repeats):
        earned = [j.earned for j in judged[start : start + repeats] if j.earned is not None]
        means.append(statistics.fmean(earned) if earned else None)
    return means


def _answers(judged: Sequence[_Judged], examples: Sequence[Example]) -> list[Answer]:
    repeats = len(judged) // len(examples)
    pairs = ((examples[n // repeats], one) for n, one in enumerate(judged))
    return [(example, one.sample, one.grade) for example, one in pairs if one.sample is not None]


def _compare(base: Sequence[_Judged], other: Sequence[_Judged], n_examples: int) -> Difference | None:
    both = [
        (a, b)
        for a, b in zip(_by_example(base, n_examples), _by_example(other, n_examples), strict=True)
        if a is not None and b is not None
    ]
    return paired_difference([a for a, _ in both], [b for _, b in both]) if both else None


def _nothing_graded(judged: Sequence[_Judged]) -> UngradableError:
    for one in judged:
        if one.grade is not None and one.grade.details:
            flag, detail = next(iter(one.grade.details.items()))
            return UngradableError(
                f"no answer could be graded: {flag}: {detail}", "rftctl grade SPEC tries the grader"
            )
    return UngradableError("no model answered", "rftctl doctor tells what works here")


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
