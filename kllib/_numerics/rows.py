"""Go through stacks of rows in blocks that stay in the processor's cache. Private."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np

from kllib._numerics.validate import Array

Index: TypeAlias = tuple[slice, ...]

#: Entries in a block: a handful of temporary arrays of this size fit into the cache of one core.
#: Above 10,000 OpenBLAS computes a dot product with threads, which cost more than they save.
BLOCK = 10_000


def by_rows(kernel: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    """One number for each pair of rows (last axes) of a and b, whose leading axes broadcast.

    ``kernel`` takes two-dimensional arrays of the same shape. They are views: nothing is copied,
    however often a row is met.
    """
    batch, n = np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), a.shape[-1]
    if a.shape == b.shape and a.flags.c_contiguous and b.flags.c_contiguous:
        result = kernel(a.reshape(-1, n), b.reshape(-1, n)).reshape(batch)
        return result if batch else result[()]
    a, b = np.broadcast_to(a, (*batch, n)), np.broadcast_to(b, (*batch, n))
    if not batch:
        return kernel(a[None], b[None])[0]  # type: ignore[no-any-return]
    result = np.empty(batch)
    for index in np.ndindex(batch[:-1]):
        result[index] = kernel(a[index], b[index])
    return result


def row_blocks(rows: int, length: int) -> Iterator[slice]:
    """Slices of rows: one row, or as many as fit into a block."""
    height = max(1, BLOCK // length)
    for start in range(0, rows, height):
        yield slice(start, start + height)


def pieces(length: int) -> Iterator[slice]:
    """Slices of a row, of at most a block."""
    for start in range(0, length, BLOCK):
        yield slice(start, start + BLOCK)


def dot(a: Array, b: Array) -> Array:
    """Σ a b along the last axis, in pieces too short for OpenBLAS to use threads.

    Those cost more than they save, and while the cores are busy a hundred times as much.
    """
    # For two vectors the method does the same as the function, and is quicker to call.
    short = np.ndarray.dot if a.ndim == b.ndim == 1 else np.vecdot
    if a.shape[-1] <= BLOCK:
        total: Array = short(a, b)
    else:
        total = short(a[..., :BLOCK], b[..., :BLOCK])
        for start in range(BLOCK, a.shape[-1], BLOCK):
            part = slice(start, start + BLOCK)
            total = total + short(a[..., part], b[..., part])
    return total


def blocks(shape: tuple[int, ...], entries: int) -> Iterator[Index]:
    """Indices that cut an array of this shape into blocks of at most so many entries."""
    axis, size = len(shape) - 1, 1
    while axis > 0 and size * shape[axis] <= entries:
        size *= shape[axis]
        axis -= 1
    step = max(1, entries // size)
    whole = (slice(None),) * (len(shape) - axis - 1)
    for lead in np.ndindex(shape[:axis]):
        first = tuple(slice(i, i + 1) for i in lead)
        for start in range(0, shape[axis], step):
            yield (*first, slice(start, start + step), *whole)


def add_up(
    batch: tuple[int, ...], parts: Iterable[tuple[Index, tuple[Array, Array, Array, bool]]]
) -> tuple[Array, Array, Array, bool]:
    """Three sums for each row, and whether all entries were valid, from those of the blocks.

    Each part comes with the index of its rows.
    """
    first, second, third = (np.zeros(batch) for _ in range(3))
    valid = True
    for rows, part in parts:
        first[rows] += part[0]
        second[rows] += part[1]
        third[rows] += part[2]
        valid = valid and part[3]
    return first[()], second[()], third[()], valid  # one number is no array
