"""Requests as they come to the desk of an invented bank: drawn, disguised, put into words.

In: a random generator, a tier and names that no other request has. Out: the request's facts, the limits it
falls under, its text. Names, companies and IBANs are made up; no list of real persons had a part in them.
"""

from __future__ import annotations

import random
from fractions import Fraction

from policy import IBAN_FORMS, IBAN_LENGTHS, Limits, Request, is_iban, share_of

_FIRST_NAMES = (
    "Amira Anton Berta Bruno Carla Cyril Dalia Dario Edith Emil Farah Felix Greta Hanno Ilka Ivar Jana Jonas"
    " Katja Kilian Lena Levin Mara Milo Nadia Nils Olga Oskar Petra Pavel Ronja Rafik Selma Tarek Tilda Ugo"
    " Vera Viktor Wanda Yusuf Zoë André Inès Sören Noël Renée"
)
_STARTS = (
    "Bar Bel Cor Dal Dren Fal Fer Gal Gre Hol Jor Kel Kra Lan Lor Mar Mel Nor Ost Pel Quin Ras Sel Tor Ul Ven"
)
_ENDS = "ak ander ella en ero eth ev ian ik ini lund mann mont nova oud ov sky stad stra vik win za"
FIRST_NAMES = tuple(_FIRST_NAMES.split())
SURNAMES = tuple(start + end for start in _STARTS.split() for end in _ENDS.split())
TRADES = (
    "Foods",
    "Freight",
    "Garments",
    "Glass",
    "Optics",
    "Paper",
    "Shipping",
    "Solar",
    "Textiles",
    "Timber",
)
BANK_WORDS = ("Handelsbank", "Credit Union", "Savings Bank", "Trade Bank", "Mutual")
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "PLN")
N_LISTED = 5
# What a request is made of, by tier; the drawing functions below read these words.
KINDS = {
    1: ("wire known", "cash", "loan known"),
    2: ("wire new", "cash wire known", "company one"),
    3: ("cash wire new", "twice wire known", "twice", "company two", "loan new"),
    4: (
        "wire new trap",
        "below wire new trap",
        "earlier wire known trap",
        "company chain trap",
        "loan known trap",
    ),
}


class Names:
    """Hands out names of persons and companies, each once, so that no two splits share one."""

    def __init__(self, seed: str) -> None:
        rng = random.Random(seed)
        self._persons = [f"{first} {last}" for first in FIRST_NAMES for last in SURNAMES]
        self._ibans: set[str] = set()
        rng.shuffle(self._persons)
        self._rng = rng
        self._companies = [f"{name} {word}" for name in SURNAMES for word in (*TRADES, *BANK_WORDS)]
        rng.shuffle(self._companies)

    def person(self) -> str:
        """Take the next person."""
        return self._persons.pop()

    def company(self, words: tuple[str, ...]) -> str:
        """Take the next company whose name ends in one of these words."""
        at = next(n for n, name in enumerate(self._companies) if name.split(" ", 1)[1] in words)
        return self._companies.pop(at)

    def iban(self, rng: random.Random) -> str:
        """Draw a valid IBAN that was not drawn before."""
        country = rng.choice(tuple(IBAN_FORMS))
        while True:
            body = _body(rng, IBAN_FORMS[country])
            iban = next(iban for digits in range(2, 99) if is_iban(iban := f"{country}{digits:02d}{body}"))
            if iban not in self._ibans:
                self._ibans.add(iban)
                return iban


def _body(rng: random.Random, form: str) -> str:
    letters, _, digits = form.rpartition("n")
    head = "".join(rng.choice("ABCDEFGHKLMNPRSTUVWX") for _ in range(int(letters[1:] or 0)))
    return head + "".join(rng.choice("0123456789") for _ in range(int(digits)))


def draw_limits(rng: random.Random, names: Names) -> Limits:
    """Draw the limits of one row's policy and a screening list."""
    return Limits(
        cash=1000 * rng.randrange(5, 16),
        currency=rng.choice(CURRENCIES),
        ratio=Fraction(rng.randrange(14, 25), 2),
        exposure=rng.randrange(10, 26),
        share=rng.randrange(10, 31),
        listed=tuple(names.person() for _ in range(N_LISTED)),
    )


def draw_request(
    rng: random.Random, names: Names, tier: int, kind: str, limits: Limits, target: str
) -> tuple[Request, Limits, str]:
    """Draw a request of a kind whose verdict should be the target, where the kind allows it."""
    words = kind.split()
    if words[0] == "loan":
        return _loan(rng, names, words, limits, target)
    if words[0] == "company":
        return _company(rng, names, words, limits, target)
    return _payment(rng, names, tier, words, limits, target)


def _payment(
    rng: random.Random, names: Names, tier: int, words: list[str], limits: Limits, target: str
) -> tuple[Request, Limits, str]:
    customer, cash, text = names.person(), (), ""
    if words[0] != "wire":
        cash, text = _cash(rng, words[0], limits, target)
    if "wire" not in words:
        return Request(cash=cash), limits, f"{customer} brings {text}"
    iban, payee = names.iban(rng), names.person()
    is_new = "new" in words
    if target == "block":
        iban, payee, limits = _spoilt(rng, tier, iban, payee, is_new, limits)
    elif "trap" in words:
        limits = _near_miss(rng, payee, limits)
    written = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    written = written.lower() if "trap" in words and rng.random() < 0.5 else written
    whose = "a new payee" if is_new else "a known payee"
    amount = f"{50 * rng.randrange(20, 900):,} {limits.currency}"
    doing = f"brings {text} And wires it on" if text else f"wires {amount}"
    sentence = f"{customer} {doing.replace('. And', ', and')} to {payee}, {whose}, IBAN {written}."
    if words[0] == "earlier":
        sentence = f"{customer} wires {amount} to {payee}, {whose}, IBAN {written}, and brings {text}"
    return Request(iban=iban, screened=payee if is_new else None, cash=cash), limits, sentence


def _cash(rng: random.Random, kind: str, limits: Limits, target: str) -> tuple[tuple[int, ...], str]:
    total = limits.cash + 50 * rng.randrange(2, 120)
    if kind == "below" and target != "report":
        total = limits.cash - 50 * rng.randrange(2, 40)
    if kind == "earlier":
        # Both days together reach the limit; today alone does only where a report is the target.
        today, before = (limits.cash - 50 * rng.randrange(4, limits.cash // 100) for _ in range(2))
        today = total if target == "report" else today
        return (today,), (
            f"{today:,} {limits.currency} in cash today."
            f" Yesterday it was {before:,} {limits.currency} in cash."
        )
    if kind == "twice":
        first = 50 * rng.randrange(30, limits.cash // 50 - 10)
        return (first, total - first), (
            f"{first:,} {limits.currency} in cash in the morning and {total - first:,} {limits.currency}"
            " in cash in the afternoon."
        )
    return (total,), f"{total:,} {limits.currency} in cash."


def _spoilt(
    rng: random.Random, tier: int, iban: str, payee: str, is_new: bool, limits: Limits
) -> tuple[str, str, Limits]:
    faults = ["length"] if tier == 1 else ["length", "digits"] if tier < 4 else ["digits"]
    fault = rng.choice([*faults, "listed"] if is_new else faults)
    if fault == "listed":
        listed = _disguised(rng, payee) if tier == 4 else payee
        return iban, payee, _with(rng, limits, listed)
    if fault == "length":
        at = rng.randrange(8, len(iban))
        return (iban[:at] + iban[at + 1 :], payee, limits)
    while True:
        at = rng.randrange(8, len(iban) - 1)
        swapped = iban[:at] + iban[at + 1] + iban[at] + iban[at + 2 :]
        if swapped != iban and not is_iban(swapped) and len(swapped) == IBAN_LENGTHS[iban[:2]]:
            return swapped, payee, limits


def _disguised(rng: random.Random, name: str) -> str:
    first, last = name.split(" ", 1)
    accented = first.replace("a", "á", 1).replace("e", "è", 1) if rng.random() < 0.5 else first
    return rng.choice(
        [f"{last.upper()}, {accented}", f"{last} {first.upper()}", f"{accented} {last.upper()}"]
    )


def _near_miss(rng: random.Random, payee: str, limits: Limits) -> Limits:
    first, last = payee.split(" ", 1)
    other = rng.choice([name for name in FIRST_NAMES if name != first])
    return _with(rng, limits, f"{other} {last}")


def _with(rng: random.Random, limits: Limits, name: str) -> Limits:
    listed = list(limits.listed)
    listed[rng.randrange(len(listed))] = name
    return Limits(limits.cash, limits.currency, limits.ratio, limits.exposure, limits.share, tuple(listed))


def _loan(
    rng: random.Random, names: Names, words: list[str], limits: Limits, target: str
) -> tuple[Request, Limits, str]:
    bank, is_new = names.company(BANK_WORDS), "new" in words
    tier1 = 10 * rng.randrange(80, 600)
    is_over = target == "block" and (not is_new or rng.random() < 0.5)
    exposure = tier1 * limits.exposure // 100 + rng.randrange(4, 60) * (1 if is_over else -1)
    exposure = max(exposure, 12)
    loan = rng.randrange(5, exposure - 4)
    rwa = 10 * rng.randrange(200, 3000)
    is_low = target == "block" and is_new and not is_over
    cet1 = int(rwa * limits.ratio / 100) + max(8, rwa // 100) * (-1 if is_low else 1)
    text = (
        f"{bank}, {'a bank and a new customer' if is_new else 'a bank and a known customer'}, asks for a loan"
        f" of {loan:,} million. Exposure so far: {exposure - loan:,} million. Our tier 1 capital:"
        f" {tier1:,} million."
    )
    if is_new or "trap" in words:
        text += f" The CET1 capital of {bank}: {cet1:,} million, its risk-weighted assets: {rwa:,} million."
    capital = (cet1, rwa) if is_new else None
    return Request(screened=bank if is_new else None, loan=(exposure, tier1), capital=capital), limits, text


def _company(
    rng: random.Random, names: Names, words: list[str], limits: Limits, target: str
) -> tuple[Request, Limits, str]:
    company = names.company(TRADES)
    if target == "block":
        limits = _with(
            rng, limits, " ".join(reversed(company.upper().split())) if "trap" in words else company
        )
    n_owners = 2 if words[1] == "two" else 1
    has_large = target == "report" or (target == "block" and rng.random() < 0.5)
    owners, sentences = [], [f"{company}, a new company customer."]
    for n in range(n_owners):
        owner = names.person()
        is_large = has_large and n == 0
        paths = _paths(rng, limits.share, is_large, is_chain=words[1] == "chain")
        sentences.append(_owner_text(names, owner, company, paths))
        owners.append((owner, paths))
    return Request(screened=company, owners=tuple(owners)), limits, " ".join(sentences)


def _paths(rng: random.Random, limit: int, is_large: bool, *, is_chain: bool) -> tuple[tuple[int, ...], ...]:
    while True:
        paths = ((rng.randrange(3, limit),), (rng.randrange(20, 95), rng.randrange(5, 60)))
        paths = paths if is_chain else ((rng.randrange(3, 60),),)
        share = share_of(paths)
        if abs(share - limit) >= 1 and (share >= limit) == is_large:
            return paths


def _owner_text(names: Names, owner: str, company: str, paths: tuple[tuple[int, ...], ...]) -> str:
    text = f"{owner} holds {paths[0][0]} % of it directly"
    if len(paths) == 1:
        return f"{text}."
    holding = names.company(TRADES)
    return f"{text}, and {paths[1][0]} % of {holding}, which holds {paths[1][1]} % of {company}."
