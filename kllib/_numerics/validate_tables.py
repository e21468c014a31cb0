"""Vectors, tables, weights and policies: what the applications ask of their arguments. Private.

Beside `validate`, in the same manner: every function raises ``ValueError`` and nothing else.
"""

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate
from kllib._numerics.validate import Array

#: Differences of differences of numbers up to this size are still floats.
LARGEST = 4e307


def fractions(name: str, value: ArrayLike) -> Array:
    """Numbers between 0 and 1, both included."""
    array = validate.real_array(name, value)
    validate.require((array >= 0) & (array <= 1), name, array, "an entry outside 0 to 1")
    return array


def moderate(**arrays: Array) -> None:
    """No number so large that a difference could overflow."""
    for name, array in arrays.items():
        if np.abs(array).max() > LARGEST:
            raise ValueError(f"{name} has an entry above {LARGEST:g} in size")


def same_shape(**arrays: Array) -> None:
    """All shapes are equal."""
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("shapes differ: " + validate.listed(shapes))


def vector(name: str, value: ArrayLike) -> Array:
    """Finite numbers in a row: one axis, not a stack of vectors."""
    array = validate.vectors(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a vector; its shape is {array.shape}")
    return array


def table(name: str, value: ArrayLike) -> Array:
    """Finite numbers in rows and columns."""
    array = validate.real_array(name, value)
    if array.ndim != 2:
        raise ValueError(f"{name} must be a table with two axes; its shape is {array.shape}")
    return array


def row_weights(name: str, value: ArrayLike | None, rows: int) -> Array:
    """One weight, zero or above, for each row; equal shares when left out."""
    if value is None:
        return np.full(rows, 1 / rows)
    array = validate.weights(name, value, -1)
    if array.shape != (rows,):
        raise ValueError(f"{name} must have shape ({rows},); its shape is {array.shape}")
    validate.some_positive(name, array)
    return array


def prompts(reference: ArrayLike, reward: ArrayLike) -> tuple[Array, Array]:
    """A reference policy and the reward of each of its answers, along the last axis."""
    policy = validate.distribution("reference", reference)
    gains = validate.vectors("reward", reward)
    validate.same_length(reference=policy, reward=gains)
    moderate(reward=gains)
    return policy, gains


def possible(name: str, value: ArrayLike) -> Array:
    """A distribution without zeros."""
    return validate.positive(name, validate.distribution(name, value))


def fits(name: str, numbers: Array, **arrays: Array) -> None:
    """One number for each prompt: its shape broadcasts against the leading axes of the others."""
    shapes = {other: array[..., 0] for other, array in arrays.items()}
    validate.broadcastable(**{name: numbers}, **shapes)


def one_hot(name: str, value: ArrayLike, shape: tuple[int, ...], classes: int) -> Array:
    """Classes, counted from 0, as rows with a single 1."""
    array = validate.real_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}; its shape is {array.shape}")
    if (array != np.floor(array)).any() or (array < 0).any() or (array >= classes).any():
        raise ValueError(f"{name} must be whole numbers from 0 to {classes - 1}")
    return np.asarray(array[..., None] == np.arange(classes), dtype=np.float64)
