"""Second routes to kllib.families.exponential_family: mpmath, for exactly these parameters."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, STEPS, Case, Route, numbers
from kllib.families.exponential_family import ExponentialFamily

mpf = mpmath.mpf

# Where a divergence is hard: near equality, almost certain outcomes, extreme scales.
_POINTS: dict[str, list[Any]] = {
    "bernoulli": [0.3, -30.0, 300.0],
    "poisson": [1.0, -345.0, 345.0],
    "exponential": [-2.0, -1e-150, -1e150],
    "categorical": [[0.5, -1.0, 2.0], [-20.0, 0.0, 30.0]],
    "normal": [[1.0, -0.5], [1e3, -0.5], [1e-150, -1e-300], [1e150, -1e300]],
}
_FAR: dict[str, list[tuple[Any, Any]]] = {
    "bernoulli": [(-5.0, 5.0), (300.0, 310.0), (-600.0, 600.0), (-1e4, 1e4), (1e12, -5.0)],
    "poisson": [(-345.0, 345.0), (345.0, -345.0), (0.0, 3.0)],
    "exponential": [(-1.0, -1e150), (-1e150, -1e-150), (-1.0, -3.0)],
    "categorical": [([0.0, 0.0, 0.0], [30.0, -30.0, 300.0]), ([0.5, 1.0, 2.0], [3.0, 2.0, 1.0])],
    "normal": [
        ([1.0, -0.5], [30.0, -7.0]),
        ([100.0, -0.5], [150.0, -0.6]),
        # Means and standard deviations of very different sizes: (m/σ², −1/(2σ²))
        ([1e12, -5e5], [1e6, -0.5]),
        ([1e12, -5e5], [1.000001, -5e-7]),
        ([1e8, -0.5], [1e4, -5e-5]),
        ([0.0, -5e199], [0.0, -5e-201]),
    ],
}


def _family(name: str) -> ExponentialFamily:
    return ExponentialFamily.categorical(4) if name == "categorical" else _MAKERS[name]()


_MAKERS = {
    "bernoulli": ExponentialFamily.bernoulli,
    "poisson": ExponentialFamily.poisson,
    "exponential": ExponentialFamily.exponential,
    "normal": ExponentialFamily.normal,
}


def natural_pairs() -> Iterator[Case]:
    """Name of the family, theta1, theta2."""
    rng = np.random.default_rng(41)
    for name, points in _POINTS.items():
        for point in points:
            theta = np.asarray(point, dtype=float)
            for step in STEPS:
                # Steps of that size where the family lives, which is far from 0 only in scale.
                scale = np.abs(theta) if name in ("exponential", "normal") else 1.0
                moved = theta + step * scale * rng.uniform(0.3, 1, theta.shape)
                yield Case(f"{name} {point}, {step:g} apart", NEAR, (name, theta, moved))
    for name, pairs in _FAR.items():
        for i, (theta1, theta2) in enumerate(pairs):
            arguments = (name, np.asarray(theta1, float), np.asarray(theta2, float))
            yield Case(f"{name}, far pair {i}", FAR, arguments)


def _log_partition(name: str, theta: list[mpf]) -> mpf:
    if name in ("bernoulli", "categorical"):
        return mpmath.log(1 + mpmath.fsum(map(mpmath.exp, theta)))
    if name == "poisson":
        return mpmath.exp(theta[0])
    if name == "exponential":
        return -mpmath.log(-theta[0])
    return -(theta[0] ** 2) / (4 * theta[1]) + mpmath.log(mpmath.pi / -theta[1]) / 2


def _means(name: str, theta: list[mpf]) -> list[mpf]:
    if name in ("bernoulli", "categorical"):
        weights = list(map(mpmath.exp, theta))
        return [w / (1 + mpmath.fsum(weights)) for w in weights]
    if name == "poisson":
        return [mpmath.exp(theta[0])]
    if name == "exponential":
        return [-1 / theta[0]]
    variance = -1 / (2 * theta[1])
    mean = theta[0] * variance
    return [mean, mean**2 + variance]


def bregman_of_log_partition(name: str, theta1: Any, theta2: Any) -> mpf:
    """A(θ2) − A(θ1) − ⟨∇A(θ1), θ2 − θ1⟩, the definition."""
    with mpmath.workdps(900):
        first, second = numbers(theta1), numbers(theta2)
        slope = mpmath.fsum(
            m * (b - a) for m, a, b in zip(_means(name, first), first, second, strict=True)
        )
        return _log_partition(name, second) - _log_partition(name, first) - slope


def generators() -> Iterator[Case]:
    """φ, ∇φ, p, q: half the square, negative entropy, −log."""
    rng = np.random.default_rng(42)
    for n in (2, 5, 100):
        p, q = rng.uniform(0.1, 2, (2, n))
        yield Case(f"square, n={n}", ORDINARY, (_half_square, lambda x: x, p, q))
        yield Case(f"negative entropy, n={n}", ORDINARY, (_negative_entropy, _log_plus_one, p, q))
        yield Case(f"Burg entropy, n={n}", ORDINARY, (_burg, lambda x: -1 / x, p, q))


def _half_square(x: np.ndarray) -> np.ndarray:
    return (x**2).sum(axis=-1) / 2


def _negative_entropy(x: np.ndarray) -> np.ndarray:
    return (x * np.log(x)).sum(axis=-1)


def _log_plus_one(x: np.ndarray) -> np.ndarray:
    return np.log(x) + 1


def _burg(x: np.ndarray) -> np.ndarray:
    return -np.log(x).sum(axis=-1)


def known_bregman(phi: Any, grad_phi: Any, p: Any, q: Any) -> mpf:
    """Squared distance, generalised KL divergence, Itakura–Saito divergence."""
    formulas = {
        _half_square: lambda a, b: (a - b) ** 2 / 2,
        _negative_entropy: lambda a, b: a * mpmath.log(a / b) - a + b,
        _burg: lambda a, b: a / b - mpmath.log(a / b) - 1,
    }
    with mpmath.workdps(60):
        pairs = zip(numbers(p), numbers(q), strict=True)
        return mpmath.fsum(formulas[phi](a, b) for a, b in pairs)


ROUTES = {
    "ExponentialFamily": Route(
        cases=natural_pairs,
        truth=bregman_of_log_partition,
        how="mpmath, 900 digits: Bregman divergence of the log-partition (method kl)",
        call=lambda name, theta1, theta2: _family(name).kl(theta1, theta2),
    ),
    "bregman_divergence": Route(
        cases=generators,
        truth=known_bregman,
        how="mpmath, 60 digits: the divergence that the generator is known to give",
    ),
}
EXEMPT: dict[str, str] = {}
