"""The last grader of `graders/run`, kept open for the next request.

In: grader configs. Out: open graders. Who tries a grader on many samples sends it with each of them, and to
start a python grader's sandbox costs many times what a call in it does.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from rftctl.graders import build_grader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftctl.dataset import Sample
    from rftctl.graders import Grader
    from rftctl.graders.base import Grade


class KeptGrader:
    """One open grader that asks no judge; a request that finds it in use gets one of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._key = ""
        self._grader: Grader | None = None

    def grade(self, config: dict[str, Any], sample: Sample, item: dict[str, Any]) -> tuple[Grader, Grade]:
        """Grade one sample; a grader whose sandbox failed is not kept.

        Returns:
            The grader, perhaps closed already, and its grade.

        Raises:
            InvalidInputError: the config is wrong.
            NotOfferedError: no sandbox.
        """
        with self._opened(config) as grader:
            (grade,) = grader.grade_batch([(sample, item)])
            if "python_grader_server_error" in grade.errors:
                self._key = ""
            return grader, grade

    @contextmanager
    def _opened(self, config: dict[str, Any]) -> Iterator[Grader]:
        if not self._lock.acquire(blocking=False):
            grader = build_grader(config)
            try:
                yield grader
            finally:
                grader.close()
            return
        try:
            key = json.dumps(config, sort_keys=True)
            if self._grader is None or key != self._key:
                self._drop()
                self._grader, self._key = build_grader(config), key
            yield self._grader
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the grader's worker."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        kept, self._grader, self._key = self._grader, None, ""
        if kept is not None:
            kept.close()
