"""One vector or one number, where stacks are not taken, or what is wrong with them. Private.

Beside `validate`, in the same manner: every function raises ``ValueError`` and nothing else.
"""

from numpy.typing import ArrayLike

from kllib._numerics import validate
from kllib._numerics.validate import Array


def vector(name: str, value: ArrayLike) -> Array:
    """Finite numbers in a row: one axis, not a stack of vectors."""
    array = validate.vectors(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a vector; its shape is {array.shape}")
    return array


def single_number(name: str, value: ArrayLike, largest: float) -> float:
    """One number, of at most this size."""
    array = validate.real_array(name, value)
    if array.ndim:
        raise ValueError(f"{name} must be a single number; its shape is {array.shape}")
    if abs(float(array)) > largest:
        raise ValueError(f"{name} must be at most {largest:g} in size; got {float(array):g}")
    return float(array)
