r"""Do the arithmetic of a formula: in $\ln 2 \approx 0.693$ both sides must be the same number.

Integers inside a formula are structure to the number test, so $\tfrac35\ln 2 = 0.4159$ could be
wrong in every digit of its left side. Here each side that holds nothing but numbers is computed,
and neighbours in a chain of = and \approx are compared. A number that is not declared counts as
rounded to the digits it is written with. A side with a computation that has no such neighbour, as
in $D(p\Vert q) = \tfrac35\ln 2$, must be a declared value. Sides with symbols in them are left
alone; neighbours in different units are not compared.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Is = Callable[[float], bool]

ROW = re.compile(r"\\\\(?:\[[^\]]*\])?")
THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\}|\\,)(?=\d{3}(?!\d))")
LAYOUT = re.compile(
    r"\\(?:begin|end)\{\w+\*?\}(?:\[\w\])?|\\(?:left|right|[bB]igg?[lrm]?|displaystyle)(?![a-zA-Z])"
    r"|\\[,;:!> ]|\\q?quad(?![a-z])|~|&|\\phantom\{[^{}]*\}|\\boxed|\\tag\{[^{}]*\}"
)
UNIT = re.compile(r"\\(?:text|mathrm|textrm)\{\s*(nat|bit)s?\b[^{}]*\}")
WORDS = re.compile(r"\\(?:text|mathrm|textrm|operatorname)\{[^{}]*\}|\\(?:implies|iff|Rightarrow)")
EQUALS = re.compile(r"(?<![<>!\\:])=|≈|\\(?:approx|simeq|doteq)(?![a-zA-Z])")
ORDER = re.compile(r"[<>;]|\\(?:leq?|geq?|lt|gt|neq?|ll|gg|in|to|sim|propto)(?![a-zA-Z])")
LEXEME = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<command>\\(?:[a-zA-Z]+|%))|(?P<mark>.))", re.DOTALL
)
COMPUTES = re.compile(r"[-+/^]|\\(?:ln|log|exp|sqrt|cdot|times)")
FUNCTIONS = {"\\ln": math.log, "\\log": math.log, "\\exp": math.exp, "\\sqrt": math.sqrt}
FRACTIONS = {"\\frac", "\\tfrac", "\\dfrac", "\\cfrac"}


@dataclass(frozen=True)
class Side:
    """One side of an equation that is nothing but numbers."""

    text: str
    value: float
    slack: float  # how far rounding may have moved it
    unit: str


def faults(formula: str, is_declared: Is) -> Iterator[str]:
    """Say which sides of the formula's equations cannot be right."""
    for chain in _chains(formula):
        sides = [_side(text, is_declared) for text in chain]
        for here, side in enumerate(sides):
            if side is None:
                continue
            left = sides[here - 1] if here else None
            right = sides[here + 1] if here + 1 < len(sides) else None
            if right and not _equal(side, right):
                yield (
                    f"{side.text} is {side.value:.6g}, but {right.text} is {right.value:.6g}: "
                    "do the arithmetic again"
                )
            computes = re.search(
                r"[-+*/^]|\\(?:ln|log|exp|sqrt|cdot|times)", side.text.lstrip("-+")
            )
            if computes and not (left or right) and not is_declared(side.value):
                yield (
                    f"{side.text} is {side.value:.6g}, which is no input and no claim of this "
                    "section: write the result behind it, or prove it with claim(...)"
                )


def _equal(left: Side, right: Side) -> bool:
    if left.unit and right.unit and left.unit != right.unit:
        return True  # not to be compared
    allowed = left.slack + right.slack + 1e-9 * max(abs(left.value), abs(right.value))
    return abs(left.value - right.value) <= allowed


def _chains(formula: str) -> Iterator[list[str]]:
    """Split a formula into chains of equated sides."""
    joined = ""
    for row in ROW.split(THOUSANDS.sub("", formula)):
        row = LAYOUT.sub(" ", row).strip()
        continues = row.startswith(("+", "-", "−", "\\cdot", "\\times")) or EQUALS.match(row)
        joined += f" {row}" if continues else f" ; {row}"
    joined = WORDS.sub(" ; ", UNIT.sub(r" @\1 ", joined))
    for part in _split_at_commas(joined):
        for chain in ORDER.split(part):
            sides = [side.strip(" .:\n") for side in EQUALS.split(chain)]
            if len(sides) > 1:
                yield sides


def _split_at_commas(text: str) -> Iterator[str]:
    depth, start = 0, 0
    for here, mark in enumerate(text):
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(mark, 0)
        if mark == "," and depth == 0:
            yield text[start:here]
            start = here + 1
    yield text[start:]


def _side(text: str, is_declared: Is) -> Side | None:
    body, _, unit = text.partition("@")
    try:
        value, slack = _value(body, is_declared)
    except (_Symbolic, ValueError, ZeroDivisionError, OverflowError):
        return None
    return Side(" ".join(body.split()), value, slack, unit.strip())


def _value(text: str, is_declared: Is) -> tuple[float, float]:
    """The value of an expression, and how far the rounding of its decimals may have moved it."""
    decimals = [m["number"] for m in LEXEME.finditer(text) if m["number"] and "." in m["number"]]
    value, slack = _Reader(text, {}).read(), 0.0
    for index, digits in enumerate(decimals):
        if not (is_declared(float(digits)) or is_declared(float(digits) / 100)):
            half = 0.5 * 10.0 ** -len(digits.partition(".")[2])
            moved = [_Reader(text, {index: shift}).read() for shift in (half, -half)]
            slack += max(abs(other - value) for other in moved)
    return value, slack


class _Symbolic(Exception):
    """The expression has a symbol in it, or something that is not read here."""


class _Reader:
    """A recursive-descent reader of LaTeX arithmetic; decimal number i is moved by shifts[i]."""

    def __init__(self, text: str, shifts: dict[int, float]) -> None:
        self.lexemes = [m.group().strip() for m in LEXEME.finditer(text) if m.group().strip()]
        self.shifts, self.here, self.decimals = shifts, 0, 0

    def read(self) -> float:
        value = self.sum()
        if self.here < len(self.lexemes):
            raise _Symbolic
        return value

    def peek(self) -> str:
        return self.lexemes[self.here] if self.here < len(self.lexemes) else ""

    def take(self) -> str:
        lexeme = self.peek()
        self.here += 1
        return lexeme

    def expect(self, mark: str) -> None:
        if self.take() != mark:
            raise _Symbolic

    def sum(self) -> float:
        value = self.product()
        while self.peek() in ("+", "-", "−"):
            sign = 1 if self.take() == "+" else -1
            value += sign * self.product()
        return value

    def product(self) -> float:
        value = self.power()
        while True:
            if self.peek() in ("\\cdot", "\\times", "·", "×"):
                self.take()
                value *= self.power()
            elif self.peek() == "/":
                self.take()
                value /= self.power()
            elif self.peek() and self.peek() not in ("+", "-", "−", ")", "}", "]"):
                value *= self.power()  # 0.7 \ln 2
            else:
                return value

    def power(self) -> float:
        if self.peek() in ("+", "-", "−"):
            return (1 if self.take() == "+" else -1) * self.power()
        value = self.atom()
        if self.peek() == "^":
            self.take()
            value = value ** self.argument()
        if self.peek() == "\\%":
            self.take()
            value /= 100
        return value

    def argument(self) -> float:
        """What stands in braces, or the one digit or command after \\frac, ^ and their like."""
        if self.peek() == "{":
            self.take()
            value = self.sum()
            self.expect("}")
            return value
        if self.peek().isdigit() and len(self.peek()) > 1:  # \tfrac12 takes the 1 alone
            first, rest = self.peek()[0], self.peek()[1:]
            self.lexemes[self.here] = rest
            return float(first)
        return self.atom()

    def atom(self) -> float:
        lexeme = self.take()
        if re.fullmatch(r"[\d.]+", lexeme) and lexeme != ".":
            shift = 0.0
            if "." in lexeme:
                shift = self.shifts.get(self.decimals, 0.0)
                self.decimals += 1
            return float(lexeme) + shift
        if lexeme in FRACTIONS:
            return self.argument() / self.argument()
        if lexeme in FUNCTIONS:
            return self.function(lexeme)
        if lexeme == "\\pi":
            return math.pi
        if lexeme == "e" and self.peek() == "^":
            return math.e
        if lexeme in ("(", "[", "{"):
            value = self.sum()
            self.expect({"(": ")", "[": "]", "{": "}"}[lexeme])
            return value
        raise _Symbolic

    def function(self, name: str) -> float:
        base = 0.0
        if name == "\\log" and self.peek() == "_":
            self.take()
            base = self.argument()
        value = self.argument() if self.peek() == "{" else self.power()
        result = FUNCTIONS[name](value)
        return result / math.log(base) if base else result
