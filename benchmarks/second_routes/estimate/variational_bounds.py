"""Second routes to kllib.estimate.variational_bounds: mpmath, term by term."""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def critics() -> Iterator[Case]:
    """Values on samples and with probabilities; hardly any difference, and large ones."""
    rng = np.random.default_rng(65)
    for scale in (1e-10, 1e-5, 1e-2, 1.0, 10.0, 500.0):
        kind = NEAR if scale < 0.1 else FAR if scale > 100 else ORDINARY
        at_p, at_q = scale * rng.normal(1, 1, 50), scale * rng.normal(0, 1, 70)
        yield Case(f"samples, scale {scale:g}", kind, (at_p, at_q))
        critic, (p, q) = scale * rng.standard_normal(20), rng.dirichlet(np.ones(20), 2)
        yield Case(f"outcomes, scale {scale:g}", kind, (critic, critic), {"p": p, "q": q})
    for n in (2, 10, 1000):
        p, q = rng.dirichlet(np.ones(n), 2)
        exact = np.log(p / q)
        yield Case(f"exact critic, n={n}", ORDINARY, (exact, exact), {"p": p, "q": q})


def critics_and_conjugates() -> Iterator[Case]:
    """The same, with the conjugates of χ² and of the squared Hellinger divergence."""
    for case in critics():
        if "500" not in case.name:
            yield Case(f"χ², {case.name}", case.kind, (*case.arguments, _chi_squared), case.options)
    rng = np.random.default_rng(66)
    for n in (2, 10, 1000):
        p, q = rng.dirichlet(np.ones(n), 2)
        exact = 1 - np.sqrt(q / p)
        options = {"p": p, "q": q}
        yield Case(f"Hellinger, n={n}", ORDINARY, (exact, exact, _hellinger), options)


def _chi_squared(u: Any) -> Any:
    """The conjugate, of floats and of mpmath numbers."""
    inside = np.maximum(u, -2)
    return inside + inside**2 / 4


def _hellinger(u: Any) -> Any:
    return u / (1 - u)


def _mean(values: list[mpf], weights: Any) -> mpf:
    if weights is None:
        return mpmath.fsum(values) / len(values)
    return mpmath.fsum(w * v for w, v in zip(shares(weights), values, strict=True))


def _donsker_varadhan(at_p: Any, at_q: Any, p: Any = None, q: Any = None) -> mpf:
    return _mean(numbers(at_p), p) - mpmath.log(_mean([mpmath.exp(v) for v in numbers(at_q)], q))


def _bound(
    at_p: Any, at_q: Any, conjugate: Callable[[Any], Any], p: Any = None, q: Any = None
) -> mpf:
    return _mean(numbers(at_p), p) - _mean([conjugate(v) for v in numbers(at_q)], q)


def _nwj(at_p: Any, at_q: Any, p: Any = None, q: Any = None) -> mpf:
    return _bound(at_p, at_q, lambda u: mpmath.exp(u - 1), p, q)


def score_tables() -> Iterator[Case]:
    """Tables of scores; the matching pair stands out, more or less."""
    rng = np.random.default_rng(67)
    for n in (2, 10, 64):
        for strength in (1.0, 10.0, 1000.0):
            table = rng.standard_normal((n, n)) + strength * np.eye(n)
            yield Case(f"n={n}, strength {strength:g}", ORDINARY, (table,))
        yield Case(f"n={n}, at random", FAR, (100 * rng.standard_normal((n, n)),))


def _infonce(scores: Any) -> mpf:
    rows = [numbers(row) for row in scores]
    losses = [
        row[i] - mpmath.log(mpmath.fsum(mpmath.exp(s) for s in row)) for i, row in enumerate(rows)
    ]
    return mpmath.log(len(rows)) + mpmath.fsum(losses) / len(rows)


TERMS = "mpmath, 60 digits: the two expectations, term by term"
ROUTES = {
    "donsker_varadhan": Route(critics, precise(_donsker_varadhan), TERMS),
    "nwj_bound": Route(
        lambda: [case for case in critics() if "500" not in case.name], precise(_nwj), TERMS
    ),
    "f_divergence_bound": Route(critics_and_conjugates, precise(_bound), TERMS),
    "infonce_bound": Route(score_tables, precise(_infonce), "mpmath, 60 digits: as printed"),
}
