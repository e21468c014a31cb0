"""Functions on the outcomes, one in each row: what is asked of them. Private."""

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, elementwise, validate
from kllib._numerics.validate import Array


def rows(name: str, value: ArrayLike, p: Array) -> Array:
    """Shape (..., k, n), where n is the number of outcomes of p."""
    array = validate.real_array(name, value)
    if array.ndim < 2 or array.shape[-1] != p.shape[-1]:
        raise ValueError(
            f"{name} must have shape (..., k, {p.shape[-1]}), one row for each parameter and one "
            f"value for each outcome; its shape is {array.shape}"
        )
    validate.broadcastable(**{"p": p[..., 0], name: array[..., 0, 0]})
    return array


def scores(value: ArrayLike, p: Array) -> Array:
    """Rows that average to zero under p, as derivatives of log p do."""
    array = rows("scores", value, p)
    mean = np.asarray(averages.expectation(p[..., None, :], array))
    size = np.sqrt(averages.expectation(p[..., None, :], elementwise.square(array)))
    wrong = np.abs(mean) > validate.TOLERANCE * size
    if np.any(wrong):
        index = validate.first(wrong)
        raise ValueError(
            f"scores must average to zero, as derivatives of a log probability do: those at index "
            f"{index} average to {mean[index]:.6g}"
        )
    return array
