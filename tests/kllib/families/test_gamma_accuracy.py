"""The gamma families against mpmath: the formulas as the tables print them, with enough digits.

From near-equal distributions (a divergence of 1e-20) to the ends of the floats.
"""

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from mpmath import mpf
from numpy import inf, log, pi

from benchmarks.second_routes.route import FAR, NEAR, STEPS, Case, Route, numbers
from kllib.families._gamma_families import (
    kl_beta,
    kl_chi,
    kl_chi2,
    kl_dirichlet,
    kl_frechet,
    kl_gamma,
    kl_gumbel,
    kl_inverse_gamma,
    kl_nakagami,
    kl_von_mises,
    kl_weibull,
)
from kllib.families._wishart import kl_inverse_wishart, kl_wishart


def gammaln_gap(a, b):
    return mpmath.loggamma(b) - mpmath.loggamma(a) - mpmath.psi(0, a) * (b - a)


def gamma_truth(a1, s1, a2, s2):
    return gammaln_gap(a1, a2) + a2 * mpmath.log(s2 / s1) + a1 * (s1 / s2 - 1)


def dirichlet_truth(a, b):
    parts = [gammaln_gap(x, y) for x, y in zip(a, b, strict=True)]
    return mpmath.fsum(parts) - gammaln_gap(mpmath.fsum(a), mpmath.fsum(b))


def weibull_truth(k1, s1, k2, s2):
    shapes = mpmath.log(k1 / k2) + mpmath.euler * (k2 / k1 - 1) - 1
    return shapes + k2 * mpmath.log(s2 / s1) + (s1 / s2) ** k2 * mpmath.gamma(k2 / k1 + 1)


def gumbel_truth(m1, b1, m2, b2):
    shapes = mpmath.log(b2 / b1) + mpmath.euler * (b1 / b2 - 1) - 1
    return shapes + (m1 - m2) / b2 + mpmath.exp((m2 - m1) / b2) * mpmath.gamma(b1 / b2 + 1)


def von_mises_truth(m1, k1, m2, k2):
    mean = mpmath.besseli(1, k1) / mpmath.besseli(0, k1)
    logs = mpmath.log(mpmath.besseli(0, k2)) - mpmath.log(mpmath.besseli(0, k1))
    return logs + mean * (k1 - k2 * mpmath.cos(m1 - m2))


def wishart_truth(n1, v1, n2, v2):
    d = v1.rows
    first, second = mpmath.cholesky(v1), mpmath.cholesky(v2)
    trace = mpf(0)
    for j in range(d):
        x = []  # the column that solves second x = first's column j
        for i in range(d):
            done = mpmath.fsum(second[i, k] * x[k] for k in range(i))
            x.append((first[i, j] - done) / second[i, i])
        trace += mpmath.fsum(y * y for y in x)
    log_det = 2 * mpmath.fsum(mpmath.log(first[i, i] / second[i, i]) for i in range(d))
    gaps = [gammaln_gap((n1 - j) / 2, (n2 - j) / 2) for j in range(d)]
    return n1 / 2 * (trace - d) - n2 / 2 * log_det + mpmath.fsum(gaps)


def exactly(argument):
    array = np.asarray(argument, dtype=float)
    if array.ndim == 2:
        return mpmath.matrix([numbers(row) for row in array])
    return numbers(array) if array.ndim else mpf(float(array))


def exact(truth):
    """At 80 digits, and as many more as the sizes of the arguments take away."""

    def value(*arguments):
        entries = np.abs(np.concatenate([np.ravel(x) for x in arguments]))
        digits = np.abs(np.log10(entries[entries > 0])).max(initial=0)
        with mpmath.workdps(80 + int(2 * digits)):
            return truth(*map(exactly, arguments))

    return value


def near(shape, scale, h, rng):
    """A shape and a scale h from another pair: in the shape, in the mean, in both, or so."""
    u, v = rng.uniform(-1, 1, 2) * (rng.permutation([1, 1, 0, 1])[:2])
    if u == v == 0:
        u = 1.0
    new_shape = shape * (1 + h * u)
    return new_shape, scale * (1 + h * v / max(1.0, shape) ** 0.5) * (shape / new_shape)


def gammas():
    rng = np.random.default_rng(60)
    for h in STEPS:
        for shape, scale in ((1e-10, 3.0), (0.5, 1e-150), (3.0, 0.7), (1e10, 20.0)):
            other = near(shape, scale, h, rng)
            yield Case(f"shape {shape:g}, {h:g} apart", NEAR, (shape, scale, *other))
    for shape1 in (1e-100, 1e-10, 0.1, 1.0, 20.0, 1e10, 1e100):
        for ratio in (1e-12, 0.6, 1.3, 1e12):
            arguments = (shape1, 1.0, shape1 * ratio, 10.0 ** rng.uniform(-3, 3))
            yield Case(f"shape {shape1:g}, {ratio:g} times", FAR, arguments)
    yield Case("smallest and largest scale", FAR, (1.0, 1e-150, 2.0, 1e150))
    yield Case("largest and smallest scale", FAR, (1.0, 1e150, 2.0, 1e-150))
    yield Case("a ratio of means beyond the floats", FAR, (1e-20, 1e160, 1e-10, 1e-130))


def chi2s():
    for h in STEPS:
        for df in (1e-150, 1.0, 7.0):
            yield Case(f"{df:g}, {h:g} apart", NEAR, (df, df * (1 + h)))
        yield Case(f"1e150, {h:g} apart", FAR, (1e150, 1e150 * (1 + h)))
    for df in (1e-100, 1.0, 1e100):
        yield Case(f"{df:g} and 3", FAR, (df, 3.0))
        yield Case(f"3 and {df:g}", FAR, (3.0, df * 1.1))


def betas():
    rng = np.random.default_rng(61)
    alike = [(1e-10, 1e-10), (0.5, 0.5), (2.0, 3.0), (1e5, 2e5), (1e10, 1e10)]
    lopsided = [(1.0, 1e-10), (1e10, 1e-10), (20.0, 1e-3), (1e10, 5.0)]
    for h in STEPS:
        for a, b in alike + lopsided:
            both = h * rng.uniform(-1, 1)
            own = (
                h
                * rng.uniform(-1, 1, 2)
                / np.sqrt(np.minimum(np.maximum((a, b), 1), min(a, b) + 1))
            )
            other = np.array((a, b)) * (1 + both + own)
            yield Case(f"{a:g}, {b:g}, {h:g} apart", NEAR, (a, b, *other))
        for a, b in lopsided[:3]:
            yield Case(f"first of {a:g}, {b:g}, {h:g} apart", FAR, (a, b, a * (1 + h), b))
    for _ in range(30):
        span = rng.choice([2.0, 10.0, 30.0])
        a, b, c, d = 10.0 ** rng.uniform(-span, span, 4)
        yield Case(f"{a:g}, {b:g} and {c:g}, {d:g}", FAR, (a, b, c, d))
        yield Case(f"{a:g}, {b:g} and some 0.5-fold", FAR, (a, b, *(np.array((a, b)) * (0.5, 0.7))))


def dirichlets():
    rng = np.random.default_rng(62)
    for h in STEPS:
        for n in (3, 50):
            alpha = 10.0 ** rng.uniform(-3, 3, n)
            other = alpha * (1 + h / n**0.5 * rng.uniform(-1, 1, n) / np.sqrt(np.maximum(alpha, 1)))
            yield Case(f"{n} components, {h:g} apart", NEAR, (alpha, other))
            yield Case(f"{n} components times 1 + {h:g}", FAR, (alpha, alpha * (1 + h)))
    for span in (1.0, 10.0, 30.0):
        for n in (2, 3, 6):
            alphas = 10.0 ** rng.uniform(-span, span, (2, n))
            yield Case(f"{n} components of 1e±{span:g}", FAR, tuple(alphas))
    alphas = rng.gamma(0.3, size=(2, 300)) + 1e-10
    yield Case("300 components", FAR, tuple(alphas))


def weibulls():
    rng = np.random.default_rng(63)
    for h in STEPS:
        for k, scale in ((1e-3, 1e-150), (0.5, 2.0), (3.0, 0.1), (1e3, 1e20)):
            u, v = h * rng.uniform(-1, 1, 2)
            other = (k * (1 + u), scale * np.exp(v / k))
            yield Case(f"{k:g}, {h:g} apart", NEAR, (k, scale, *other))
    for ratio in (1e-3, 0.3, 0.9, 1.2, 3.0, 500.0):
        for shift in (-30.0, -1.0, 0.0, 1.0, 30.0):
            k1, k2 = 0.7, 0.7 * ratio
            scale = float(np.exp(shift / k2)) if abs(shift / k2) < 300 else 1e-100
            yield Case(f"ratio {ratio:g}, shift {shift:g}", FAR, (k1, scale, k2, 1.0))


def gumbels():
    rng = np.random.default_rng(64)
    for h in STEPS:
        for scale in (1e-150, 1.0, 1e150):
            u, v = h * rng.uniform(-1, 1, 2)
            loc = 5 * scale * rng.uniform(-1, 1)
            other = (loc + u * scale, scale * (1 + v))
            yield Case(f"scale {scale:g}, {h:g} apart", NEAR, (loc, scale, *other))
    for ratio in (1e-3, 0.3, 0.9, 1.2, 3.0, 500.0):
        yield Case(f"ratio {ratio:g}", FAR, (1.0, 2.0 * ratio, -3.0, 2.0))
        yield Case(f"ratio {ratio:g}, far up", FAR, (900.0, 2.0 * ratio, -900.0, 2.0))


def von_mises():
    rng = np.random.default_rng(65)
    for h in STEPS:
        for kappa in (0.01, 1.0, 29.999, 30.001, 200.0, 1e8):
            mu, v = rng.uniform(-3, 3), rng.uniform(-1, 1)
            spread = max(kappa, 1.0) ** 0.5
            other = (mu + h / spread * rng.uniform(-1, 1), kappa + v * h * max(kappa, 1.0))
            kind = NEAR if kappa > 0.5 else FAR
            if other[1] > 0:
                yield Case(f"kappa {kappa:g}, {h:g} apart", kind, (mu, kappa, *other))
        full_turn = 2 * pi * (1 + h)
        yield Case(f"a full turn and {h:g}", FAR, (0.1, 3.0, 0.1 + full_turn, 3.0))
    kappas = (0.0, 1e-10, 0.5, 5.0, 28.0, 32.0, 1e3, 1e10)
    for k1 in kappas:
        for k2 in kappas:
            yield Case(f"kappa {k1:g} and {k2:g}", FAR, (1.0, k1, -2.5 + k1 / 50, k2 + 0.25))


def covariance(rng, d, condition=1e3):
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    matrix = basis * np.logspace(0, -np.log10(condition), d) @ basis.T
    return np.tril(matrix) + np.tril(matrix, -1).T


def wisharts():
    rng = np.random.default_rng(66)
    for h in [*STEPS, 3e-11]:
        for d, df in ((1, 0.1), (2, 1.5), (5, 100.0), (3, 1e6)):
            scale = covariance(rng, d)
            root = np.linalg.cholesky(scale)
            noise = np.tril(rng.standard_normal((d, d)))
            u = h * rng.uniform(-1, 1)
            change = root @ (noise + noise.T) @ root.T * h / (d * df**0.5)
            other = (scale + (change + change.T) / 2) / (1 + u)
            df2 = (d - 1) + (df - (d - 1)) * (1 + u)
            name = f"d={d}, df {df:g}, {h:g} apart"
            yield Case(name, NEAR, (df, scale, df2, other))
    for d, df in ((2, 1.001), (5, 30.0), (8, 1e5), (20, 25.0)):
        for factor in (1e-12, 0.3, 1.0, 4.0, 1e12):
            arguments = (df, covariance(rng, d), d + 2.5, factor * covariance(rng, d))
            yield Case(f"d={d}, df {df:g}, factor {factor:g}", FAR, arguments)
    scale = covariance(rng, 20)
    yield Case("d=20, 1e-9 apart", FAR, (30.0, scale, 30.0 + 3e-8, scale * (1 + 1e-9)))


def swapped_scales(n1, v1, n2, v2):
    """The inverse Wishart truth needs no inverse: tr V1 V2⁻¹ with the scales exchanged."""
    return wishart_truth(n1, v2, n2, v1)


ROUTES = {
    kl_gamma: Route(gammas, exact(gamma_truth), "mpmath"),
    kl_inverse_gamma: Route(
        gammas, exact(lambda a1, s1, a2, s2: gamma_truth(a1, 1 / s1, a2, 1 / s2)), "mpmath"
    ),
    kl_chi2: Route(chi2s, exact(lambda a, b: gammaln_gap(a / 2, b / 2)), "mpmath"),
    kl_chi: Route(
        gammas,
        exact(lambda n1, s1, n2, s2: gamma_truth(n1 / 2, 2 * s1**2, n2 / 2, 2 * s2**2)),
        "mpmath",
    ),
    kl_nakagami: Route(
        gammas,
        exact(lambda a1, s1, a2, s2: gamma_truth(a1, s1**2 / a1, a2, s2**2 / a2)),
        "mpmath",
    ),
    kl_beta: Route(betas, exact(lambda a, b, c, d: dirichlet_truth([a, b], [c, d])), "mpmath"),
    kl_dirichlet: Route(dirichlets, exact(dirichlet_truth), "mpmath"),
    kl_weibull: Route(weibulls, exact(weibull_truth), "mpmath"),
    kl_frechet: Route(
        weibulls, exact(lambda k1, s1, k2, s2: weibull_truth(k1, 1 / s1, k2, 1 / s2)), "mpmath"
    ),
    kl_gumbel: Route(gumbels, exact(gumbel_truth), "mpmath"),
    kl_von_mises: Route(von_mises, exact(von_mises_truth), "mpmath"),
    kl_wishart: Route(wisharts, exact(wishart_truth), "mpmath"),
    kl_inverse_wishart: Route(wisharts, exact(swapped_scales), "mpmath"),
}
IDS = [function.__name__ for function in ROUTES]


def finite_cases(route):
    """Without those whose divergence is beyond the floats."""
    return [case for case in route.inputs if route.exact(case) < 1e305]


@pytest.mark.parametrize("function", ROUTES, ids=IDS)
def test_against_mpmath(function):
    route = ROUTES[function]
    failures = []
    for case in route.inputs:
        if route.exact(case) < 1e305:
            error = route.error(function, case)
            if not error <= 1e-12:
                failures.append((case.name, error))
        else:
            assert function(*case.arguments) == inf
    assert failures == []
    assert len(finite_cases(route)) > 0.9 * len(route.inputs)


@pytest.mark.parametrize("function", ROUTES, ids=IDS)
def test_near_equal_inputs_reach_from_1e_4_to_1e_20(function):
    route = ROUTES[function]
    truths = np.array([float(route.exact(case)) for case in route.inputs if case.kind == NEAR])
    assert truths.min() < 1.1e-20
    assert truths.max() > 1e-5
    # Evenly between: no gap of three decades.
    between = truths[(truths > 1e-21) & (truths < 1e-3)]
    assert np.diff(np.log10(np.sort(between))).max() < 3


def test_the_inputs_are_hard():
    """The formula as the tables print it fails on them: a guard against easy cases."""

    def textbook(a1, s1, a2, s2):
        gap = scipy.special.gammaln(a2) - scipy.special.gammaln(a1)
        gap += scipy.special.digamma(a1) * (a1 - a2)
        return gap + a2 * log(s2 / s1) + a1 * (s1 / s2 - 1)

    route = ROUTES[kl_gamma]
    cases = [case for case in route.inputs if case.kind == NEAR]
    errors = [route.error(textbook, case) for case in cases]
    assert sum(error > 1e-12 for error in errors) > 0.8 * len(cases)
    assert max(errors) > 100


@pytest.mark.slow
def test_long_and_wide():
    """500 components; a Wishart distribution of dimension 100, with the structure of blocks."""
    rng = np.random.default_rng(67)
    alpha = 10.0 ** rng.uniform(-3, 3, 500)
    for h in (0.3, 1e-9):
        other = alpha * (1 + h * rng.uniform(-1, 1, alpha.size))
        truth = exact(dirichlet_truth)(alpha, other)
        assert abs(mpf(float(kl_dirichlet(alpha, other))) / truth - 1) < 1e-13
    # Divergence of the means is that of the blocks; that of the degrees of freedom is not, but
    # with equal ones it is nothing.
    scales1, scales2 = ([covariance(rng, 5) for _ in range(20)] for _ in range(2))
    parts = [kl_wishart(150.0, a, 150.0, b) for a, b in zip(scales1, scales2, strict=True)]
    wide = [scipy.linalg.block_diag(*scales) for scales in (scales1, scales2)]
    turn = np.linalg.qr(rng.standard_normal((100, 100)))[0]
    wide = [turn @ scale @ turn.T for scale in wide]
    assert kl_wishart(150.0, wide[0], 150.0, wide[1]) == pytest.approx(sum(parts), rel=1e-11)
