"""Second routes to kllib.gaussian: mpmath, for exactly these floating-point arguments.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    STEPS,
    Case,
    Route,
    numbers,
    precise,
)

mpf = mpmath.mpf


def normals() -> Iterator[Case]:
    """mu1, sigma1, mu2, sigma2."""
    for step in STEPS:
        for scale in (1.0, 0.1, 1e-150, 1e150):
            name = f"{step:g} apart, scale {scale:g}"
            yield Case(f"mu {name}", NEAR, (3 * scale, scale, 3 * scale * (1 + step), scale))
            yield Case(f"sigma {name}", NEAR, (scale, scale * (1 + step), scale, scale))
            far_mean = 1e5 * scale
            both = (far_mean, scale, far_mean * (1 + step / 1e5), scale * (1 - step))
            yield Case(f"both {name}", NEAR, both)
    for ratio in (1e-150, 1e-20, 1e-3, 0.5, 0.8, 0.9, 1.1, 1.13, 1.3, 2.0, 1e3, 1e20, 1e150):
        yield Case(f"sigma ratio {ratio:g}", FAR, (0.0, ratio, 0.0, 1.0))
    yield Case("smallest and largest", FAR, (0.0, 1e-150, 0.0, 1e150))
    yield Case("means at the ends of the range", FAR, (1.7e308, 1e300, -1.7e308, 1e300))


def standard_normals() -> Iterator[Case]:
    """mu, log_var."""
    for step in STEPS:
        for sign in (1, -1):
            yield Case(f"log_var {sign * step:g}", NEAR, (0.0, sign * step))
            yield Case(f"both {sign * step:g}", NEAR, (-step, sign * step))
    for log_var in (-700.0, -40.0, -1.0, -0.5, -0.26, -0.24, 0.24, 0.26, 0.5, 1.0, 40.0, 700.0):
        yield Case(f"log_var {log_var:g}", FAR, (0.5, log_var))
        yield Case(f"log_var {log_var:g}, mean 0", FAR, (0.0, log_var))
    yield Case("mu 1e150", FAR, (1e150, 0.0))


def diagonal_normals() -> Iterator[Case]:
    """mean1, log_var1, mean2, log_var2."""
    rng = np.random.default_rng(25)
    for d in (1, 10, 1000):
        mean, log_var = rng.standard_normal(d), 3 * rng.standard_normal(d)
        for step in STEPS:
            shift, stretch = step * rng.standard_normal((2, d)) / np.sqrt(d)
            arguments = (mean + shift * np.exp(log_var / 2), log_var + stretch, mean, log_var)
            yield Case(f"d={d}, {step:g} apart", NEAR, arguments)
        yield Case(f"d={d}", FAR, (rng.standard_normal(d), log_var, mean, rng.standard_normal(d)))
    for log_var in (-1400.0, -690.0, 690.0, 1400.0):
        name = f"both log variances near {log_var:g}"
        mean1, mean2 = [np.exp(log_var / 2), 0.0], [2 * np.exp(log_var / 2), 0.0]
        yield Case(name, FAR, (mean1, [log_var, log_var], mean2, [log_var + 1, log_var - 1]))


def _covariances(rng: np.random.Generator, d: int, condition: float, *last: float) -> Any:
    """Eigenvalues from 1 down to 1/condition, in a random basis; one matrix for each ``last``.

    ``last`` multiplies the smallest eigenvalue.
    """
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    for factor in last:
        spectrum = np.logspace(0, -np.log10(condition), d)
        spectrum[-1] *= factor
        matrix = basis * spectrum @ basis.T
        yield np.tril(matrix) + np.tril(matrix, -1).T


def _covariance(rng: np.random.Generator, d: int, condition: float) -> np.ndarray:
    return next(_covariances(rng, d, condition, 1.0))


def multivariate_normals(condition: float = 1e3, seed: int = 26) -> Iterator[Case]:
    """mean1, cov1, mean2, cov2, with covariances of the given condition number."""
    rng = np.random.default_rng(seed)
    for d in (1, 2, 3, 10):
        for step in STEPS:
            cov = _covariance(rng, d, condition)
            root = np.linalg.cholesky(cov)
            noise = rng.standard_normal((d, d)) / d
            mean = rng.standard_normal(d)
            near = root @ (step * (noise + noise.T)) @ root.T
            near = cov + (near + near.T) / 2
            shifted = mean + root @ rng.standard_normal(d) * step / d
            name = f"d={d}, {step:g} apart"
            yield Case(f"covariances {name}", NEAR, (mean, near, mean, cov))
            yield Case(f"means {name}", NEAR, (shifted, cov, mean, cov))
            # The same two normals, each variable in units of its own.
            units = 10.0 ** rng.integers(-100, 100, d)
            both = np.outer(units, units)
            scaled = (shifted * units, near * both, mean * units, cov * both)
            yield Case(f"{name}, units 1e-100 to 1e100", NEAR, scaled)
        for ratio in (1e-20, 0.1, 0.8, 1.2, 10.0, 1e20):
            cov1, cov2 = _covariance(rng, d, condition), _covariance(rng, d, condition)
            mean1, mean2 = rng.standard_normal((2, d))
            yield Case(f"d={d}, ratio {ratio:g}", FAR, (mean1, cov1 * ratio, mean2, cov2))
        for factor in (20.0, 0.05):
            cov1, cov2 = _covariances(rng, d, condition, factor, 1.0)
            mean = np.zeros(d)
            yield Case(f"d={d}, least variance times {factor:g}", FAR, (mean, cov1, mean, cov2))
    cov = _covariance(rng, 40, condition)
    noise = 1e-7 * np.tril(rng.standard_normal((40, 40)))
    noise = noise + noise.T
    scale = np.sqrt(np.diag(cov))
    near = cov + noise * np.outer(scale, scale) / (40 * condition)
    yield Case("d=40, near", NEAR, (np.zeros(40), near, np.zeros(40), cov))


def _normal(mu1: float, sigma1: float, mu2: float, sigma2: float) -> mpf:
    mu1, sigma1, mu2, sigma2 = map(mpf, (mu1, sigma1, mu2, sigma2))
    ratio = (sigma1 / sigma2) ** 2
    return (ratio - 1 - mpmath.log(ratio) + ((mu1 - mu2) / sigma2) ** 2) / 2


def _standard_normal(mu: float, log_var: float) -> mpf:
    mu, log_var = mpf(mu), mpf(log_var)
    return (mpmath.exp(log_var) - 1 - log_var + mu**2) / 2


def _diagonal_normal(*arguments: Any) -> mpf:
    rows = zip(*map(numbers, arguments), strict=True)
    return mpmath.fsum(
        (mpmath.exp(v1 - v2) - 1 - (v1 - v2) + (m1 - m2) ** 2 * mpmath.exp(-v2)) / 2
        for m1, v1, m2, v2 in rows
    )


def _multivariate_normal(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> mpf:
    # Units in which both matrices are near 1, else 60 digits would not do; powers of two are exact.
    units = [mpf(2) ** -int(np.frexp(x)[1] // 2) for x in np.diag(cov2)]
    d = len(units)

    def matrix(cov: Any) -> mpmath.matrix:
        return mpmath.matrix(
            [[mpf(float(cov[i][j])) * units[i] * units[j] for j in range(d)] for i in range(d)]
        )

    first, second = mpmath.cholesky(matrix(cov1)), mpmath.cholesky(matrix(cov2))
    shift = [(a - b) * u for a, b, u in zip(numbers(mean1), numbers(mean2), units, strict=True)]
    whitened = _forward(second, [[first[i, j] for i in range(d)] for j in range(d)] + [shift])
    trace = mpmath.fsum(x**2 for column in whitened[:-1] for x in column)
    log_det = 2 * mpmath.fsum(mpmath.log(first[i, i] / second[i, i]) for i in range(d))
    return (trace - d - log_det + mpmath.fsum(x**2 for x in whitened[-1])) / 2


def _forward(lower: mpmath.matrix, columns: list[list[mpf]]) -> list[list[mpf]]:
    """The columns x that solve lower x = column."""
    solved = []
    for column in columns:
        x: list[mpf] = []
        for i, value in enumerate(column):
            x.append((value - mpmath.fsum(lower[i, j] * x[j] for j in range(i))) / lower[i, i])
        solved.append(x)
    return solved


FORMULA = "mpmath, 60 digits: the closed form"
ROUTES = {
    "kl_normal": Route(normals, precise(_normal), FORMULA),
    "kl_standard_normal": Route(standard_normals, precise(_standard_normal), FORMULA),
    "kl_diagonal_normal": Route(diagonal_normals, precise(_diagonal_normal), FORMULA),
    "kl_multivariate_normal": Route(
        multivariate_normals, precise(_multivariate_normal), "mpmath, 60 digits: Cholesky factors"
    ),
}
