"""Graders whose faults are known, each of which must be found."""

import json

import pytest

from rftctl.commands.report_card import card_of_spec, report_card, schema_properties
from rftctl.commands.updates import finish
from rftctl.dataset import Example
from rftctl.errors import ExitCode
from rftctl.graders import build_grader
from rftctl.home import Home
from rftctl.sandbox import choose_sandbox
from rftctl.spec import load_spec

EXACT = {
    "type": "string_check",
    "name": "exact",
    "input": "{{sample.output_text}}",
    "reference": "{{item.code}}",
    "operation": "eq",
}


def rows(n=40):
    prompt = [{"role": "user", "content": "which code?"}]
    return [Example(i, prompt, None, {"messages": prompt, "code": f"K{i:03}"}) for i in range(1, n + 1)]


@pytest.fixture(scope="module")
def sandbox():
    with choose_sandbox() as opened:
        yield opened


def card(config, sandbox=None, n=20):
    grader = build_grader(config, sandbox=sandbox)
    report = finish(report_card(rows(n), grader))
    grader.close()
    return report


def python(body):
    return {"type": "python", "name": "p", "source": f"def grade(sample, item):\n    {body}"}


def weak(report):
    return {family.family for family in report.families if family.is_weakness and not family.is_good}


def test_an_exact_check_is_sound():
    report = card(EXACT)
    assert (report.verdict, report.exit_code) == ("sound", ExitCode.OK)
    assert (report.n_rows, report.discrimination) == (20, 1.0)


def test_an_exact_check_rejects_the_right_answer_between_blanks():
    families = {family.family: family for family in card(EXACT).families}
    assert families["right answer between blanks"].is_weakness


@pytest.mark.parametrize("reward", ["0.0", "1.0", "0.5"])
def test_a_grader_that_always_says_the_same_is_dead(sandbox, reward):
    report = card(python(f"return {reward}"), sandbox)
    assert (report.verdict, report.exit_code) == ("dead", ExitCode.NO)


def test_a_grader_that_always_raises_is_dead(sandbox):
    assert card(python("return item['gone']"), sandbox).verdict == "dead"


def test_a_grader_that_pays_length_alone_is_dead_although_no_output_reaches_half(sandbox):
    assert card(python("return min(0.49, len(sample['output_text']) / 1000)"), sandbox).verdict == "dead"


def test_a_grader_that_also_pays_length_is_gameable(sandbox):
    text = "sample['output_text']"
    body = f"return 0.6 * (item['code'] in {text}[:4]) + min(0.4, len({text}) / 1000)"
    report = card(python(body), sandbox)
    assert report.verdict == "gameable"
    assert "wrong answer padded" in weak(report)


def test_a_substring_grader_pays_for_naming_every_answer_and_for_denying_it():
    report = card({**EXACT, "operation": "like"})
    assert report.verdict == "gameable"
    assert {"every answer at once", "right or wrong", "right answer denied"} <= weak(report)


def test_a_grader_that_rolls_dice_is_not_sound(sandbox):
    body = "import os; return (sample['output_text'] == item['code']) + os.urandom(1)[0] / 2560"
    report = card(python(body), sandbox)
    assert (report.verdict, report.flip_share > 0.5) == ("unstable", True)


def test_too_few_rows_decide_nothing():
    report = card(EXACT, n=6)
    assert (report.verdict, report.exit_code) == ("undecided", ExitCode.NO)


def test_no_rows_decide_nothing():
    report = finish(report_card([], build_grader(EXACT)))
    assert (report.verdict, report.n_rows) == ("undecided", 0)


def test_the_document_is_json_and_names_itself():
    document = json.loads(json.dumps(card(EXACT).to_json()))
    assert document["schema"] == "rftctl.report-card/1"
    assert document["families"][0]["family"] == "right answer"


def test_a_specs_training_rows_are_probed(tmp_path):
    lines = [json.dumps(example.item) for example in rows()]
    (tmp_path / "train.jsonl").write_text("\n".join(lines) + "\n")
    spec = {"version": 1, "name": "t", "provider": "local", "model": "tiny-random", "grader": EXACT}
    (tmp_path / "spec.yaml").write_text(json.dumps({**spec, "training_file": "train.jsonl"}))
    report = finish(card_of_spec(load_spec(tmp_path / "spec.yaml"), Home(tmp_path), n_rows=20))
    assert (report.verdict, report.n_rows) == ("sound", 20)


@pytest.mark.parametrize(
    ("response_format", "names"),
    [
        (None, []),
        ({"type": "json_object"}, []),
        ({"type": "json_schema", "json_schema": {"schema": {"properties": {"a": {}}}}}, ["a"]),
        ({"type": "json_schema", "name": "n", "schema": {"properties": {"a": {}}}}, ["a"]),
    ],
)
def test_a_schemas_keys_are_read_in_both_forms(response_format, names):
    assert schema_properties(response_format) == names


def test_a_small_length_bonus_below_every_threshold_is_still_not_sound(sandbox):
    text = "sample['output_text']"
    report = card(python(f"return 0.9 * ({text} == item['code']) + min(0.1, len({text}) / 20000)"), sandbox)
    assert (report.verdict, weak(report)) == ("gameable", {"wrong answer padded"})


def test_floor_and_ceiling_shares_of_an_exact_check_are_all_there_is():
    spread = card(EXACT).spread
    assert spread.n_levels == 2
    assert spread.floor_share + spread.ceiling_share == pytest.approx(1.0)


def test_a_gradient_of_partial_credit_is_measured(sandbox):
    prompt = [{"role": "user", "content": "which words?"}]
    answers = [f"alpha{n} beta{n} gamma{n} delta{n}" for n in range(20)]
    examples = [Example(n, prompt, None, {"messages": prompt, "code": a}) for n, a in enumerate(answers)]
    body = "a, b = sample['output_text'].split(), item['code'].split()\n"
    body += "    return sum(x == y for x, y in zip(a, b)) / len(b) if len(a) == len(b) != 0 else 0.0"
    grader = build_grader(python(body), sandbox=sandbox)
    report = finish(report_card(examples, grader))
    grader.close()
    assert report.partial.mean_rewards == pytest.approx((0, 0.25, 0.5, 0.75, 1.0))
    assert (report.partial.between_share, report.partial.backward_share) == (1.0, 0.0)


def test_the_sub_grader_that_decides_is_named():
    other = {**EXACT, "name": "n", "operation": "ne", "reference": ""}
    multi = {"type": "multi", "name": "m", "graders": {"exact": EXACT, "not_empty": other}}
    report = card({**multi, "calculate_output": "0.95 * exact + 0.05 * not_empty * exact"})
    assert [part.key for part in report.parts.graders] == ["exact", "not_empty"]
    assert report.parts.dominant == "exact"
    assert "grader 'exact' alone decides the order of outputs" in report.notes


def test_times_stand_beside_the_platforms_limit(sandbox):
    times = card(python("return float(sample['output_text'] == item['code'])"), sandbox).times
    assert 0 < times.p50_s <= times.p95_s <= times.max_s < times.limit_s == 120
    assert times.n_over == 0


def test_the_figures_are_part_of_the_document():
    document = json.loads(json.dumps(card(EXACT).to_json()))
    assert {"spread", "partial", "repeat", "parts", "times", "notes"} <= set(document)


def test_fuzzy_match_on_short_answers_pays_their_first_letter():
    fuzzy = {key: value for key, value in EXACT.items() if key != "operation"}
    fuzzy |= {"type": "text_similarity", "evaluation_metric": "fuzzy_match"}
    report = card(fuzzy)
    assert "first letters alone" in weak(report)
    assert report.verdict != "sound"
    repaired = card(fuzzy | {"evaluation_metric": "rouge_1"})
    assert "first letters alone" not in weak(repaired)


def test_a_good_answer_that_is_not_paid_is_noted():
    assert any(note.startswith("right answer between blanks: paid on 0%") for note in card(EXACT).notes)
