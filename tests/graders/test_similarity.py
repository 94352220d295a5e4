"""Metrics against the public libraries, sample by sample and to the last bit."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.gleu_score import sentence_gleu
from rouge_score.rouge_scorer import RougeScorer

from rftctl.graders.similarity import METRICS, _words, has_wordnet, require_metric

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


def test_wordnet_is_reported_absent_where_its_data_is_absent(monkeypatch):
    import nltk.data

    monkeypatch.setattr(nltk.data, "path", [])
    has_wordnet.cache_clear()
    assert has_wordnet() is False
    has_wordnet.cache_clear()


def test_a_metric_that_needs_no_extra_is_given_as_it_is():
    assert require_metric("rouge_l") is METRICS["rouge_l"]


def test_the_golden_table_covers_every_metric():
    rows = (Path(__file__).parent / "golden.jsonl").read_text().splitlines()
    used = {json.loads(row)["grader"].get("evaluation_metric") for row in rows}
    assert set(METRICS) <= used
