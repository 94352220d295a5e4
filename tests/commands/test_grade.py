import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rftctl.commands.grade import MAX_RESULTS, grade, grade_cases, grade_spec
from rftctl.commands.grading import GradeOptions, grading_command
from rftctl.commands.updates import Note, Progress, finish
from rftctl.dataset import Sample, parse_output
from rftctl.errors import ExitCode, InvalidInputError, NotOfferedError, ProviderError, UsageError
from rftctl.graders import build_grader
from rftctl.graders.cases import Case, Expectation
from rftctl.home import Home
from rftctl.spec import load_spec

CHECK = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
    "operation": "eq",
}
READS_JSON = {**CHECK, "input": "{{sample.output_json.code}}"}


def case(line, text, answer="A", **expect):
    item = {} if answer is None else {"answer": answer}
    return Case(line, Sample(text, parse_output(text)), item, Expectation(**expect))


def graded(*cases, config=CHECK):
    return finish(grade(cases, build_grader(config)))


def test_a_report_tells_each_reward_and_the_summary():
    report = graded(case(1, "A"), case(2, "B"), case(3, "A"), case(4, "B"))
    assert [result.reward for result in report.results] == [1.0, 0.0, 1.0, 0.0]
    summary = report.summary
    assert (summary.n, summary.mean_reward, summary.std_reward) == (4, 0.5, 0.5)
    assert (summary.min_reward, summary.max_reward, summary.histogram[0], summary.histogram[-1]) == (
        0,
        1,
        2,
        2,
    )


def test_cases_as_expected_exit_0():
    assert graded(case(1, "A", reward=1.0), case(2, "B", high=0.0)).exit_code is ExitCode.OK


def test_a_missed_case_exits_1():
    report = graded(case(1, "A", reward=1.0), case(2, "B", reward=1.0))
    assert (report.exit_code, report.summary.n_missed) == (ExitCode.NO, 1)


def test_a_sample_that_could_not_be_graded_exits_1_although_nothing_was_expected():
    assert graded(case(1, "A"), case(2, "A", answer=None)).exit_code is ExitCode.NO


def test_an_expected_failure_is_as_good_as_an_expected_reward():
    report = graded(case(1, "A", answer=None, error="invalid_variable_error"))
    assert (report.exit_code, report.results[0].passed) == (ExitCode.OK, True)


def test_when_nothing_could_be_graded_it_exits_4():
    assert graded(case(1, "A", answer=None), case(2, "B", answer=None)).exit_code is ExitCode.UNGRADABLE


def test_a_failed_grader_has_no_reward_and_is_not_in_the_mean():
    report = graded(case(1, "A"), case(2, "A", answer=None))
    assert (report.summary.mean_reward, report.summary.n_failed) == (1.0, 1)
    assert (report.results[1].reward, report.results[1].platform_reward) == (None, 0.0)


def test_an_unreadable_output_counts_as_0_in_the_mean():
    report = graded(case(1, '{"code": "A"}'), case(2, "no json"), config=READS_JSON)
    assert (report.summary.mean_reward, report.summary.n_unreadable) == (0.5, 1)
    assert report.results[1].reward is None


def test_flags_are_counted():
    report = graded(case(1, "x"), case(2, "y"), case(3, '{"code": 1}', answer=None), config=READS_JSON)
    assert report.summary.error_counts == {"sample_parse_error": 2, "invalid_variable_error": 1}


def test_equal_rewards_fill_one_bin():
    assert graded(case(1, "A"), case(2, "A")).summary.histogram == (2,)


def test_a_great_many_cases_are_all_counted_and_the_misses_all_kept():
    n = MAX_RESULTS + 500
    report = graded(*(case(line, "B" if line > n - 10 else "A", reward=1.0) for line in range(1, n + 1)))
    assert (report.summary.n, report.summary.n_missed, report.n_left_out) == (n, 10, 500)
    assert [result.line for result in report.results[-10:]] == list(range(n - 9, n + 1))


def test_the_document_is_json_and_names_itself():
    report = graded(case(1, "A", reward=1.0), case(2, "B"))
    document = json.loads(json.dumps(report.to_json()))
    assert (document["schema"], document["exit_code"]) == ("rftctl.grade/1", 0)
    assert document["results"][0]["expected"] == {"reward": 1.0}
    assert document["results"][1]["expected"] is None


def test_progress_is_told_while_grading():
    updates = list(grade([case(n, "A") for n in range(100)], build_grader(CHECK)))
    assert [type(update) for update in updates] == [Progress] * len(updates)
    assert updates[-1].done == 100


@pytest.fixture
def write_spec(tmp_path):
    def write(grader, cases, **keys):
        row = {"messages": [{"role": "user", "content": "q"}], "answer": "A"}
        (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
        (tmp_path / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases))
        spec = {"version": 1, "name": "t", "provider": "local", "model": "tiny-random", **keys}
        spec |= {"training_file": "train.jsonl", "cases": "cases.jsonl", "grader": grader}
        (tmp_path / "spec.yaml").write_text(json.dumps({k: v for k, v in spec.items() if v is not None}))
        return load_spec(tmp_path / "spec.yaml")

    return write


def test_a_specs_cases_are_graded(write_spec):
    spec_file = write_spec(CHECK, [{"line": 1, "sample": "A", "expect": {"reward": 1}}])
    report = finish(grade_spec(spec_file, Home(spec_file.root)))
    assert (report.exit_code, report.grader, report.summary.n) == (ExitCode.OK, "exact", 1)


def test_other_outputs_can_be_graded_instead(write_spec, tmp_path):
    spec_file = write_spec(CHECK, [])
    (tmp_path / "other.jsonl").write_text('{"line": 1, "sample": "B"}\n')
    report = finish(grade_spec(spec_file, Home(spec_file.root), outputs=tmp_path / "other.jsonl"))
    assert report.summary.mean_reward == 0.0


def test_without_a_response_format_outputs_are_text_as_in_training(write_spec):
    spec_file = write_spec(READS_JSON, [{"line": 1, "sample": '{"code": "A"}'}])
    grader = build_grader(spec_file.grader)
    assert finish(grade_cases(spec_file, grader)).results[0].errors == ("sample_parse_error",)
    assert finish(grade_cases(spec_file, grader, parse_json=True)).results[0].reward == 1.0


def test_a_python_grader_runs_in_a_sandbox_that_the_report_names(write_spec, tmp_path):
    (tmp_path / "grader.py").write_text("def grade(sample, item):\n    return item['answer'] == 'A' and 0.5")
    spec_file = write_spec(
        {"type": "python", "name": "p", "source_file": "grader.py"}, [{"line": 1, "sample": "x"}]
    )
    updates = list(grade_spec(spec_file, Home(spec_file.root)))
    assert isinstance(updates[0], Note)
    report = finish(grade_spec(spec_file, Home(spec_file.root)))
    assert report.results[0].reward == 0.5
    assert report.summary.sandbox


def test_a_grader_that_raises_is_told_with_its_line(write_spec, tmp_path):
    (tmp_path / "grader.py").write_text("def grade(sample, item):\n    return item['answr']")
    spec_file = write_spec(
        {"type": "python", "name": "p", "source_file": "grader.py"}, [{"line": 1, "sample": "x"}]
    )
    report = finish(grade_spec(spec_file, Home(spec_file.root)))
    assert report.exit_code is ExitCode.UNGRADABLE
    assert "'answr'" in report.results[0].details["python_grader_runtime_error"]
    assert "line 2" in report.results[0].details["python_grader_runtime_error"]


def test_a_spec_without_cases_says_what_to_give(write_spec, tmp_path):
    spec_file = write_spec(CHECK, [])
    (tmp_path / "spec.yaml").write_text(
        (tmp_path / "spec.yaml").read_text().replace('"cases": "cases.jsonl", ', "")
    )
    with pytest.raises(UsageError, match="names no cases"):
        finish(grade_spec(load_spec(spec_file.path), Home(spec_file.root)))


def test_a_model_grader_without_a_judge_is_not_offered(write_spec):
    judge = {"type": "score_model", "name": "j", "model": "m"}
    judge["input"] = [{"role": "user", "content": "{{sample.output_text}}"}]
    spec_file = write_spec(judge, [{"line": 1, "sample": "x"}])
    with pytest.raises(NotOfferedError, match="needs a judge"):
        finish(grade_spec(spec_file, Home(spec_file.root)))


class _Judge(BaseHTTPRequestHandler):
    """Gives every output 0.75."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"finish_reason": "stop", "message": {"content": '{"steps": [], "result": 0.75}'}}
        usage = {"prompt_tokens": 20, "completion_tokens": 5}
        reply = json.dumps({"choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


@pytest.fixture
def office(tmp_path):
    server = HTTPServer(("127.0.0.1", 0), _Judge)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    yield Home(tmp_path, judges={"office": {"base_url": url, "api_key_env": None}})
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_judge_of_the_users_config_grades_and_a_second_run_is_free(write_spec, office):
    message = {"role": "user", "content": "{{sample.output_text}}"}
    judged = {"type": "score_model", "name": "j", "model": "gpt-4.1", "input": [message]}
    spec_file = write_spec(judged, [{"line": 1, "sample": "x"}], judge="office")
    first, second = (finish(grade_spec(spec_file, home=office)) for _ in range(2))
    assert first.results[0].reward == second.results[0].reward == 0.75
    assert first.summary.token_usage["gpt-4.1"]["prompt_tokens"] == 20
    assert second.summary.token_usage["gpt-4.1"]["prompt_tokens"] == 0


JUDGED = {
    "type": "score_model",
    "name": "j",
    "model": "gpt-4.1",
    "input": [{"role": "user", "content": "{{sample.output_text}}"}],
}


def test_without_a_judge_of_its_own_a_spec_is_judged_by_its_provider(write_spec, office, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", office.judges["office"]["base_url"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-canary")
    spec_file = write_spec(JUDGED, [{"line": 1, "sample": "x"}], provider="openai")
    report = finish(grade_spec(spec_file, home=Home(office.path)))
    assert report.results[0].reward == 0.75
    assert "canary" not in json.dumps(report.to_json())


def test_without_the_providers_key_a_judged_grader_says_which_one_is_missing(write_spec, home, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    spec_file = write_spec(JUDGED, [{"line": 1, "sample": "x"}], provider="openai")
    with pytest.raises(ProviderError, match="OPENAI_API_KEY is not set"):
        finish(grade_spec(spec_file, home=Home(home)))


def test_cases_that_bring_their_judges_results_need_no_key_and_no_judge(write_spec, home, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    cases = [{"line": 1, "sample": "x", "judge": 0.8, "expect": {"reward": 0.8}}]
    updates = list(grade_spec(write_spec(JUDGED, cases, provider="openai"), home=Home(home)))
    assert Note("every output brings its judge's result; no judge is asked") in updates


def test_one_case_without_a_result_still_needs_the_judge(write_spec, office, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", office.judges["office"]["base_url"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-canary")
    cases = [{"line": 1, "sample": "x", "judge": 0.5}, {"line": 1, "sample": "x"}]
    report = finish(grade_spec(write_spec(JUDGED, cases, provider="openai"), home=Home(office.path)))
    assert [result.reward for result in report.results] == [0.5, 0.75]


def test_the_embedded_service_judges_by_a_model_of_this_machine(write_spec, home):
    judged = JUDGED | {"model": "tiny-random", "sampling_params": {"max_completions_tokens": 4}}
    report = finish(grade_spec(write_spec(judged, [{"line": 1, "sample": "x"}]), home=Home(home)))
    assert report.summary.token_usage["tiny-random"]["completion_tokens"] > 0
    assert report.summary.error_counts == {"model_grader_parse_error": 1}


def test_the_embedded_service_has_no_hosted_judge(write_spec, home):
    spec_file = write_spec(JUDGED, [{"line": 1, "sample": "x"}])
    with pytest.raises(NotOfferedError, match=r"'gpt-4\.1' needs a judge: it is not a model of this machine"):
        finish(grade_spec(spec_file, home=Home(home)))


def test_a_judge_that_config_does_not_define_is_named(write_spec, tmp_path):
    spec_file = write_spec(CHECK, [{"line": 1, "sample": "x"}], judge="office")
    with pytest.raises(InvalidInputError, match="judge 'office' is not defined"):
        finish(grade_spec(spec_file, home=Home(tmp_path)))


PYTHON = {"type": "python", "name": "p", "source": "def grade(sample, item): return 1"}


def test_every_result_says_which_level_contained_the_code_and_what_a_call_got(write_spec, home):
    spec_file = write_spec(PYTHON, [{"line": 1, "sample": "x"}, {"line": 1, "sample": "y"}])
    report = finish(grade_spec(spec_file, Home(home), sandbox_request="S2"))
    assert [result.sandbox for result in report.results] == ["S2", "S2"]
    assert "a call gets 10 s, 2,048 MiB of memory, no disk" in report.summary.sandbox


def test_fidelity_gives_a_call_what_the_platform_gives_it(write_spec, home):
    spec_file = write_spec(PYTHON, [{"line": 1, "sample": "x"}])
    report = finish(grade_spec(spec_file, Home(home), sandbox_request="S2", fidelity=True))
    assert "a call gets 120 s, 2,048 MiB of memory" in report.summary.sandbox


def test_limits_alone_need_consent(write_spec, home):
    spec_file = write_spec(PYTHON, [{"line": 1, "sample": "x"}])
    with pytest.raises(NotOfferedError, match="needs consent"):
        finish(grade_spec(spec_file, Home(home), sandbox_request="S1"))
    report = finish(grade_spec(spec_file, Home(home), sandbox_request="S1", allow_unsafe=True))
    assert report.results[0].sandbox == "S1"


def test_a_grader_without_code_is_in_no_sandbox(write_spec, home):
    report = finish(grade_spec(write_spec(CHECK, [{"line": 1, "sample": "A"}]), Home(home)))
    assert (report.results[0].sandbox, report.summary.sandbox) == (None, None)


def test_an_answer_field_belongs_to_a_draft(write_spec, home):
    spec_file = write_spec(CHECK, [{"line": 1, "sample": "A"}])
    with pytest.raises(UsageError, match="--answer-field") as caught:
        grading_command(spec_file, Home(home), GradeOptions(answer_fields=("answer",)))
    assert caught.value.hint == "add --draft"


def test_a_draft_compares_the_field_that_the_user_named(write_spec, home):
    spec_file = write_spec(CHECK, [])
    options = GradeOptions(draft=True, answer_fields=("answer",))
    report = finish(grading_command(spec_file, Home(home), options))
    assert list(report.fields) == ["answer"]
