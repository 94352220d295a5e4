"""Grade a ranked list of genes, and whether its explanation names the findings that speak for it.

In: the model's JSON and the row: `genes` (the right one), `credits` (what each rank earns), `findings` (label
and role). Out: a reward of 0 to 1: the credit of the right gene's rank times 0.85 to 1 by the explanation, so
that bands of ranks can be told apart by the reward. Standard library only.
An answer that is not one JSON object with exactly `genes` and `explanation` earns 0, and so do a list
that is longer than `credits`, a gene given twice, an entry that is not one symbol, and an explanation that
denies the first gene or names another one of the list.
"""

import json
import re
from typing import Any

WITHOUT_EXPLANATION = 0.85
MAX_EXPLANATION = 600
SYMBOL = re.compile(r"[A-Z][A-Z0-9-]{1,14}", re.ASCII)
DENIAL = r"(?i:\b(?:not|cannot|never|neither|unlikely|rules? out|ruled out|exclude[sd]?)\b)[^.;,:]{0,60}"


def grade(sample: dict[str, Any], item: dict[str, Any]) -> float:
    """Pay the right gene by its rank, less where the explanation does not name what speaks for it."""
    answer = read_object(sample.get("output_text") or "")
    if answer is None or set(answer) != {"genes", "explanation"}:
        return 0.0
    right, explanation, credits = item["genes"][0], answer["explanation"], item["credits"]
    genes = read_genes(answer["genes"], len(credits))
    if not isinstance(explanation, str) or len(explanation) > MAX_EXPLANATION or right not in genes:
        return 0.0
    if is_hedged(explanation, genes):
        return 0.0
    bonus = (1 - WITHOUT_EXPLANATION) * explained(explanation, genes[0], item["findings"])
    return credits[genes.index(right)] * (WITHOUT_EXPLANATION + bonus)


def read_object(text: str) -> dict[str, Any] | None:
    """Read the whole output as one JSON object whose keys differ; None for anything else."""
    try:
        value = json.loads(text, object_pairs_hook=without_doubles)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that gives a key twice: a second guess must not replace the first."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def read_genes(value: Any, most: int) -> list[str]:
    """Read a ranking, small letters allowed; empty when an entry is no symbol or stands twice."""
    if not isinstance(value, list) or len(value) > most:
        return []
    genes = [str(entry).strip().upper() for entry in value if isinstance(entry, str)]
    is_good = len(genes) == len(value) == len(set(genes)) and all(map(SYMBOL.fullmatch, genes))
    return genes if is_good else []


def is_hedged(text: str, genes: list[str]) -> bool:
    """Whether a text names another gene than the first, or denies the first."""
    is_denied = re.search(DENIAL + mention(genes[0]), text)
    return bool(is_denied) or any(re.search(mention(gene), text) for gene in genes[1:])


def mention(gene: str) -> str:
    """Match a symbol, also in FBN1-related; without a digit in capitals only, since WAS and CAT are words."""
    letters = f"(?i:{re.escape(gene)})" if re.search(r"\d", gene) else re.escape(gene)
    return rf"(?<![A-Za-z0-9-]){letters}(?![A-Za-z0-9]|-[A-Z0-9])"


def explained(text: str, first: str, findings: list[dict[str, Any]]) -> float:
    """1.0 when half of the gene's findings are named and no unrelated one; the whole list comes to 0.0."""
    if not re.search(mention(first), text):
        return 0.0
    named = labels_in(text, [finding["label"] for finding in findings])
    is_named = {True: [], False: []}
    for finding in findings:
        is_named[finding["role"] == "unrelated"].append(finding["label"] in named)
    own, other = is_named[False], is_named[True]
    good = min(1.0, sum(own) / -(-len(own) // 2))
    return max(0.0, good - sum(other) / max(1, len(other)))


def labels_in(text: str, labels: list[str]) -> set[str]:
    """Find the labels in a text, the longest first, so that no label is found inside another."""
    rest, found = " ".join(text.casefold().split()), set()
    for label in sorted(labels, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(label.casefold())}(?!\w)"
        if re.search(pattern, rest):
            found.add(label)
            rest = re.sub(pattern, "|", rest)
    return found
