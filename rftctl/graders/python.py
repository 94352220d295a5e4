"""The `python` grader: the user's `grade(sample, item)`, run in a sandbox.

How the sandbox's answers become the API's flags (the API names two, and documents neither further):
what the user's code did (it raised, gave no finite number, took too long or too much memory, ended
its process, forged a reply) is `python_grader_runtime_error`, since the way out is to change the
code; what the sandbox itself failed at is `python_grader_server_error`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rftctl.graders.base import Grade, sample_namespace
from rftctl.graders.python_source import check_source
from rftctl.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rftctl.dataset import Sample
    from rftctl.graders.checks import Checker
    from rftctl.sandbox import CallResult, GraderProcess, Sandbox

MAX_WORKERS = 4
"""Calls in flight at once, where there are as many cores."""

_MAX_DETAIL = 400

IMAGE_TAG = "2025-05-08"
"""The one documented image of the hosted python grader."""


def check_python(check: Checker) -> None:
    """Report what is wrong with a python grader's config and source."""
    check.keys(("source",), ("name", "image_tag"), ("pass_threshold",))
    check.named()
    source = check.text("source")
    if source is not None:
        check_source(check, source)
    tag = check.text("image_tag")
    if tag not in (None, IMAGE_TAG):
        check.warning("RFT303", ("image_tag",), f"is '{tag}'", f"the documented image is '{IMAGE_TAG}'")


class SourceGrader:
    """Runs source that defines `grade`, one fork a call, in a worker that starts with the first batch."""

    type = "python"

    def __init__(self, name: str, source: str, sandbox: Sandbox) -> None:
        self.name = name
        self._source = source
        self._sandbox = sandbox
        self._process: GraderProcess | None = None

    def grade_batch(self, pairs: Sequence[tuple[Sample, dict[str, Any]]]) -> list[Grade]:
        """Grade each (sample, item) by the user's function."""
        if not pairs:
            return []
        if self._process is None:
            # A second worker costs its start: worth it only when the batches are not tiny.
            workers = min(MAX_WORKERS, os.cpu_count() or 1, 1 + len(pairs) // 8)
            self._process = self._sandbox.start(self._source, workers)
        calls = [(sample_namespace(sample), item) for sample, item in pairs]
        return [_as_grade(result) for result in self._process.call_batch(calls)]

    def close(self) -> None:
        """End the worker process."""
        if self._process is not None:
            self._process.close()
            self._process = None


class PythonGrader(SourceGrader):
    """The python grader of the API."""

    def __init__(self, config: dict[str, Any], sandbox: Sandbox) -> None:
        super().__init__(config.get("name", self.type), config["source"], sandbox)


def _as_grade(result: CallResult) -> Grade:
    seconds = result.execution_time_s
    if result.status == "ok" and result.value is not None:
        return Grade.of(result.value, execution_time_s=seconds)
    blames_sandbox = result.status in ("ok", "server_error")
    flag = "python_grader_server_error" if blames_sandbox else "python_grader_runtime_error"
    detail = one_line(f"{result.status.replace('_', ' ')}: {result.detail}", limit=_MAX_DETAIL)
    return Grade.failure(flag, detail, execution_time_s=seconds)
