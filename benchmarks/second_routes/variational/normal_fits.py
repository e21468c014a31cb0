"""Second routes to kllib.variational: fixed points of moment matching, on a fine grid.

A mixture is passed as its three lists: weights, means, standard deviations.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

from benchmarks.second_routes.mixture import THREE, TWO, Parts
from benchmarks.second_routes.route import ORDINARY, Case, Route

# Sums over such a grid are exact to rounding for densities that are analytic and vanish at its ends
GRID = np.linspace(-12, 12, 3001)
STEP = GRID[1] - GRID[0]
SKEWED: Parts = ([0.3, 0.7], [-1.5, 1.0], [0.4, 0.8])
MIXTURES = {"two modes": TWO, "three": THREE, "skewed": SKEWED}
ALPHAS = (0.25, 0.5, 0.9)


def mixtures() -> Iterator[Case]:
    """Two modes, three, and a skewed mixture."""
    for name, parts in MIXTURES.items():
        yield Case(name, ORDINARY, parts)


def mixtures_with_alpha() -> Iterator[Case]:
    """The same, with α."""
    for case in mixtures():
        for alpha in ALPHAS:
            yield Case(f"{case.name}, alpha {alpha:g}", ORDINARY, (*case.arguments, alpha))


def paths() -> Iterator[Case]:
    """The same, with a list of α."""
    for case in mixtures():
        yield Case(case.name, ORDINARY, (*case.arguments, list(ALPHAS)))


def _log_density(parts: Parts) -> np.ndarray:
    weights, means, sigmas = (np.array(part) for part in parts)
    terms = scipy.stats.norm.logpdf(GRID[:, None], means, sigmas)
    result: np.ndarray = scipy.special.logsumexp(terms, axis=1, b=weights)
    return result


def _forward(*parts: Any) -> list[float]:
    weights, means, sigmas = (np.array(part) for part in parts)
    mu = weights @ means
    sigma = math.sqrt(weights @ (sigmas**2 + means**2) - mu**2)
    log_p = _log_density(parts)
    # D = H(q) − H(p) when the moments agree
    entropy = -STEP * np.exp(log_p) @ log_p
    return [mu, sigma, math.log(2 * math.pi * math.e) / 2 + math.log(sigma) - entropy]


def _reverse(*parts: Any) -> list[float]:
    """The lowest of the stationary points: E[s(x)] = 0 and 1 + σ E[z s(x)] = 0, s the score."""
    weights, means, sigmas = (np.array(part) for part in parts)
    z = np.linspace(-12, 12, 6001)
    share = scipy.stats.norm.pdf(z) * (z[1] - z[0])

    def gradient(theta: np.ndarray) -> list[float]:
        x = theta[0] + math.exp(theta[1]) * z
        shift = (means - x[:, None]) / sigmas
        terms = np.log(weights / sigmas) - shift**2 / 2
        score = (scipy.special.softmax(terms, axis=1) * shift / sigmas).sum(axis=1)
        return [share @ score, 1 + math.exp(theta[1]) * (share @ (z * score))]

    found = []
    for mu in (*means, weights @ means):
        theta = scipy.optimize.root(gradient, [mu, math.log(sigmas.mean())], tol=1e-13).x
        if np.abs(gradient(theta)).max() < 1e-9:
            x = theta[0] + math.exp(theta[1]) * z
            terms = scipy.stats.norm.logpdf(x[:, None], means, sigmas)
            log_p = scipy.special.logsumexp(terms, axis=1, b=weights)
            log_q = -(z**2) / 2 - math.log(2 * math.pi) / 2 - theta[1]
            found.append([abs(theta[0]), math.exp(theta[1]), share @ (log_q - log_p)])
    return min(found, key=lambda fit: fit[2])


def _settled(log_p: np.ndarray, alpha: float, mu: float, sigma: float) -> list[float]:
    """q takes the moments of p^α q^(1−α) until nothing changes; |μ|, σ, D_α."""
    for _ in range(5000):
        tilted = np.exp(alpha * log_p + (1 - alpha) * scipy.stats.norm.logpdf(GRID, mu, sigma))
        before, total = (mu, sigma), tilted.sum()
        mu = tilted @ GRID / total
        sigma = math.sqrt(tilted @ (GRID - mu) ** 2 / total)
        if abs(mu - before[0]) + abs(sigma - before[1]) < 1e-14:
            break
    overlap = (
        STEP * np.exp(alpha * log_p + (1 - alpha) * scipy.stats.norm.logpdf(GRID, mu, sigma)).sum()
    )
    return [mu, sigma, (1 - overlap) / (alpha * (1 - alpha))]


def _between(*arguments: Any) -> list[float]:
    *parts, alpha = arguments
    weights, means, sigmas = (np.array(part) for part in parts)
    starts = [*zip(means, sigmas, strict=True), _forward(*parts)[:2]]
    log_p = _log_density(tuple(parts))
    mu, *rest = min((_settled(log_p, alpha, *start) for start in starts), key=lambda fit: fit[2])
    return [abs(mu), *rest]


def _path(*arguments: Any) -> list[list[float]]:
    *parts, alphas = arguments
    weights, means, sigmas = (np.array(part) for part in parts)
    log_p = _log_density(tuple(parts))
    starts = [*zip(means, sigmas, strict=True), _forward(*parts)[:2]]
    fit = min((_settled(log_p, alphas[0], *start) for start in starts), key=lambda fit: fit[2])
    found = []
    for alpha in alphas:
        fit = _settled(log_p, alpha, *fit[:2])
        found.append([abs(fit[0]), *fit[1:]])
    return found


def _numbers(fit: Any) -> list[float]:
    return [abs(fit.mu), fit.sigma, fit.divergence]  # two modes are mirror images


def _fit(name: str) -> Any:
    def call(*arguments: Any) -> Any:
        import kllib

        return getattr(kllib, name)(kllib.NormalMixture(*arguments[:3]), *arguments[3:])

    return call


ROUTES = {
    "fit_normal_forward": Route(
        mixtures,
        _forward,
        "moments; entropies by sums over a grid",
        1e-10,
        part=_numbers,
        call=_fit("fit_normal_forward"),
    ),
    "fit_normal_reverse": Route(
        mixtures,
        _reverse,
        "roots of the reparameterised gradient, by sums over a grid",
        1e-9,
        part=lambda minima: _numbers(minima.best),
        call=_fit("fit_normal_reverse"),
    ),
    "fit_normal_alpha": Route(
        mixtures_with_alpha,
        _between,
        "fixed points of moment matching, by sums over a grid",
        1e-9,
        part=lambda minima: _numbers(minima.best),
        call=_fit("fit_normal_alpha"),
    ),
    "fit_normal_path": Route(
        paths,
        _path,
        "fixed points of moment matching, each from the one before",
        1e-9,
        part=lambda path: [_numbers(fit) for fit in path],
        call=_fit("fit_normal_path"),
    ),
}
EXEMPT = {
    "NormalFit": "a record; its fields are compared under each fit",
    "NormalMinima": "a record; that each local minimum is one is tested in test_variational.py",
}
