"""Counts, observations and points, or what is wrong with them. Private.

Beside `validate`, in the same manner: every function raises ``ValueError`` and nothing else.
"""

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate
from kllib._numerics.validate import Array


def counts(name: str, value: ArrayLike) -> Array:
    """Whole numbers that are not negative, at least one of them positive along the last axis."""
    array = validate.weights(name, value, -1)
    fractional = array != np.floor(array)
    if fractional.any():
        index = tuple(int(i) for i in np.argwhere(fractional)[0])
        raise ValueError(
            f"{name} must be whole numbers; got {array[index]:.6g} at index {index} "
            "(counts are wanted, not probabilities)"
        )
    validate.some_positive(name, array)
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
        listed = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise ValueError(f"numbers of coordinates differ: {listed}")
