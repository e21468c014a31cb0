"""Second routes to kllib.fdivergence.renyi: mpmath, for exactly these floating-point arguments.

The value meant is that for p/Σp and q/Σq, the sums being exact.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.fdivergence.divergences import some_pairs
from benchmarks.second_routes.route import FAR, NEAR, Case, Route, precise, shares

mpf = mpmath.mpf

ALPHAS = (0.0, 1e-9, 0.1, 0.5, 0.9, 1 - 1e-9, 1.0, 1 + 1e-9, 1.5, 2.0, 30.0, 1e4, np.inf)


def pairs_and_alphas() -> Iterator[Case]:
    """Every pair with one of the orders in turn, and the short ones with six."""
    for i, case in enumerate(some_pairs()):
        p, q = case.arguments
        chosen = ALPHAS[i % 2 :: 2] if len(p) <= 3 else (ALPHAS[i % len(ALPHAS)],)
        for alpha in chosen:
            yield Case(f"{case.name}, alpha {alpha:.10g}", case.kind, (p, q, alpha))
    for alpha in (1e-300, 1e-12, 1 - 2.0**-53, 1 + 2.0**-52, 1e9):
        near = [0.5, 0.5], [0.5 + 1e-9, 0.5 - 1e-9]
        yield Case(f"1e-9 apart, alpha {alpha:.17g}", NEAR, (*near, alpha))
        yield Case(f"far apart, alpha {alpha:.17g}", FAR, ([1e-3, 0.999], [0.9, 0.1], alpha))
        yield Case(f"disjoint, alpha {alpha:.17g}", FAR, ([1.0, 0.0], [0.0, 1.0], alpha))
    # Where the sum of powers passes one half and three halves, and the way of computing changes
    for q in (0.4, 0.45, 0.48, 0.49, 0.5, 0.52, 0.55, 0.6):
        for alpha in (0.5, 2.0, 5.0):
            arguments = ([0.03, 0.97], [q, 1 - q], alpha)
            yield Case(f"{q} against 0.03, alpha {alpha:g}", FAR, arguments)


def _both(p: Any, q: Any) -> list[tuple[mpf, mpf]]:
    distinct = len(p) // 1024 if len(p) > 1_000_000 else len(p)
    return list(zip(shares(p[:distinct]), shares(q[:distinct]), strict=True))


def _renyi(p: Any, q: Any, alpha: float) -> mpf:
    both = _both(p, q)
    if alpha == 0:
        return -mpmath.log(mpmath.fsum(b for a, b in both if a)) + mpf(0)
    if alpha >= 1 and any(a and not b for a, b in both):
        return mpmath.inf
    if alpha == 1:
        return mpmath.fsum(a * mpmath.log(a / b) for a, b in both if a)
    if alpha == np.inf:
        return mpmath.log(max(a / b for a, b in both if a))
    order = mpf(alpha)
    moment = mpmath.fsum(a**order * b ** (1 - order) for a, b in both if a and b)
    return mpmath.log(moment) / (order - 1) if moment else mpmath.inf


def _coefficient(p: Any, q: Any) -> mpf:
    return mpmath.fsum(mpmath.sqrt(a * b) for a, b in _both(p, q))


SUM = "mpmath, 60 digits: the logarithm of the sum of powers"
ROUTES = {
    "renyi_divergence": Route(pairs_and_alphas, precise(_renyi), SUM),
    "bhattacharyya_coefficient": Route(some_pairs, precise(_coefficient), "mpmath, 60 digits"),
    "bhattacharyya_distance": Route(some_pairs, precise(lambda p, q: _renyi(p, q, 0.5) / 2), SUM),
}
