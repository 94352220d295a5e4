"""One report of each kind, with fixed values, and the same with text that a terminal would act on."""

from __future__ import annotations

from rftctl.commands.control import ControlReport
from rftctl.commands.doctor import Check, DoctorReport
from rftctl.commands.evaluate import EvaluationReport, ModelReport, PairReport
from rftctl.commands.grade import CaseResult, GradeReport, GradeSummary
from rftctl.commands.launch import LaunchReport
from rftctl.commands.run import RunReport
from rftctl.commands.runs import RunDetails, RunsReport
from rftctl.commands.validate import ValidationReport
from rftctl.commands.watch import WatchReport
from rftctl.cost import CostEstimate
from rftctl.curve import RewardCurve, RewardPoint
from rftctl.finding import Finding, Level, Place
from rftctl.graders.cases import Expectation
from rftctl.ledger import Run
from rftctl.stats import Difference, Interval
from rftctl.wire import Job

HOSTILE = "\x1b[2J\x1b]0;owned\x07[/x][link=javascript:alert(1)]\u202egnp.exe\u202c\r"


def make_run(*, name: str = "digits", model: str = "smollm2-135m", state: str = "running") -> Run:
    """Make a run of the ledger."""
    return Run(
        run_id=f"{name}-0a1b2c",
        name=name,
        spec_path="/home/me/project/spec.yaml",
        spec_sha256="5" * 64,
        data_sha256="d" * 64,
        grader_sha256="9" * 64,
        provider="local",
        model=model,
        target=None,
        overrides={},
        launch_id="l",
        created_at=1_790_000_000,
        rftctl_version="0.1.0",
        git_commit=None,
        state=state,
        job_id="ftjob-0123456789abcdef",
    )


def make_job(
    status: str = "succeeded", *, text: str = "", model: str | None = "ft:smollm2-135m:rftctl::0a1b2c"
) -> Job:
    """Make a job; `text` is why it failed."""
    error = {"code": f"grader_failed{text}", "message": f"too many errors {text}"} if text else None
    raw = {"id": f"ftjob-0123456789abcdef{text}", "status": status, "fine_tuned_model": model, "error": error}
    return Job.from_wire(raw)


def make_curve() -> RewardCurve:
    """Make a curve of eight steps with two evaluations."""
    train = [RewardPoint(n, "train", n / 10) for n in range(1, 9)]
    return RewardCurve((*train, RewardPoint(4, "valid", 0.35), RewardPoint(8, "valid", 0.7)), 8)


ESTIMATE = CostEstimate(4.0, 8.0, 0.04, 0.08, "4 steps of 36 to 72 s at $100 an hour", "2026-11-22")
FREE = CostEstimate(0.0, 0.0, 0.05, 0.05, "8 steps measured; this machine trained, nobody bills it")


def make_validation(text: str = "") -> ValidationReport:
    """Make the report of a spec with an error of many and a warning."""
    findings = (
        Finding(
            "RFT204",
            Level.ERROR,
            Place(f"train{text}.jsonl", 118),
            f"last message has role 'x{text}'",
            "use user",
        ),
        Finding(
            "RFT404",
            Level.WARNING,
            Place("spec.yaml", 3, 11),
            "provider 'openai' takes no more jobs from 2027-01-06",
        ),
    )
    rows = {"training": 2000, "validation": 1}
    return ValidationReport(
        "spec.yaml", findings, {"RFT204": 480}, rows, "openai", None, n_errors=500, n_warnings=1
    )


def make_grading(text: str = "") -> GradeReport:
    """Make the report of a grader that missed one case and failed at another."""

    def result(line: int, reward: float | None, details: dict[str, str]) -> CaseResult:
        errors = tuple(details)
        expected = Expectation(reward=1.0)
        return CaseResult(
            line, reward, reward or 0.0, expected, False, errors, details, {}, 0.001, "output" + text
        )

    results = (
        result(1, 0.5, {}),
        result(2, None, {"python_grader_runtime_error": f"ZeroDivisionError{text}"}),
    )
    summary = GradeSummary(
        3, 1, 0, 2, 0.75, 0.5, 1.0, 0.25, {"python_grader_runtime_error": 1}, (1, 1), 0.1, {}, None
    )
    return GradeReport(results, summary, "near")


def make_evaluation(text: str = "", verdict: str = "better") -> EvaluationReport:
    """Make a comparison of two models over 200 rows."""
    base = ModelReport(
        f"smollm2-135m{text}", 200, 200, 3, 0.412, Interval(0.361, 0.463), 0.715, 0.583, 0.02, 31.5
    )
    tuned = ModelReport(
        f"ft:smollm2-135m:rftctl::0a1b2c{text}",
        200,
        200,
        0,
        0.871,
        Interval(0.84, 0.9),
        1.0,
        0.871,
        0.0,
        22.0,
        f"/home/me/.local/state/rftctl/local/jobs/ftjob-0123456789abcdef/checkpoints/step-80{text}",
    )
    gain = Difference(0.459, Interval(0.41, 0.508), 197, verdict)
    return EvaluationReport((base, tuned), (PairReport(base.name, tuned.name, gain),))


def make_watched(text: str = "") -> WatchReport:
    """Make the report of a watch that ended; with text, of a job that failed."""
    job = make_job("failed", text=text, model=None) if text else make_job()
    return WatchReport(make_run(), job, make_curve(), FREE)


REPORTS = {
    "validation": make_validation(),
    "grading": make_grading(),
    "estimate": ESTIMATE,
    "unpriced": CostEstimate(
        None, None, None, None, "bedrock publishes no price that was read", "2026-11-22"
    ),
    "launched": LaunchReport(make_run(), make_job("queued"), is_new=True),
    "found": LaunchReport(make_run(), make_job("running"), is_new=False),
    "watched": make_watched(),
    "failed": make_watched("x"),
    "evaluated": make_evaluation(),
    "ran": RunReport(watched=make_watched(), launched=LaunchReport(make_run(), make_job(), is_new=True)),
    "no_runs": RunsReport(()),
    "details": RunDetails(make_run(), (), make_curve()),
    "controlled": ControlReport("pause", make_run(), make_job("running")),
    "diagnosed": DoctorReport(
        (
            Check("rftctl", "ok", "0.1.0, Python 3.11.7 on Linux x86_64"),
            Check("local engine", "missing", "not installed: torch", 'pip install "rftctl[local]"'),
            Check(
                "state folder",
                "broken",
                "/nowhere: read-only file system",
                "set RFTCTL_HOME to a folder of yours",
            ),
        )
    ),
}

HOSTILE_REPORTS = {
    "validation": make_validation(HOSTILE),
    "grading": make_grading(HOSTILE),
    "launched": LaunchReport(make_run(), make_job(f"queued{HOSTILE}", text=HOSTILE), is_new=True),
    "watched": make_watched(HOSTILE),
    "evaluated": make_evaluation(HOSTILE),
    "runs": RunsReport((make_run(model=f"m{HOSTILE}", state=f"s{HOSTILE}"),)),
    "details": RunDetails(make_run(model=f"m{HOSTILE}", state=f"s{HOSTILE}"), (), make_curve()),
    "controlled": ControlReport("pause", make_run(), make_job(f"s{HOSTILE}", text=HOSTILE)),
    "diagnosed": DoctorReport((Check("provider", "warning", HOSTILE, HOSTILE),)),
}
