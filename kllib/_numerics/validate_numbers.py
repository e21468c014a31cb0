"""Single numbers, words, switches and random generators, or what is wrong with them. Private.

Beside `validate`, in the same manner: every function raises ``ValueError`` and nothing else.
"""

import math
import operator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate

_Choice = TypeVar("_Choice", bound=str)
_Kind = TypeVar("_Kind")


def flag(name: str, value: bool) -> bool:
    """True or False, and no word that merely counts as one."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False; got {value!r}")
    return bool(value)


def choice(name: str, value: _Choice, choices: tuple[str, ...]) -> _Choice:
    """``value`` when it is one of the words in ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}; got {value!r}")
    return value


def finite_number(name: str, value: ArrayLike, largest: float = math.inf) -> float:
    """One finite number, of either sign, of at most this size."""
    array = validate.real_array(name, value)
    if array.ndim:
        raise ValueError(f"{name} must be a single number; its shape is {array.shape}")
    number = float(array)
    if abs(number) > largest:
        raise ValueError(f"{name} must be at most {largest:g} in size; got {number:g}")
    return number


def positive_number(name: str, value: float) -> float:
    """One finite number above zero."""
    number = validate.non_negative_number(name, value)
    if number == 0:
        raise ValueError(f"{name} must be positive; got {value!r}")
    return number


def fraction(name: str, value: float) -> float:
    """One number between 0 and 1, both included."""
    number = validate.non_negative_number(name, value)
    if number > 1:
        raise ValueError(f"{name} must be between 0 and 1; got {value!r}")
    return number


def between_zero_and_one(name: str, value: float) -> float:
    """One number strictly between 0 and 1: a confidence or an error rate."""
    number = validate.non_negative_number(name, value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1; got {value!r}")
    return number


def whole_number(name: str, value: int, least: int = 1, most: int = 2**53) -> int:
    """One whole number from ``least`` to ``most``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number; got {value!r}") from None
    if isinstance(value, (bool, np.bool_)) or number < least:
        raise ValueError(f"{name} must be a whole number, {least} or above; got {value!r}")
    if number > most:
        raise ValueError(f"{name} must be at most {most}; it is larger")
    return number


def generator(rng: np.random.Generator) -> np.random.Generator:
    """A numpy random generator."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator; got {type(rng).__name__}")
    return rng


def instance(name: str, value: _Kind, kind: type[_Kind]) -> _Kind:
    """An object of the class that the function works on."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a {kind.__name__}; got {type(value).__name__}")
    return value
