"""Second routes to kllib.generative.diffusion: conditioning jointly normal vectors, in mpmath.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise

mpf = mpmath.mpf


def _schedules() -> Iterator[tuple[str, str, Any]]:
    rng = np.random.default_rng(65)
    for steps in (1, 2, 5):
        yield f"T={steps}", ORDINARY, rng.uniform(0.05, 0.9, steps)
        for tiny in (1e-17, 1e-100, 1e-300):
            yield f"T={steps}, {tiny:g}", FAR, tiny * rng.uniform(1, 9, steps)
        yield f"T={steps}, nearly one", FAR, 1 - rng.uniform(1, 9, steps) * 1e-12
    yield "T=1000", ORDINARY, np.linspace(1e-4, 0.02, 1000)


def schedule_cases() -> Iterator[Case]:
    """steps, first, last."""
    for steps in (1, 2, 1000):
        yield Case(f"T={steps}", ORDINARY, (steps, 1e-4, 0.02))


def marginal_cases() -> Iterator[Case]:
    """x0, betas, t."""
    for name, kind, betas in _schedules():
        for t in {0, 1, len(betas) // 2, len(betas)}:
            yield Case(f"{name}, t={t}", kind, (1.7, betas, t))


def posterior_cases() -> Iterator[Case]:
    """x0, xt, betas, t."""
    for name, kind, betas in _schedules():
        for t in {1, (len(betas) + 1) // 2, len(betas)}:
            yield Case(f"{name}, t={t}", kind, (1.7, 0.3, betas, t))


def _noise(betas: Any) -> tuple[Any, Any]:
    """The factor of x_0 in x_t, and the variance of the rest, step by step."""
    factor, variance = mpf(1), mpf(0)
    for beta in betas:
        factor, variance = factor * mpmath.sqrt(1 - beta), (1 - beta) * variance + beta
    return factor, variance


def _schedule_truth(steps: int, first: float, last: float) -> Any:
    low, high = mpf(first), mpf(last)
    return [low + (high - low) * t / max(steps - 1, 1) for t in range(steps)]


def _marginal_truth(x0: float, betas: Any, t: int) -> Any:
    factor, variance = _noise(numbers(betas)[:t])
    return [mpf(x0) * factor, variance]


def _posterior_truth(x0: float, xt: float, betas: Any, t: int) -> Any:
    """x_{t−1} and x_t given x_0 are normal with covariance √α_t Var x_{t−1}."""
    betas = numbers(betas)
    factor, before = _noise(betas[: t - 1])
    slope = mpmath.sqrt(1 - betas[t - 1])
    after = slope**2 * before + betas[t - 1]
    gain = slope * before / after
    mean = factor * mpf(x0) + gain * (mpf(xt) - slope * factor * mpf(x0))
    return [mean, before - gain * slope * before]


ROUTES = {
    "linear_variance_schedule": Route(
        cases=schedule_cases, truth=precise(_schedule_truth), how="mpmath, 60 digits"
    ),
    "diffusion_marginal": Route(
        cases=marginal_cases, truth=precise(_marginal_truth), how="step by step, mpmath", part=list
    ),
    "diffusion_posterior": Route(
        cases=posterior_cases,
        truth=precise(_posterior_truth),
        how="conditioning normal vectors, mpmath",
        part=list,
    ),
}

EXEMPT = {"NormalMoments": "a record; both fields are compared under the functions above"}
