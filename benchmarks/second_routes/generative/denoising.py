"""Second routes to kllib.generative.denoising: the chains as jointly normal vectors, in mpmath.

The bound is H(data) + D(q(x_0, ..., x_T)‖p(x_0, ..., x_T)), by matrices of T + 1 rows; the best
guess of x_0 is a regression. Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise
from kllib.generative.denoising import LinearDenoiser, diffusion_bound

mpf = mpmath.mpf


def _problems() -> Iterator[tuple[str, str, float, float, Any]]:
    rng = np.random.default_rng(66)
    for steps in (1, 2, 4, 8):
        betas = rng.uniform(0.05, 0.7, steps)
        yield f"T={steps}", ORDINARY, 0.7, 1.3, betas
        yield f"T={steps}, narrow", FAR, 0.7, 1e-3, betas
        yield f"T={steps}, wide", FAR, 0.7, 1e3, betas
    yield "T=8, small steps", ORDINARY, -0.5, 0.5, np.linspace(1e-4, 2e-3, 8)


def denoiser_cases() -> Iterator[Case]:
    """mu, sigma, betas, variance."""
    for name, kind, mu, sigma, betas in _problems():
        for variance in ("optimal", "forward", "posterior"):
            arguments = (mu, sigma, betas)
            yield Case(f"{name}, {variance}", kind, arguments, {"variance": variance})


def bound_cases() -> Iterator[Case]:
    """mu, sigma, betas, gains, offsets, variances."""
    rng = np.random.default_rng(67)
    for name, kind, mu, sigma, betas in _problems():
        T = len(betas)
        gains, offsets = rng.uniform(0.3, 0.9, T), 0.1 * rng.standard_normal(T)
        yield Case(name, kind, (mu, sigma, betas, gains, offsets, betas * rng.uniform(0.7, 1, T)))


def weight_cases() -> Iterator[Case]:
    """betas, variances."""
    rng = np.random.default_rng(68)
    for name, kind, _, _, betas in _problems():
        yield Case(name, kind, (betas, rng.uniform(0.1, 1, len(betas))))
    yield Case("tiny", FAR, ([1e-300, 2e-300], [1e-300, 1e-300]))


def _process(mu: Any, sigma: Any, betas: Any) -> tuple[Any, Any]:
    """Mean and covariance of (x_0, ..., x_T) under q."""
    T = len(betas)
    mean, factor = mpmath.matrix(T + 1, 1), mpmath.matrix(T + 1, T + 1)
    mean[0], factor[0, 0] = mu, sigma
    for t, beta in enumerate(betas, start=1):
        slope = mpmath.sqrt(1 - beta)
        mean[t] = slope * mean[t - 1]
        for j in range(t):
            factor[t, j] = slope * factor[t - 1, j]
        factor[t, t] = mpmath.sqrt(beta)
    return mean, factor * factor.T


def _ways_back(betas: Any) -> list[tuple[Any, Any, Any]]:
    """E[x_{t−1}|x_0, x_t] = start x_0 + here x_t and its variance, by regression."""
    _, cov = _process(mpf(0), mpf(1), betas)
    ways = [(mpf(1), mpf(0), mpf(0))]
    for t in range(2, len(betas) + 1):
        known = mpmath.matrix([[cov[0, 0], cov[0, t]], [cov[t, 0], cov[t, t]]])
        target = mpmath.matrix([cov[t - 1, 0], cov[t - 1, t]])
        start, here = mpmath.lu_solve(known, target)
        ways.append((start, here, cov[t - 1, t - 1] - (start * target[0] + here * target[1])))
    return ways


def _chain(betas: Any, gains: Any, offsets: Any, variances: Any) -> tuple[Any, Any]:
    """Mean and covariance of (x_0, ..., x_T) under the model."""
    T = len(betas)
    mean, factor = mpmath.matrix(T + 1, 1), mpmath.matrix(T + 1, T + 1)
    factor[T, T] = mpf(1)
    for t, (start, here, _) in reversed(list(enumerate(_ways_back(betas), start=1))):
        slope = here + start * gains[t - 1]
        mean[t - 1] = slope * mean[t] + start * offsets[t - 1]
        for j in range(t, T + 1):
            factor[t - 1, j] = slope * factor[t, j]
        factor[t - 1, t - 1] = mpmath.sqrt(variances[t - 1])
    return mean, factor * factor.T


def _normal_kl(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> Any:
    inverse, shift = mpmath.inverse(cov2), mean1 - mean2
    product = inverse * cov1
    trace = mpmath.fsum(product[i, i] for i in range(product.rows))
    return (
        trace - product.rows - mpmath.log(mpmath.det(product)) + (shift.T * inverse * shift)[0]
    ) / 2


def _denoiser_truth(mu: float, sigma: float, betas: Any, variance: str) -> Any:
    exact = numbers(betas)
    mean, cov = _process(mpf(mu), mpf(sigma), exact)
    gains, offsets, variances = [], [], []
    for t, (_, _, posterior) in enumerate(_ways_back(exact), start=1):
        gains.append(cov[0, t] / cov[t, t])  # the regression of x_0 on x_t
        offsets.append(mean[0] - gains[-1] * mean[t])
        residual = cov[t - 1, t - 1] - cov[t - 1, t] ** 2 / cov[t, t]
        choice = {"optimal": residual, "forward": exact[t - 1], "posterior": posterior}
        variances.append(choice[variance])
    return gains + offsets + variances


def _bound_truth(mu: float, sigma: float, betas: Any, *model: Any) -> Any:
    exact = numbers(betas)
    q_mean, q_cov = _process(mpf(mu), mpf(sigma), exact)
    p_mean, p_cov = _chain(exact, *(numbers(values) for values in model))
    entropy = mpmath.log(2 * mpmath.pi * mpmath.e * mpf(sigma) ** 2) / 2
    joint = _normal_kl(q_mean, q_cov, p_mean, p_cov)
    data = _normal_kl(q_mean[:1, 0], q_cov[:1, :1], p_mean[:1, 0], p_cov[:1, :1])
    return [entropy + joint, entropy + data, joint - data]


def _bound(mu: float, sigma: float, betas: Any, *model: Any) -> Any:
    bound = diffusion_bound(mu, sigma, betas, LinearDenoiser(*model))
    return [bound.total, bound.negative_log_likelihood, bound.gap]


def _weights_truth(betas: Any, variances: Any) -> Any:
    exact, kept, result = numbers(betas), mpf(1), []
    for beta, variance in zip(exact, numbers(variances), strict=True):
        kept *= 1 - beta
        result.append(beta**2 / (2 * variance * (1 - beta) * (1 - kept)))
    return result


ROUTES = {
    "optimal_denoiser": Route(
        cases=denoiser_cases,
        truth=precise(_denoiser_truth),
        how="regression on x_t, mpmath, 60 digits",
        part=lambda model: np.concatenate([model.gains, model.offsets, model.variances]),
    ),
    "diffusion_bound": Route(
        cases=bound_cases,
        truth=precise(_bound_truth),
        how="D of normal vectors of T + 1 entries, mpmath",
        call=_bound,
    ),
    "noise_prediction_weights": Route(
        cases=weight_cases, truth=precise(_weights_truth), how="mpmath, 60 digits"
    ),
}

EXEMPT = {
    "DiffusionBound": "a record; its fields are compared under diffusion_bound",
    "LinearDenoiser": "a record; its fields are compared under optimal_denoiser",
    "diffusion_sample": "draws at random; its moments are tested in tests/kllib/test_diffusion.py",
}
