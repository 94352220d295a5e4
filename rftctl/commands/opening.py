"""Opening what a command works with: graders in their sandbox, row counts, models to compare.

In: a `SpecFile`, the user's `Home`. Out: things to close again.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from rftctl.errors import InvalidInputError, ProviderError, UsageError
from rftctl.graders import build_grader
from rftctl.spec.reads import model_graders
from rftctl.strict_jsonl import read_json_lines
from rftctl.wire import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.dataset import Sample, Sampler
    from rftctl.graders import Grader
    from rftctl.home import Home
    from rftctl.ledger import Run
    from rftctl.providers.base import Provider
    from rftctl.sandbox import Sandbox
    from rftctl.spec import SpecFile


@contextmanager
def open_grader(
    spec_file: SpecFile,
    home: Home,
    *,
    sandbox_request: str = "auto",
    fidelity: bool = False,
    allow_unsafe: bool = False,
    keep_answers: bool = True,
    asks_judge: bool = True,
) -> Iterator[tuple[Grader, Sandbox | None]]:
    """Build the spec's grader, with its judge; a sandbox is opened only when some of it runs code.

    Args:
        sandbox_request: `auto`, a level, or `docker`.
        fidelity: give a call what the platform gives it, instead of less.
        keep_answers: whether a judge's answers are kept and used again; not where repeats are the point.
        asks_judge: False where every output brings its judge's result; none is opened then.

    Raises:
        InvalidInputError: the grader is wrong, or the user's config defines no such judge.
        NotOfferedError: no sandbox that may be used works here.
        ProviderError: the judge's key is not set.
    """
    with ExitStack() as stack:
        judge: Sampler | None = _NoJudge()
        if asks_judge:
            judge = stack.enter_context(open_judge(spec_file, home, keep_answers=keep_answers))
        sandbox = None
        if runs_code(spec_file.grader):
            sandbox = stack.enter_context(open_sandbox(sandbox_request, fidelity, allow_unsafe))
        grader = build_grader(spec_file.grader, sampler=judge, sandbox=sandbox)
        stack.callback(grader.close)
        yield grader, sandbox


class _NoJudge:
    """Stands where a judge would, for graders that are not to ask one."""

    def sample(self, *_: Any, **__: Any) -> tuple[Sample, dict[str, int]]:
        raise ProviderError("no judge was opened", "let every case bring `judge`, or none")


@contextmanager
def open_judge(spec_file: SpecFile, home: Home, *, keep_answers: bool = True) -> Iterator[Sampler | None]:
    """Open the judge that a spec names, as config.yaml defines it, or else its provider as the judge.

    Gives None for a grader that asks no model.

    Raises:
        InvalidInputError: config.yaml defines no such judge.
        NotOfferedError: the embedded service is to judge, and the grader's model is not on this machine.
        ProviderError: the key is not set.
    """
    named = judge_settings(spec_file, home)
    if named is None and not model_graders(spec_file.grader):
        yield None
        return
    provider = spec_file.spec.provider
    if named is None and provider == "local" and provider not in home.providers:
        with _open_service_judge(spec_file.grader, home) as judge:
            yield judge
        return
    from rftctl.judge import HttpJudge, JudgeSettings
    from rftctl.providers.judging import own_judge_settings

    settings = JudgeSettings.of(named) if named else own_judge_settings(provider, home, os.environ)
    cache = home.path / "judge-answers.sqlite" if keep_answers else None
    with closing(HttpJudge(settings, cache)) as judge:
        yield judge


@contextmanager
def _open_service_judge(grader: dict[str, Any], home: Home) -> Iterator[Sampler | None]:
    from rftctl.providers.local import need_engine

    need_engine()
    from rftctl.server.chat import Chat, torch_backend
    from rftctl.server.judge import own_judge
    from rftctl.server.names import model_cache
    from rftctl.server.store import Store

    with (
        closing(Store(home.service)) as store,
        closing(Chat(lambda: torch_backend(model_cache(store)))) as chat,
    ):
        yield own_judge(store, chat, grader)


def judge_settings(spec_file: SpecFile, home: Home) -> dict[str, Any] | None:
    """Return what the user's config.yaml says of the judge that a spec names; None when it names none.

    Raises:
        InvalidInputError: config.yaml defines no such judge.
    """
    name = spec_file.spec.judge
    if name is None:
        return None
    if name not in home.judges:
        known = ", ".join(home.judges) or "none so far"
        raise InvalidInputError(
            f"judge '{name}' is not defined", f"define it in config.yaml; there is {known}"
        )
    return home.judges[name]


def open_sandbox(request: str, fidelity: bool, allow_unsafe: bool) -> Sandbox:
    """Open the sandbox asked for, with the platform's limits or the shorter ones of every day.

    Raises:
        NotOfferedError: it does not work here, or needs consent.
    """
    from rftctl.sandbox import DEFAULT_LIMITS, FIDELITY, choose_sandbox

    return choose_sandbox(request, limits=FIDELITY if fidelity else DEFAULT_LIMITS, allow_unsafe=allow_unsafe)


def runs_code(grader: dict[str, Any]) -> bool:
    """Tell whether a grader, or any inside it, runs the user's code on this machine."""
    parts = grader.get("graders")
    inside = parts.values() if isinstance(parts, dict) else ()
    here = grader.get("type") == "python" or "handler" in grader
    return here or any(runs_code(part) for part in inside if isinstance(part, dict))


def count_rows(spec_file: SpecFile, name: str) -> int:
    """Count the rows of a data file that the spec names; 0 when it names none."""
    path = spec_file.file(name)
    return sum(1 for _ in read_json_lines(path)) if path else 0


def tuned_model(run: Run, provider: Provider, checkpoint: str | None = None) -> tuple[str, str | None]:
    """Find the model to evaluate and the folder it lies in, if it lies on this machine.

    Args:
        checkpoint: a step number, a checkpoint's name, or None for the job's final model.

    Raises:
        UsageError: there is nothing to evaluate yet.
    """
    if run.job_id is None:
        raise UsageError(f"run '{run.run_id}' has no job yet", f"launch it: rftctl launch {run.spec_path}")
    job, checkpoints = provider.job(run.job_id), provider.checkpoints(run.job_id)
    by_name = {c.model: c for c in checkpoints} | {str(c.step): c for c in checkpoints}
    wanted = checkpoint or job.fine_tuned_model or (checkpoints[0].model if checkpoints else None)
    if wanted is None:
        raise UsageError(f"run '{run.run_id}' has no model yet", f"rftctl watch {run.run_id}")
    found = by_name.get(wanted)
    if checkpoint is not None and found is None:
        steps = ", ".join(str(c.step) for c in reversed(checkpoints)) or "none"
        raise UsageError(f"run '{run.run_id}' has no checkpoint '{checkpoint}'", f"steps: {steps}")
    model = found.model if found else wanted
    # The embedded service's final model is its newest checkpoint; other providers name no folder at all.
    newest = checkpoints[0] if checkpoints else None
    source = found or newest
    folder = mapping(source.raw.get("rftctl")).get("folder") if source else None
    return model, folder if isinstance(folder, str) else None


def load_run_spec(run: Run) -> SpecFile:
    """Load the spec that a run was launched from.

    Raises:
        InvalidInputError: it is not known, or has changed since and no longer describes the run.
    """
    from pathlib import Path

    from rftctl.spec import load_spec

    if not run.spec_path:
        raise InvalidInputError(
            f"run '{run.run_id}' was adopted without its spec",
            f"rftctl runs purge {run.run_id}, then rftctl runs adopt {run.job_id} --spec SPEC",
        )
    spec_file = load_spec(Path(run.spec_path), target=run.target, overrides=run.overrides)
    if spec_file.sha256 != run.spec_sha256:
        raise InvalidInputError(
            f"spec '{run.spec_path}' has changed since run '{run.run_id}' was launched",
            "restore it, or launch the changed spec as a new run",
        )
    return spec_file
