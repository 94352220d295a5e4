"""Draw what a request is about: ids, names, amounts in minor or major units.

In: a random source and the remainder modulo 3 that the split's amounts and ids have. Out: texts with their
`$slots` filled, and the same values as arguments. The digits of currencies: Stripe's documentation on zero-
and three-decimal currencies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

MINOR_DIGITS = {
    **dict.fromkeys(("usd", "eur", "gbp", "chf", "sek", "cad"), 2),
    **dict.fromkeys(("jpy", "krw", "vnd", "clp"), 0),
    **dict.fromkeys(("kwd", "bhd", "jod"), 3),
}
# Slots that are ids, by their prefix.
IDS = {
    *("ch", "pi", "cus", "pm", "acct", "prod", "price", "sub", "si", "in", "dp", "tr", "fee", "seti", "ich"),
    *("ic", "fa"),
}
FIRST = (
    "Ada",
    "Bruno",
    "Chiara",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Imani",
    "Jonas",
    "Keiko",
    "Lena",
)
LAST = (
    "Abbott",
    "Brandt",
    "Costa",
    "Dorsey",
    "Eriksen",
    "Fontaine",
    "Gruber",
    "Haddad",
    "Ivanov",
    "Jansen",
    "Kaya",
)
THINGS = (
    "annual check",
    "spring workshop",
    "cedar desk",
    "garden lamp",
    "data cable",
    "night train",
    "tea sampler",
)
SIZES = ("small", "large", "blue", "second", "repaired", "gift", "spare", "red", "trial", "studio")
STREETS = ("Mill Lane", "Harbour Street", "Linden Road", "Station Square", "Orchard Way", "Castle Street")
PLACES = (("Bremen", "DE"), ("Lyon", "FR"), ("Cork", "IE"), ("Turin", "IT"), ("Porto", "PT"), ("Ghent", "BE"))
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
# As many ids as four characters allow: a digit, a capital, a small letter, a digit.
SHORT = 9 * 24 * 24 * 9


class Slots:
    """The values of one row; a slot that occurs twice has one value."""

    def __init__(
        self, rng: random.Random, remainder: int, *, in_major_units: bool = False, currency: str | None = None
    ) -> None:
        self.rng, self.remainder, self.in_major_units = rng, remainder, in_major_units
        self.values: dict[str, Any] = {"currency": currency} if currency else {}

    def tell(self, text: str) -> str:
        """Fill a text."""
        return re.sub(r"\$(\w+)", lambda found: str(self.value(found[1])), text)

    def fill(self, value: Any) -> Any:
        """Fill an argument, in the type that it has."""
        if isinstance(value, dict):
            return {key: self.fill(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.fill(part) for part in value]
        return self.value(value[1:]) if isinstance(value, str) and value.startswith("$") else value

    def value(self, name: str) -> Any:
        """Give a slot its value, drawn when it is first needed."""
        if name not in self.values:
            self.values[name] = self.draw(name)
        return self.values[name]

    def draw(self, name: str) -> Any:
        if name in IDS:
            return f"{name}_{self.token(14)}"
        if name == "money":
            return self.money()
        if name == "minus":
            return -self.value("amount")
        return getattr(self, f"draw_{name}")()

    def token(self, length: int) -> str:
        """Draw an id's tail; its last digit has the split's remainder."""
        body = "".join(self.rng.choice(LETTERS + LETTERS.lower() + "123456789") for _ in range(length - 1))
        return f"{body}{3 * self.rng.randint(0, 2) + self.remainder}"

    def short_id(self, prefix: str) -> str:
        """Draw an id of four characters that belongs to the split."""
        n = 3 * self.rng.randrange(SHORT // 3) + self.remainder
        n, last = divmod(n, 9)
        n, small = divmod(n, 24)
        first, capital = divmod(n, 24)
        return f"{prefix}_{first + 1}{LETTERS[capital]}{LETTERS[small].lower()}{last + 1}"

    def short_amount(self) -> int:
        """Draw an amount of three to five digits that belongs to the split."""
        step = self.rng.choice((1, 10, 100))
        while True:
            amount = step * self.rng.randint(max(2, 200 // step), 99_000 // step if step > 1 else 9_999)
            if amount % 3 == self.remainder:
                return amount

    def money(self) -> str:
        """Write the amount in the units of the row."""
        amount, currency = self.value("amount"), self.value("currency")
        if not self.in_major_units:
            return f"{amount} {currency} in minor units"
        digits = MINOR_DIGITS[currency]
        if digits == 0:
            return f"{amount} {currency.upper()}"
        whole, rest = divmod(amount, 10**digits)
        return f"{whole}.{rest:0{digits}} {currency.upper()}" if rest else f"{whole} {currency.upper()}"

    def draw_currency(self) -> str:
        # Half of the amounts to convert are in currencies without two decimals.
        digits = self.rng.choice((2, 2, 2, 0, 0, 3)) if self.in_major_units else 2
        return self.rng.choice([name for name, n in MINOR_DIGITS.items() if n == digits])

    def draw_amount(self) -> int:
        """Draw an amount in minor units; Stripe wants those of three-decimal currencies in tens."""
        digits = MINOR_DIGITS[self.value("currency")]
        step = {0: self.rng.choice((1, 10, 50)), 2: self.rng.choice((1, 5, 50, 100)), 3: 10}[digits]
        while True:
            amount = step * self.rng.randint(max(2, 300 // step), 90_000 // step)
            if amount % 3 == self.remainder:
                return amount

    def draw_person(self) -> str:
        return f"{self.rng.choice(FIRST)} {self.rng.choice(LAST)}"

    def draw_email(self) -> str:
        name = self.value("person").lower().replace(" ", ".")
        return f"{name}{self.rng.randint(2, 98)}@example.com"

    def draw_text(self) -> str:
        return f"{self.rng.choice(SIZES)} {self.rng.choice(THINGS)} {self.rng.randint(2, 99)}".capitalize()

    def draw_label(self) -> str:
        return f"{self.rng.choice(SIZES)}-{self.rng.randint(100, 999)}".upper()

    def draw_code(self) -> str:
        return f"{self.rng.choice(SIZES)}{self.rng.randint(10, 99)}".upper()

    def draw_coupon(self) -> str:
        return self.token(8)

    def draw_ticket(self) -> str:
        return f"{self.rng.choice(LETTERS)}{self.rng.choice(LETTERS)}-{self.rng.randint(1000, 9999)}"

    def draw_street(self) -> str:
        return f"{self.rng.randint(2, 140)} {self.rng.choice(STREETS)}"

    def draw_city(self) -> str:
        city, self.values["country"] = self.rng.choice(PLACES)
        return city

    def draw_country(self) -> str:
        return self.rng.choice(PLACES)[1]

    def draw_zip(self) -> str:
        return str(self.rng.randint(10_000, 98_999))

    def draw_url(self) -> str:
        return f"https://shop{self.rng.randint(2, 98)}.example/done"

    def draw_refresh(self) -> str:
        return f"https://shop{self.rng.randint(2, 98)}.example/again"

    def draw_vat(self) -> str:
        return f"DE{self.rng.randint(100_000_000, 999_999_999)}"

    def draw_percent(self) -> float | int:
        return self.rng.choice((5, 7.5, 10, 12.5, 15, 17.5, 20, 22.5, 25, 30, 33, 35, 40, 45, 55, 60, 65, 80))

    def draw_n(self) -> int:
        return self.rng.randint(2, 11)

    def draw_days(self) -> int:
        return self.rng.choice((7, 10, 14, 21, 30, 45, 60))

    def draw_many(self) -> int:
        return self.rng.randint(12, 99)
