"""Rows of the full task: a question, the research done so far, and the move that is wanted next.

In: a split's records and the archive that answers calls. Out: rows whose earlier tool results are what
search.py really returns. Nothing is rolled out: each row ends where one move of the model is graded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from search import Archive, words

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from records import Record

INSTRUCTIONS = (
    "You answer questions from an archive of court and law-report records. `search` lists up to six titles,"
    " in no order of merit; `open` shows one record. Each turn is one move: either tool calls, never more"
    " than 3 nor more than the calls left, or, once the opened records hold the evidence, the final answer"
    ' and no calls. Write the final answer as JSON: {"answer": "...", "cites": ["..."]}. Give a year as four'
    " digits, a number of years as a number, a citation form as the record writes it. Cite the records that"
    " the answer rests on, all of them and no others; only opened records count. Answer from the records,"
    " not from memory."
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "description": "List up to six records of a kind by words of title, place or citation form.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "the words that name the record, no others"},
                    "kind": {"type": "string", "enum": ["court", "series"]},
                },
                "required": ["query", "kind"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "open",
            "description": "Show the text of one record.",
            "parameters": {
                "type": "object",
                "properties": {"id": {"type": "string", "description": "an id from a result list"}},
                "required": ["id"],
                "additionalProperties": False,
            },
        },
    },
]
MOST_CALLS = 3

Row = dict[str, Any]


@dataclass(frozen=True)
class Lookup:
    """One record and the words under which the question, or an opened record, speaks of it."""

    record: Record
    clue: str

    def call(self) -> tuple[str, dict[str, str]]:
        """Return the search that the clue suggests."""
        return "search", {"query": self.clue, "kind": self.record.kind}

    def wanted(self, archive: Archive) -> dict[str, Any]:
        """Return what a search call is graded by: the clue's words, or those of the name or citation form.

        `key` is the word without which a search finds the record's neighbours.
        """
        record = self.record
        forms = [self.clue, record.cite, record.title]
        if record.kind == "court" or not (record.before or record.after):
            # Series that follow one another share their name.
            forms.insert(1, record.name)
        terms: list[dict[str, Any]] = []
        for said in filter(None, map(words, forms)):
            key = archive.telling_word(set(said), record.id)
            if {"words": sorted(said), "key": key} not in terms:
                terms.append({"words": sorted(said), "key": key})
        return {"name": "search", "kind": record.kind, "terms": terms}


@dataclass(frozen=True)
class Question:
    """A question with one answer; `hops` are looked up one after the other, the records of a hop at once."""

    text: str
    answer: str
    form: str
    hops: tuple[tuple[Lookup, ...], ...]

    @property
    def records(self) -> list[Record]:
        """Every record that the answer rests on."""
        return [lookup.record for hop in self.hops for lookup in hop]


@dataclass
class Research:
    """The messages of one question so far."""

    archive: Archive
    question: Question
    messages: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)

    def ask(self, calls: Sequence[tuple[str, dict[str, str]]]) -> None:
        """Append one move and what the tools answer."""
        first = len(self.done)
        made = [
            {
                "id": f"call_{first + n}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for n, (name, arguments) in enumerate(calls)
        ]
        self.messages.append({"role": "assistant", "content": None, "tool_calls": made})
        for call, (name, arguments) in zip(made, calls, strict=True):
            shown = getattr(self.archive, name)(*arguments.values())
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": shown})
            self.done.append({"name": name, **arguments})
            if name == "open":
                self.opened.append(arguments["id"])
            else:
                self.listed += [line.split(" | ")[0] for line in shown.splitlines() if " | " in line]

    def search(self, hop: Sequence[Lookup]) -> None:
        """Search for every record of a hop, as its clue suggests."""
        self.ask([lookup.call() for lookup in hop])

    def open(self, keys: Sequence[str]) -> None:
        """Open records."""
        self.ask([("open", {"id": key}) for key in keys])

    def wants_calls(self, wanted: list[dict[str, Any]], right: list[tuple[str, Any]], tier: int) -> Row:
        """End the row where calls are wanted."""
        want = {"move": "calls", "calls": wanted, "most": min(MOST_CALLS, self.left), "done": self.done}
        calls = [{"name": name, "arguments": arguments} for name, arguments in right]
        return self._row(want, {"calls": calls, "answer": "", "cites": []}, tier)

    def wants_search(self, hop: Sequence[Lookup], tier: int) -> Row:
        """End the row where the records of a hop must be searched for."""
        return self.wants_calls([x.wanted(self.archive) for x in hop], [x.call() for x in hop], tier)

    def wants_open(self, hop: Sequence[Lookup], tier: int) -> Row:
        """End the row where the records of a hop must be opened."""
        calls = [("open", {"id": lookup.record.id}) for lookup in hop]
        return self.wants_calls([{"name": name, **arguments} for name, arguments in calls], calls, tier)

    def wants_answer(self, tier: int) -> Row:
        """End the row where the evidence is complete."""
        question = self.question
        cites = [record.id for record in question.records]
        want = {"move": "answer", "form": question.form, "opened": sorted(self.opened)}
        return self._row(want, {"calls": [], "answer": question.answer, "cites": cites}, tier)

    @property
    def left(self) -> int:
        """Calls left: two for each record that is needed, and two to spare."""
        return 2 * len(self.question.records) + 2 - len(self.done)

    def _row(self, want: dict[str, Any], right: dict[str, Any], tier: int) -> Row:
        start = [
            {"role": "developer", "content": INSTRUCTIONS},
            {"role": "user", "content": self.question.text},
        ]
        last = {"role": "user", "content": f"Calls left: {self.left}. Your next move?"}
        if not self.messages:
            start[-1]["content"] += f"\nCalls left: {self.left}."
        return {
            "messages": [*start, *self.messages, *([last] if self.messages else [])],
            "tools": TOOLS,
            "want": want,
            **right,
            "tier": tier,
            "records": [record.id for record in self.question.records],
            "calls_left": self.left,
        }


@dataclass(frozen=True)
class Desk:
    """Draws questions and rows of one split."""

    rng: random.Random
    archive: Archive
    records: Sequence[Record]

    def row(self, tier: int) -> Row | None:
        """Draw a row of a tier; None where the draw does not work out."""
        make = {1: self.first_search, 2: self.choice, 3: self.plain_answer, 4: self.hard}[tier]
        return make()

    def first_search(self) -> Row | None:
        """Tier 1: nothing was done yet."""
        question = self.question()
        return question and Research(self.archive, question).wants_search(question.hops[0], 1)

    def choice(self) -> Row | None:
        """Tier 2: result lists are there, and the right records in them must be opened."""
        question = self.question()
        research = self.searched(question)
        return research and research.wants_open(question.hops[0], 2)

    def plain_answer(self) -> Row | None:
        """Tier 3: the record is open, in every second row another one too."""
        question = self.single()
        research = self.searched(question)
        if research is None:
            return None
        keys = [question.records[0].id]
        others = [key for key in research.listed if key not in keys]
        if others and self.rng.random() < 0.5:
            keys.insert(self.rng.randrange(2), self.rng.choice(others))
        research.open(keys)
        return research.wants_answer(3)

    def hard(self) -> Row | None:
        """Tier 4: joins, results without the record, the wrong record opened."""
        makers = (self.join_answer, self.search_again, self.next_search, self.other_record, self.next_choice)
        return self.rng.choices(makers, weights=(7, 4, 4, 3, 2))[0]()

    def join_answer(self) -> Row | None:
        """Both records are open; the answer is computed from them or stands in the second."""
        question = self.join()
        if question is None:
            return None
        research = Research(self.archive, question)
        for hop in question.hops:
            research.search(hop)
            if not {lookup.record.id for lookup in hop} <= set(research.listed):
                return None
            research.open([lookup.record.id for lookup in hop])
        return research.wants_answer(4)

    def search_again(self) -> Row | None:
        """A search of the wrong kind, or of too few words, did not find the record."""
        question = self.single()
        if question is None:
            return None
        [lookup] = question.hops[0]
        clue, kind = lookup.clue, lookup.record.kind
        if self.rng.random() < 0.5:
            kind = "series" if kind == "court" else "court"
        else:
            said = clue.split()
            clue = " ".join(said[: max(1, len(said) // 2)])
        research = Research(self.archive, question)
        research.ask([("search", {"query": clue, "kind": kind})])
        if lookup.record.id in research.listed:
            return None
        return research.wants_search(question.hops[0], 4)

    def next_search(self) -> Row | None:
        """The first record is open; the second one must be searched for."""
        question = self.join()
        if question is None:
            return None
        first, second = (lookup for hop in question.hops for lookup in hop)
        research = Research(self.archive, question)
        research.search([first])
        if first.record.id not in research.listed:
            return None
        research.open([first.record.id])
        return research.wants_search([second], 4)

    def other_record(self) -> Row | None:
        """The record that was opened is not the one that was asked about, which the list has too."""
        question = self.single()
        research = self.searched(question)
        if research is None:
            return None
        others = [key for key in research.listed if key != question.records[0].id]
        if not others:
            return None
        research.open([self.rng.choice(others)])
        return research.wants_open(question.hops[0], 4)

    def next_choice(self) -> Row | None:
        """The second record is listed and must be opened."""
        question = self.chain()
        research = self.searched(question)
        if research is None:
            return None
        research.open([question.records[0].id])
        research.search(question.hops[1])
        return research.wants_open(question.hops[1], 4) if question.records[1].id in research.listed else None

    def searched(self, question: Question | None) -> Research | None:
        """Make the first search, of every record of the first hop; None where it does not find them."""
        if question is None:
            return None
        research = Research(self.archive, question)
        research.search(question.hops[0])
        found = {lookup.record.id for lookup in question.hops[0]} <= set(research.listed)
        return research if found else None

    def question(self) -> Question | None:
        """Draw any question: of one record, of two, of one and its neighbour."""
        return self.rng.choices((self.single, self.difference, self.chain), weights=(6, 3, 1))[0]()

    def join(self) -> Question | None:
        """Draw a question over two records."""
        return self.rng.choices((self.difference, self.chain), weights=(3, 2))[0]()

    def single(self) -> Question | None:
        """Ask one record for a year, or for a citation form."""
        record = self.rng.choice(self.records)
        lookup, named = self.named(record)
        asked = {
            f"In which year {'was' if record.kind == 'court' else 'did'} {named}"
            f" {'established' if record.kind == 'court' else 'begin'}?": (record.start, "year"),
            f"In which year did {named} end?": (record.end, "year"),
            f"Which series followed {named}? Give its citation form.": (record.after, "cite"),
            f"Which series came before {named}? Give its citation form.": (record.before, "cite"),
        }
        if record.kind == "court" and lookup.clue != record.cite:
            asked[f"How is {named} cited?"] = (record.cite, "cite")
        known = {text: told for text, told in asked.items() if told[0]}
        text = self.rng.choice(list(known))
        return Question(text, *known[text], ((lookup,),))

    def difference(self) -> Question | None:
        """Ask for the years between the first years of two records of different families."""
        dated = [record for record in self.records if record.start]
        one, two = self.rng.sample(dated, 2)
        if one.family == two.family or one.start == two.start:
            return None
        (first, first_named), (second, second_named) = self.named(one), self.named(two)
        between = f"{first_named} and the first year of {second_named}"
        text = f"How many years lie between the first year of {between}?"
        return Question(text, str(abs(int(one.start) - int(two.start))), "number", ((first, second),))

    def chain(self) -> Question | None:
        """Ask about the series that followed another one, or came before it."""
        record = self.rng.choice([record for record in self.records if record.before or record.after])
        cite = self.rng.choice([cite for cite in (record.before, record.after) if cite])
        [other] = [x for x in self.records if x.cite == cite and x.family == record.family]
        lookup, named = self.named(record)
        how = "followed" if cite == record.after else "came before"
        # The year in which neighbours meet stands in both records, so the other end is asked for.
        year, asked = (other.end, "end") if cite == record.after else (other.start, "begin")
        if not year or year in (record.start, record.end):
            return None
        text = f"In which year did the series that {how} {named} {asked}?"
        return Question(text, year, "year", ((lookup,), (Lookup(other, cite),)))

    def named(self, record: Record) -> tuple[Lookup, str]:
        """Speak of a record by its name or by its citation form."""
        is_chained = bool(record.before or record.after)
        if record.cite and (is_chained or self.rng.random() < 0.3):
            return Lookup(record, record.cite), f'the {record.kind} cited as "{record.cite}"'
        what = "the court" if record.kind == "court" else "the series"
        return Lookup(record, record.name), f'{what} "{record.name}"'
