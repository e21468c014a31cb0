"""Second routes to kllib.policy.best_of: mpmath, the probability that no draw is better."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import divergence
from benchmarks.second_routes.route import (
    FAR,
    ORDINARY,
    TINY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def draws() -> Iterator[Case]:
    """reference, reward, n: distinct rewards and ties, few draws and very many."""
    rng = np.random.default_rng(80)
    for m in (2, 5, 40, 100):
        reference = rng.dirichlet(np.ones(m))
        for label, reward in (
            ("distinct", rng.standard_normal(m)),
            ("ties", rng.integers(0, 3, m).astype(float)),
        ):
            for n in (1, 2, 7, 64, 10**6, 10**12):
                yield Case(f"m={m}, {label}, n={n}", ORDINARY, (reference, reward, n))
    for tiny in (1e-10, 1e-20, TINY):
        for n in (2, 100, 10**9):
            yield Case(f"the best {tiny:g}, n={n}", FAR, ([1.0, tiny], [0.0, 1.0], n))
            yield Case(f"the worst {tiny:g}, n={n}", FAR, ([tiny, 1.0], [0.0, 1.0], n))
    yield Case("an impossible answer", FAR, ([0.5, 0.5, 0.0], [1.0, 2.0, 3.0], 3))
    yield Case("one answer", FAR, ([1.0], [2.0], 3))
    yield Case("equal rewards", FAR, ([0.25, 0.75], [2.0, 2.0], 3))


def _best_of_n(reference: Any, reward: Any, n: int) -> list[mpf]:
    p, r = shares(reference), numbers(reward)
    result = []
    for a, x in zip(p, r, strict=True):
        at_most = mpmath.fsum(b for b, y in zip(p, r, strict=True) if y <= x)
        less = mpmath.fsum(b for b, y in zip(p, r, strict=True) if y < x)
        result.append((at_most**n - less**n) * a / (at_most - less) if a else mpf(0))
    return result


def _best_of_n_kl(reference: Any, reward: Any, n: int) -> mpf:
    return divergence(_best_of_n(reference, reward, n), shares(reference))


def several() -> Iterator[Case]:
    """The cases with more than one draw; with one, the divergence is 0."""
    return (case for case in draws() if case.arguments[2] > 1)


def counts() -> Iterator[Case]:
    """n from 1 up."""
    for n in (1, 2, 3, 10, 1000, 10**6, 10**15):
        yield Case(f"n={n}", ORDINARY, (n,))


def _bound(n: int) -> mpf:
    # ∫ n uⁿ⁻¹ log(n uⁿ⁻¹) du over (0, 1), by parts
    return mpmath.log(n) + (n - 1) * -(mpf(1) / n)


ROUTES = {
    "best_of_n_policy": Route(draws, precise(_best_of_n), "mpmath, 60 digits: sums over all pairs"),
    "best_of_n_kl": Route(several, precise(_best_of_n_kl), "mpmath, 60 digits: the definition"),
    "best_of_n_kl_bound": Route(counts, precise(_bound), "mpmath, 60 digits"),
}
