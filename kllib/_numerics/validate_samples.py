"""Counts, observations and points, or what is wrong with them. Private.

Beside `validate`, in the same manner: every function raises ``ValueError`` and nothing else.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate
from kllib._numerics.validate import Array

#: Whole numbers up to this are floats, and so are their sums.
LARGEST_TOTAL = 2**53


def counts(name: str, value: ArrayLike) -> Array:
    """Whole numbers that are not negative, some of them positive, their total at most 2**53.

    The total is that along the last axis.
    """
    array = whole_numbers(name, value, "counts are wanted, not probabilities")
    validate.some_positive(name, array)
    with np.errstate(over="ignore"):
        total = array.sum(axis=-1)
    too_many = np.asarray(total > LARGEST_TOTAL)
    if too_many.any():
        where = validate.batch_index(validate.first(too_many))
        raise ValueError(f"{name} add up to more than 2**53{where}")
    return array


def whole_numbers(name: str, value: ArrayLike, hint: str) -> Array:
    """Whole numbers that are not negative."""
    array = validate.weights(name, value, -1)
    fractional = array != np.floor(array)
    if fractional.any():
        index = validate.first(fractional)
        raise ValueError(
            f"{name} must be whole numbers; got {array[index]:.6g} at index {index} ({hint})"
        )
    return array


def observations(name: str, value: ArrayLike, least: int = 1) -> Array:
    """Finite numbers, one observation for each index of the first axis."""
    array = validate.real_array(name, value)
    if array.ndim < 1 or len(array) < least:
        raise ValueError(
            f"{name} must hold at least {least} observation{'s'[: least > 1]}; "
            f"its shape is {array.shape}"
        )
    return array


def as_given(name: str, value: ArrayLike, least: int = 1) -> NDArray[Any]:
    """Observations in the type in which they came: outcomes that are integers stay indices."""
    floats = observations(name, value, least)
    array = np.asarray(value)
    return floats if array.dtype.kind == "O" else array


def points(name: str, value: ArrayLike, least: int = 1) -> Array:
    """Points as rows; a plain list of numbers is a list of points on the line."""
    array = observations(name, value, least)
    if array.ndim > 2:
        raise ValueError(f"{name} must be points as rows, or numbers; its shape is {array.shape}")
    return array.reshape(len(array), -1)


def same_dimension(**arrays: Array) -> None:
    """The points have the same number of coordinates."""
    sizes = {name: array.shape[-1] for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError("numbers of coordinates differ: " + validate.listed(sizes))
