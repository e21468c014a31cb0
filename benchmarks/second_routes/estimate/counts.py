"""Second routes to kllib.estimate.counts: mpmath, from the counts themselves."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    STEPS,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def counts() -> Iterator[Case]:
    """Few and many, with empty categories, and nearly all in one."""
    rng = np.random.default_rng(62)
    for n in (1, 2, 10, 1000):
        for size in (10, 1000, 10**9):
            drawn = rng.multinomial(size, rng.dirichlet(np.ones(n)))
            yield Case(f"{size} in {n}", ORDINARY, (drawn,))
    for rare in (1, 3):
        yield Case(f"all but {rare} of 1e15", FAR, ([10**15, 0, rare],))


def counts_and_models() -> Iterator[Case]:
    """Counts near the model, down to a divergence of 1e-20, and drawn from another one."""
    rng = np.random.default_rng(63)
    for n in (2, 10, 1000):
        q = rng.dirichlet(np.ones(n))
        for step in STEPS:
            seen = np.rint(1e15 * q * (1 + 2 * step * rng.standard_normal(n)))
            yield Case(f"n={n}, {step:g} apart", NEAR, (seen, q))
        seen = rng.multinomial(1000, rng.dirichlet(np.ones(n)))
        yield Case(f"n={n}, another model", ORDINARY, (seen, q))
    yield Case("model of 1e-300", FAR, ([5, 5], [1.0, 1e-300]))
    yield Case("ruled out", FAR, ([5, 5], [1.0, 0.0]))
    yield Case("in exact proportion", NEAR, ([4, 2, 2], [0.5, 0.25, 0.25]))


def two_counts() -> Iterator[Case]:
    """Two samples, nearly in proportion, down to a divergence of 1e-20, and not at all."""
    rng = np.random.default_rng(64)
    for n in (2, 10, 1000):
        for step in STEPS:
            first = np.rint(1e14 * rng.dirichlet(np.ones(n)))
            second = np.rint(3 * first * (1 + 2 * step * rng.standard_normal(n)))
            yield Case(f"n={n}, {step:g} apart", NEAR, (first, second))
        pair = tuple(rng.multinomial(500, rng.dirichlet(np.ones(n))) for _ in range(2))
        yield Case(f"n={n}, unrelated", ORDINARY, pair)
    yield Case("one of 1e15", FAR, ([10**15, 1], [1, 0]))
    yield Case("disjoint", FAR, ([7, 0], [0, 9]))


def _entropy(seen: Any) -> mpf:
    return -mpmath.fsum(p * mpmath.log(p) for p in shares(seen) if p)


def _bias(seen: Any) -> mpf:
    return mpf(int(np.count_nonzero(seen)) - 1) / (2 * mpmath.fsum(numbers(seen)))


def _kl(seen: Any, q: Any) -> mpf:
    pairs = [(a, b) for a, b in zip(shares(seen), shares(q), strict=True) if a]
    if any(b == 0 for _, b in pairs):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)


def _g(a: Any, b: Any) -> mpf:
    """2 Σ O log(O/E) over the table, E from its margins."""
    rows = [numbers(a), numbers(b)]
    totals = [mpmath.fsum(row) for row in rows]
    columns = [x + y for x, y in zip(*rows, strict=True)]
    return 2 * mpmath.fsum(
        o * mpmath.log(o * mpmath.fsum(totals) / (total * column))
        for row, total in zip(rows, totals, strict=True)
        for o, column in zip(row, columns, strict=True)
        if o
    )


def _g_of_fit(seen: Any, q: Any) -> mpf:
    return 2 * mpmath.fsum(numbers(seen)) * _kl(seen, q)


SUM = "mpmath, 60 digits: the textbook sum"
ROUTES = {
    "plug_in_entropy": Route(counts, precise(_entropy), SUM),
    "plug_in_bias": Route(counts, precise(_bias), "mpmath, 60 digits: division"),
    "miller_madow_entropy": Route(counts, precise(lambda c: _entropy(c) + _bias(c)), SUM),
    "plug_in_kl": Route(counts_and_models, precise(_kl), SUM),
    "miller_madow_kl": Route(counts_and_models, precise(lambda c, q: _kl(c, q) - _bias(c)), SUM),
    "g_test": Route(
        two_counts, precise(_g), "mpmath, 60 digits: 2 Σ O log(O/E)", part=lambda r: r.statistic
    ),
    "g_test_goodness_of_fit": Route(
        counts_and_models, precise(_g_of_fit), SUM, part=lambda r: r.statistic
    ),
}
EXEMPT = {"GTestResult": "what the tests return; their p-values are compared with scipy's"}
