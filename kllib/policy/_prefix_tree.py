"""The rows of a table that has one row for each prefix of a token sequence. Private.

The empty prefix comes first, then the prefixes of one token, of two, and so on, in alphabetical
order: row i is followed, on its token a, by row V·i + 1 + a.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_tables
from kllib._numerics.validate import Array
from kllib.policy import _ranges


def levels(table: Array, vocabulary: int | None = None) -> Iterator[Array]:
    """The rows of the prefixes of length 0, 1, 2, …"""
    start, rows = 0, 1
    while start < len(table):
        yield table[start : start + rows]
        start, rows = start + rows, rows * (vocabulary or table.shape[1])


def along_sequences(
    values: Array, add: Callable[[Array, Array], Array] = np.add, start: float = 0.0
) -> Array:
    """For each sequence, the sum over its tokens of values[prefix, token].

    With `numpy.logaddexp` and -inf for ``start`` it is the logarithm of the sum of exponentials.
    """
    total = np.array([start])
    for table in levels(values):
        total = add(total[:, None], table).ravel()
    return total


def model(name: str, value: ArrayLike) -> Array:
    """A table of logits with as many rows as there are prefixes."""
    table = validate_tables.table(name, value)
    _ranges.bounded(**{name: table})
    rows, vocabulary = table.shape
    if vocabulary < 2:
        raise ValueError(f"{name} must have at least 2 columns, one for each token")
    last = list(levels(table))[-1]
    # V^H sequences are V times the prefixes of the last level, when that is complete.
    if rows * (vocabulary - 1) + 1 != len(last) * vocabulary:
        raise ValueError(
            f"{name} must have 1 + V + V² + … rows, one for each prefix; with {vocabulary} tokens "
            f"{rows} rows are not that"
        )
    return table


def models(**tables: ArrayLike) -> list[Array]:
    """Several such tables of the same shape."""
    found = {name: model(name, table) for name, table in tables.items()}
    validate_tables.same_shape(**found)
    return list(found.values())


def rewards(reward: ArrayLike, table: Array) -> Array:
    """One finite number for each sequence."""
    array = validate.real_array("reward", reward)
    sequences = len(table) * (table.shape[1] - 1) + 1
    if array.shape != (sequences,):
        raise ValueError(
            f"reward must have one entry for each of the {sequences} sequences; "
            f"its shape is {array.shape}"
        )
    _ranges.bounded(reward=array)
    return array
