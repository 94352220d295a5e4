"""What `doctor --verify` tries out: not whether a thing is installed, but whether it acts.

In: the user's `Home`, the environment. Out: `Check`s. Only here the doctor writes, trains, asks providers.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rftctl.commands.checks import Check, State
from rftctl.errors import BusyError, RftctlError, StorageError
from rftctl.ledger import Ledger
from rftctl.ledger.locks import hold_lock
from rftctl.profiles import load_profiles
from rftctl.providers import connect
from rftctl.redaction import redact
from rftctl.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rftctl.home import Home

LEAST_FREE_BYTES = 1 << 20
FEW_FREE_BYTES = 256 << 20
CLOCK_SLACK_S = 120.0
OLDEST_NOW = 1_760_000_000.0
"""A clock before this day (October 2025) was never set."""
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
)
GRADER = "def grade(sample, item):\n    return float(sample['output_text'] == item['answer'])\n"
SPY = """\
def grade(sample, item):
    import os, socket
    found = sum(name.endswith(('_KEY', '_TOKEN')) for name in os.environ)
    try:
        found += len(open(item['path'], 'rb').read(1))
    except OSError:
        pass
    try:
        socket.create_connection(('127.0.0.1', item['port']), timeout=2).close()
        found += 1
    except OSError:
        pass
    return float(found)
"""


def verify_storage(home: Home) -> Iterator[Check]:
    """Try the ledger, its journal, the locks, the disk, the clock and the permissions."""
    yield from _ledger(home)
    yield _lock(home)
    yield _disk(home)
    yield _file_system(home)
    yield from _permissions(home)


def verify_sandbox(home: Home) -> Iterator[Check]:
    """Run a grader in the sandbox that would be chosen, and one that tries to get out."""
    from rftctl.sandbox import choose_sandbox

    name = "sandbox acts"
    try:
        with choose_sandbox("auto") as sandbox:
            reward = _grade(sandbox, GRADER, {"answer": "x"}, "x")
            found = _spy(sandbox, home)
    except RftctlError as error:
        yield Check(name, "warning", error.message, error.hint)
        return
    if reward != 1.0:
        yield Check(name, "broken", f"a plain grader earned {reward} instead of 1", "please report this")
    elif found != 0.0:
        yield Check(name, "broken", "a hostile grader got out", "do not run graders of others here")
    else:
        yield Check(name, "ok", "a grader ran; a hostile one reached no file, no network, no key")


def verify_engine(home: Home) -> Iterator[Check]:
    """Train a tiny random model for one step, where the local engine is installed."""
    if any(find_spec(name) is None for name in ("torch", "transformers", "safetensors")):
        return
    began = time.monotonic()
    try:
        moved = _train_once(home)
    except RftctlError as error:
        yield Check("engine trains", "broken", error.message, error.hint)
        return
    state: State = "ok" if moved else "broken"
    what = "one step of a tiny random model" if moved else "a training step changed no weight"
    yield Check("engine trains", state, f"{what}, {time.monotonic() - began:.1f} s")


def verify_providers(home: Home, environ: Mapping[str, str]) -> Iterator[Check]:
    """Ask each provider whose key is here for its models."""
    for name in (*load_profiles(home.profiles), *home.providers):
        if name == "local":
            continue
        try:
            provider = connect(name, home, environ)
        except RftctlError:
            # No key: the check without --verify has said so.
            continue
        try:
            with closing(provider):
                yield Check(f"{name} answers", "ok", plural(len(provider.models()), "model"))
        except RftctlError as error:
            yield Check(f"{name} answers", "warning", error.message, error.hint)


def _ledger(home: Home) -> Iterator[Check]:
    try:
        with Ledger(home.ledger) as ledger:
            damage = ledger.check()
            runs = ledger.runs()
            newest = max((entry["at"] for run in runs for entry in ledger.entries(run.run_id)), default=0.0)
            size = ledger.journal.size
    except StorageError as error:
        yield Check("ledger", "broken", error.message, error.hint)
        return
    if damage:
        yield Check("ledger", "broken", damage, "rftctl runs recover")
    else:
        yield Check("ledger", "ok", f"{plural(len(runs), 'run')}, agrees with its journal of {size:,} bytes")
    yield _clock(newest)


def _clock(newest: float) -> Check:
    now = time.time()
    if now < OLDEST_NOW:
        return Check(
            "clock", "broken", time.strftime("it says %Y-%m-%d", time.localtime(now)), "set the clock"
        )
    if now + CLOCK_SLACK_S < newest:
        behind = f"it is {newest - now:,.0f} s behind the ledger's newest fact"
        return Check("clock", "warning", behind, "set the clock; budgets and waits go by it")
    return Check("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now)))


def _lock(home: Home) -> Check:
    path = home.path / "locks" / "doctor.lock"
    hint = "set RFTCTL_HOME to a folder on a local disk"
    try:
        with hold_lock(path, "running the doctor"):
            try:
                with hold_lock(path, "running the doctor"):
                    return Check("locks", "broken", "a lock that is held was given out again", hint)
            except BusyError:
                return Check("locks", "ok", "held, and refused to a second holder")
    except BusyError:
        return Check("locks", "ok", "held by another doctor")
    except StorageError as error:
        return Check("locks", "broken", error.message, hint)


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.path).free
    detail = f"{free / (1 << 20):,.0f} MiB free"
    if free < LEAST_FREE_BYTES:
        return Check("disk", "broken", detail, "free some space")
    if free < FEW_FREE_BYTES:
        return Check("disk", "warning", detail, "a training run writes checkpoints; free some space")
    return Check("disk", "ok", detail)


def _file_system(home: Home) -> Check:
    kind = _mounted_as(home.path)
    if kind in NETWORK_FILE_SYSTEMS:
        hint = "SQLite's log and file locks need a local disk: set RFTCTL_HOME"
        return Check("file system", "warning", f"{kind}, over a network", hint)
    return Check("file system", "ok", kind or "unknown here")


def _mounted_as(path: Path) -> str:
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = {fields[1]: fields[2] for fields in map(str.split, lines) if len(fields) > 2}
    places = [str(path.resolve()), *map(str, path.resolve().parents)]
    return next((mounts[place] for place in places if place in mounts), "")


def _permissions(home: Home) -> Iterator[Check]:
    names = ("", "ledger.sqlite", "ledger.journal.jsonl", "config.yaml", "judge-answers.sqlite")
    open_to_others = [
        f"{name or 'the folder itself'} ({stat.S_IMODE(mode):o})"
        for name in names
        for mode in _mode(home.path / name)
        if mode & 0o077
    ]
    if open_to_others:
        yield Check(
            "permissions",
            "warning",
            f"others may read or change {', '.join(open_to_others)}",
            f"chmod -R go= {home.path}",
        )
    else:
        yield Check("permissions", "ok", f"{home.path} is yours alone")
    yield from _keys_in_config(home)


def _mode(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_mode]


def _keys_in_config(home: Home) -> Iterator[Check]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = (home.path / "config.yaml").read_text()
        if redact(text) != text:
            hint = "name an environment variable there (api_key_env), and change the key"
            yield Check("keys in config.yaml", "warning", "config.yaml holds a key", hint)


def _grade(sandbox: Any, source: str, item: dict[str, Any], output: str) -> float | None:
    from rftctl.dataset import Sample
    from rftctl.graders import build_grader

    grader = build_grader({"type": "python", "name": "verify", "source": source}, sandbox=sandbox)
    try:
        return grader.grade_batch([(Sample(output_text=output), item)])[0].reward
    finally:
        grader.close()


def _spy(sandbox: Any, home: Home) -> float | None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        item = {"path": str(home.ledger), "port": listener.getsockname()[1]}
        return _grade(sandbox, SPY, item, "x")


def _train_once(home: Home) -> bool:
    from rftctl.engine.backend import AdamSettings, SamplingSettings, TrainSequence
    from rftctl.engine.torch_backend import TorchBackend

    session = TorchBackend(home.cache).open("tiny-random", lora=None, seed=0)
    try:
        prompt = session.render([{"role": "user", "content": "hello"}])
        drawn = session.sample([prompt], 1, SamplingSettings(max_tokens=4), [1])[0][0]
        advantages = (1.0,) * len(drawn.tokens)
        batch = [TrainSequence(prompt, drawn.tokens, drawn.logprobs, advantages)]
        before = session.logprobs(batch)
        session.forward_backward(batch)
        session.optim_step(AdamSettings(learning_rate=1e-2))
        return session.logprobs(batch) != before
    finally:
        session.close()
