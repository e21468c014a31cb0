"""Second routes to kllib.geometry.fisher: sums, an inverse and derivatives of D in mpmath.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

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


def _distributions() -> Iterator[tuple[str, str, Any]]:
    rng = np.random.default_rng(56)
    for n in (2, 3, 10):
        yield f"n={n}", ORDINARY, rng.dirichlet(np.ones(n))
        p = rng.dirichlet(np.ones(n)) ** 20
        yield f"n={n}, sharp", FAR, p / p.sum()
    for tiny in (1e-10, 1e-20, 1e-150):
        yield f"rare {tiny:g}", FAR, [1.0, tiny, 2 * tiny]


def information_cases() -> Iterator[Case]:
    """p, scores: those of logits, 1 − p_i for outcome i, from the floats of a softmax."""
    for name, kind, p in _distributions():
        p = np.asarray(p)
        p = p / p.sum()
        yield Case(name, kind, (p, np.eye(p.size) - p[:, None]))


def statistics_cases() -> Iterator[Case]:
    """p, statistics."""
    rng = np.random.default_rng(57)
    for name, kind, p in _distributions():
        yield Case(name, kind, (p, rng.standard_normal((2, np.size(p)))))
        yield Case(f"{name}, counting", kind, (p, [np.arange(np.size(p))]))


def bernoulli_cases() -> Iterator[Case]:
    """p."""
    for p in (0.5, 0.3, 1e-10, 1 - 1e-10, 1 - 2**-53, 1e-150, TINY):
        yield Case(f"p={p!r}", ORDINARY, (p,))
    yield Case("ends", FAR, ([0.0, 0.25, 1.0],))


def categorical_cases() -> Iterator[Case]:
    """p, parameters."""
    for name, kind, p in _distributions():
        for parameters in ("probabilities", "logits"):
            yield Case(f"{name}, {parameters}", kind, (p,), {"parameters": parameters})


def normal_cases() -> Iterator[Case]:
    """sigma."""
    for sigma in (1e-150, 1e-3, 0.5, 1.0, 7.0, 1e3, 1e150):
        yield Case(f"sigma={sigma:g}", ORDINARY, (sigma,))


def second_order_cases() -> Iterator[Case]:
    """fisher, step."""
    rng = np.random.default_rng(58)
    for k in (1, 2, 10):
        root = rng.standard_normal((k, k))
        fisher = root @ root.T + np.eye(k)
        for scale in (1e-150, 1e-3, 1.0, 1e100):
            yield Case(
                f"k={k}, scale {scale:g}", ORDINARY, (fisher, scale * rng.standard_normal(k))
            )


def natural_gradient_cases() -> Iterator[Case]:
    """fisher, gradient, damping."""
    rng = np.random.default_rng(59)
    for k in (1, 2, 5, 20):
        basis = np.linalg.qr(rng.standard_normal((k, k)))[0]
        for condition in (1.0, 1e3, 1e8, 1e10):
            matrix = basis * np.logspace(0, -np.log10(condition), k) @ basis.T
            matrix = np.tril(matrix) + np.tril(matrix, -1).T
            g = rng.standard_normal(k)
            yield Case(f"k={k}, condition {condition:g}", FAR, (matrix, g))
            yield Case(f"k={k}, {condition:g}, damped", FAR, (matrix, g), {"damping": 0.25})
    units = 10.0 ** np.array([-100, 0, 100])
    matrix = np.array([[2, 1, 0], [1, 2, 1], [0, 1, 2.0]]) * np.outer(units, units)
    yield Case("units of their own", FAR, (matrix, units * [1, 2, 4]))


def _second_moment(p: Any, rows: Any) -> Any:
    return [
        [mpmath.fsum(x * a * b for x, a, b in zip(p, r, s, strict=True)) for s in rows]
        for r in rows
    ]


def _information_truth(p: Any, scores: Any) -> Any:
    return _second_moment(shares(p), [numbers(row) for row in scores])


def _statistics_truth(p: Any, statistics: Any) -> Any:
    p = shares(p)
    rows = [numbers(row) for row in statistics]
    return _second_moment(p, [[x - mpmath.fdot(row, p) for x in row] for row in rows])


def _bernoulli_truth(p: Any) -> Any:
    values = [1 / (x * (1 - x)) if 0 < x < 1 else mpmath.inf for x in numbers(p)]
    return values if np.ndim(p) else values[0]


def _categorical_truth(p: Any, parameters: str) -> Any:
    """By the scores: derivatives of log p in these parameters."""
    p = shares(p)
    n = len(p)
    if parameters == "logits":
        rows = [[(i == x) - p[i] for x in range(n)] for i in range(n)]
    else:
        rows = [[(i == x) / p[i] - (x == n - 1) / p[-1] for x in range(n)] for i in range(n - 1)]
    return _second_moment(p, rows)


def _normal_truth(sigma: float) -> Any:
    """−E of the second derivatives of log N(x; μ, σ²), with E x = μ and E (x − μ)² = σ²."""
    s = mpf(sigma)
    return [[1 / s**2, mpf(0)], [mpf(0), 3 * s**2 / s**4 - 1 / s**2]]


def _second_order_truth(fisher: Any, step: Any) -> Any:
    x = mpmath.matrix(numbers(step))
    return (x.T * _matrix(fisher) * x)[0] / 2


def _matrix(array: Any) -> Any:
    return mpmath.matrix([numbers(row) for row in array])


def _natural_truth(fisher: Any, gradient: Any, damping: float = 0.0) -> Any:
    matrix = _matrix(fisher) + mpf(damping) * mpmath.eye(len(gradient))
    return list(mpmath.lu_solve(matrix, mpmath.matrix(numbers(gradient))))


ROUTES = {
    "fisher_information": Route(
        cases=information_cases, truth=precise(_information_truth), how="mpmath, 60 digits"
    ),
    "fisher_exponential_family": Route(
        cases=statistics_cases, truth=precise(_statistics_truth), how="mpmath, 60 digits"
    ),
    "fisher_bernoulli": Route(
        cases=bernoulli_cases, truth=precise(_bernoulli_truth), how="mpmath, 60 digits"
    ),
    "fisher_categorical": Route(
        cases=categorical_cases, truth=precise(_categorical_truth), how="E s sᵀ, mpmath, 60 digits"
    ),
    "fisher_normal": Route(
        cases=normal_cases, truth=precise(_normal_truth), how="−E of second derivatives, mpmath"
    ),
    "kl_second_order": Route(
        cases=second_order_cases, truth=precise(_second_order_truth), how="mpmath, 60 digits"
    ),
    "natural_gradient": Route(
        cases=natural_gradient_cases, truth=precise(_natural_truth), how="LU, mpmath, 60 digits"
    ),
}
