"""Metrics against the public libraries, sample by sample and to the last bit."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.gleu_score import sentence_gleu
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize as rouge_words

from rftctl.errors import NotOfferedError
from rftctl.graders.similarity import (
    METRICS,
    NEEDS_NLTK,
    _rouge_words,
    _words,
    has_wordnet,
    require_metric,
)

_tokens = NLTKWordTokenizer().tokenize
_rouge = RougeScorer([*(f"rouge{n}" for n in range(1, 6)), "rougeL"])

_WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "Mat.",
    "can't",
    "cannot",
    "U.S.",
    '"hm"',
    "3.14,",
    "é",
    "你好",
    "gonna",
    "-",
]
_texts = st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(_texts, _texts)
def test_rouge_equals_rouge_score(text, reference):
    expected = _rouge.score(reference, text)
    for n in range(1, 6):
        assert METRICS[f"rouge_{n}"](text, reference) == expected[f"rouge{n}"].fmeasure
    assert METRICS["rouge_l"](text, reference) == expected["rougeL"].fmeasure


@pytest.mark.parametrize("form", ["{}", "a{}b", "A{}9 "])
def test_every_character_parts_rouge_words_as_in_rouge_score(form):
    for start in range(0, sys.maxunicode + 1, 0x10000):
        text = " ".join(form.format(chr(code)) for code in range(start, start + 0x10000))
        assert [word.decode() for word in _rouge_words(text)] == rouge_words(text, None)


@settings(max_examples=300, deadline=None)
@given(_texts, _texts)
def test_bleu_equals_nltk(text, reference):
    smoothing = SmoothingFunction().method4
    expected = sentence_bleu([_tokens(reference)], _tokens(text), smoothing_function=smoothing)
    assert METRICS["bleu"](text, reference) == expected


@settings(max_examples=300, deadline=None)
@given(_texts, _texts)
def test_gleu_equals_nltk(text, reference):
    assert METRICS["gleu"](text, reference) == sentence_gleu([_tokens(reference)], _tokens(text))


_plain = st.lists(st.text(alphabet="aZ0.,- \t\n", max_size=4) | st.sampled_from(["cannot", "gonna", "wanna"]))


@settings(max_examples=500, deadline=None)
@given(_plain.map("".join) | _plain.map(" ".join))
def test_the_short_way_through_plain_prose_gives_nltks_words(text):
    assert _words(text) == _tokens(text)


@settings(max_examples=200, deadline=None)
@given(_texts, _texts)
def test_every_metric_stays_between_0_and_1(text, reference):
    for name, metric in METRICS.items():
        assert 0.0 <= metric(text, reference) <= 1.0 + 1e-12, name


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_million_characters_are_graded(name):
    text = "word thing " * 90_000
    assert 0.0 <= METRICS[name](text, "the reference word") <= 1.0


@pytest.mark.parametrize(("form", "found"), [("nothing", False), ("folder", True), ("archive", True)])
def test_wordnet_is_found_where_its_data_lies(monkeypatch, tmp_path, form, found):
    import nltk.data

    (tmp_path / "corpora").mkdir()
    if form == "folder":
        (tmp_path / "corpora" / "wordnet").mkdir()
    if form == "archive":
        with zipfile.ZipFile(tmp_path / "corpora" / "wordnet.zip", "w") as archive:
            archive.writestr("wordnet/lexnames", "")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    has_wordnet.cache_clear()
    assert has_wordnet() is found
    has_wordnet.cache_clear()


@pytest.mark.parametrize("name", sorted(NEEDS_NLTK))
def test_a_metric_without_its_package_names_the_extra(monkeypatch, name):
    for module in ("nltk", "nltk.tokenize"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotOfferedError, match=f"'{name}' needs the package nltk") as caught:
        require_metric(name)
    assert "rftctl[graders]" in caught.value.hint


def test_a_metric_that_needs_no_extra_is_given_as_it_is():
    assert require_metric("rouge_l") is METRICS["rouge_l"]


def test_the_golden_table_covers_every_metric():
    rows = (Path(__file__).parent / "golden.jsonl").read_text().splitlines()
    used = {json.loads(row)["grader"].get("evaluation_metric") for row in rows}
    assert set(METRICS) <= used
