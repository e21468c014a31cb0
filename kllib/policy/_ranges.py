"""How large the numbers that describe a policy may be. Private."""

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate
from kllib._numerics.validate import Array

#: The product of two such numbers, and a sum of many products, are still floats.
LARGEST = 1e150
#: A log probability that was computed may be above 0 by rounding.
_ROUNDING = 1e-6


def bounded(**arrays: Array | float) -> None:
    """No number so large that a product of two could overflow."""
    for name, array in arrays.items():
        if np.abs(array).max() > LARGEST:
            raise ValueError(f"{name} has an entry above {LARGEST:g} in size")


def log_probabilities(name: str, value: ArrayLike) -> Array:
    """Finite numbers at most 0: of outcomes, not of densities."""
    array = validate.real_array(name, value)
    if array.max() > _ROUNDING:
        index = np.unravel_index(array.argmax(), array.shape)
        where = f" at index {tuple(int(i) for i in index)}" if index else ""
        raise ValueError(
            f"{name} must be log probabilities, at most 0; got {array[index]:.6g}{where}"
        )
    bounded(**{name: array})
    return array
