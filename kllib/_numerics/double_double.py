"""Arithmetic on unevaluated sums ``hi + lo`` of two float64 arrays, about 32 digits. Private.

The building blocks return their rounding error exactly (Dekker, "A floating-point technique for
extending the available precision", Numer. Math. 18, 1971; Ogita, Rump and Oishi, "Accurate sum
and dot product", SIAM J. Sci. Comput. 26, 2005). They need nothing but IEEE double precision with
rounding to nearest: no extended precision and no fused multiply-add, so that the results are the
same on every platform. Factors must lie below 1e290 for `two_product`.
"""

from typing import NamedTuple

import numpy as np

from kllib._numerics.validate import Array


class DD(NamedTuple):
    """The number ``hi + lo``, where ``lo`` is at most half a unit in the last place of ``hi``."""

    hi: Array
    lo: Array


def two_sum(a: Array, b: Array) -> DD:
    """``a + b`` without error."""
    total = a + b
    b_part = total - a
    return DD(total, (a - (total - b_part)) + (b - b_part))


def two_product(a: Array, b: Array) -> DD:
    """``a * b`` without error."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return DD(product, error)


def _halves(a: Array) -> tuple[Array, Array]:
    """Two numbers of at most 26 bits each whose sum is ``a`` (Veltkamp)."""
    shifted = a * 134217729.0  # 2**27 + 1
    high = shifted - (shifted - a)
    return high, a - high


def add(x: DD, y: DD) -> DD:
    total, error = two_sum(x.hi, y.hi)
    return _fast_two_sum(total, error + (x.lo + y.lo))


def scale(a: Array, y: DD) -> DD:
    """A plain array times a pair."""
    product, error = two_product(a, y.hi)
    return _fast_two_sum(product, error + a * y.lo)


def multiply(x: DD, y: DD) -> DD:
    product, error = two_product(x.hi, y.hi)
    return _fast_two_sum(product, error + (x.hi * y.lo + x.lo * y.hi))


def divide(x: DD, y: DD) -> DD:
    """``x / y``; exactly 1 when x and y are equal."""
    quotient = x.hi / y.hi
    product, error = two_product(quotient, y.hi)
    rest = (x.hi - product) - error + (x.lo - quotient * y.lo)
    return _fast_two_sum(quotient, rest / y.hi)


def total(x: Array, axis: int = -1) -> DD:
    """The sum along the last axis, or the last but one, by folding the array in half."""
    hi, lo = np.swapaxes(x, axis, -1), np.zeros_like(np.swapaxes(x, axis, -1))
    while (length := hi.shape[-1]) > 1:
        half = length // 2
        first = DD(hi[..., :half], lo[..., :half])
        second = DD(hi[..., half : 2 * half], lo[..., half : 2 * half])
        odd = DD(hi[..., 2 * half :], lo[..., 2 * half :])
        hi, lo = add(first, second)
        if length % 2:
            hi = np.concatenate([hi, odd.hi], axis=-1)
            lo = np.concatenate([lo, odd.lo], axis=-1)
    return DD(hi[..., 0], lo[..., 0])


def _fast_two_sum(a: Array, b: Array) -> DD:
    """``a + b`` without error when |a| >= |b|."""
    total = a + b
    return DD(total, b - (total - a))


def matrix_product(x: DD, y: DD, slices: int = 3) -> DD:
    """``x @ y`` (batched), accurate to about 2**-66 of the norms of its factors.

    Cut each factor into slices of so few bits that an ordinary matrix product of two slices has no
    rounding error; only adding those products up has (Ozaki, Ogita, Oishi and Rump, "Error-free
    transformations of matrix multiplication by using fast routines of matrix multiplication and
    its applications", Numer. Algorithms 59, 2012).
    """
    bits = (53 - int(np.ceil(np.log2(x.hi.shape[-1])))) // 2
    left = _cut(x, bits, slices, axis=-1)
    right = _cut(y, bits, slices, axis=-2)
    products = [left[i] @ right[j] for i in range(slices) for j in range(slices - i)]
    result = DD(products[0], np.zeros_like(products[0]))
    for product in products[1:]:
        result = add(result, DD(product, np.zeros_like(product)))
    return result


def _cut(x: DD, bits: int, slices: int, axis: int) -> list[Array]:
    """Slices that add up to x; along ``axis`` each is a multiple of one power of two."""
    pieces = []
    for _ in range(slices):
        largest = np.max(np.abs(x.hi), axis=axis, keepdims=True)
        exponent = np.frexp(largest)[1] - bits
        piece = np.ldexp(np.rint(np.ldexp(x.hi, -exponent)), exponent)
        pieces.append(piece)
        x = two_sum(x.hi - piece, x.lo)
    return pieces
