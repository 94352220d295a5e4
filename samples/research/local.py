"""Rows of the easier tier, for a model of 135 million parameters: the first search, copied from the question.

In: a split's records. Out: rows with two worked examples, the same in every row; from tier 2 on the question
says more than the name, and in tiers 3 and 4 it names another record that is not wanted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moves import Lookup

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from records import Record
    from search import Archive

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "kind": {"enum": ["court", "series"]}},
            },
        },
    }
]
EXAMPLES = (
    (
        "I have the Yukon Police Court. When did Hooker's Texas Digest begin?",
        "Hooker's Texas Digest",
        "series",
    ),
    ("When was the Guam Land Court set up? Not the Dover Gazette.", "Guam Land Court", "court"),
)
TEMPLATES = {
    1: ("When {asked}?", "Please find out when {asked}."),
    2: (
        "A student working on a thesis about old cases would like to know when {asked}.",
        "We are putting dates on a timeline of legal history. When {asked}?",
        "The footnote gives no year, so please look up when {asked}.",
    ),
    3: (
        "I have {other}. When {asked}?",
        "{other} is done. Now, when {asked}?",
        "We know all about {other}. When {asked}?",
    ),
    4: (
        "When {asked}? Not {other}.",
        "When {asked}? I already have {other}.",
        "Find out when {asked}, and leave out {other}.",
    ),
}


def local_row(rng: random.Random, archive: Archive, records: Sequence[Record], tier: int) -> dict[str, Any]:
    """Draw a row of a tier."""
    record, other = rng.sample(records, 2)
    asked = (
        f"{article(record)}{record.name} {'was set up' if record.kind == 'court' else 'began'}"
        if "{asked}." in (template := rng.choice(TEMPLATES[tier])) or "when {asked}," in template
        else question_of(record)
    )
    text = template.format(asked=asked, other=article(other) + other.name)
    lookup = Lookup(record, record.name)
    want = {"move": "calls", "calls": [lookup.wanted(archive)], "most": 1, "done": []}
    return {
        "messages": [*worked_examples(), {"role": "user", "content": text[0].upper() + text[1:]}],
        "tools": TOOLS,
        "want": want,
        "calls": [{"name": "search", "arguments": {"query": record.name, "kind": record.kind}}],
        "tier": tier,
        "records": [record.id],
        "calls_left": 1,
    }


def question_of(record: Record) -> str:
    """Ask when a record begins, the verb in front."""
    if record.kind == "court":
        return f"was {article(record)}{record.name} set up"
    return f"did {article(record)}{record.name} begin"


def article(record: Record) -> str:
    """Return the article that reads well before the name."""
    return "the " if record.kind == "court" else ""


def worked_examples() -> list[dict[str, Any]]:
    """Lay out two earlier turns, the calls in the form that this model reads and writes them.

    As `tool_calls` they would need results, and a result in the prompt teaches this model to invent results.
    """
    turns = []
    for question, query, kind in EXAMPLES:
        call = json.dumps({"name": "search", "arguments": {"query": query, "kind": kind}})
        turns += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"<tool_call>{call}</tool_call>"},
        ]
    return turns
