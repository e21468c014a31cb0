"""Arguments of which some entries may be infinite: logits, divergences, orders. Private."""

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate
from kllib._numerics.validate import Array


def extended_array(name: str, value: ArrayLike, infinity: float) -> Array:
    """``value`` as a float64 array of finite numbers, ``infinity`` (of one sign) being admitted."""
    array = validate.floats(name, value)
    validate.require_finite(name, np.where(array == infinity, 0.0, array))
    return array


def logits(name: str, value: ArrayLike, axis: int) -> Array:
    """Logits with ``axis`` moved to the end: finite or -inf, and in each row one that is finite.

    An array of floats is not copied, whatever its precision.
    """
    if type(value) is np.ndarray and value.dtype in (np.float64, np.float32, np.float16):
        array = value
    else:
        array = extended_array(name, value, -np.inf)
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    array = np.moveaxis(array, validate.axis_of(name, axis, array), -1)
    top = array.max(axis=-1)  # nan, when there is one
    wrong = np.asarray(~np.isfinite(top))
    if wrong.any():
        index = validate.first(wrong)
        where = validate.batch_index(index)
        if top[index] == -np.inf:
            raise ValueError(f"{name} are all -inf{where}: no outcome is possible")
        place = int(np.argmax(array[index]))
        raise ValueError(f"{name} has a logit that is {top[index]}, outcome {place}{where}")
    return array
