"""A step's report in the wire's words.

In: `StepReport`, and the tokens its model graders spent. Out: the `data` and message of a metrics event,
the metrics of a checkpoint. Both sets of the API's reward names are given, the nested and the flat one;
what only rftctl knows stands under `rftctl`. Validation fields appear on evaluation steps only.
Source of the names: the RFT guide's example event ("from a real job").
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import ERROR_FLAGS, TokenUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rftctl.engine.progress import GraderReport, SplitReport, StepReport

_ALWAYS_TOLD = frozenset({"other_error", "sample_parse_error", "invalid_variable_error"})
GraderTokens = dict[tuple[str, str], TokenUsage]
"""(model, split) -> tokens its model graders spent in a step; split is `train` or `valid`."""


def step_message(report: StepReport) -> str:
    """Say in one line what a step came to, as the platform words it."""
    message = (
        f"Step {report.step}/{report.total_steps} , train mean reward={_shown(report.train.reward_mean)}"
    )
    if report.valid is not None:
        message += f", full validation mean reward={_shown(report.valid.reward_mean)}"
        message += f", full validation mean parse error={_shown(report.valid.parse_error_share)}"
    return message


def step_data(report: StepReport, tokens: GraderTokens, types: Mapping[str, str]) -> dict[str, Any]:
    """Make the `data` of a step's metrics event.

    Args:
        types: grader name -> type, for graders whose report does not say it (those inside a multi).
    """
    report = _typed(report, types)
    return {
        "step": report.step,
        "total_steps": report.total_steps,
        **_flat(report),
        "model_graders_token_usage": _token_usage(tokens),
        "scores": _scores(report),
        "usage": _usage(report),
        "errors": {"graders": [_errors_of(name, pair) for name, pair in _pairs(report).items()]},
        "timing": _timing(report),
        "rftctl": _own(report),
    }


def checkpoint_metrics(report: StepReport) -> dict[str, float]:
    """Make the metrics of a checkpoint: the step, and the rewards as extras beside the schema's losses."""
    values: dict[str, float | None] = {
        "step": report.step,
        "train_mean_reward": report.train.reward_mean,
        "completion_tokens_mean": report.train.completion_tokens_mean,
    }
    if report.valid is not None:
        values["full_valid_mean_reward"] = report.valid.reward_mean
        values["full_valid_mean_parse_error"] = report.valid.parse_error_share
    return {name: value for name, value in values.items() if value is not None}


def _flat(report: StepReport) -> dict[str, Any]:
    train, valid = report.train, report.valid
    flat: dict[str, Any] = {
        "train_mean_reward": train.reward_mean,
        "completion_tokens_mean": train.completion_tokens_mean,
        "reasoning_tokens_mean": train.reasoning_tokens_mean,
        "mean_unresponsive_rewards": _failed_share(train),
    }
    if valid is not None:
        flat |= {
            "full_valid_mean_reward": valid.reward_mean,
            "full_valid_mean_parse_error": valid.parse_error_share,
            "valid_reasoning_tokens_mean": valid.reasoning_tokens_mean,
        }
    return flat


def _scores(report: StepReport) -> dict[str, Any]:
    scores: dict[str, Any] = {"train_reward_mean": report.train.reward_mean}
    if report.valid is not None:
        scores["valid_reward_mean"] = report.valid.reward_mean
    graders = []
    for name, pair in _pairs(report).items():
        rewards = {f"{split}_reward_mean": grader.reward_mean for split, grader in pair.items()}
        graders.append({"name": name, "type": _type_of(pair)} | rewards)
    return scores | {"graders": graders}


def _usage(report: StepReport) -> dict[str, Any]:
    samples: dict[str, Any] = {}
    for split, part in _splits(report).items():
        samples[f"{split}_reasoning_tokens_mean"] = part.reasoning_tokens_mean
        samples[f"{split}_reasoning_tokens_count"] = part.n_samples
        samples[f"{split}_completion_tokens_mean"] = part.completion_tokens_mean
        samples[f"{split}_completion_tokens_count"] = part.n_samples
    graders = [{"name": name, "type": _type_of(pair)} for name, pair in _pairs(report).items()]
    return {"samples": samples, "graders": graders}


def _errors_of(name: str, pair: Mapping[str, GraderReport]) -> dict[str, Any]:
    errors: dict[str, Any] = {"name": name, "type": _type_of(pair)}
    for split, grader in pair.items():
        for flag in (flag for flag in ERROR_FLAGS if flag in _ALWAYS_TOLD or flag in grader.error_counts):
            count = grader.error_counts.get(flag, 0)
            errors[f"{split}_{flag}_count"] = count
            errors[f"{split}_{flag}_mean"] = count / grader.n_graded if grader.n_graded else 0.0
    return errors


def _timing(report: StepReport) -> dict[str, Any]:
    step = {
        "sampling": report.sampling_s,
        "grading": report.grading_s,
        "training": report.training_s,
        "full_iteration": report.full_iteration_s,
    }
    if report.valid is not None:
        step["eval"] = report.eval_s
    graders = []
    for name, pair in _pairs(report).items():
        times = {
            f"{split}_execution_latency_mean": part.execution_latency_mean_s for split, part in pair.items()
        }
        graders.append({"name": name, "type": _type_of(pair)} | times)
    return {"step": step, "graders": graders}


def _own(report: StepReport) -> dict[str, Any]:
    train, valid = report.train, report.valid
    own: dict[str, Any] = {
        "zero_spread_share": train.zero_spread_share,
        "truncated_share": train.truncated_share,
        "parse_error_share": train.parse_error_share,
        "reward_std": train.reward_std,
        "n_samples": train.n_samples,
        "n_failed": train.n_failed,
        "n_groups_used": report.n_groups_used,
        "logprob_gap_mean": report.logprob_gap_mean,
        "logprob_gap_max": report.logprob_gap_max,
        "kl_mean": report.kl_mean,
        "grad_norm": report.grad_norm,
        "cpu_s": report.cpu_s,
        "peak_rss_bytes": report.peak_rss_bytes,
    }
    if valid is not None:
        own |= {
            "valid_truncated_share": valid.truncated_share,
            "valid_reward_std": valid.reward_std,
            "valid_completion_tokens_mean": valid.completion_tokens_mean,
            "valid_n_samples": valid.n_samples,
            "valid_n_failed": valid.n_failed,
        }
    return own


def _token_usage(tokens: GraderTokens) -> dict[str, dict[str, int]]:
    usage: dict[str, dict[str, int]] = {}
    for (model, split), spent in tokens.items():
        prefix = "eval" if split == "valid" else "train"
        usage.setdefault(model, {}).update(
            {
                f"{prefix}_prompt_tokens": spent.prompt_tokens,
                f"{prefix}_completion_tokens": spent.completion_tokens,
                f"{prefix}_cached_tokens": spent.cached_tokens,
            }
        )
    return usage


def _typed(report: StepReport, types: Mapping[str, str]) -> StepReport:
    def typed(split: SplitReport) -> SplitReport:
        graders = (replace(each, type=each.type or types.get(each.name, "")) for each in split.graders)
        return replace(split, graders=tuple(graders))

    valid = None if report.valid is None else typed(report.valid)
    return replace(report, train=typed(report.train), valid=valid)


def _splits(report: StepReport) -> dict[str, SplitReport]:
    splits = {"train": report.train}
    return splits if report.valid is None else splits | {"valid": report.valid}


def _pairs(report: StepReport) -> dict[str, dict[str, GraderReport]]:
    pairs: dict[str, dict[str, GraderReport]] = {}
    for split, part in _splits(report).items():
        for grader in part.graders:
            pairs.setdefault(grader.name, {})[split] = grader
    return pairs


def _type_of(pair: Mapping[str, GraderReport]) -> str:
    return next(iter(pair.values())).type


def _failed_share(split: SplitReport) -> float:
    return split.n_failed / split.n_samples if split.n_samples else 0.0


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
