"""Every fault on every call: what the command says, what it leaves behind, how often it sends.

In: which share of the matrix. Out: one verdict a case, against the table in `expected`. Run as
`python -m tests.faults.matrix [--share 1] [--as-json]`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import forker
from tests.faults.expected import TIMED_OUT, Expected, Mode, expect
from tests.faults.faults import FAULTS, Fault
from tests.faults.forker import Command, Outcome, Story
from tests.faults.world import CANARY, FaultServer, World, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE_S = "3"
"""How long one call of a faulted command may take with its retries; the product's own setting."""
SLOWEST_S = 150.0
"""No case takes as long, since every wait is bounded: a command that does is hung."""
JOBS = "/fine_tuning/jobs"


@dataclass(frozen=True)
class Call:
    """One request of rftctl's, and the command that makes it.

    Attributes:
        before: commands that lead up to it.
        is_list, is_job: what it is answered with.
        also: a rule besides the fault's own.
    """

    name: str
    method: str
    path: str
    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    skip: int = 0
    modes: tuple[Mode, ...] = ("once",)
    is_list: bool = False
    is_job: bool = False
    also: str | None = None


_LAUNCH, _WATCH = ("launch", "SPEC"), ("watch", "--timeout", "60")
_IMPORT = ("import", "ftjob-1", "--provider", "lab", "--out", "TAKEN")
_BOTH: tuple[Mode, ...] = ("once", "always")
CALLS = [
    Call("upload of the training file", "POST", "/files$", _LAUNCH),
    Call("upload of the validation file", "POST", "/files$", _LAUNCH, skip=1),
    Call("create", "POST", f"{JOBS}$", _LAUNCH, is_job=True),
    Call("look up", "GET", f"{JOBS}$", _LAUNCH, modes=("always",), is_list=True),
    Call("adopt", "GET", f"{JOBS}$", _LAUNCH, modes=_BOTH, is_list=True, also="hung up, but done"),
    Call("job found again", "GET", f"{JOBS}/ftjob-1$", _LAUNCH, (_LAUNCH,), modes=_BOTH, is_job=True),
    Call("watch: job", "GET", f"{JOBS}/ftjob-1$", _WATCH, (_LAUNCH,), modes=_BOTH, is_job=True),
    Call("watch: events", "GET", "/events$", _WATCH, (_LAUNCH,), modes=_BOTH, is_list=True),
    Call("pause", "POST", "/pause$", ("pause",), (_LAUNCH,), is_job=True),
    Call("resume", "POST", "/resume$", ("resume",), (_LAUNCH, ("pause",)), is_job=True),
    Call("cancel", "POST", "/cancel$", ("cancel",), (_LAUNCH,), is_job=True),
    Call(
        "checkpoints",
        "GET",
        "/checkpoints$",
        ("evaluate", "--checkpoint", "3"),
        (_LAUNCH, _WATCH),
        modes=_BOTH,
        is_list=True,
    ),
    Call("chat", "POST", "/chat/completions$", ("evaluate",), (_LAUNCH, _WATCH), modes=_BOTH),
    Call("import: job", "GET", f"{JOBS}/ftjob-1$", _IMPORT, (_LAUNCH, _WATCH), modes=_BOTH, is_job=True),
    Call("import: file", "GET", "/content$", _IMPORT, (_LAUNCH, _WATCH), modes=_BOTH),
    Call("import: events", "GET", "/events$", _IMPORT, (_LAUNCH, _WATCH), modes=_BOTH, is_list=True),
    Call("files: list", "GET", "/files$", ("files", "list"), (_LAUNCH,), modes=_BOTH, is_list=True),
    Call("files: delete", "DELETE", "/files/", ("files", "rm", "--unused"), (_LAUNCH, _WATCH)),
    Call("models", "GET", "/models$", ("validate", "SPEC", "--online"), modes=_BOTH, is_list=True),
]


@dataclass(frozen=True)
class Case:
    """One cell of the matrix, shown as text or JSON."""

    call: Call
    fault: Fault
    mode: Mode
    as_json: bool

    @property
    def name(self) -> str:
        """The cell in words."""
        form = "json" if self.as_json else "text"
        return f"{self.call.name} / {self.fault.name} / {self.mode} / {form}"


@dataclass
class Verdict:
    """What a case came to; right when nothing is wrong with it."""

    name: str
    code: int | None
    state: str | None
    seconds: float
    was_met: bool
    wrong: list[str] = field(default_factory=list)


def _goes_with(call: Call, fault: Fault) -> bool:
    return {"listing": call.is_list, "stranger": call.is_job}.get(fault.kind, True)


def cases() -> list[Case]:
    """All cells, in both forms."""
    return [
        Case(call, fault, mode, as_json)
        for call in CALLS
        for fault in FAULTS.values()
        if _goes_with(call, fault)
        for mode in call.modes
        for as_json in (False, True)
    ]


def pick(share: float, seed: int) -> list[Case]:
    """Choose a share of the cells, every call and every fault among them."""
    every = cases()
    dice = random.Random(seed)
    # The whole matrix too: what was seen when it is stopped early is a fair share.
    dice.shuffle(every)
    chosen = every[: int(len(every) * share)]
    left = every[len(chosen) :]
    for wanted in ("call", "fault"):
        seen = {getattr(case, wanted).name for case in chosen}
        for case in left:
            if getattr(case, wanted).name not in seen:
                seen.add(getattr(case, wanted).name)
                chosen.append(case)
    return chosen


def play(server: FaultServer, case: Case) -> Story[Verdict]:
    """Lead up to the call, let the fault strike, look at what is left, and try again without it."""
    folder = Path(tempfile.mkdtemp(prefix="rftctl-faults-"))
    world = server.world()
    spec, home = make_project(folder, world.url), folder / "home"

    def command(words: tuple[str, ...], *more: str, is_faulted: bool = False) -> Command:
        paths = {"SPEC": str(spec), "TAKEN": str(folder / "taken")}
        arguments = [paths.get(word, word) for word in words]
        environment = {"LAB_KEY": CANARY, **({"RFTCTL_DEADLINE_S": DEADLINE_S} if is_faulted else {})}
        return Command([*arguments, *more], home, environment, timeout_s=SLOWEST_S)

    for words in case.call.before:
        (led,) = yield [command(words)]
        if led.code:
            return Verdict(case.name, led.code, None, 0.0, False, [f"led up wrongly: {led.said[-300:]}"])
    world.configure(rules=_rules(case), forget=True)
    wanted = expect(case.call.name, case.fault, case.mode)
    more = ["--json"] if case.as_json else []
    if "--timeout" in case.call.command and TIMED_OUT in wanted.codes:
        more += ["--timeout", "3"]
    (ended,) = yield [command(case.call.command, *more, is_faulted=True)]
    state = read_state(home)
    wrong = [*_look(case, ended, world, wanted, state), *find_key(home, ended)]
    if wanted.then is not None:
        world.configure(forget=False)
        (after,) = yield [command(("launch", "SPEC"))]
        wrong += _look_after(after, world, wanted)
    was_met = any(request[0] == case.call.method for request in world.report()["requests"])
    if not wrong:
        shutil.rmtree(folder)
    return Verdict(case.name, ended.code, state, ended.seconds, was_met, wrong)


def _rules(case: Case) -> list[dict[str, object]]:
    call = case.call
    rule = {"method": call.method, "path": call.path, "fault": case.fault.name, "skip": call.skip}
    rules: list[dict[str, object]] = [rule | ({"times": 1} if case.mode == "once" else {})]
    if call.also is not None:
        rules.append({"method": "POST", "path": f"{JOBS}$", "fault": call.also, "times": 1})
        # The look before the send is another case's.
        rules[0]["skip"] = looks_before_sending()
    return rules


_LOOKS: list[int] = []


def looks_before_sending() -> int:
    """How often a launch lists jobs before it creates one; seen once, on an undisturbed launch."""
    return _LOOKS[0] if _LOOKS else 0


def learn(server: FaultServer) -> None:
    """Watch one undisturbed launch."""
    folder, world = Path(tempfile.mkdtemp(prefix="rftctl-faults-")), server.world()
    spec = make_project(folder, world.url)
    done = forker.run(Command(["launch", str(spec)], folder / "home", {"LAB_KEY": CANARY}))
    if done.code:
        raise SystemExit(f"an undisturbed launch ends with {done.code}: {done.said}")
    _LOOKS[:] = [world.report()["requests"].count(["GET", JOBS])]
    shutil.rmtree(folder)


def _look(case: Case, ended: Outcome, world: World, wanted: Expected, state: str | None) -> Iterator[str]:
    report = world.report()
    n_jobs, n_sent = len(report["jobs"]), report["requests"].count(["POST", JOBS])
    if ended.is_hung:
        yield f"hung: not back after {SLOWEST_S:.0f} s"
    elif ended.code not in wanted.codes:
        yield f"exit {ended.code} instead of {sorted(wanted.codes)}: {ended.said[-300:]}"
    if wanted.states is not None and state not in wanted.states:
        yield f"state '{state}' instead of {sorted(wanted.states)}"
    if wanted.jobs >= 0 and n_jobs != wanted.jobs:
        yield f"{n_jobs} jobs instead of {wanted.jobs}"
    if n_sent > 1:
        yield f"{n_sent} creates by one command"
    if case.call.method == "POST" and case.mode == "once" and case.call.name in ("pause", "resume", "cancel"):
        n_posts = sum(request[0] == "POST" for request in report["requests"])
        if n_posts != 1:
            yield f"{n_posts} POSTs for one order"
    if "Traceback" in ended.said:
        yield f"a trace: {ended.said[-300:]}"
    if case.as_json and case.call.name not in ("watch: job", "watch: events"):
        yield from _not_json(ended)


def _not_json(ended: Outcome) -> Iterator[str]:
    try:
        json.loads(ended.out)
    except ValueError:
        yield f"stdout is no JSON document: {ended.out[:200]!r}"


def _look_after(after: Outcome, world: World, wanted: Expected) -> Iterator[str]:
    report = world.report()
    if wanted.then is not None and after.code not in wanted.then:
        yield f"the next launch ends with {after.code} instead of {sorted(wanted.then)}: {after.said[-300:]}"
    n_jobs = len(report["jobs"])
    if n_jobs > 1 or (after.code == 0 and n_jobs != 1):
        yield f"{n_jobs} jobs after the next launch"
    if len(report["bodies"]) > wanted.creates:
        yield f"{len(report['bodies'])} creates for one confirmed intent"


def read_state(home: Path) -> str | None:
    """The newest state in the ledger."""
    sql = "SELECT data FROM entries WHERE kind = 'state' ORDER BY entry_id DESC LIMIT 1"
    try:
        with closing(sqlite3.connect(f"file:{home / 'ledger.sqlite'}?mode=ro", uri=True)) as db:
            row = db.execute(sql).fetchone()
    except sqlite3.OperationalError:
        return None
    return str(json.loads(row[0])["state"]) if row else None


def find_key(home: Path, ended: Outcome) -> Iterator[str]:
    """Look for the key in all that was printed and all that was kept."""
    if CANARY in ended.said:
        yield "the key was printed"
    for path in home.rglob("*"):
        if path.is_file() and CANARY.encode() in path.read_bytes():
            yield f"the key is in {path.name}"


def judge(chosen: list[Case], width: int) -> Iterator[Verdict]:
    """Play the cases and yield the verdict of each."""
    forker.load()
    with FaultServer() as server:
        learn(server)
        yield from forker.play((play(server, case) for case in chosen), width)


def main() -> int:
    """Judge a share of the matrix; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    parser.add_argument("--report", type=Path, help="write every verdict there, a JSON document a line")
    given = parser.parse_args()
    verdicts = []
    if given.report is not None:
        given.report.write_text("")
    for verdict in judge(
        [case for case in pick(given.share, given.seed) if given.only in case.name], given.width
    ):
        verdicts.append(verdict)
        if given.report is not None:
            # As they come: a matrix that is stopped early has said what it saw.
            with given.report.open("a") as report:
                report.write(json.dumps(asdict(verdict)) + "\n")
        if verdict.wrong:
            say(f"WRONG {verdict.name}: {'; '.join(verdict.wrong)}")
    say(summary(verdicts))
    return int(any(verdict.wrong for verdict in verdicts))


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def summary(verdicts: list[Verdict]) -> str:
    """The figures on one line."""
    n_wrong = sum(bool(verdict.wrong) for verdict in verdicts)
    slowest = max((verdict.seconds for verdict in verdicts), default=0.0)
    return (
        f"fault matrix: {len(verdicts)} of {len(cases())} cases ({len(FAULTS)} faults, {len(CALLS)} calls), "
        f"{n_wrong} wrong, slowest {slowest:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
