"""Second routes to kllib.monitoring: mpmath, and the same random draws scored by hand."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.discrete import extreme_pairs, near_pairs
from benchmarks.second_routes.route import (
    FAR,
    ORDINARY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def samples() -> Iterator[Case]:
    """Two samples of counts that differ by chance, or by more."""
    rng = np.random.default_rng(77)
    for n in (1, 2, 10, 100):
        q = rng.dirichlet(np.ones(n)) + 0.1
        for size in (100, 10_000, 10**6):
            pair = tuple(1 + rng.multinomial(size, q / q.sum()) for _ in range(2))
            yield Case(f"{size} in {n}, by chance", ORDINARY, pair)
    yield Case("other shares", ORDINARY, ([30, 10, 5], [20, 20, 20]))
    yield Case("a missing category", FAR, ([5, 5, 0], [5, 4, 1]))


def _kl(p: list[mpf], q: list[mpf]) -> mpf:
    pairs = [(a, b) for a, b in zip(p, q, strict=True) if a]
    if any(b == 0 for _, b in pairs):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)


def _comparison(a: Any, b: Any) -> list[mpf]:
    p, q = shares(a), shares(b)
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]
    sizes = [mpmath.fsum(numbers(counts)) for counts in (a, b)]
    chance = mpf(np.count_nonzero(np.add(a, b)) - 1) / 2 * sum(1 / size for size in sizes)
    return [_kl(p, q), _kl(q, p), (_kl(p, middle) + _kl(q, middle)) / 2, chance]


def pairs() -> Iterator[Case]:
    """Pairs of distributions of moderate length, nearly equal and not at all."""
    for case in [*near_pairs(), *extreme_pairs()]:
        if np.size(case.arguments[0]) <= 1000:
            yield case


def _psi(p: Any, q: Any) -> mpf:
    p, q = shares(p), shares(q)
    return _kl(p, q) + _kl(q, p)


def references() -> Iterator[Case]:
    """Reference counts, sample size, false alarm rate and seed."""
    yield Case("two categories", ORDINARY, ([600, 400], 100, 0.05, 1))
    yield Case("four categories", ORDINARY, ([500, 300, 150, 50], 200, 0.01, 2))
    yield Case("an empty category", FAR, ([500, 300, 0, 50], 200, 0.1, 3))


def _our_threshold(reference: Any, size: int, rate: float, seed: int) -> float:
    from kllib.discrete import kl_divergence
    from kllib.monitoring.drift import drift_threshold

    rng = np.random.default_rng(seed)
    return drift_threshold(
        reference, size, kl_divergence, false_alarm_rate=rate, simulations=299, rng=rng
    )


def _threshold(reference: Any, size: int, rate: float, seed: int) -> mpf:
    """The same draws, the textbook sum in mpmath, and the largest score with enough above it."""
    rng = np.random.default_rng(seed)
    q = np.array(reference) / sum(reference)
    current = rng.multinomial(size, q, size=299)
    past = rng.multinomial(sum(reference), q, size=299)
    scores = sorted(_kl(shares(a), shares(b)) for a, b in zip(current, past, strict=True))
    # One new score among 300 in all: how many of them may lie above the threshold?
    return scores[-round(rate * 300)]


def quantiles() -> Iterator[Case]:
    """Categories, sizes and rates of the χ² approximation."""
    for categories in (2, 3, 10, 100):
        for rate in (0.5, 0.05, 1e-3, 1e-9):
            options = {"reference_size": 500 * categories, "false_alarm_rate": rate}
            yield Case(f"{categories} categories, {rate:g}", ORDINARY, (categories, 1000), options)
    yield Case("known reference", ORDINARY, (5, 1000), {"false_alarm_rate": 0.01})


def _quantile(
    categories: int, size: int, false_alarm_rate: float, reference_size: int | None = None
) -> mpf:
    half = mpf(categories - 1) / 2

    def excess(x: mpf) -> mpf:
        return mpmath.gammainc(half, x, regularized=True) - mpf(false_alarm_rate)

    low, high = mpf(0), mpf(1)
    while excess(high) > 0:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    variance = mpf(1) / size + (mpf(1) / reference_size if reference_size else 0)
    return variance * low  # half the variance, and the χ² quantile is 2x


def values() -> Iterator[Case]:
    """Samples, with ties and without, and the number of bins."""
    rng = np.random.default_rng(78)
    for n in (5, 100, 1001):
        for bins in (2, 4, 5):
            yield Case(f"{n} values, {bins} bins", ORDINARY, (rng.normal(size=n), bins))
    yield Case("ties", FAR, ([1, 1, 1, 2, 2, 3, 9], 4))
    yield Case("mostly zero", FAR, ([0, 0, 0, 0, 0, 0, 1, 2.5], 4))
    yield Case("mostly one", FAR, ([0, 1, 1, 1, 1], 5))


def _edges(reference: Any, bins: int) -> list[mpf]:
    exact = sorted(numbers(reference))
    found = set()
    for i in range(1, bins):
        whole, rest = divmod((len(exact) - 1) * i, bins)
        following = exact[min(whole + 1, len(exact) - 1)]
        found.add(exact[whole] + (following - exact[whole]) * rest / bins)
    # One on the least value moves up to the next; one with nothing below it but other edges goes.
    least = exact[0]
    following = min(x for x in exact if x > least)
    kept = [least]
    for edge in sorted({following if edge == least else edge for edge in found}):
        if any(kept[-1] <= x < edge for x in exact):
            kept.append(edge)
    return kept[1:]


def binned() -> Iterator[Case]:
    """Values and edges; a value on an edge belongs to the bin above it."""
    rng = np.random.default_rng(79)
    for n in (1, 10, 1000):
        edges = np.sort(rng.normal(size=4))
        yield Case(f"{n} values", ORDINARY, (np.r_[rng.normal(size=n), edges], edges))
    yield Case("far outside", FAR, ([-1e300, 1e300], [0.0]))


def _counts(points: Any, edges: Any) -> list[int]:
    ends = [-np.inf, *edges, np.inf]
    return [
        sum(1 for x in points if low <= x < high)
        for low, high in zip(ends[:-1], ends[1:], strict=True)
    ]


SUM = "mpmath, 60 digits: the textbook sum"
ROUTES = {
    "compare_counts": Route(
        samples,
        precise(_comparison),
        SUM,
        part=lambda c: [c.kl_ab, c.kl_ba, c.jensen_shannon, c.kl_without_change],
    ),
    "population_stability_index": Route(pairs, precise(_psi), SUM),
    "drift_threshold": Route(
        references,
        precise(_threshold),
        "the same draws scored in mpmath, and counted",
        call=_our_threshold,
    ),
    "asymptotic_drift_threshold": Route(
        quantiles, _quantile, "mpmath: bisection on the incomplete gamma function"
    ),
    "quantile_edges": Route(values, precise(_edges), "mpmath: linear interpolation"),
    "bin_counts": Route(binned, _counts, "counted one by one"),
}
EXEMPT = {"CountsComparison": "what compare_counts returns"}
