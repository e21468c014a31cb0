"""Reading an answer, comparing it with the right one, showing it.

An answer is untrusted: it may be any object. Only plain data is read, by exact kind, so that an
object with an ``__eq__`` or a ``__float__`` of its own never takes part in the comparison.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

LARGEST = 10_000
DEEPEST = 4


@dataclass(frozen=True)
class Unreadable:
    """Something that is neither numbers nor a word; ``what`` says what, as in "gave a list"."""

    what: str


class _NotNumbers(Exception):
    pass


def read(answer: object) -> Numbers | str | Unreadable:
    """The numbers (a float64 array, 0-d for one number) or the word that an answer holds."""
    if type(answer) in (str, np.str_):
        return str.__str__(answer)
    if type(answer) is np.ndarray and answer.dtype.kind == "U" and not answer.ndim:
        return str(answer)  # what np.where makes of a word
    try:
        numbers = np.array(_numbers(answer, DEEPEST), dtype=np.float64)
    except (_NotNumbers, ValueError, TypeError, OverflowError):
        return Unreadable(described(answer))
    return numbers if numbers.size <= LARGEST else Unreadable(f"{numbers.size} numbers")


def _numbers(answer: object, depth: int) -> Any:
    if isinstance(answer, (bool, np.bool_)):
        raise _NotNumbers
    if isinstance(answer, np.ndarray):
        plain = np.asarray(answer)
        if plain.dtype.kind not in "iuf" or plain.size > LARGEST:
            raise _NotNumbers
        return plain.astype(np.float64)
    if isinstance(answer, (np.floating, np.integer)):
        # The scalar's own bytes: a subclass could lie in __float__.
        return np.asarray(answer).astype(np.float64)
    if isinstance(answer, float):
        return float.__float__(answer)
    if isinstance(answer, int):
        return int.__float__(answer)
    if type(answer) in (Fraction, Decimal):
        return float(answer)  # type: ignore[arg-type]
    if isinstance(answer, list) and depth and list.__len__(answer) <= LARGEST:
        return [_numbers(entry, depth - 1) for entry in list.__iter__(answer)]
    if isinstance(answer, tuple) and depth and tuple.__len__(answer) <= LARGEST:
        return [_numbers(entry, depth - 1) for entry in tuple.__iter__(answer)]
    raise _NotNumbers


def described(answer: object) -> str:
    """What an answer is, for a sentence: "a generator", "True", "an array of shape (2, 3)"."""
    kind = type(answer)
    if answer is None or kind is bool:
        return str(answer)
    if kind is str:
        return f"the text {_short.repr(answer)}"
    if isinstance(answer, np.ndarray):
        numeric = answer.dtype.kind in "iuf"
        return f"an array of shape {answer.shape}" + ("" if numeric else f" of {answer.dtype}")
    if kind in (list, tuple):
        return _listed(answer)
    if kind is complex:
        return "a complex number"
    return article(kind.__name__)


def _listed(answer: Any) -> str:
    name = article(type(answer).__name__)
    try:
        numbers = _numbers(answer, DEEPEST)
    except _NotNumbers:
        return f"{name} with entries that are no numbers"
    try:
        np.array(numbers, dtype=np.float64)
    except ValueError:
        return f"{name} of rows that differ in length"
    return name


def article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


_short = reprlib.Repr()
_short.maxstring = 40


def word(text: str) -> str:
    """A chosen word in one form: case, blanks and quotation marks do not count."""
    return " ".join(text.strip().strip("\"'“”‘’.").split()).casefold()


def alike(a: Numbers, b: Numbers, rtol: float, atol: float) -> bool:
    """Whether a is b to the accuracy asked for: nan is nan, and inf is only inf."""
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        close = np.abs(a - b) <= rtol * np.abs(b) + atol
        finite = np.isfinite(a) & np.isfinite(b)
        return bool(np.all(np.where(finite, close, (a == b) | (np.isnan(a) & np.isnan(b)))))


def literal(value: object) -> str:
    """Python source for an input: short and fit for copying."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(entry) for entry in value) + "]"
    if isinstance(value, float):
        return repr(float(value))
    return repr(value)


def shown(numbers: Numbers, digits: int = 4) -> str:
    """Numbers as a reader wants them: four significant digits unless more are needed."""
    if numbers.ndim:
        return "[" + ", ".join(shown(entry, digits) for entry in numbers) + "]"
    number = float(numbers)
    if math.isnan(number) or math.isinf(number):
        return str(number)
    return f"{number + 0.0:.{digits}g}"  # + 0.0 turns -0.0 into 0.0


def shown_apart(got: Numbers, expected: Numbers) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 8, 10, 12, 15, 17):
        pair = shown(got, digits), shown(expected, digits)
        if pair[0] != pair[1]:
            break
    return pair
