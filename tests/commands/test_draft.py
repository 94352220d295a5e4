import json

import pytest

from rftctl.commands.draft import draft, lambda_source
from rftctl.commands.updates import finish
from rftctl.errors import ExitCode, NotOfferedError


@pytest.fixture
def write_rows(tmp_path):
    def write(answers):
        path = tmp_path / "train.jsonl"
        prompt = [{"role": "user", "content": "q"}]
        path.write_text(
            "".join(json.dumps({"messages": prompt, "answer": answer}) + "\n" for answer in answers)
        )
        return path

    return write


@pytest.mark.parametrize(
    "answers",
    [[f"code {n}" for n in range(30)], list(range(1000, 9000, 200)), [[n, str(n)] for n in range(30)]],
    ids=["texts", "numbers", "lists"],
)
def test_a_draft_comes_with_a_sound_card(write_rows, answers):
    report = finish(draft(write_rows(answers)))
    assert (report.card.verdict, report.exit_code) == ("sound", ExitCode.OK)


def test_a_draft_that_too_few_rows_support_is_refused(write_rows):
    report = finish(draft(write_rows(["yes", "no", "yes"])))
    assert (report.card.verdict, report.exit_code) == ("undecided", ExitCode.NO)


def test_with_a_response_format_the_draft_reads_json(write_rows):
    schema = {"type": "json_schema", "json_schema": {"schema": {"properties": {"answer": {}}}}}
    report = finish(draft(write_rows([f"code {n}" for n in range(30)]), response_format=schema))
    assert "output_json.answer" in json.dumps(report.grader)
    assert report.card.verdict == "sound"


def test_the_document_holds_the_grader_and_its_card(write_rows):
    document = json.loads(json.dumps(finish(draft(write_rows(["yes", "no", "yes"]))).to_json()))
    assert document["schema"] == "rftctl.draft/1"
    assert document["card"]["verdict"] == "undecided"


def test_only_a_python_grader_becomes_a_lambda_function():
    assert "lambda_handler" in lambda_source(
        {"type": "python", "source": "def grade(sample, item): return 1"}
    )
    with pytest.raises(NotOfferedError, match="'string_check' cannot become"):
        lambda_source({"type": "string_check"})
