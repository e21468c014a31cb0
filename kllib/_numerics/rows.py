"""Go through two stacks of rows in blocks that stay in the processor's cache. Private."""

from collections.abc import Callable, Iterator

import numpy as np

from kllib._numerics.validate import Array

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
