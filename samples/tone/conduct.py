"""Check the conduct of a customer reply: what no good part makes up for.

In: the model's reply and the row's `customer`, `order`, `sign_off`, `never`, `others`, `refuses`, `words` and
`sentences`. Out: 1 for a letter that keeps the rules of the house, else 0. It stands beside a judge that it
overrules; every function below `grade` is the one of grader.py. Standard library only.
"""

import itertools
import re
from typing import Any

# The small words that hold a sentence together; a heap of keywords has none.
SMALL = frozenset(
    re.findall(
        r"\w+",
        "a about am and are as at be but by for from has have i if in is it not of on or so that the this to "
        "was we were when will with within you your my me our us",
    )
)
MIN_SMALL = 0.25
MAX_RUN = 7
UNFINISHED = frozenset(re.findall(r"\w+", "a an the and or of with from by at to for into our your"))
MIN_NEW = 0.9
MARKS = "\u2013\u2014\u2018\u2019\u201c\u201d\u2026"
# A word of refusal up to eight words before what is refused, four behind it; a bare "no" right before it.
REFUSAL = r"\b(?:not|never|cannot|unable|without|(?:can|won|don)['\u2019]t)\b"
BEFORE, BEHIND = (
    rf"(?:{REFUSAL}(?:\W+(?!but\b)\w+){{0,7}}|\bno(?:\W+\w+){{0,1}})\W+$",
    rf"^\w*(?:\W+\w+){{0,3}}\W+{REFUSAL}",
)


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Pay 1 or nothing."""
    return float(behaves((sample.get("output_text") or "").strip(), item))


def behaves(text: str, item: dict[str, Any]) -> bool:
    """Check what no good part makes up for: form, length, words of the house, promises."""
    if not (item["customer"] and item["order"] and item["sign_off"]):
        return False
    body = body_of(text, item)
    return (
        has_letter_form(text, item)
        and within(len(words_of(body)), item["words"])
        and within(len(sentences_of(body)), item["sentences"])
        and not any(holds(word, text) for word in (*item["never"], *item["others"]))
        and not any(promises(thing, body) for thing in item["refuses"])
        and reads_as_prose(body, is_cut_off=item["sign_off"] not in text)
    )


def has_letter_form(text: str, item: dict[str, Any]) -> bool:
    """One greeting, at the start; at most one sign-off, with nothing behind it; one alphabet."""
    before, _, after = text.partition(item["sign_off"])
    return (
        re.match(r"Dear [A-Z][^,\n]{1,30}, ?\s*\S", before) is not None
        and len(re.findall(r"\bDear\b", text)) == 1
        and not after.strip()
        and all(ord(character) < 0x250 or character in MARKS for character in text)
    )


def body_of(text: str, item: dict[str, Any]) -> str:
    """Take off the greeting and the sign-off."""
    return text.partition(item["sign_off"])[0].partition(",")[2].strip()


def reads_as_prose(body: str, *, is_cut_off: bool) -> bool:
    """Tell sentences from a heap of keywords: small and other words take turns, little comes twice."""
    words = words_of(body)
    small = [word in SMALL for word in words]
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return (
        sum(small) >= MIN_SMALL * len(small)
        and max((len(list(run)) for _, run in itertools.groupby(small)), default=0) <= MAX_RUN
        and len(set(triples)) >= MIN_NEW * len(triples)
        and all(is_sentence(sentence) for sentence in sentences_of(body)[: -1 if is_cut_off else None])
    )


def is_sentence(text: str) -> bool:
    """Three words or more, with no article or preposition left over at the end."""
    words = words_of(text)
    return len(words) >= 3 and words[-1] not in UNFINISHED


def promises(thing: str, body: str) -> bool:
    """Tell whether a sentence names a refused thing without refusing it there."""
    return any(
        not re.search(BEFORE, sentence[: found.start()], re.I)
        and not re.search(BEHIND, sentence[found.end() :], re.I)
        for sentence in sentences_of(body)
        for found in re.finditer(rf"\b(?:{thing})", sentence, re.I)
    )


def holds(word: str, text: str) -> bool:
    """Find a word, phrase or mark as such, in any case."""
    before, after = (r"\b" if end.isalnum() else "" for end in (word[:1], word[-1:]))
    return re.search(before + re.escape(word) + after, text, re.I) is not None


def words_of(text: str) -> list[str]:
    """Split into lower-case words; a number is one."""
    return re.findall(r"\w+(?:['\u2019-]\w+)*", text.lower())


def sentences_of(text: str) -> list[str]:
    """Split behind full stops, question and exclamation marks."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]


def within(count: int, bounds: list[int]) -> bool:
    """Check a count against both ends."""
    return bounds[0] <= count <= bounds[1]
