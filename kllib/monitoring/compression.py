"""Lengths of code words, and what a code made for the wrong distribution costs: D in bits."""

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, validate, validate_samples
from kllib._numerics import double_double as dd
from kllib._numerics.validate import Array
from kllib.discrete import entropy, kl_divergence

__all__ = ["code_redundancy", "huffman_code_lengths", "shannon_code_lengths"]

Lengths: TypeAlias = NDArray[np.int64]
Result: TypeAlias = np.float64 | Array


def shannon_code_lengths(q: ArrayLike) -> Lengths:
    """⌈−log₂ q⌉: code words of whole bits for outcomes of probability q.

    Outcomes from p then take between H(p) + D(p‖q) and H(p) + D(p‖q) + 1 bits each, on average.

    Parameters
    ----------
    q : array_like, shape (..., n)
        The distribution that the code is made for, without zeros (their words would not end).

    Returns
    -------
    ndarray of int, shape (..., n)
        They satisfy Kraft's inequality, Σ 2^−length ≤ 1, so that a prefix code has them.

    Raises
    ------
    ValueError
        When q is not a distribution or holds a zero.

    References
    ----------
    Shannon (1948), section 9. Cover and Thomas (2006), Theorem 5.4.3.

    Examples
    --------
    >>> print(shannon_code_lengths([0.5, 0.25, 0.125, 0.125]), shannon_code_lengths([0.6, 0.4]))
    [1 2 3 3] [1 2]
    """
    q = _positive_distribution(q)
    # The least length with q · 2^length ≥ Σq, exactly: the logarithm of a float could round down
    # to a whole number, and the words would not fit into a code.
    total = dd.total(q)
    mantissa, exponent = np.frexp(q)
    whole, whole_exponent = np.frexp(total.hi[..., None])
    short = (mantissa < whole) | ((mantissa == whole) & (total.lo[..., None] > 0))
    lengths: Lengths = whole_exponent.astype(np.int64) - exponent + short
    return lengths


def huffman_code_lengths(q: ArrayLike) -> Lengths:
    """The lengths of the prefix code that is shortest on average for outcomes from q.

    Merge the two least probable outcomes into one, again and again; each merger adds one bit to
    every word below it.

    Parameters
    ----------
    q : array_like, shape (n,)
        The distribution that the code is made for. A zero gets a word too.

    Returns
    -------
    ndarray of int, shape (n,)
        Σ 2^−length = 1 (for two or more outcomes); one outcome alone needs no bits.

    Raises
    ------
    ValueError
        When q is not a distribution, or more than one.

    References
    ----------
    Huffman (1952), A method for the construction of minimum-redundancy codes. Cover and Thomas
    (2006), section 5.6.

    Examples
    --------
    >>> print(huffman_code_lengths([0.25, 0.25, 0.2, 0.15, 0.15]))
    [2 2 2 3 3]
    """
    q = validate.distribution("q", q)
    if q.ndim != 1:
        raise ValueError(f"q must be one distribution; its shape is {q.shape}")
    lengths = np.zeros(len(q), dtype=np.int64)
    # (probability, a number to break ties, the outcomes below)
    heap = [(float(weight), i, [i]) for i, weight in enumerate(q)]
    heapq.heapify(heap)
    for tie in range(len(q), 2 * len(q) - 1):
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        below = first[2] + second[2]
        lengths[below] += 1
        heapq.heappush(heap, (first[0] + second[0], tie, below))
    return lengths


def code_redundancy(p: ArrayLike, lengths: ArrayLike) -> Result:
    """Σ p·length − H₂(p) = D(p‖r) − log₂ Σ 2^−length with r ∝ 2^−length: bits spent above entropy.

    Every prefix code is a bet on the distribution r: its redundancy is the divergence from it,
    plus what it leaves unused of Kraft's inequality.

    Parameters
    ----------
    p : array_like, shape (..., n)
        The distribution that the outcomes come from.
    lengths : array_like, shape (..., n)
        The lengths of the code words, in whole bits.

    Returns
    -------
    float or ndarray, shape (...)
        In bits for each outcome, not negative.

    Raises
    ------
    ValueError
        When p is not a distribution, a length is negative or not whole, no prefix code has these
        lengths (Σ 2^−length > 1), or the shapes do not fit.

    References
    ----------
    Cover and Thomas (2006), Theorem 5.3.1.

    Examples
    --------
    A code made for (1/2, 1/4, 1/4) is perfect for it, and costs D(p‖r) for another p:

    >>> from kllib.discrete import kl_divergence
    >>> p, r = [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]
    >>> print(code_redundancy(r, [1, 2, 2]), code_redundancy(p, [1, 2, 2]))
    0.0 0.25
    >>> print(kl_divergence(p, r, base=2))
    0.25
    """
    p = validate.distribution("p", p)
    bits = validate_samples.whole_numbers("lengths", lengths, "a word has whole bits")
    validate.same_length(p=p, lengths=bits)
    # Relative to the shortest word, since 2^−2000 is no float.
    least = bits.min(axis=-1, keepdims=True)
    weights = np.exp2(least - bits)
    log_kraft = _log2_kraft(weights, least[..., 0])
    redundancy: Result = _divergence_from_code(p, bits - least, weights) - log_kraft
    return redundancy


def _divergence_from_code(p: Array, bits: Array, weights: Array) -> Result:
    """D(p‖r) in bits, with r ∝ weights = 2^−bits; also where a weight is too small for a float."""
    shares = averages.shares(weights)
    divergence = kl_divergence(p, shares, base=2)
    far = ((p > 0) & (shares < np.finfo(float).tiny)).any(axis=-1)
    if far.any():
        length = averages.expectation(p, bits) + np.log2(weights.sum(axis=-1))
        by_length = np.maximum(length - entropy(p, base=2), 0.0)
        divergence = np.where(far, by_length, divergence)[()]
    return divergence


def _log2_kraft(weights: Array, least: Array) -> Array:
    """log₂ Σ 2^−length, which is at most 0; the weights are 2^(least − length)."""
    total = dd.total(weights)
    mantissa, exponent = np.frexp(total.hi)
    # A sum of one is the mantissa ½ and an exponent one above the shortest length; it may be
    # exceeded by less than a float shows.
    one = (mantissa == 0.5) & (exponent == least + 1)
    beyond = (total.lo > 0) | (weights == 0).any(axis=-1)
    if np.where(one, beyond, exponent > least).any():
        raise ValueError("no prefix code has these lengths: Σ 2^-length is above 1")
    # So split, nothing cancels where the sum is nearly one.
    result: Array = np.log2(mantissa) + (exponent - least)
    return result


def _positive_distribution(q: ArrayLike) -> Array:
    array = validate.distribution("q", q)
    if not array.all():
        index = validate.first(array == 0)
        raise ValueError(f"q is zero at index {index}: no finite code word fits")
    return array
