"""Grade one move of a research: the right calls, or the final answer with its evidence.

In: the model's tool calls or text, and the row's `want`, `answer` and `cites`. Out: a reward of 0 to 1.
Standard library only. Calls: 0.8 for F1 over the wanted calls, 0.2 for making no more of them than were
needed. An answer: 0.5 for the answer, 0.3 for F1 over the cited ids, 0.2 for stopping here. Calls and an
answer together earn 0: a move is one or the other.
"""

import itertools
import json
import re
from collections import Counter
from typing import Any

ARGUMENTS = {"search": {"query", "kind"}, "open": {"id"}}
STOP_WORDS = frozenset(
    ("an", "and", "as", "cited", "for", "in", "is", "its", "of", "on", "the", "to", "was", "which")
)
CALLS, THRIFT = 0.8, 0.2
# Few calls are worth something only where they are nearly the right ones.
NEARLY_MET = 0.75
ANSWER, EVIDENCE, STOPPING = 0.5, 0.3, 0.2
# What is left of a query's credit that asks for the wrong kind, or lacks the word that tells names apart.
WRONG_KIND = WITHOUT_KEY = 0.5
# Evidence for an answer that is wrong counts half: the only record open could be cited blindly.
WITHOUT_ANSWER = 0.5
# A citation form that is not the right one earns half of its word overlap, and nothing below this overlap.
NEAR_FORM, LEAST_OVERLAP = 0.5, 0.6


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Grade the move that the row wants."""
    move = (item.get("want") or {}).get("move")
    text = (sample.get("output_text") or "").strip()
    calls = sample.get("output_tools") or []
    if move == "calls" and calls and (not text or read_answer(text) == ("", [])):
        return grade_calls([read_call(call) for call in calls], item["want"])
    if move == "answer" and text and not calls:
        return grade_answer(text, item)
    return 0.0


def grade_calls(calls: list[dict[str, str] | None], want: dict[str, Any]) -> float:
    """Match calls to wanted calls, each once, so that most is earned; too many calls earn nothing."""
    wanted = want["calls"]
    if len(calls) > want["most"]:
        return 0.0
    scores = [[credit(call, right, want["done"]) for right in wanted] for call in calls]
    places = itertools.permutations([*range(len(calls)), *[None] * len(wanted)], len(wanted))
    earned = max(sum(scores[n][at] for at, n in enumerate(chosen) if n is not None) for chosen in places)
    f1 = 2 * earned / (len(calls) + len(wanted))
    if len(calls) > len(wanted):
        # F1 alone would pay two guesses better than one.
        return CALLS * f1 * len(wanted) / len(calls)
    return CALLS * f1 + (THRIFT if f1 >= NEARLY_MET else 0.0)


def read_call(call: Any) -> dict[str, str] | None:
    """Read a call in the wire's form; None unless its tool exists and has just the arguments it takes."""
    try:
        name, arguments = (
            call["function"]["name"],
            json.loads(call["function"]["arguments"], object_pairs_hook=once),
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if not isinstance(name, str) or not isinstance(arguments, dict) or set(arguments) != ARGUMENTS.get(name):
        return None
    if not all(isinstance(value, str) for value in arguments.values()):
        return None
    return {"name": name, **arguments}


def credit(call: dict[str, str] | None, right: dict[str, Any], done: list[dict[str, str]]) -> float:
    """Say how well a call meets a wanted one; a call that was made before earns nothing."""
    if call is None or call["name"] != right["name"]:
        return 0.0
    if call["name"] == "open":
        return 1.0 if call["id"] == right["id"] else 0.0
    asked = set(words(call["query"]))
    for old in done:
        if old["name"] == "search" and old["kind"] == call["kind"] and set(words(old["query"])) == asked:
            return 0.0
    best = max(query_credit(words(call["query"]), **terms) for terms in right["terms"])
    return best if call["kind"] == right["kind"] else WRONG_KIND * best


def query_credit(given: list[str], words: list[str], key: str) -> float:
    """Word overlap with a name or citation form; without its telling word the neighbours are found."""
    return overlap(given, words) * (1.0 if key in given else WITHOUT_KEY)


def grade_answer(text: str, item: dict[str, Any]) -> float:
    """Add up answer, evidence and stopping."""
    given = read_answer(text)
    if given is None:
        return 0.0
    answer, cites = given
    right = answer_credit(answer.strip(), item["answer"], item["want"]["form"])
    evidence = cite_credit(cites, item["cites"], item["want"]["opened"])
    if not right:
        return EVIDENCE * evidence * WITHOUT_ANSWER
    return ANSWER * right + EVIDENCE * evidence + STOPPING * right


def read_answer(text: str) -> tuple[str, list[str]] | None:
    """Read the whole text as one JSON object of just `answer` and `cites`; None for anything else."""
    try:
        given = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or set(given) != {"answer", "cites"}:
        return None
    answer, cites = given["answer"], given["cites"]
    if (
        not isinstance(answer, str)
        or not isinstance(cites, list)
        or not all(isinstance(x, str) for x in cites)
    ):
        return None
    return answer, cites


def answer_credit(given: str, right: str, form: str) -> float:
    """1.0 for the answer itself; a citation form that is nearly right earns a part, a number does not."""
    if given == right:
        return 1.0
    if form != "cite":
        return 0.0
    if squeezed(given) == squeezed(right):
        return 1.0
    share = overlap(words(given), words(right))
    return NEAR_FORM * share if share >= LEAST_OVERLAP else 0.0


def cite_credit(cites: list[str], right: list[str], opened: list[str]) -> float:
    """F1 over the cited ids; 0 where one stands twice or was never opened."""
    if len(set(cites)) < len(cites) or not set(cites) <= set(opened):
        return 0.0
    return 2 * len(set(cites) & set(right)) / max(1, len(cites) + len(right))


def overlap(given: list[str], right: list[str]) -> float:
    """F1 over words, each matched once."""
    shared = sum((Counter(given) & Counter(right)).values())
    return 2 * shared / max(1, len(given) + len(right))


def words(text: str) -> list[str]:
    """Split into lower-case words of letters and digits, without stop words."""
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in STOP_WORDS]


def squeezed(text: str) -> str:
    """Drop blanks and a full stop at the end, which citation styles treat differently."""
    return re.sub(r"\s+", "", text).rstrip(".")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
