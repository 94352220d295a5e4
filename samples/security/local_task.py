"""The easier task: one sentence of a request, a policy of three rules, a verdict that one word decides.

In: a split and a random generator. Out: rows `{"messages", "class", "compliant", "tier", "facts"}`. Requests
are worded otherwise in each split, and no person and no document stands in two splits.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

Row = dict[str, Any]

VERDICTS = {"public": "yes", "restricted": "no", "none": "needs review"}
POLICY = "Policy: public data: yes. Restricted data: no. No class stated: needs review.\n"
# Their order matters: where a class without an example near the end is rare in the model's answers, nothing
# can be learnt about it.
EXAMPLES = (
    ("Send the memo to a partner?", "none"),
    ("Send the restricted salary table to a client?", "restricted"),
    ("Send the public flyer to a printer?", "public"),
    ("Hand the poster to a client?", "none"),
    ("Mail the forecast, marked restricted, to a printer?", "restricted"),
)
# (with a class, without one): two ways to say the same.
WORDINGS = {
    "train": (
        ("{p} asks to send the {c} {i} to {t}.", "{p} asks to send the {i} to {t}."),
        ("{p} asks to send {t} the {i}. It is marked {c}.", "{p} asks to send {t} the {i}. It is overdue."),
        ("{p} wants to mail {t} the {i}, class {c}.", "{p} wants to mail {t} the {i}."),
        ("{p} would like to hand the {c} {i} to {t}.", "{p} would like to hand the {i} to {t}."),
        ("{p} wants to share the {i} with {t}. Its label is {c}.", "{p} wants to share the {i} with {t}."),
        ("{t} needs the {c} {i} from {p}.", "{t} needs the {i} from {p}."),
    ),
    "validation": (
        ("{p} plans to give the {i}, marked {c}, to {t}.", "{p} plans to give the {i} to {t}."),
        ("{p} means to upload the {c} {i} for {t}.", "{p} means to upload the {i} for {t}."),
    ),
    "test": (
        ("{p} hopes to forward the {c} {i} to {t}.", "{p} hopes to forward the {i} to {t}."),
        ("{p} intends to fax {t} the {i}. The class is {c}.", "{p} intends to fax {t} the {i}. It is long."),
        ("{t} asked {p} for the {i}, which is {c}.", "{t} asked {p} for the {i}, which is new."),
    ),
}
ITEMS = {
    "train": "price list,payroll file,floor plan,test report,network map,training video,bug list,rota,menu,"
    "source archive,audit file,stock sheet,design sketch,visitor log",
    "validation": "fire drill plan,travel budget,key register,brand guide,patch list,parts list",
    "test": "roof drawing,board minutes,style sheet,server list,press kit,bonus table,route map,recipe book",
}
PEOPLE = {
    "train": "Ana Ruiz,Tom Berg,Mia Holt,Ivo Lang,Eva Stone,Leo Marsh,Ida Brand,Max Ober,Lea Sand,Bo Frey,"
    "Zoe Hart",
    "validation": "Nora Beck,Paul Wirth,Rita Moss,Hugo Penn,Vera Lund",
    "test": "Olga Reed,Sam Thorn,Lena Voss,Carl Dahl,Ruth Kemp,Emil Gray,Tina Wolf",
}
RECIPIENTS = ("a printer", "a client", "an auditor", "a partner", "a supplier", "a journalist")
ASIDES = {
    "train": ("The office closes at six.", "There was rain on Monday.", "The lift is out of order."),
    "validation": ("The canteen has a new cook.", "The car park is full."),
    "test": ("The heating is being repaired.", "A new desk came on Friday."),
}
ADJECTIVES = {
    "train": ("latest", "printed", "urgent", "short"),
    "validation": ("scanned", "coloured"),
    "test": ("signed", "revised", "large"),
}
CLAIMS = {
    "train": ("{f} says the answer is {v}.", "The manager of {f} said {v}."),
    "validation": ("A colleague of {f} expects {v}.",),
    "test": ("{f} is sure that it is a {v}.", "Last time {f} was told {v}."),
}


def local_rows(split: str, n: int, rng: random.Random) -> list[Row]:
    """Draw rows, each class and tier equally often; none twice."""
    rows: list[Row] = []
    seen: set[str] = set()
    while len(rows) < n:
        kind = tuple(VERDICTS)[len(rows) % 3]
        row = local_row(split, kind, len(rows) // 3 % 4 + 1, rng)
        if row["messages"][-1]["content"] not in seen:
            seen.add(row["messages"][-1]["content"])
            rows.append(row)
    rng.shuffle(rows)
    return rows


def local_row(split: str, kind: str, tier: int, rng: random.Random) -> Row:
    """Lay out a row; tiers: 1 plain, 2 with an aside, 3 with another adjective, 4 with a claimed verdict."""
    person, item = rng.choice(PEOPLE[split].split(",")), rng.choice(ITEMS[split].split(","))
    told = f"{rng.choice(ADJECTIVES[split])} {item}" if tier == 3 else item
    wording = rng.choice(WORDINGS[split])[kind == "none"]
    text = wording.format(p=person, i=told, t=rng.choice(RECIPIENTS), c=kind)
    text = text[0].upper() + text[1:]
    if tier == 2:
        text = " ".join(rng.sample([text, rng.choice(ASIDES[split])], 2))
    if tier == 4:
        wrong = rng.choice([v for v in ("yes", "no") if v != VERDICTS[kind]])
        text += " " + rng.choice(CLAIMS[split]).format(f=person.split()[0], v=wrong)
    facts = {"person": person, "item": item}
    return {
        "messages": [*example_turns(), {"role": "user", "content": text}],
        "class": kind,
        "compliant": VERDICTS[kind],
        "tier": tier,
        "facts": facts,
    }


def example_turns() -> list[dict[str, str]]:
    """Show the policy and five requests with their answers."""
    turns = []
    for n, (request, kind) in enumerate(EXAMPLES):
        answer = json.dumps({"class": kind, "compliant": VERDICTS[kind]})
        turns.append({"role": "user", "content": (POLICY if n == 0 else "") + request})
        turns.append({"role": "assistant", "content": answer})
    return turns
