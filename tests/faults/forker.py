"""Real rftctl processes, forked after the imports so that thousands of them are affordable.

In: `Command`s. Out: `Outcome`s: exit code, what was printed, whether it was killed or had to be.
The process that forks must be single-threaded; nothing of rftctl is replaced.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import math
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")

HUNG_AFTER_S = 40.0
MEMORY_BYTES = 1 << 30
"""What a command may ask of the machine on top of what is loaded already."""
LOADED = (
    "rftctl.cli",
    "rftctl.commands.launch",
    "rftctl.commands.watch",
    "rftctl.commands.control",
    "rftctl.commands.evaluate",
    "rftctl.commands.runs",
    "rftctl.report.live",
    "rftctl.report.tables",
    "rftctl.report.junit",
    "rftctl.providers.compatible",
    "rftctl.graders.text_similarity",
    "openai.resources.files",
    "anyio._backends._asyncio",
    "jsonschema",
    "httpcore2",
    "encodings.idna",
)


@dataclass
class Command:
    """One command line to run in a child.

    Attributes:
        kill_after_s: SIGKILL after so many seconds.
        under: runs in the child just before the command; the tracer's hook.
        prints_to: sets its output apart from that of another command of the same home.
    """

    arguments: list[str]
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    kill_after_s: float | None = None
    timeout_s: float = HUNG_AFTER_S
    under: Callable[[], None] | None = None
    prints_to: str = ""
    memory_bytes: int | None = MEMORY_BYTES


@dataclass
class Outcome:
    """How a command ended; `code` is None when it was killed on purpose."""

    command: Command
    code: int | None
    out: str
    err: str
    seconds: float
    is_hung: bool = False

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.out + self.err


def load() -> None:
    """Import what commands import, so that children need not."""
    for name in LOADED:
        # A room that was renamed only makes children slower.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    import openai

    client = openai.AsyncOpenAI(api_key="x", base_url="http://127.0.0.1:9")
    _ = client.files, client.fine_tuning.jobs, client.chat.completions, client.models
    # Children share these pages as long as no collection writes to them.
    gc.collect()
    gc.freeze()


@dataclass
class _Child:
    command: Command
    pid: int
    pidfd: int
    began: float
    index: int = 0
    is_killed: bool = False

    @property
    def due(self) -> float:
        if self.is_killed:
            return math.inf
        wait = self.command.kill_after_s
        return self.began + (self.command.timeout_s if wait is None else wait)


def start(command: Command) -> int:
    """Fork a child that runs the command; returns its pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = _become(command)
    except BaseException:
        # What the command line itself would have let through.
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become(command: Command) -> int:
    command.home.mkdir(parents=True, exist_ok=True)
    os.environ.update({"RFTCTL_HOME": str(command.home), **command.environment})
    for name, number in (("stdout", 1), ("stderr", 2)):
        opened = os.open(output(command, name), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    # New streams: those of the parent were made for another place.
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", encoding="utf-8") for n in (1, 2))
    if command.memory_bytes is not None:
        limit = _address_space() + command.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    from rftctl.cli import run_cli

    if command.under is not None:
        command.under()
    return run_cli(command.arguments)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def output(command: Command, name: str) -> Path:
    """Where a command prints to: beside its home, so that what it leaves in there is its own."""
    return command.home.parent / f"{command.home.name}{command.prints_to}.{name}"


Story = Generator[list[Command], list[Outcome], T]
"""What happens one after the other: yields the commands to run at once, is sent how they ended."""


def play(stories: Iterable[Story[T]], width: int = 2) -> Iterator[T]:
    """Play stories, at most `width` of them at a time, and yield the result of each as it ends."""
    stage: _Stage[T] = _Stage()
    waiting = iter(stories)
    while True:
        while stage.n_playing < width and (story := next(waiting, None)) is not None:
            yield from stage.go_on(story, None)
        if not stage.n_playing:
            return
        for story, outcomes in stage.wait():
            yield from stage.go_on(story, outcomes)


def run(command: Command) -> Outcome:
    """Run one command."""

    def story() -> Story[Outcome]:
        outcomes = yield [command]
        return outcomes[0]

    return next(play([story()], 1))


class _Stage(Generic[T]):
    def __init__(self) -> None:
        self.n_playing = 0
        self._children: dict[int, _Child] = {}
        self._casts: dict[int, _Cast] = {}
        self._poll = select.poll()

    def go_on(self, story: Story[T], outcomes: list[Outcome] | None) -> Iterator[T]:
        """Let a story start its next commands, or yield its result."""
        self.n_playing -= outcomes is not None
        try:
            commands = next(story) if outcomes is None else story.send(outcomes)
        except StopIteration as end:
            yield end.value
            return
        self.n_playing += 1
        cast = _Cast(story, [None] * len(commands))
        for index, command in enumerate(commands):
            pid = start(command)
            child = _Child(command, pid, os.pidfd_open(pid), time.monotonic(), index)
            self._children[child.pidfd], self._casts[child.pidfd] = child, cast
            self._poll.register(child.pidfd, select.POLLIN)

    def wait(self) -> Iterator[tuple[Story[T], list[Outcome]]]:
        """Wait until something ends; yields each story whose commands have all ended."""
        due = min(child.due for child in self._children.values())
        ended = self._poll.poll(_milliseconds(due))
        _kill_the_late(self._children.values())
        for pidfd, _ in ended:
            child, cast = self._children.pop(pidfd), self._casts.pop(pidfd)
            self._poll.unregister(pidfd)
            os.close(pidfd)
            cast.outcomes[child.index] = _outcome(child, os.waitpid(child.pid, 0)[1])
            done = [outcome for outcome in cast.outcomes if outcome is not None]
            if len(done) == len(cast.outcomes):
                yield cast.story, done


@dataclass
class _Cast:
    story: Any
    outcomes: list[Outcome | None]


def _milliseconds(due: float) -> float:
    return min(60_000.0, max(0.0, due - time.monotonic()) * 1000)


def _kill_the_late(children: Iterable[_Child]) -> None:
    now = time.monotonic()
    for child in children:
        if now >= child.due and not child.is_killed:
            child.is_killed = True
            os.kill(child.pid, signal.SIGKILL)


def _outcome(child: _Child, status: int) -> Outcome:
    code = os.waitstatus_to_exitcode(status)
    is_hung = code == -signal.SIGKILL and child.is_killed and child.command.kill_after_s is None
    out, err = (_read(output(child.command, name)) for name in ("stdout", "stderr"))
    seconds = time.monotonic() - child.began
    return Outcome(child.command, None if code == -signal.SIGKILL else code, out, err, seconds, is_hung)


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""
