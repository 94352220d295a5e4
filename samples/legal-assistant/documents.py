"""Lay out the documents of the full task: local rules, orders of two courts, an agreement and its amendment.

In: the act that is asked for, its days, and the twist. Out: the documents with their numbered passages, the
pinpoint of the passage that controls, and the days of the one that does not, where two of them speak of the
same act.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counting import MAIL_DAYS
from matters import CONTRACT, COUNTING, COURT, EXPIRY, HEARING, PRECEDENCE, Act

if TYPE_CHECKING:
    import random

RULE, ORDER, AMENDED = "Local Rule", "Scheduling Order, para.", "Amended Scheduling Order, para."
APPEALS, AGREEMENT, AMENDMENT = "Court of Appeals Order, para.", "Agreement, Section", "Amendment, Section"
PERIODS = (5, 6, 7, 8, 9, 10, 12, 14, 15, 18, 20, 21, 24, 25, 28, 30, 35, 40, 45, 50, 60, 75, 90)
# How often an amendment, or the order of a higher court, is about something else.
ELSEWHERE = 0.4


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a document: how it is cited, how it is numbered there, what it says."""

    cited: str
    number: str
    text: str
    act: Act | None = None

    @property
    def line(self) -> str:
        """The passage as it stands in its document."""
        return f"{self.number} {self.text}"


@dataclass(slots=True)
class Bundle:
    """Document -> its passages; which passage controls, and how many days the one that gives way has."""

    documents: dict[str, list[Passage]] = field(default_factory=dict)
    authority: str = ""
    rejected_days: int | None = None


class Writer:
    """Draws other acts and other periods, none of them twice in a bundle."""

    def __init__(self, rng: random.Random, act: Act, days: int, *, is_court: bool) -> None:
        self.rng, self.act, self.days = rng, act, days
        pool = (COURT + HEARING[:3]) if is_court else (CONTRACT + EXPIRY[:2])
        self.acts = [other for other in pool if other is not act]
        self.numbers = [n for n in PERIODS if n != days]
        rng.shuffle(self.acts)
        rng.shuffle(self.numbers)

    def asked(self, days: int | None = None) -> tuple[Act, str]:
        """Return the asked act's passage, with its own days or with others."""
        return self.act, self.act.passage.format(n=days or self.days)

    def others(self, count: int) -> list[tuple[Act, str]]:
        """Return passages about other acts."""
        taken = [self.acts.pop() for _ in range(count)]
        return [(act, act.passage.format(n=self.numbers.pop())) for act in taken]

    def rules(self, texts: list[tuple[Act, str]]) -> list[Passage]:
        """Number passages as subdivisions of one local rule."""
        self.rng.shuffle(texts)
        rule = f"{self.rng.randint(7, 59)}.{self.rng.randint(1, 4)}"
        labels = [f"{rule}({letter})" for letter in "abcdefgh"]
        return [
            Passage(f"{RULE} {label}", f"Rule {label}", text, act)
            for label, (act, text) in zip(labels, texts, strict=False)
        ]

    def paragraphs(self, form: str, texts: list[tuple[Act, str]]) -> list[Passage]:
        """Number passages as paragraphs of an order."""
        self.rng.shuffle(texts)
        start = self.rng.randint(2, 9)
        return [
            Passage(f"{form} {n}", f"{n}.", text, act) for n, (act, text) in enumerate(texts, start=start)
        ]

    def sections(self, form: str, texts: list[tuple[Act, str]], first: int = 2) -> list[Passage]:
        """Number passages as sections of an agreement, in rising order."""
        self.rng.shuffle(texts)
        chapters = sorted(self.rng.sample(range(first, first + 16), len(texts)))
        numbers = [f"{chapter}.{self.rng.randint(1, 6)}" for chapter in chapters]
        return [
            Passage(f"{form} {number}", f"Section {number}", text, act)
            for number, (act, text) in zip(numbers, texts, strict=True)
        ]


def court_bundle(rng: random.Random, act: Act, days: int, twist: str, calendar: str) -> Bundle:
    """Lay out the papers of a case before a court."""
    write = Writer(rng, act, days, is_court=True)
    if twist == "later":
        bundle = amended(write, write.paragraphs(ORDER, [write.asked(), *write.others(2)]), ORDER)
        bundle.documents = {RULE: write.rules(write.others(2)), **bundle.documents}
    elif twist == "higher":
        bundle = contested(write)
    elif rng.random() < 0.5:
        bundle = Bundle({RULE: write.rules([write.asked(), *write.others(rng.randint(2, 4))])})
        if rng.random() < 0.5:
            bundle.documents[ORDER] = write.paragraphs(ORDER, write.others(3))
    else:
        rules = write.rules(write.others(rng.randint(1, 3)))
        bundle = Bundle({RULE: rules, ORDER: write.paragraphs(ORDER, [write.asked(), *write.others(3)])})
    bundle.documents[RULE] = [*counting(calendar, is_court=True), *bundle.documents[RULE]]
    if twist == "higher":
        bundle.documents[RULE].insert(0, Passage(f"{RULE} 1.3", "Rule 1.3", PRECEDENCE))
    return with_authority(bundle, act)


def contract_bundle(rng: random.Random, act: Act, days: int, twist: str, calendar: str) -> Bundle:
    """Lay out an agreement, with an amendment where the twist is that it was changed later."""
    write = Writer(rng, act, days, is_court=False)
    sections = write.sections(AGREEMENT, [write.asked(), *write.others(rng.randint(3, 4))])
    bundle = Bundle({AGREEMENT: sections})
    if twist == "later":
        bundle = amended(write, sections, AGREEMENT)
    bundle.documents[AGREEMENT] = [*counting(calendar, is_court=False), *bundle.documents[AGREEMENT]]
    return with_authority(bundle, act)


def amended(write: Writer, passages: list[Passage], form: str) -> Bundle:
    """Change one of the passages by a later paper: the asked one, or now and then another."""
    changes_other = write.rng.random() < ELSEWHERE
    hit = next(p for p in passages if (p.act is write.act) != changes_other)
    assert hit.act is not None
    old = write.numbers.pop()
    name = (
        f"In the Scheduling Order, paragraph {hit.number[:-1]}"
        if form == ORDER
        else f"In the Agreement, {hit.number}"
    )
    text = hit.act.passage.format(n=old if changes_other else write.days)
    change = (hit.act, f'{name} is replaced and now reads: "{text}"')
    bundle = Bundle({form: passages})
    if not changes_other:
        bundle.rejected_days = old
        passages[passages.index(hit)] = Passage(hit.cited, hit.number, hit.act.passage.format(n=old), hit.act)
    texts = [change, *write.others(1)]
    later = AMENDED if form == ORDER else AMENDMENT
    bundle.documents[later] = (
        write.paragraphs(AMENDED, texts) if form == ORDER else write.sections(AMENDMENT, texts, 1)
    )
    if not changes_other:
        bundle.authority = next(p.cited for p in bundle.documents[later] if p.act is write.act)
    return bundle


def contested(write: Writer) -> Bundle:
    """Let two authorities speak of the same act: an order and a rule, or a higher and a lower court."""
    other = write.numbers.pop()
    if write.rng.random() < 0.4:
        rules = write.rules([write.asked(other), *write.others(2)])
        orders = write.paragraphs(ORDER, [write.asked(), *write.others(2)])
        return Bundle({RULE: rules, ORDER: orders}, place_of(orders, write.act), other)
    rules = write.rules(write.others(2))
    if write.rng.random() < ELSEWHERE:
        orders = write.paragraphs(ORDER, [write.asked(), *write.others(2)])
        return Bundle({RULE: rules, ORDER: orders, APPEALS: write.paragraphs(APPEALS, write.others(2))})
    orders = write.paragraphs(ORDER, [write.asked(other), *write.others(2)])
    higher = write.paragraphs(APPEALS, [write.asked(), *write.others(1)])
    return Bundle({RULE: rules, ORDER: orders, APPEALS: higher}, place_of(higher, write.act), other)


def place_of(passages: list[Passage], act: Act) -> str:
    """Return the pinpoint of the passage about an act."""
    return next(passage.cited for passage in passages if passage.act is act)


def with_authority(bundle: Bundle, act: Act) -> Bundle:
    """Name the one passage about the act where no contest has decided it."""
    if not bundle.authority:
        [bundle.authority] = [p.cited for ps in bundle.documents.values() for p in ps if p.act is act]
    return bundle


def counting(calendar: str, *, is_court: bool) -> list[Passage]:
    """Return the passages on counting, as subdivisions of Rule 6.1 or as sections of chapter 1."""
    cited, own = (RULE, "Rule") if is_court else (AGREEMENT, "Section")
    labels = [f"6.1({letter})" for letter in "abcde"] if is_court else [f"1.{n}" for n in range(2, 7)]
    weekend = "(b)" if is_court else "Section 1.3"
    texts = [*(text.format(mail=MAIL_DAYS, weekend=weekend) for text in COUNTING), calendar]
    return [
        Passage(f"{cited} {label}", f"{own} {label}", text) for label, text in zip(labels, texts, strict=True)
    ]
