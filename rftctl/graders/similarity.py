"""Text metrics: an output and a reference in, a similarity of 0 to 1 out.

The platform names its metrics but not their code, so each follows the public library that its
hosted graders ship or that Azure's public evaluators use, and tests prove it equal sample by sample:

| metric | equal to | assumed |
| --- | --- | --- |
| fuzzy_match | rapidfuzz WRatio with default_process, / 100 | the scorer, from the guide's sample grader |
| rouge_1 … rouge_5, rouge_l | F1 of rouge-score, no stemmer | F1; note that it drops all but a-z and 0-9 |
| bleu | nltk sentence_bleu, 4-grams, smoothing method 4 | smoothing and tokens |
| gleu | nltk sentence_gleu, 1- to 4-grams | tokens |
| meteor | nltk meteor_score | tokens; synonyms only where WordNet's data is installed |

Tokens of bleu, gleu and meteor are nltk's word tokenizer over the whole text, without splitting it
into sentences first, since that needs data that pip does not install.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache, partial
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Any, TypeVar

from rftctl.errors import NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Word = TypeVar("_Word", str, bytes)

# What rouge-score keeps of lower-cased text, a-z and 0-9; every other byte parts two words.
_ROUGE_BYTES = bytes(byte if chr(byte) in ascii_lowercase + digits else 0x20 for byte in range(256))

_PLAIN = re.compile(r"[ \t\n]*(?:[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*(?:[.,](?=[ \t\n]|\Z))?(?:[ \t\n]+|\Z))*")
_CONTRACTION = re.compile(r"\b(?:can|gim|gon|got|lem|wan)(?:not|me|na|ta)\b", re.IGNORECASE)

NEEDS_NLTK = frozenset({"bleu", "gleu", "meteor"})
"""Metrics that need the `graders` extra."""


def fuzzy_match(text: str, reference: str) -> float:
    """Compare by rapidfuzz's WRatio over lower-cased letters and digits."""
    return _weighted_ratio()(text, reference) / 100.0


def rouge_n(text: str, reference: str, *, n: int) -> float:
    """Compare by the F1 of shared n-grams."""
    ours, theirs = _ngrams(_rouge_words(text), n), _ngrams(_rouge_words(reference), n)
    return _f1(_overlap(ours, theirs), ours.total(), theirs.total())


def rouge_l(text: str, reference: str) -> float:
    """Compare by the F1 of the longest common subsequence of words."""
    ours, theirs = _rouge_words(text), _rouge_words(reference)
    return _f1(_longest_common()(ours, theirs), len(ours), len(theirs))


def bleu(text: str, reference: str) -> float:
    """Compare by sentence BLEU: clipped precision of 1- to 4-grams with a brevity penalty."""
    ours, theirs = _words(text), _reference_words(reference)
    found = [
        _overlap(_ngrams(ours, n), _reference_ngrams(reference, n)) for n in range(1, 5) if len(ours) >= n
    ]
    if not found or found[0] == 0:
        return 0.0
    totals = [max(1, len(ours) - n + 1) for n in range(1, 5)]
    found += [0] * (4 - len(found))
    logs = [0.25 * math.log(precision) for precision in _smoothed(found, totals, len(ours)) if precision > 0]
    brevity = 1.0 if len(ours) > len(theirs) else math.exp(1 - len(theirs) / len(ours))
    return brevity * math.exp(math.fsum(logs))


def gleu(text: str, reference: str) -> float:
    """Compare by Google's BLEU: the smaller of n-gram precision and recall, 1- to 4-grams together."""
    ours, theirs = _words(text), _reference_words(reference)
    matches = sum(_overlap(_ngrams(ours, n), _reference_ngrams(reference, n)) for n in range(1, 5))
    total = max(_n_ngrams(len(ours)), _n_ngrams(len(theirs)))
    return matches / total if total else 0.0


def meteor(text: str, reference: str) -> float:
    """Compare by METEOR: aligned words by form, stem and, with WordNet, synonym."""
    from nltk.translate.meteor_score import single_meteor_score

    return float(single_meteor_score(_reference_words(reference), _words(text), wordnet=_synonyms()))


METRICS: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": fuzzy_match,
    "bleu": bleu,
    "gleu": gleu,
    "meteor": meteor,
    **{f"rouge_{n}": partial(rouge_n, n=n) for n in range(1, 6)},
    "rouge_l": rouge_l,
}
"""Wire name -> metric."""


def require_metric(name: str) -> Callable[[str, str], float]:
    """Give a metric that works in this installation.

    Raises:
        NotOfferedError: it needs nltk and nltk is not installed.
    """
    if name in NEEDS_NLTK:
        try:
            import nltk.tokenize  # noqa: F401
        except ImportError:
            message = f"text_similarity metric '{name}' needs the package nltk"
            raise NotOfferedError(message, 'pip install "rftctl[graders]"') from None
    return METRICS[name]


@lru_cache(maxsize=1)
def has_wordnet() -> bool:
    """Whether METEOR finds synonyms here: nltk and its WordNet data are installed."""
    return any(_is_nltk_data(name) for name in ("corpora/wordnet", "corpora/wordnet.zip"))


def _is_nltk_data(name: str) -> bool:
    try:
        import nltk.data

        nltk.data.find(name)
    except (ImportError, LookupError):
        return False
    return True


class _NoSynonyms:
    """Stands in for WordNet where its data is not installed: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        return []


def _synonyms() -> Any:
    if not has_wordnet():
        return _NoSynonyms()
    from nltk.corpus import wordnet

    return wordnet


@lru_cache(maxsize=1)
def _weighted_ratio() -> Callable[[str, str], float]:
    from rapidfuzz import fuzz, utils

    return partial(fuzz.WRatio, processor=utils.default_process)


@lru_cache(maxsize=1)
def _longest_common() -> Callable[[Sequence[bytes], Sequence[bytes]], int]:
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity


@lru_cache(maxsize=1)
def _tokenizer() -> Callable[[str], list[str]]:
    from nltk.tokenize import NLTKWordTokenizer

    tokenize: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
    return tokenize


def _words(text: str) -> list[str]:
    # Of the tokenizer's forty rules plain prose triggers three: commas, the last full stop, and gonna and co.
    if not _PLAIN.fullmatch(text) or _CONTRACTION.search(text):
        return _tokenizer()(text)
    words = text.replace(",", " ,").split()
    if words and words[-1].endswith("."):
        words[-1:] = [words[-1][:-1], "."]
    return words


# A reference meets every output of its group, so its words and n-grams are kept for a while.
@lru_cache(maxsize=256)
def _reference_words(text: str) -> list[str]:
    return _words(text)


@lru_cache(maxsize=1024)
def _reference_ngrams(text: str, n: int) -> Counter[tuple[str, ...]]:
    return _ngrams(_reference_words(text), n)


def _rouge_words(text: str) -> list[bytes]:
    return text.lower().encode("ascii", "replace").translate(_ROUGE_BYTES).split()


def _ngrams(words: Sequence[_Word], n: int) -> Counter[tuple[_Word, ...]]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _overlap(ours: Counter[tuple[_Word, ...]], theirs: Counter[tuple[_Word, ...]]) -> int:
    return sum(min(count, theirs[gram]) for gram, count in ours.items() if gram in theirs)


def _f1(shared: int, n_ours: int, n_theirs: int) -> float:
    if not shared:
        return 0.0
    precision, recall = shared / n_ours, shared / n_theirs
    return 2 * precision * recall / (precision + recall)


def _smoothed(found: list[int], totals: list[int], n_words: int) -> list[float]:
    # Chen and Cherry's fourth method with k = 5, as nltk computes it.
    precisions, nth = [], 1
    for matches, total in zip(found, totals, strict=True):
        if matches or n_words < 2:
            precisions.append(matches / total)
            continue
        precisions.append(1 / (2**nth * 5 / math.log(n_words)) / total)
        nth += 1
    return precisions


def _n_ngrams(n_words: int) -> int:
    return sum(max(0, n_words - n + 1) for n in range(1, 5))
