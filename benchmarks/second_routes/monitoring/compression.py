"""Second routes to kllib.monitoring.compression: exact fractions, Huffman's two queues."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.discrete import extreme_pairs
from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise, shares

mpf = mpmath.mpf


def distributions() -> Iterator[Case]:
    """From two outcomes to a thousand, even and very uneven ones."""
    rng = np.random.default_rng(72)
    for n in (1, 2, 3, 10, 1000):
        for power in (1, 3, 30):
            weights = rng.dirichlet(np.ones(n)) ** power + 1e-300
            yield Case(f"n={n}, power {power}", ORDINARY, (weights / weights.sum(),))
    for tiny in (2.0**-1000, 1e-300, 1e-10):
        yield Case(f"rare: {tiny:g}", FAR, ([1.0, tiny],))


def _shannon(q: Any) -> list[int]:
    """The least whole number with 2^−length ≤ q."""
    exact = [Fraction(float(x)) for x in q]
    total = sum(exact)
    lengths = []
    for x in exact:
        length = 0
        while Fraction(1, 2**length) > x / total:
            length += 1
        lengths.append(length)
    return lengths


def _our_mean_length(q: Any) -> float:
    from kllib.monitoring.compression import huffman_code_lengths

    return float(np.dot(q, huffman_code_lengths(q)) / np.sum(q))


def _mean_length(q: Any) -> mpf:
    """The sum of all merged probabilities, with two sorted queues instead of a heap."""
    single = deque(sorted(Fraction(float(x)) for x in q))
    total, cost, merged = sum(single), Fraction(0), deque()

    def least() -> Fraction:
        queue = single if not merged or (single and single[0] <= merged[0]) else merged
        return queue.popleft()

    while len(single) + len(merged) > 1:
        merged.append(least() + least())
        cost += merged[-1]
    return mpf((cost / total).numerator) / (cost / total).denominator


def codes() -> Iterator[Case]:
    """A distribution and the lengths of a code made for another."""
    rng = np.random.default_rng(73)
    for n in (1, 2, 10, 1000):
        p, q = rng.dirichlet(np.ones(n), 2)
        lengths = np.ceil(-np.log2(q)) + rng.integers(0, 2, n)
        yield Case(f"n={n}", ORDINARY, (p, lengths))
        dyadic = np.minimum(np.arange(1, n + 1), n - 1) if n < 50 else np.full(n, 10)
        yield Case(f"n={n}, a given code", ORDINARY, (p, dyadic))
    for lengths in ([1, 2000], [2000, 2000]):
        yield Case(f"lengths {lengths}", FAR, ([0.25, 0.75], lengths))
    yield Case("lengths 2, 3, 1072", FAR, ([0.25, 0.5, 0.25], [2, 3, 1072]))
    ladder = np.r_[np.arange(1, 1001), 1000]
    yield Case("a ladder, for its own code", FAR, (2.0**-ladder, ladder))
    for case in extreme_pairs():
        if np.size(case.arguments[0]) == 2:
            yield Case(case.name, FAR, (case.arguments[0], [1, 1]))


def _redundancy(p: Any, lengths: Any) -> mpf:
    terms = zip(shares(p), numbers(lengths), strict=True)
    return mpmath.fsum(a * (bits + mpmath.log(a, 2)) for a, bits in terms if a)


ROUTES = {
    "shannon_code_lengths": Route(
        distributions, _shannon, "fractions: the least length, found by counting"
    ),
    "huffman_code_lengths": Route(
        distributions,
        precise(_mean_length),
        "fractions: the mean length by two queues",
        call=_our_mean_length,
    ),
    "code_redundancy": Route(codes, precise(_redundancy), "mpmath: mean length less the entropy"),
}
