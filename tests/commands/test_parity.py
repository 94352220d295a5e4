"""Parity against the embedded service, which answers `graders/run` as the platform does."""

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rftctl.commands.grading import GradeOptions, grading_command
from rftctl.commands.parity import compare_graders
from rftctl.commands.updates import finish
from rftctl.dataset import Sample, parse_output
from rftctl.errors import ExitCode
from rftctl.graders import build_grader
from rftctl.graders.cases import Case, read_sample
from rftctl.home import Home
from rftctl.providers import connect
from rftctl.sandbox import choose_sandbox
from rftctl.server.chat import Chat, torch_backend
from rftctl.server.judge import own_judge
from rftctl.server.store import Store
from rftctl.spec import load_spec

CHECK = {
    "type": "string_check",
    "name": "c",
    "input": "{{sample.output_json.code}}",
    "reference": "{{item.code}}",
    "operation": "eq",
}
OUTPUTS = ['{"code": "K1"}', '{"code": "K2"}', "no json", '{"other": 1}', "null"]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    with closing(connect("local", Home(tmp_path_factory.mktemp("home")), {})) as opened:
        yield opened


def cases(outputs=OUTPUTS, **fields):
    return [
        Case(n, Sample(text, parse_output(text), **fields), {"code": "K1"})
        for n, text in enumerate(outputs, 1)
    ]


def test_equal_graders_agree_on_rewards_and_flags(provider):
    report = finish(compare_graders(cases(), build_grader(CHECK), CHECK, provider.run_grader))
    assert (report.n, report.different, report.exit_code) == (5, (), ExitCode.OK)


def test_a_different_grader_is_found_case_by_case(provider):
    other = {**CHECK, "operation": "ne"}
    report = finish(compare_graders(cases(), build_grader(CHECK), other, provider.run_grader))
    assert [row.line for row in report.different] == [1, 2]
    assert report.exit_code is ExitCode.NO


def test_different_flags_are_a_difference_although_both_rewards_are_0(provider):
    other = {**CHECK, "input": "{{item.gone}}{{sample.output_text}}"}
    report = finish(compare_graders(cases(["no json"]), build_grader(CHECK), other, provider.run_grader))
    [row] = report.different
    assert (row.local_errors, row.hosted_errors) == (("sample_parse_error",), ("invalid_variable_error",))


def test_cases_with_tool_calls_are_counted_as_skipped(provider):
    tools = [{"function": {"name": "f", "arguments": "{}"}}]
    with_tools = cases(["x"], output_tools=tools)
    report = finish(compare_graders(with_tools, build_grader(CHECK), CHECK, provider.run_grader))
    assert (report.n, report.n_skipped, report.exit_code) == (0, 1, ExitCode.UNGRADABLE)


def golden(grader_type):
    lines = (Path(__file__).parents[1] / "graders" / "golden.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["grader"]["type"] == grader_type]
    # `graders/run` takes text: a sample with tool calls has no way there.
    return [row for row in rows if isinstance(row["sample"], str)]


@pytest.fixture(scope="module")
def sandbox():
    with choose_sandbox() as opened:
        yield opened


@pytest.mark.parametrize("grader_type", ["string_check", "text_similarity", "multi", "python"])
def test_every_golden_case_is_graded_alike_here_and_by_the_embedded_service(provider, sandbox, grader_type):
    rows = golden(grader_type)
    assert len(rows) > 10
    for n, row in enumerate(rows, 1):
        grader = build_grader(row["grader"], sandbox=sandbox)
        case = Case(n, read_sample(row["sample"]), row["item"])
        report = finish(compare_graders([case], grader, row["grader"], provider.run_grader))
        grader.close()
        assert (report.n, report.different) == (1, ()), row["id"]


def test_on_the_embedded_service_rewards_are_the_same_to_the_last_bit(provider):
    config = {**CHECK, "type": "text_similarity", "evaluation_metric": "rouge_l"}
    config = {key: value for key, value in config.items() if key != "operation"}
    text = '{"code": "one of three K1 words"}'
    here = build_grader(config).grade_batch([(cases([text])[0].sample, {"code": "K1"})])[0].reward
    assert provider.run_grader(config, text, {"code": "K1"})["reward"] == here


ANSWERS = ["good", "bad", "", "12", "Größe", '{"code": 1}', "good " * 50]


@pytest.mark.parametrize("grader_type", ["score_model", "label_model"])
def test_a_model_grader_judged_by_the_service_itself_is_the_same_on_both_sides(home, grader_type):
    """With weights at random most replies are unreadable; which ones, and why, must agree all the same."""
    config = {
        "type": grader_type,
        "name": "judged",
        "model": "tiny-random",
        "input": [{"role": "user", "content": "How good is {{sample.output_text}}?"}],
        "sampling_params": {"temperature": 0, "max_completions_tokens": 4},
    }
    if grader_type == "label_model":
        config |= {"labels": ["good", "bad"], "passing_labels": ["good"]}
    with (
        closing(connect("local", Home(home), {})) as service,
        closing(Chat(lambda: torch_backend(Home(home).cache))) as chat,
        closing(Store(Home(home).service)) as store,
    ):
        grader = build_grader(config, sampler=own_judge(store, chat, config))
        report = finish(compare_graders(cases(ANSWERS), grader, config, service.run_grader))
        grader.close()
    assert (report.n, report.different) == (len(ANSWERS), ())


class _Judge(BaseHTTPRequestHandler):
    """Pays by the length of the question."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = {"steps": [], "result": len(body["messages"][0]["content"]) % 7 / 7}
        choice = {"finish_reason": "stop", "message": {"content": json.dumps(result)}}
        reply = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *args):
        pass


def test_a_model_grader_with_a_judge_of_config_is_the_same_on_both_sides(tmp_path, home):
    judged = {"type": "score_model", "name": "j", "model": "m", "range": [0, 1]}
    judged["input"] = [{"role": "user", "content": "{{sample.output_text}}"}]
    rows = [{"item": {}, "sample": text} for text in ANSWERS]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "train.jsonl").write_text('{"messages": [{"role": "user", "content": "q"}]}\n')
    spec = {"version": 1, "name": "s", "provider": "local", "model": "tiny-random", "judge": "office"}
    spec |= {"training_file": "train.jsonl", "cases": "cases.jsonl", "grader": judged}
    (tmp_path / "spec.yaml").write_text(json.dumps(spec))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Judge) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        user = Home(home, judges={"office": {"base_url": url, "api_key_env": None}})
        report = finish(grading_command(load_spec(tmp_path / "spec.yaml"), user, GradeOptions(parity=True)))
        server.shutdown()
    assert (report.n, report.different, report.exit_code) == (len(ANSWERS), (), ExitCode.OK)
