"""Kills launches at every moment there is and counts jobs made twice, runs lost, ledgers broken.

In: how many of each kind. Out: figures, and every violation with what led to it. Run as
`python -m tests.faults.kills --kills 10000 --commands 200 --points 1 --races 1000`; 0 leaves a kind out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import forker
from tests.faults.forker import Command, Outcome, Story
from tests.faults.tracer import Act, Call, trace
from tests.faults.world import CANARY, FaultServer, World, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS_A_RUN = 8
TELL_EVERY = 100
VISIBLE_WITHIN_S = 0.04
SURELY_VISIBLE_S = 0.5
SETTLED_S = 0.02
"""What a killed client had sent is read by the service by then."""
KEY = {"LAB_KEY": CANARY}
CREATE_FAULTS = ["hung up, but done", "502, but done", "HTML, but done", "hung up, nothing done"]
DONE, UNKNOWN, BUSY = 0, 9, 8


Result = tuple[int, Outcome, list[str]]
"""What a story came to: its kills, how its last launch ended, and what was violated."""


@dataclass
class Tally:
    """Figures of one kind of attack.

    Attributes:
        kills: commands that died by our hand.
        unknown: runs that ended in exit 9, rightly: their create had never arrived.
    """

    kind: str
    runs: int = 0
    kills: int = 0
    launched: int = 0
    unknown: int = 0
    violations: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def line(self) -> str:
        """All of it on one line."""
        seconds = self.ended - self.began
        return (
            f"{self.kind}: {self.runs} runs, {self.kills} kills, {self.launched} launched, "
            f"{self.unknown} unknown (exit 9), {len(self.violations)} violations, {seconds:.0f} s"
        )

    def add(self, kills: int, last: Outcome | None, violations: list[str]) -> None:
        """Count a run that was brought to its end."""
        self.ended = time.monotonic()
        self.runs += 1
        self.kills += kills
        self.launched += last is not None and last.code == DONE
        self.unknown += last is not None and last.code == UNKNOWN
        self.violations += violations
        for violation in violations:
            say(f"  VIOLATION {violation}")
        if self.runs % TELL_EVERY == 0:
            say(f"  so far: {self.line()}")


class Place:
    """A folder with a home and a project, and the service that they launch to."""

    def __init__(self, server: FaultServer, **options: object) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rftctl-faults-"))
        self.world: World = server.world(**options)
        self.spec = make_project(self.folder, self.world.url)
        self.home = self.folder / "home"

    def launch(self, *more: str, kill_after_s: float | None = None) -> Command:
        """The command that launches."""
        return Command(["launch", str(self.spec), *more], self.home, KEY, kill_after_s)

    def judge(self, last: Outcome, history: str) -> list[str]:
        """Compare what the service made with what the ledger and the last command say; then clean up."""
        jobs, creates = self.world.jobs(), self.world.creates()
        broken, ours = read_ledger(self.home)
        found = list(broken)
        if len(jobs) > 1:
            found.append(f"{len(jobs)} jobs for one spec")
        if creates > 1:
            found.append(f"{creates} creates sent for one intent")
        if last.code not in (DONE, UNKNOWN):
            found.append(f"ended with {last.code}{' (hung)' if last.is_hung else ''}: {last.said[-300:]}")
        if last.code == UNKNOWN and jobs:
            found.append("a job that the service shows was not found again")
        if last.code == DONE and [job["id"] for job in jobs] != ours:
            found.append(f"the service made {[job['id'] for job in jobs]}, the ledger knows {ours}")
        if last.code == UNKNOWN and ours != [None]:
            found.append(f"the outcome is unknown and the ledger knows {ours}")
        if "Traceback" in last.said or CANARY in last.said:
            found.append(f"a trace or a key: {last.said[-300:]}")
        if not found:
            shutil.rmtree(self.folder)
        return [f"{violation} ({history}, {self.folder})" for violation in found]


def read_ledger(home: Path) -> tuple[list[str], list[str | None]]:
    """Check a ledger with SQLite's own means; returns what is broken, and the job id of each of its runs."""
    path = home / "ledger.sqlite"
    if not path.exists():
        return ["there is no ledger"], []
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
            runs = [row[0] for row in db.execute("SELECT run_id FROM runs ORDER BY created_at")]
            facts = db.execute("SELECT run_id, data FROM entries WHERE kind = 'job'").fetchall()
        db.close()
    except sqlite3.Error as error:
        return [f"the ledger cannot be read: {error}"], []
    known = {run_id: json.loads(data)["job_id"] for run_id, data in facts}
    return [] if verdict == "ok" else [f"the ledger is corrupt: {verdict}"], [known.get(run) for run in runs]


@dataclass
class Pace:
    """How long a launch takes on this machine now, and how many were killed so far."""

    launch_s: float = 0.15
    kills: int = 0


def random_kills(server: FaultServer, n_kills: int, seed: int) -> Iterator[Story[Result]]:
    """Make stories, each a run whose launches are killed at random moments, until there are enough kills."""
    dice, pace = random.Random(seed), Pace()
    while pace.kills < n_kills:
        yield _killed_again_and_again(server, random.Random(dice.random()), pace)


def _killed_again_and_again(server: FaultServer, dice: random.Random, pace: Pace) -> Story[Result]:
    if dice.random() < 0.1:
        spared = Place(server)
        (undisturbed,) = yield [spared.launch()]
        pace.launch_s = undisturbed.seconds
        shutil.rmtree(spared.folder)
    pauses = {name: dice.random() * 0.01 for name in ("commit_after_s", "reply_after_s")}
    place = Place(server, visible_after_s=dice.random() * VISIBLE_WITHIN_S, **pauses)
    if dice.random() < 0.2:
        place.world.fail("POST", "/fine_tuning/jobs$", dice.choice(CREATE_FAULTS), times=1)
    kills, history = 0, []
    while kills < KILLS_A_RUN:
        moment = dice.random() * pace.launch_s * 1.1
        (ended,) = yield [place.launch(kill_after_s=moment)]
        history.append(f"{moment:.3f}:{ended.code}")
        if ended.code is not None:
            break
        kills += 1
        pace.kills += 1
    (last,) = yield [place.launch()]
    if last.code == UNKNOWN:
        # As it was told to: wait until a job that was made must show up, and repeat.
        time.sleep(SURELY_VISIBLE_S)
        (last,) = yield [place.launch()]
    return kills, last, place.judge(last, " ".join(history))


def hidden_for_long(server: FaultServer, count: int) -> Iterator[Story[list[str]]]:
    """Make stories of a service whose jobs show up only after the settle window."""
    for number in range(count):
        yield _never_sent_twice(server, CREATE_FAULTS[number % 3])


def _never_sent_twice(server: FaultServer, fault: str) -> Story[list[str]]:
    place = Place(server, visible_after_s=3600.0)
    place.world.fail("POST", "/fine_tuning/jobs$", fault, times=1)
    codes = []
    for _ in range(4):
        (ended,) = yield [place.launch()]
        codes.append(ended.code)
    creates = place.world.creates()
    place.world.configure(visible_after_s=0.0)
    (last,) = yield [place.launch()]
    found = place.judge(last, f"{fault}: {codes}")
    if codes != [UNKNOWN] * 4 or creates != 1 or last.code != DONE:
        found.append(f"{fault}: exits {codes}, then {last.code}; {creates} creates")
    return found


def races(server: FaultServer, count: int, seed: int) -> Iterator[Story[Result]]:
    """Make stories of two launches of one spec at once."""
    dice = random.Random(seed)
    for _ in range(count):
        yield _raced(server, random.Random(dice.random()))


def _raced(server: FaultServer, dice: random.Random) -> Story[Result]:
    place = Place(server, commit_after_s=dice.random() * 0.02, reply_after_s=dice.random() * 0.02)
    # The second has a place of its own to print to, and the same home.
    second = place.launch()
    both = yield [
        place.launch(),
        Command(second.arguments, place.home, second.environment, prints_to="second"),
    ]
    codes = sorted(ended.code if ended.code is not None else -1 for ended in both)
    (last,) = yield [place.launch()]
    found = place.judge(last, f"raced: {codes}")
    if codes not in ([DONE, DONE], [DONE, BUSY]):
        found.append(f"two launches ended with {codes}: {both[0].said[-200:]} | {both[1].said[-200:]}")
    return 0, last, found


def point_kills(server: FaultServer, every: int, tally: Tally) -> None:
    """Kill before and after each `every`th write, fsync, rename, send and receive of a launch."""
    number = 1
    calls: list[Call] = []
    while True:
        for is_after in (False, True):
            place = Place(server)
            hit = trace(place.launch(), Act(at=number, is_after=is_after))
            if not hit.was_hit:
                shutil.rmtree(place.folder)
                say(f"a launch makes {len(hit.calls)} calls; killed around every {every}. of them")
                return
            calls = hit.calls
            time.sleep(SETTLED_S)
            last = forker.run(place.launch())
            when, call = "after" if is_after else "before", calls[-1]
            where = f"killed {when} call {number}, {call.name} of {call.on}"
            tally.add(1, last, place.judge(last, where))
        number += every


def whole_commands(server: FaultServer, n_kills: int, seed: int, tally: Tally) -> None:
    """Kill the whole command, a process of its own with all its imports, at random moments."""
    dice = random.Random(seed)
    took_s = 0.0
    while tally.kills < n_kills:
        place = Place(server, visible_after_s=dice.random() * VISIBLE_WITHIN_S)
        took_s = took_s or _whole(Place(server), None)[1]
        kills, history = 0, []
        while kills < 4:
            moment = took_s * (0.35 + 0.75 * dice.random())
            code, _ = _whole(place, moment)
            history.append(f"{moment:.2f}:{code}")
            kills += code == -signal.SIGKILL
            if code != -signal.SIGKILL:
                break
        time.sleep(SURELY_VISIBLE_S)
        last = forker.run(place.launch())
        tally.add(kills, last, place.judge(last, " ".join(history)))


def _whole(place: Place, kill_after_s: float | None) -> tuple[int, float]:
    began = time.monotonic()
    environment = {**os.environ, **KEY, "RFTCTL_HOME": str(place.home)}
    command = [sys.executable, "-m", "rftctl", "launch", str(place.spec)]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        code = child.wait(kill_after_s)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    return code, time.monotonic() - began


def attack(
    kills: int, commands: int, every: int, n_races: int, hidden: int, seed: int, width: int
) -> list[Tally]:
    """Carry out every kind of attack and return its figures."""
    forker.load()
    tallies: list[Tally] = []
    with FaultServer() as server:
        if kills:
            tallies.append(tally := Tally("random kills"))
            for result in forker.play(random_kills(server, kills, seed), width):
                tally.add(*result)
        if every:
            tallies.append(tally := Tally("kills around each call"))
            point_kills(server, every, tally)
        if n_races:
            tallies.append(tally := Tally("races of two"))
            for result in forker.play(races(server, n_races, seed), width):
                tally.add(*result)
        if hidden:
            tallies.append(tally := Tally("hidden beyond the settle window"))
            for found in forker.play(hidden_for_long(server, hidden), width):
                tally.add(0, None, found)
        if commands:
            tallies.append(tally := Tally("kills of the whole command"))
            whole_commands(server, commands, seed, tally)
    return tallies


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Attack as the arguments say; 1 when anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--commands", type=int, default=8)
    parser.add_argument("--points", type=int, default=8, help="kill around every Nth call")
    parser.add_argument("--races", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=2)
    given = parser.parse_args()
    tallies = attack(
        given.kills, given.commands, given.points, given.races, given.hidden, given.seed, given.width
    )
    for tally in tallies:
        say(tally.line())
        for violation in tally.violations[:20]:
            say(f"  VIOLATION {violation}")
    return int(any(tally.violations for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
