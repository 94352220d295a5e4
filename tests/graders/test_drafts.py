import pytest

from rftctl.dataset import Example, Sample, parse_output
from rftctl.errors import InvalidInputError
from rftctl.finding import Place
from rftctl.graders import build_grader, check_grader
from rftctl.graders.drafts import draft_grader


def rows(field, values, **more):
    prompt = [{"role": "user", "content": "q"}]
    return [
        Example(n, prompt, None, {"messages": prompt, field: value, **more})
        for n, value in enumerate(values, 1)
    ]


LABELS = rows("label", ["yes", "no"] * 20)
TRUTHS = rows("answer", [True, False] * 20)
NAMES = rows("answer", [f"name {n}" for n in range(40)])
LONG = rows("answer", [f"a long sentence about number {n} " * 4 for n in range(40)])
NUMBERS = rows("answer", list(range(100, 140)))
LISTS = rows("answer", [[n, n + 1] for n in range(40)])
OBJECTS = rows("answer", [{"a": n, "b": {"c": "x"}} for n in range(40)])
MIXED = rows("answer", [1, "two"] * 20)


def rewards(examples, outputs, sandbox, **settings):
    draft = draft_grader(examples, **settings)
    grader = build_grader(draft.config, sandbox=sandbox)
    item = examples[0].item
    grades = grader.grade_batch([(Sample(text, parse_output(text)), item) for text in outputs])
    grader.close()
    return [grade.earned for grade in grades]


@pytest.mark.parametrize(
    ("examples", "grader_type"),
    [
        (LABELS, "string_check"),
        (TRUTHS, "string_check"),
        (NAMES, "multi"),
        (LONG, "text_similarity"),
        (NUMBERS, "python"),
        (LISTS, "python"),
        (OBJECTS, "python"),
        (MIXED, "python"),
    ],
)
def test_the_smallest_grader_that_fits_is_proposed(examples, grader_type):
    draft = draft_grader(examples)
    assert draft.config["type"] == grader_type
    assert check_grader(draft.config, lambda _: Place("g")) == []


@pytest.mark.parametrize("examples", [LABELS, TRUTHS, NAMES, LONG, NUMBERS, LISTS, OBJECTS, MIXED])
def test_the_right_answer_gets_the_full_reward(examples, sandbox):
    right = draft_grader(examples).right_answer(examples[0].item)
    assert rewards(examples, [right], sandbox) == [pytest.approx(1.0)]


def test_a_number_that_is_close_gets_half(sandbox):
    outputs = [
        "100",
        "So the answer is $100.",
        "1e2",
        "100.5",
        "120",
        "100 or 120",
        "certainly not 100",
        "none",
        "",
    ]
    assert rewards(NUMBERS, outputs, sandbox) == [1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_naming_everything_in_a_list_does_not_pay(sandbox):
    few, all_of_them = rewards(LISTS, ["[0]", str(list(range(40)))], sandbox)
    assert few == pytest.approx(2 / 3)
    assert all_of_them < 0.1


def test_an_object_gets_credit_for_each_part(sandbox):
    outputs = ['{"a": 0, "b": {"c": "x"}}', '{"a": 0}', '{"a": 9, "b": {"c": "y"}}', "[]"]
    assert rewards(OBJECTS, outputs, sandbox) == [1.0, pytest.approx(2 / 3), 0.0, 0.0]


def test_several_fields_of_the_response_format_are_joined():
    examples = rows("label", ["yes", "no"] * 20, code="K1")
    draft = draft_grader(examples, properties=["label", "code"])
    assert set(draft.config["graders"]) == {"label", "code"}
    assert draft.right_answer(examples[0].item) == '{"label": "yes", "code": "K1"}'


def test_a_key_that_would_be_a_function_is_renamed():
    examples = rows("min", ["yes", "no"] * 20, log="a")
    assert set(draft_grader(examples, properties=["min", "log"]).config["graders"]) == {
        "field_min",
        "field_log",
    }


def test_a_field_that_no_template_reaches_becomes_python(sandbox):
    examples = rows("right answer", ["yes", "no"] * 20)
    assert draft_grader(examples).config["type"] == "python"
    assert rewards(examples, ["yes", "no"], sandbox) == [1.0, 0.0]


def test_it_asks_which_field_when_that_is_not_clear():
    with pytest.raises(InvalidInputError, match="not clear which field") as caught:
        draft_grader(rows("x", ["a"] * 9, y="b"))
    assert "x, y" in caught.value.hint


CITATIONS = [
    Example(n, [], None, {"citation": {"volume": str(n), "page": str(7 * n)}, "tier": n % 3, "id": f"r{n}"})
    for n in range(1, 41)
]


def test_an_object_is_the_answer_beside_notes_on_the_row(sandbox):
    draft = draft_grader(CITATIONS)
    assert (draft.fields, draft.as_json) == ({"citation": "object"}, False)
    outputs = [
        '{"volume": "1", "page": "7"}',
        '{"volume": "1", "page": "8"}',
        '{"volume": "1"}',
        "1, 7",
        "[]",
    ]
    earned = rewards(CITATIONS, outputs, sandbox)
    assert earned == [1.0, 0.5, pytest.approx(2 / 3), 0.0, 0.0]


def test_a_flat_object_is_compared_part_by_part_where_the_response_format_gives_its_parts(sandbox):
    draft = draft_grader(CITATIONS, properties=["volume", "page"])
    assert (draft.config["type"], list(draft.config["graders"])) == ("multi", ["volume", "page"])
    assert draft.config["graders"]["page"]["reference"] == "{{item.citation.page}}"
    outputs = [draft.right_answer(CITATIONS[0].item), '{"volume": "1", "page": "8"}', "1, 7"]
    assert rewards(CITATIONS, outputs, sandbox, properties=["volume", "page"]) == [1.0, 0.5, 0.0]


def test_the_object_whose_keys_the_response_format_names_is_the_answer():
    examples = rows("details", [{"a": n, "b": "x"} for n in range(30)], verdict=[1], answer="maybe")
    draft = draft_grader(examples, properties=["a", "b"])
    assert draft.right_answer(examples[3].item) == '{"a": 3, "b": "x"}'


@pytest.mark.parametrize("beside", ["tier", "difficulty", "source", "id", "Category"])
def test_a_note_on_the_row_is_not_the_answer(beside):
    examples = [
        Example(n, [], None, {beside: f"{n % 4}", "code": f"K{n}", "version": 1}) for n in range(1, 30)
    ]
    assert list(draft_grader(examples).fields) == ["code"]


def test_an_object_beside_values_that_keep_coming_back_is_the_answer():
    examples = [Example(n, [], None, {"made": {"x": n}, "shade": n % 2}) for n in range(1, 30)]
    assert list(draft_grader(examples).fields) == ["made"]


def test_two_fields_that_could_both_be_meant_are_asked_about():
    examples = [Example(n, [], None, {"verdict": n % 2 > 0, "title": f"T{n}"}) for n in range(1, 30)]
    with pytest.raises(InvalidInputError, match="not clear which field") as caught:
        draft_grader(examples)
    assert "--answer-field" in caught.value.hint
    assert list(draft_grader(examples, fields=["verdict"]).fields) == ["verdict"]


def test_an_answer_that_the_response_format_has_no_key_for_is_refused():
    with pytest.raises(InvalidInputError, match="response format has no 'answer'"):
        draft_grader(NAMES, properties=["result"])


def test_a_single_word_gets_no_credit_for_its_first_letter(sandbox):
    examples = rows("answer", [f"name{n}" for n in range(40)])
    assert draft_grader(examples).config["type"] == "string_check"
    assert rewards(examples, ["name0", "n", "name"], sandbox) == [1.0, 0.0, 0.0]


def test_a_field_that_is_not_in_every_row_is_refused():
    with pytest.raises(InvalidInputError, match="'gone' is not in every row"):
        draft_grader(LABELS, fields=["gone"])
