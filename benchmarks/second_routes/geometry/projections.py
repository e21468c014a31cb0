"""Second routes to kllib.geometry.projections: Newton's method on the dual, in mpmath.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    STEPS,
    TINY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf
Numbers = list[mpmath.mpf]


def _rows(statistics: Any) -> list[Numbers]:
    return [numbers(row) for row in np.atleast_2d(np.asarray(statistics, dtype=float))]


def _kl(p: Numbers, q: Numbers) -> mpmath.mpf:
    terms = [x * mpmath.log(x / y) if y else mpmath.inf for x, y in zip(p, q, strict=True) if x]
    return mpmath.fsum(terms)


def _means(rows: list[Numbers], p: Numbers) -> Numbers:
    return [mpmath.fdot(row, p) for row in rows]


def _tilted(base: Numbers, rows: list[Numbers], targets: Numbers) -> Numbers:
    """base exp(λ·T)/Z with the moments wanted: the root of E T − t, by damped Newton steps."""
    k, n = len(rows), len(base)
    with mpmath.workdps(90):
        centred = [[x - t for x in row] for row, t in zip(rows, targets, strict=True)]

        def weights(point: Any) -> Numbers:
            return [
                b * mpmath.exp(mpmath.fsum(point[i] * centred[i][x] for i in range(k)))
                for x, b in enumerate(base)
            ]

        point = mpmath.matrix(k, 1)
        for _ in range(3000):
            w = weights(point)
            z = mpmath.fsum(w)
            p = [x / z for x in w]
            slope = mpmath.matrix([mpmath.fdot(row, p) for row in centred])
            apart = [[x - m for x in row] for row, m in zip(centred, slope, strict=True)]
            hessian = mpmath.matrix(k, k)
            for i in range(k):
                for j in range(k):
                    hessian[i, j] = mpmath.fsum(
                        a * b * w for a, b, w in zip(apart[i], apart[j], p, strict=True)
                    )
            step = -mpmath.lu_solve(hessian, slope)
            reach = max(abs(mpmath.fdot(step, [row[x] for row in centred])) for x in range(n))
            if reach < mpf(10) ** -65:
                return p
            # A change of a logarithm by at most one: slow, and sure to converge
            point += step * min(1, 1 / reach)
    raise ArithmeticError("no root found")


def _restricted(base: Numbers, rows: list[Numbers], targets: Numbers) -> Numbers:
    """The same where one statistic takes its largest value: on the outcomes that have it."""
    possible = [x for x, b in enumerate(base) if b]
    for row, t in zip(rows, targets, strict=True):
        if t in (max(row[x] for x in possible), min(row[x] for x in possible)):
            face = [b if value == t else mpf(0) for b, value in zip(base, row, strict=True)]
            total = mpmath.fsum(face)
            return [b / total for b in face]
    kept = _tilted(
        [base[x] for x in possible], [[row[x] for x in possible] for row in rows], targets
    )
    return [kept[possible.index(x)] if x in possible else mpf(0) for x in range(len(base))]


def i_cases() -> Iterator[Case]:
    """q, statistics, moments."""
    rng = np.random.default_rng(50)
    for n, k in ((2, 1), (6, 1), (6, 2), (10, 3), (60, 2)):
        q, p = rng.dirichlet(np.ones(n), size=2)
        rows = rng.standard_normal((k, n))
        yield Case(f"n={n}, k={k}", ORDINARY, (q, rows, rows @ p))
        scaled = rows * 10.0 ** np.arange(-5, 3 * k - 5, 3)[:, None]
        yield Case(f"n={n}, k={k}, many units", ORDINARY, (q, scaled, scaled @ p))
        for step in STEPS:
            near = rows @ (q * (1 + 2 * step * (rows[0] - rows[0] @ q)))
            yield Case(f"n={n}, k={k}, {step:g} apart", NEAR, (q, rows, near))
    die = np.arange(1.0, 7.0)
    fair = np.full(6, 1 / 6)
    for distance in (1e-3, 1e-6, 1e-9, 1e-12):
        yield Case(f"die, {distance:g} from the end", FAR, (fair, die, 1 + distance))
        yield Case(f"die, {distance:g} from the other end", FAR, (fair, die, 6 - distance))
    yield Case("die, at the end", FAR, (fair, die, 6.0))
    yield Case("two of four", FAR, ([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], 1))
    for tiny in (1e-10, 1e-100, TINY):
        yield Case(f"a base of {tiny:g}", FAR, ([1.0, tiny], [0, 1], 0.5))
        yield Case(f"a base of {tiny:g} thrice", FAR, ([1.0, tiny, tiny], [0, 1, 2], 0.75))
    yield Case("a zero in the base", FAR, ([0.25, 0.75, 0.0], [0, 1, 9], 0.5))


def maximum_entropy_cases() -> Iterator[Case]:
    """statistics, moments."""
    die = np.arange(1.0, 7.0)
    for mean in (1 + 1e-9, 1.5, 3.0, 3.5 - 1e-9, 3.5 + 1e-3, 4.5, 5.999):
        yield Case(f"die with mean {mean}", ORDINARY, (die, mean))
    x = np.arange(41.0)
    yield Case("mean and square", ORDINARY, ([x, x**2], [20.0, 404.0]))
    yield Case("at the end", FAR, (die, 1.0))


def m_cases() -> Iterator[Case]:
    """p, base, statistics."""
    rng = np.random.default_rng(51)
    for n, k in ((2, 1), (6, 2), (10, 3), (100, 2)):
        p, base = rng.dirichlet(np.ones(n), size=2)
        rows = rng.standard_normal((k, n))
        yield Case(f"n={n}, k={k}", ORDINARY, (p, base, rows))
        for step in STEPS[::2]:
            near = base * (1 + 2 * step * (rows[0] - rows[0] @ base))
            yield Case(f"n={n}, k={k}, {step:g} apart", NEAR, (near, base, rows))
    yield Case("p with zeros", FAR, ([0, 0.5, 0, 0.5], [0.125, 0.375, 0.375, 0.125], [0, 1, 2, 3]))
    yield Case("rare", FAR, ([1.0, 1e-20], [0.5, 0.5], [0, 1]))


def equality_cases() -> Iterator[Case]:
    """p, q, statistics."""
    rng = np.random.default_rng(52)
    for n, k in ((3, 1), (6, 2), (10, 3)):
        for sharpness in (1, 10):
            p, q = rng.dirichlet(np.ones(n), size=2) ** sharpness
            rows = rng.standard_normal((k, n))
            yield Case(f"n={n}, k={k}, ^{sharpness}", ORDINARY, (p / p.sum(), q / q.sum(), rows))


def inequality_cases() -> Iterator[Case]:
    """p, q, statistic, bound."""
    rng = np.random.default_rng(53)
    for n in (3, 6, 10):
        p, q = rng.dirichlet(np.ones(n), size=2)
        row = rng.standard_normal(n)
        row *= np.sign(row @ (p - q))  # q is outside
        yield Case(f"n={n}, on the border", ORDINARY, (p, q, row, row @ p))
        bound = row @ (0.3 * q + 0.7 * p)
        yield Case(f"n={n}, beyond it", ORDINARY, (p, q, row, bound))
        yield Case(f"n={n}, q inside", ORDINARY, (p, q, row, row @ q - 0.1))


def joint_cases() -> Iterator[Case]:
    """joint."""
    rng = np.random.default_rng(54)
    for shape in ((2, 2), (3, 5), (30, 40)):
        yield Case(f"{shape}", ORDINARY, (rng.dirichlet(np.ones(np.prod(shape))).reshape(shape),))
    yield Case("rare corner", FAR, ([[1.0, TINY], [1e-20, 0.0]],))


def _i_truth(q: Any, statistics: Any, moments: Any) -> Any:
    base = shares(q)
    p = _restricted(base, _rows(statistics), numbers(np.atleast_1d(moments)))
    return _kl(p, base)


def _maximum_entropy_truth(statistics: Any, moments: Any) -> Numbers:
    rows = _rows(statistics)
    uniform = [mpf(1) / len(rows[0])] * len(rows[0])
    return _restricted(uniform, rows, numbers(np.atleast_1d(moments)))


def _m_truth(p: Any, base: Any, statistics: Any) -> Numbers:
    rows = _rows(statistics)
    return _restricted(shares(base), rows, _means(rows, shares(p)))


def _sides(p: Numbers, q: Numbers, nearest: Numbers) -> Numbers:
    return [_kl(p, q), _kl(p, nearest), _kl(nearest, q)]


def _equality_truth(p: Any, q: Any, statistics: Any) -> Numbers:
    p, q, rows = shares(p), shares(q), _rows(statistics)
    return _sides(p, q, _restricted(q, rows, _means(rows, p)))


def _inequality_truth(p: Any, q: Any, statistic: Any, bound: float) -> Numbers:
    p, q, rows = shares(p), shares(q), _rows(statistic)
    inside = _means(rows, q)[0] >= bound
    return _sides(p, q, q if inside else _restricted(q, rows, [mpf(float(bound))]))


def _product_truth(joint: Any) -> list[Numbers]:
    flat = shares(joint)
    m, n = np.shape(joint)
    rows = [mpmath.fsum(flat[i * n : (i + 1) * n]) for i in range(m)]
    columns = [mpmath.fsum(flat[j::n]) for j in range(n)]
    return [[a * b for b in columns] for a in rows]


def _three(sides: Any) -> list[float]:
    return [sides.p_to_q, sides.p_to_projection, sides.projection_to_q]


_NEWTON = "Newton on the dual, mpmath, 60 digits"

ROUTES = {
    "i_projection": Route(
        cases=i_cases,
        truth=precise(_i_truth),
        how=f"D(p*‖q); {_NEWTON}",
        part=lambda found: found.divergence,
    ),
    "m_projection": Route(
        cases=m_cases,
        truth=precise(_m_truth),
        how=f"q*; {_NEWTON}",
        part=lambda found: found.distribution,
    ),
    "maximum_entropy": Route(
        cases=maximum_entropy_cases,
        truth=precise(_maximum_entropy_truth),
        how=f"p*; {_NEWTON}",
        part=lambda found: found.distribution,
    ),
    "product_of_marginals": Route(
        cases=joint_cases, truth=precise(_product_truth), how="mpmath, 60 digits"
    ),
    "pythagorean_equality": Route(
        cases=equality_cases,
        truth=precise(_equality_truth),
        how=f"three sides; {_NEWTON}",
        part=_three,
    ),
    "pythagorean_inequality": Route(
        cases=inequality_cases,
        truth=precise(_inequality_truth),
        how=f"three sides; {_NEWTON}",
        part=_three,
    ),
}

EXEMPT = {
    "Projection": "a record; its fields are compared under the functions that return it",
    "PythagoreanTerms": "a record; its fields are compared under the functions that return it",
}
