"""Second routes to kllib.estimate.two_sample: all pairs of points, in mpmath."""

from collections.abc import Iterator
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


def point_sets() -> Iterator[Case]:
    """Points in one to five dimensions, in every unit, and the neighbour that counts."""
    rng = np.random.default_rng(68)
    for d in (1, 2, 5):
        for k in (1, 4):
            x, y = rng.normal(size=(25, d)), rng.normal(0.5, 2, size=(30, d))
            yield Case(f"d={d}, k={k}", ORDINARY, (x, y, k))
    for scale in (1e-200, 1e-150, 1e150, 1e200):
        x, y = scale * rng.normal(size=(20, 2)), scale * rng.normal(size=(25, 2))
        yield Case(f"scale {scale:g}", FAR, (x, y, 2))


def _distance(a: Any, b: Any) -> mpf:
    return mpmath.sqrt(mpmath.fsum((s - t) ** 2 for s, t in zip(a, b, strict=True)))


def _knn(x: Any, y: Any, k: int) -> mpf:
    x, y = [numbers(row) for row in x], [numbers(row) for row in y]
    n, m, d = len(x), len(y), len(x[0])
    logs = []
    for i, point in enumerate(x):
        own = sorted(_distance(point, other) for j, other in enumerate(x) if j != i)[k - 1]
        logs.append(mpmath.log(sorted(_distance(point, other) for other in y)[k - 1] / own))
    return mpf(d) / n * mpmath.fsum(logs) + mpmath.log(mpf(m) / (n - 1))


def lines() -> Iterator[Case]:
    """Points on a line, with equal and other weights, disjoint, shifted and mixed."""
    rng = np.random.default_rng(69)
    for n, m in ((1, 1), (5, 5), (10, 30), (200, 200)):
        x, y = rng.normal(size=n), rng.normal(0.5, 2, size=m)
        yield Case(f"{n} and {m}", ORDINARY, (x, y))
        options = {"p": rng.dirichlet(np.ones(n)), "q": rng.dirichlet(np.ones(m))}
        yield Case(f"{n} and {m}, weighted", ORDINARY, (x, y), options)
    for shift in (1e-150, 1e-10, 1.0, 1e150):
        yield Case(f"two points {shift:g} apart", FAR, ([0.0], [shift]))
    for scale in (1e-150, 1e150):
        yield Case(f"scale {scale:g}", FAR, (scale * x[:50], scale * y[:40]))
    yield Case("nearly all of the range", FAR, ([-1.5e308, 1.5e308], [1e308, 1.5e308]))


def _weights(points: Any, weights: Any) -> list[mpf]:
    n = len(points)
    return [mpf(1) / n] * n if weights is None else shares(weights)


def _wasserstein(x: Any, y: Any, p: Any = None, q: Any = None) -> mpf:
    """The north-west corner rule: match the points in order, mass by mass."""
    left = sorted(zip(numbers(x), _weights(x, p), strict=True))
    right = sorted(zip(numbers(y), _weights(y, q), strict=True))
    cost, i, j = mpf(0), 0, 0
    (at, have), (to, need) = left[0], right[0]
    while True:
        moved = min(have, need)
        cost += moved * abs(at - to)
        have, need = have - moved, need - moved
        if have <= need:
            i += 1
            if i == len(left):
                return cost
            at, have = left[i]
        else:
            j += 1
            if j == len(right):
                return cost
            to, need = right[j]


def kernel_sets() -> Iterator[Case]:
    """Points in the plane and on the line; two that nearly meet."""
    rng = np.random.default_rng(70)
    for n, m, d in ((1, 1, 2), (5, 8, 1), (20, 30, 3)):
        x, y = rng.normal(size=(n, d)), rng.normal(0.5, 2, size=(m, d))
        yield Case(f"{n} and {m}, d={d}", ORDINARY, (x, y), {"bandwidth": 1.3})
        options = {
            "bandwidth": 0.8,
            "p": rng.dirichlet(np.ones(n)),
            "q": rng.dirichlet(np.ones(m)),
        }
        yield Case(f"{n} and {m}, d={d}, weighted", ORDINARY, (x, y), options)
    for shift in (1e-150, 1e-10, 1e-3, 1e150):
        yield Case(
            f"{shift:g} apart", NEAR if shift < 1 else FAR, ([0.0], [shift]), {"bandwidth": 1.0}
        )


def _mmd(x: Any, y: Any, bandwidth: float, p: Any = None, q: Any = None) -> mpf:
    points = [numbers(point) for point in [*np.asarray(x), *np.asarray(y)]]
    signed = [*_weights(x, p), *(-w for w in _weights(y, q))]
    h = mpf(bandwidth)
    squared = mpmath.fsum(
        u * v * mpmath.exp(-(_distance(s, t) ** 2) / (2 * h * h))
        for s, u in zip(points, signed, strict=True)
        for t, v in zip(points, signed, strict=True)
    )
    return mpmath.sqrt(squared)


ROUTES = {
    "knn_kl": Route(point_sets, precise(_knn), "mpmath: all distances, sorted"),
    "wasserstein_1d": Route(lines, precise(_wasserstein), "mpmath: mass moved in order"),
    "maximum_mean_discrepancy": Route(kernel_sets, precise(_mmd), "mpmath: all pairs of points"),
}
