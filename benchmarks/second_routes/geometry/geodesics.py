"""Second routes to kllib.geometry.geodesics: mpmath, for exactly these floating-point arguments."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    ORDINARY,
    SUBNORMAL,
    TINY,
    Case,
    Route,
    precise,
    shares,
)

mpf = mpmath.mpf


def cases() -> Iterator[Case]:
    """p, q, t."""
    rng = np.random.default_rng(55)
    for n in (2, 10, 1000):
        p, q = rng.dirichlet(np.ones(n), size=2)
        for t in (0.0, 1e-300, 1e-10, 0.3, 0.5, 1 - 1e-10, 1.0):
            yield Case(f"n={n}, t={t!r}", ORDINARY, (p, q, t))
        p, q = rng.dirichlet(np.ones(n), size=2) ** 20
        p, q = np.maximum(p, SUBNORMAL), np.maximum(q, SUBNORMAL)
        yield Case(f"n={n}, sharp", FAR, (p / p.sum(), q / q.sum(), 0.5))
    for t in (0.25, 0.5):
        yield Case(f"1e-300, t={t:g}", FAR, ([1.0, TINY], [TINY, 1.0], t))
        yield Case(f"zeros, t={t:g}", FAR, ([0.5, 0.5, 0.0], [0.0, 0.25, 0.75], t))


def _m_truth(p: Any, q: Any, t: float) -> Any:
    return [(1 - mpf(t)) * a + mpf(t) * b for a, b in zip(shares(p), shares(q), strict=True)]


def _e_truth(p: Any, q: Any, t: float) -> Any:
    weights = [
        mpmath.power(a, 1 - mpf(t)) * mpmath.power(b, mpf(t))
        for a, b in zip(shares(p), shares(q), strict=True)
    ]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


ROUTES = {
    "m_geodesic": Route(cases=cases, truth=precise(_m_truth), how="mpmath, 60 digits"),
    "e_geodesic": Route(cases=cases, truth=precise(_e_truth), how="mpmath, 60 digits"),
}
