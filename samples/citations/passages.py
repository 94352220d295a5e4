"""The full task: a passage of several sentences, and every case citation in it with all its parts.

In: a random generator, a split, the sentences of passages.toml. Out: the text, its citations, and its tier.
"""

from __future__ import annotations

import textwrap
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from series import PARTIES, VARIANTS, Citation, draw_appeal, draw_citation, draw_parallels

if TYPE_CHECKING:
    import random

TOPICS = tomllib.loads((Path(__file__).parent / "passages.toml").read_text("utf-8"))["topics"]
MAX_CITATIONS = 6
WRAPPED_SHARE = 0.5
JOURNALS = (
    "Note, 92 Harv. L. Rev. 1036 (1979)",
    "Comment, 61 Yale L.J. 348 (1952)",
    "Essay, 47 Stan. L. Rev. 1461 (1995)",
    "Note, 74 Mich. L. Rev. 885 (1976)",
)
MONTHS = ("January", "March", "May", "June", "August", "October", "December")

DISTRICT_SERIES = frozenset({"F. Supp.", "F. Supp. 2d", "F. Supp. 3d"})
HISTORIES = ("{0}, aff'd, {1}.", "{0}, rev'd on other grounds, {1}.", "{0}, aff'd in part, {1}.")
INSIDE = ("{0} (quoting {1}).", "{0} (citing {1}).", "{0} (following {1}).")
AGAIN = ("The answer is again in {0}.", "We come back to {0}.", "So we held in {0}, and so we hold today.")


@dataclass
class Draft:
    """A passage while it is being written.

    Attributes:
        is_varied: whether reporters may be spelled otherwise.
        is_pinned: whether pin cites may follow.
        names: parties that no case of the passage bears yet.
        alone: those of the cited that stand by themselves, under their own name.
    """

    rng: random.Random
    split: str
    topic: dict[str, list[str]]
    codes: list[str]
    is_varied: bool
    is_pinned: bool
    names: list[str]
    sentences: list[str] = field(default_factory=list)
    cited: list[Citation] = field(default_factory=list)
    alone: list[Citation] = field(default_factory=list)

    def new_case(self, among: frozenset[str] | None = None) -> Citation:
        """Draw a case of new parties and count it among those cited."""
        citation = draw_citation(self.rng, self.split, (self.names.pop(), self.names.pop()), among)
        self.cited.append(citation)
        self.alone.append(citation)
        return citation

    def with_parallels(self) -> tuple[Citation, list[Citation]]:
        """Draw a case that more than one reporter prints, as far as there is room."""
        for _ in range(200):
            citation = draw_citation(self.rng, self.split, (self.names[-1], self.names[-2]))
            others = draw_parallels(self.rng, citation, self.split)[: MAX_CITATIONS - 1 - len(self.cited)]
            if others:
                break
        del self.names[-2:]
        self.cited += [citation, *others]
        return citation, others

    def say(self, pattern: str, *slots: str) -> None:
        """Add a sentence with its citations in."""
        self.sentences.append(pattern.format(*slots))

    def printed(self, citation: Citation, *, named: bool = True, others: list[Citation] | None = None) -> str:
        """Write a citation as a brief would, with its parallel ones."""
        parts = [self.located(one) for one in (citation, *(others or []))]
        where = f"{citation.court} {citation.year}" if citation.named else citation.year
        return ", ".join([*([citation.case] if named else []), *parts]) + f" ({where})"

    def located(self, citation: Citation) -> str:
        """Write volume, reporter and page, perhaps in a spelling of its own and with a pin cite."""
        spelling = citation.reporter
        if self.is_varied and spelling in VARIANTS and self.rng.random() < 0.6:
            spelling = self.rng.choice(VARIANTS[spelling])
        pin = pin_cite(self.rng, int(citation.page)) if self.is_pinned and self.rng.random() < 0.5 else ""
        return f"{citation.volume} {spelling} {citation.page}{pin}"


def draw(rng: random.Random, split: str, tier: int, *, is_empty: bool = False) -> tuple[str, list[Citation]]:
    """Draw a passage of a tier and its citations; an empty one cites no case."""
    topic = rng.choice([topic for topic in TOPICS if topic["split"] == split])
    names = rng.sample(PARTIES[split], len(PARTIES[split]))
    # Patterns are used up, so that no sentence stands twice in a passage.
    pools = {
        kind: rng.sample(topic[kind], len(topic[kind])) for kind in ("filler", "citing", "pair", "beside")
    }
    draft = Draft(rng, split, pools, topic["codes"], is_varied=tier == 4, is_pinned=tier > 1, names=names)
    draft.say(pools["filler"].pop())
    (write_empty if is_empty else WRITERS[tier])(draft)
    text = " ".join(draft.sentences)
    if tier > 1 and rng.random() < WRAPPED_SHARE:
        text = textwrap.fill(text, rng.randint(48, 76), break_long_words=False, break_on_hyphens=False)
    return text, draft.cited


def write_plain(draft: Draft) -> None:
    """Tier 1: one to three cases, each in a sentence of its own."""
    for n in range(draft.rng.randint(1, 3)):
        cite_one(draft)
        if n == 0 and draft.rng.random() < 0.5:
            draft.say(draft.topic["filler"].pop())


def write_forms(draft: Draft) -> None:
    """Tier 2: two to four cases with pin cites, cited again in short."""
    cite_two(draft)
    refer_back(draft)
    for _ in range(draft.rng.randint(0, 2)):
        cite_one(draft)
        if draft.rng.random() < 0.5:
            refer_back(draft)


def write_beside(draft: Draft) -> None:
    """Tier 3: parallel citations beside statutes, rules, journals, dockets and records."""
    say_beside(draft)
    cite_parallel(draft)
    say_beside(draft)
    for _ in range(draft.rng.randint(0, 2)):
        cite_one(draft)


def write_empty(draft: Draft) -> None:
    """Tier 3 as well: all of that, and no case."""
    say_beside(draft)
    say_beside(draft)
    draft.say(draft.topic["filler"].pop())
    say_beside(draft)


def write_all(draft: Draft) -> None:
    """Tier 4: other spellings, appeals, a citation inside another, one given twice, and all the rest."""
    cite_nested(draft)
    say_beside(draft)
    draft.rng.choice((cite_one, cite_parallel))(draft)
    refer_back(draft)
    if draft.rng.random() < 0.5:
        cite_again(draft)
    if len(draft.cited) <= MAX_CITATIONS - 2 and draft.rng.random() < 0.5:
        cite_two(draft)


WRITERS = {1: write_plain, 2: write_forms, 3: write_beside, 4: write_all}


def cite_one(draft: Draft) -> None:
    """Cite one case."""
    draft.say(draft.topic["citing"].pop(), draft.printed(draft.new_case()))


def cite_two(draft: Draft) -> None:
    """Cite two cases in one sentence."""
    draft.say(draft.topic["pair"].pop(), *(draft.printed(draft.new_case()) for _ in range(2)))


def cite_parallel(draft: Draft) -> None:
    """Cite one case with all the reporters that print it."""
    citation, others = draft.with_parallels()
    draft.say(draft.topic["citing"].pop(), draft.printed(citation, others=others))


def cite_nested(draft: Draft) -> None:
    """Cite a case together with its appeal, or with the older case that it quotes."""
    if draft.rng.random() < 0.5:
        cite_history(draft)
        return
    first, second = sorted((draft.new_case(), draft.new_case()), key=lambda case: -int(case.year))
    draft.say(draft.rng.choice(INSIDE), draft.printed(first), draft.printed(second))


def cite_history(draft: Draft) -> None:
    """Cite a district court's decision and what became of it on appeal, where no name stands."""
    first = draft.new_case(DISTRICT_SERIES)
    appeal = draw_appeal(draft.rng, first)
    if appeal is None:
        draft.say("See {0}.", draft.printed(first))
        return
    draft.cited.append(appeal)
    draft.say(draft.rng.choice(HISTORIES), draft.printed(first), draft.printed(appeal, named=False))


def cite_again(draft: Draft) -> None:
    """Cite one of the cases in full a second time."""
    draft.say(draft.rng.choice(AGAIN), draft.printed(draft.rng.choice(draft.alone)))


def refer_back(draft: Draft) -> None:
    """Point at the last case in a short form, which is no citation to list."""
    last = draft.cited[-1]
    pin = int(last.page) + draft.rng.randint(1, 20)
    patterns = (
        f"Id. at {pin}.",
        f"{last.parties[0]}, {last.volume} {last.reporter} at {pin}.",
        f"See {last.parties[0]}, supra, at {pin}.",
        f"Ibid. The dissent disagreed. Id. at {pin} n.{draft.rng.randint(2, 19)}.",
    )
    draft.say(draft.rng.choice(patterns))


def say_beside(draft: Draft) -> None:
    """Add a sentence whose numbers belong to no case citation."""
    rng = draft.rng
    year = rng.randint(1986, 2025)
    pattern = draft.topic["beside"].pop()
    draft.sentences.append(
        pattern.format(
            code=rng.choice(draft.codes),
            journal=rng.choice(JOURNALS),
            docket=f"{rng.randint(1, 24):02d}-{rng.randint(100, 2999)}",
            westlaw=f"{rng.randint(1999, 2024)} WL {rng.randint(100_000, 7_999_999)}",
            record=rng.randint(112, 940),
            section=rng.randint(2, 60),
            date=f"{rng.choice(MONTHS)} {rng.randint(1, 28)}, {year}",
            money=f"${rng.randint(2, 990)},{rng.randint(0, 9) * 100:03d}",
        )
    )


def pin_cite(rng: random.Random, page: int) -> str:
    """Point at a later page or pages of the same opinion."""
    start = page + rng.randint(1, 24)
    if rng.random() < 0.5:
        return f", {start}"
    end = start + rng.randint(1, 3)
    # Briefs drop the digits that repeat: 245-47, but 199-201.
    return f", {start}-{end % 100:02d}" if end // 100 == start // 100 else f", {start}-{end}"
