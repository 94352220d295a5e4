"""Formulas of `multi` graders: text in, a compiled function of named rewards out. Never `eval`.

Documented (graders guide): numbers, variables, parentheses, `+ - * / ^`, and the functions
min max abs floor ceil exp sqrt log. Decided here, since the platform leaves it open:

| formula | means |
| --- | --- |
| `2 ^ 3 ^ 2` | 512: `^` is power and binds to the right |
| `-2 ^ 2`, `2 ^ -1` | -4 and 0.5: a minus sign binds weaker than `^` to its right |
| `a - b - c`, `a / b / c` | from the left |
| `log(x)` | the natural logarithm; one argument |
| `min(a)`, `max(a, b, c)` | one argument or more |
| `**`, `+a`, `a < b`, `a if b`, `2a`, `pi` | a syntax error with its column |
| division by zero, `log(0)`, `sqrt(-1)`, `(-8) ^ 0.5`, overflow | the grade fails; never a reward |
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

_MAX_DEPTH = 64
_MAX_CHARACTERS = 20_000

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>\*\*|[-+*/^(),])|(?P<end>$))"
)

_Term: TypeAlias = Callable[[Mapping[str, float]], float]

_UNARY: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
}
_VARIADIC: dict[str, Callable[..., float]] = {"min": min, "max": max}
FUNCTIONS = frozenset({*_UNARY, *_VARIADIC})
"""Names that no grader key may have."""


class FormulaError(ValueError):
    """A formula that cannot be parsed; `column` is 1-based, `reason` says what is wrong there."""

    def __init__(self, reason: str, column: int) -> None:
        super().__init__(f"column {column}: {reason}")
        self.reason = reason
        self.column = column


class FormulaValueError(ArithmeticError):
    """A formula with no finite value for these rewards."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A compiled formula; `variables` maps each name to the column of its first use."""

    source: str
    variables: dict[str, int]
    _term: _Term

    def evaluate(self, rewards: Mapping[str, float]) -> float:
        """Compute the formula.

        Raises:
            FormulaValueError: division by zero, a logarithm or root out of its domain, overflow.
        """
        try:
            value = self._term(rewards)
        except ZeroDivisionError:
            raise FormulaValueError(f"'{self.source}' divides by zero") from None
        except OverflowError:
            raise FormulaValueError(f"'{self.source}' is too large for a number") from None
        except ValueError:
            raise FormulaValueError(
                f"'{self.source}' takes a root, power or logarithm that does not exist"
            ) from None
        if not math.isfinite(value):
            raise FormulaValueError(f"'{self.source}' gives {value}, which is not a finite number")
        return value


def parse_formula(text: str) -> Formula:
    """Compile a formula.

    Raises:
        FormulaError: with the column where the formula stops making sense.
    """
    if len(text) > _MAX_CHARACTERS:
        raise FormulaError(f"longer than {_MAX_CHARACTERS:,} characters", _MAX_CHARACTERS)
    parser = _Parser(text)
    term = parser.sum(0)
    if parser.kind != "end":
        raise parser.error(_leftover(parser.text))
    return Formula(text, parser.variables, term)


class _Parser:
    """Recursive descent; one token of look-ahead in `kind`, `text` and `column`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.variables: dict[str, int] = {}
        self.at = 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.source, self.at)
        if match is None:
            column = self.at + len(self.source[self.at :]) - len(self.source[self.at :].lstrip()) + 1
            raise FormulaError(_bad_character(self.source[column - 1 :]), column)
        self.kind = str(match.lastgroup)
        self.text = match.group(self.kind)
        self.column = match.start(self.kind) + 1
        self.at = match.end()

    def error(self, reason: str) -> FormulaError:
        return FormulaError(reason, self.column)

    def take(self, *marks: str) -> str | None:
        if self.kind == "mark" and self.text in marks:
            mark = self.text
            self.advance()
            return mark
        return None

    def sum(self, depth: int) -> _Term:
        first = self.product(depth)
        rest: list[tuple[float, _Term]] = []
        while mark := self.take("+", "-"):
            rest.append((1.0 if mark == "+" else -1.0, self.product(depth)))
        return _sum(first, rest) if rest else first

    def product(self, depth: int) -> _Term:
        first = self.signed(depth)
        rest: list[tuple[bool, _Term]] = []
        while mark := self.take("*", "/"):
            rest.append((mark == "/", self.signed(depth)))
        return _product(first, rest) if rest else first

    def signed(self, depth: int) -> _Term:
        if depth > _MAX_DEPTH:
            raise self.error(f"nested deeper than {_MAX_DEPTH} levels")
        if self.take("-"):
            return _negated(self.signed(depth + 1))
        base = self.atom(depth)
        if self.take("^"):
            return _power(base, self.signed(depth + 1))
        return base

    def atom(self, depth: int) -> _Term:
        text, column = self.text, self.column
        if self.kind == "number":
            self.advance()
            return _constant(_number(text, column))
        if self.kind == "name":
            self.advance()
            return self.call(text, depth) if text in FUNCTIONS else self.variable(text, column)
        if self.take("("):
            inner = self.sum(depth + 1)
            self.close()
            return inner
        raise self.error(_expected_value(self.kind, text))

    def variable(self, name: str, column: int) -> _Term:
        if self.kind == "mark" and self.text == "(":
            known = ", ".join(sorted(FUNCTIONS))
            raise FormulaError(f"'{name}' is not a function; there are {known}", column)
        self.variables.setdefault(name, column)
        return lambda rewards: rewards[name]

    def call(self, name: str, depth: int) -> _Term:
        if not self.take("("):
            raise self.error(f"'{name}' is a function and needs '(' after it")
        column = self.column
        terms = [self.sum(depth + 1)]
        while self.take(","):
            terms.append(self.sum(depth + 1))
        self.close()
        if name in _VARIADIC:
            return _variadic(_VARIADIC[name], terms)
        if len(terms) != 1:
            raise FormulaError(f"'{name}' takes one argument, not {len(terms)}", column)
        return _unary(_UNARY[name], terms[0])

    def close(self) -> None:
        if not self.take(")"):
            raise self.error(f"expected ')' but found {_found(self.kind, self.text)}")


def _found(kind: str, text: str) -> str:
    return "the end" if kind == "end" else f"'{text}'"


def _expected_value(kind: str, text: str) -> str:
    if text == "**":
        return "'**' is not an operator here; power is '^'"
    return f"expected a number, a grader's key, a function or '(' but found {_found(kind, text)}"


def _leftover(text: str) -> str:
    if text == ")":
        return "')' closes nothing"
    if text == "**":
        return "'**' is not an operator here; power is '^'"
    return f"expected an operator but found '{text}'"


def _bad_character(rest: str) -> str:
    return f"'{rest[:1]}' is not part of a formula; there are + - * / ^ ( ) , numbers and grader keys"


def _number(text: str, column: int) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise FormulaError(f"'{text}' is too large for a number", column)
    return value


def _constant(value: float) -> _Term:
    return lambda _: value


def _negated(term: _Term) -> _Term:
    return lambda rewards: -term(rewards)


def _power(base: _Term, exponent: _Term) -> _Term:
    # math.pow, since ** would give a complex number for a root of a negative one.
    return lambda rewards: math.pow(base(rewards), exponent(rewards))


def _unary(function: Callable[[float], float], term: _Term) -> _Term:
    return lambda rewards: function(term(rewards))


def _variadic(function: Callable[..., float], terms: list[_Term]) -> _Term:
    return lambda rewards: function([term(rewards) for term in terms])


def _sum(first: _Term, rest: list[tuple[float, _Term]]) -> _Term:
    def total(rewards: Mapping[str, float]) -> float:
        value = first(rewards)
        for sign, term in rest:
            value += sign * term(rewards)
        return value

    return total


def _product(first: _Term, rest: list[tuple[bool, _Term]]) -> _Term:
    def product(rewards: Mapping[str, float]) -> float:
        value = first(rewards)
        for divides, term in rest:
            value = value / term(rewards) if divides else value * term(rewards)
        return value

    return product
