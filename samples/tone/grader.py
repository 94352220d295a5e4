"""Grade a customer reply by what can be checked without taste: the guards of the house tone.

In: the model's reply and the row's `customer`, `order`, `says`, `feeling`, `sign_off`, `never`, `others`,
`refuses`, `words`, `sentences` and `message`. Out: a reward of 0 to 1. Conduct comes first: a reply that has
not the form of a letter, breaks a rule of the house or promises what the row refuses earns 0. Then five parts
add up: the customer by name, the order in a sentence, the right feeling, the thing to say, the sign-off;
the opposite feeling halves the sum. Whether the reply is kind is not judged here. Standard library only.
"""

import itertools
import re
from typing import Any

WEIGHTS = {"greets": 0.2, "orders": 0.2, "feels": 0.3, "says": 0.15, "signs": 0.15}
# Joy at a complaint, or regret at thanks, is worse than no feeling: it takes this share of all else.
MISPLACED = 0.5
SORRY = r"\b(?:i|we)(?: am|['\u2019]m| are|['\u2019]re) (?:so |very |truly |really )?sorry\b"
GLAD = SORRY.replace("sorry", "(?:glad|happy|delighted|pleased)")
FEELINGS = {"sorry": (SORRY, GLAD), "glad": (GLAD, SORRY)}
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
LEADS = r"(?:for|into|about|with|on|of|at|your|from|in|our|to|the|this|under|as|regarding)"
UNFINISHED = frozenset(re.findall(r"\w+", "a an the and or of with from by at to for into our your"))
MIN_NEW = 0.9
MAX_SHARED = 0.6
MARKS = "\u2013\u2014\u2018\u2019\u201c\u201d\u2026"
# A word of refusal up to eight words before what is refused, four behind it; a bare "no" right before it.
REFUSAL = r"\b(?:not|never|cannot|unable|without|(?:can|won|don)['\u2019]t)\b"
BEFORE, BEHIND = (
    rf"(?:{REFUSAL}(?:\W+(?!but\b)\w+){{0,7}}|\bno(?:\W+\w+){{0,1}})\W+$",
    rf"^\w*(?:\W+\w+){{0,3}}\W+{REFUSAL}",
)


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Weigh the parts of a reply that behaves."""
    text = (sample.get("output_text") or "").strip()
    if not behaves(text, item) or shared(body_of(text, item), item["message"]) >= MAX_SHARED:
        return 0.0
    earned = sum(WEIGHTS[name] for name, passed in parts(text, item).items() if passed)
    misplaced = re.search(FEELINGS[item["feeling"]][1], text, re.I)
    return round(earned * (1 - MISPLACED) if misplaced else earned, 6)


def parts(text: str, item: dict[str, Any]) -> dict[str, bool]:
    """Tell which parts of the letter are right."""
    wanted, opposite = FEELINGS[item["feeling"]]
    numbers = re.findall(r"\b[A-Z]{1,2}-\d+\b", text)
    return {
        "greets": text.startswith(f"Dear {item['customer']},"),
        "orders": set(numbers) == {item["order"]}
        and re.search(rf"\b{LEADS} order (?:number )?{re.escape(item['order'])}\b", text, re.I) is not None,
        "feels": bool(re.search(wanted, text, re.I)) and not re.search(opposite, text, re.I),
        "says": all(holds(word, body_of(text, item)) for word in item["says"]),
        "signs": text.endswith(item["sign_off"]),
    }


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


def shared(body: str, message: str) -> float:
    """The F1 of the longest common subsequence of words: ROUGE-L of the reply and the message."""
    ours, theirs = words_of(body), words_of(message)
    row = [0] * (len(theirs) + 1)
    for word in ours:
        left = 0
        for n, other in enumerate(theirs):
            left, row[n + 1] = row[n + 1], left + 1 if word == other else max(row[n + 1], row[n])
    return 2 * row[-1] / (len(ours) + len(theirs)) if ours and theirs else 0.0


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
