"""Turn what the caller passed into float64 arrays, or say what is wrong with it and where.

Private. Every function raises ``ValueError`` and nothing else; ``name`` is the caller's name for
the argument, so that a message reads ``q has a negative entry: -0.1 at index (3,)``.
"""

import math
import operator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]

#: A distribution must sum to one this closely, and a covariance must be symmetric this closely
#: (relative to its diagonal). Wide enough for probabilities that were computed and rounded in
#: float32 (unit roundoff 6e-8), narrow enough to reject 0.33, 0.33, 0.33 and 0.9999.
TOLERANCE = 1e-6
_FLOAT64 = np.dtype(np.float64)


def real_array(name: str, value: ArrayLike) -> Array:
    """``value`` as a float64 array of finite numbers."""
    array = floats(name, value)
    require_finite(name, array)
    return array


def rows(name: str, value: ArrayLike, axis: int) -> Array:
    """Real numbers, the given axis moved to the end; `are_distributions` checks them later."""
    array = floats(name, value)
    axis = axis_of(name, axis, array)
    if axis not in (-1, array.ndim - 1):
        array = np.moveaxis(array, axis, -1)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def are_distributions(valid: bool, totals: tuple[Array, Array], **arrays: Array) -> None:
    """Raise unless the rows p and q, read once, had only valid entries and sum to one.

    So that the fast functions need not read their arguments twice.
    """
    p_total, q_total = totals
    near_one = (abs(p_total - 1) <= TOLERANCE) & (abs(q_total - 1) <= TOLERANCE)
    if not (valid and every(near_one)):
        for name, array in arrays.items():
            distribution(name, array)


def floats(name: str, value: ArrayLike) -> Array:
    """``value`` as a float64 array, of which entries may be infinite or not a number."""
    if type(value) is np.ndarray and value.dtype == _FLOAT64 and value.size:
        return value  # as most arrays are: what follows takes a while when the array is short
    rows_of = value if isinstance(value, (list, tuple)) else ()
    if any(isinstance(array, np.ma.MaskedArray) for array in (value, *rows_of)):
        raise ValueError(f"{name} is a masked array, or holds one; fill or drop what is masked")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}") from None
    if array.dtype.kind not in "iufO":
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    for item in array.flat if array.dtype.kind == "O" else ():
        if item is None or isinstance(item, (str, bytes)):  # which numpy would turn into floats
            raise ValueError(f"{name} must hold real numbers, not {item!r}")
    if array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape})")
    try:
        return array.astype(np.float64, copy=False)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None


def weights(name: str, value: ArrayLike, axis: int) -> Array:
    """Non-negative numbers, the given axis moved to the end."""
    array = real_array(name, value)
    if not array.min() >= 0:
        require(array >= 0, name, array, "a negative entry")
    return rows(name, array, axis)


def distribution(name: str, value: ArrayLike, axis: int = -1) -> Array:
    """Non-negative numbers that sum to one along ``axis``, which is moved to the end."""
    array = weights(name, value, axis)
    _require_total_one(name, array, array.sum(axis=-1))
    return array


def joint_distribution(name: str, value: ArrayLike) -> Array:
    """Non-negative numbers that sum to one over the last two axes."""
    array = weights(name, value, -1)
    if array.ndim < 2:
        raise ValueError(f"{name} must have two axes, one per variable; its shape is {array.shape}")
    _require_total_one(name, array, array.sum(axis=(-2, -1)))
    return array


def positive(name: str, value: ArrayLike) -> Array:
    """Numbers above zero."""
    array = real_array(name, value)
    require(array > 0, name, array, "an entry that is not positive")
    return array


def vectors(name: str, value: ArrayLike) -> Array:
    """Vectors along the last axis."""
    array = real_array(name, value)
    if array.ndim < 1:
        raise ValueError(f"{name} must be a vector, or a stack of vectors; it is a single number")
    return array


def covariance(name: str, value: ArrayLike) -> Array:
    """Symmetric matrices with a positive diagonal, their lower triangle copied to the upper.

    Whether they are positive definite is found out by whoever factorises them.
    """
    array = real_array(name, value)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"{name} must be a square matrix, or a stack; its shape is {array.shape}")
    diagonal = np.diagonal(array, axis1=-2, axis2=-1)
    require(diagonal > 0, name, diagonal, "a variance (diagonal entry) that is not positive")
    scale = np.sqrt(diagonal)
    mirrored = np.swapaxes(array, -1, -2)
    with np.errstate(over="ignore"):
        gap = np.abs(array - mirrored)
    symmetric = gap <= TOLERANCE * scale[..., :, None] * scale[..., None, :]
    require(symmetric, name, array, "a pair of mirror entries that differ (it is not symmetric)")
    lower = np.tril(array)
    return lower + np.swapaxes(np.tril(array, -1), -1, -2)


def same_length(**arrays: Array) -> None:
    """The last axes agree and the leading axes broadcast."""
    lengths = {name: array.shape[-1] for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError("lengths differ: " + listed(lengths))
    broadcastable(**{name: array[..., 0] for name, array in arrays.items()})


def same_table(**arrays: Array) -> None:
    """The last two axes agree and the leading axes broadcast."""
    shapes = {name: array.shape[-2:] for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("tables differ in shape: " + listed(shapes))
    broadcastable(**{name: array[..., 0, 0] for name, array in arrays.items()})


def some_positive(name: str, array: Array) -> None:
    """Each row along the last axis has an entry above zero."""
    empty = ~(array > 0).any(axis=-1)
    if np.any(empty):
        raise ValueError(f"{name} are all zero{batch_index(first(empty))}")


def broadcastable(**arrays: NDArray[Any]) -> None:
    """The shapes broadcast against each other."""
    if len({array.shape for array in arrays.values()}) == 1:
        return
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise ValueError("shapes do not broadcast: " + listed(shapes)) from None


def log_of_base(base: float | None) -> float:
    """The natural logarithm of ``base``; 1 for nats."""
    if base is None:
        return 1.0
    number = _scalar("base", base)
    if not number > 1:
        raise ValueError(f"base must be a number above 1, or None for nats; got {base!r}")
    return math.log(number)


def non_negative_number(name: str, value: float) -> float:
    """One finite number, zero or above."""
    number = _scalar(name, value)
    if number < 0:
        raise ValueError(f"{name} must not be negative; got {value!r}")
    return number


def one_of(name: str, value: int, choices: tuple[int, ...]) -> int:
    """``value`` when it is one of ``choices``."""
    if isinstance(value, (bool, np.bool_)) or value not in choices:
        listed = " or ".join(map(str, choices))
        raise ValueError(f"{name} must be {listed}; got {value!r}")
    return int(value)


def every(condition: NDArray[np.bool_]) -> bool:
    """``condition.all()``, which takes microseconds for a single truth value."""
    return bool(condition) if condition.ndim == 0 else bool(condition.all())


def first(wrong: NDArray[np.bool_] | np.bool_) -> tuple[int, ...]:
    """The index of the first entry that is true."""
    return tuple(int(i) for i in np.argwhere(wrong)[0])


def batch_index(index: tuple[int, ...]) -> str:
    """`` at batch index (2, 0)``, or nothing when there is no batch."""
    return f" at batch index {index}" if index else ""


def require(valid: NDArray[np.bool_], name: str, array: Array, fault: str) -> None:
    """Raise unless all entries are valid, with the first that is not."""
    if valid.all():
        return
    index = first(~valid)
    where = f" at index {index}" if index else ""
    raise ValueError(f"{name} has {fault}: {array[index]:.6g}{where}")


def listed(things: dict[str, Any]) -> str:
    """``p has (2, 3), q has (4,)``."""
    return ", ".join(f"{name} has {thing}" for name, thing in things.items())


def axis_of(name: str, axis: int, array: Array) -> int:
    """``axis`` when the array has it."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise ValueError(f"axis must be an integer; got {axis!r}") from None
    if not -array.ndim <= number < array.ndim:
        raise ValueError(f"{name} has no axis {number}: its shape is {array.shape}")
    return number


def _scalar(name: str, value: float) -> float:
    if isinstance(value, (bool, str, bytes, np.bool_)):
        raise ValueError(f"{name} must be a number; got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number; got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite; got {value!r}")
    return number


def require_finite(name: str, array: Array) -> None:
    # The extremes tell, without an array of truth values as long as a long argument.
    if not (array.min() > -math.inf and array.max() < math.inf):
        require(np.isfinite(array), name, array, "a non-finite entry")


def _require_total_one(name: str, array: Array, total: Array) -> None:
    wrong = ~(np.abs(total - 1) <= TOLERANCE)
    if not np.any(wrong):
        return
    index = first(wrong)
    raise ValueError(
        f"{name} sums to {np.asarray(total)[index]:.9g}{batch_index(index)}, not to 1 within "
        f"{TOLERANCE:g}; if these are weights, call kllib.normalize first"
    )
