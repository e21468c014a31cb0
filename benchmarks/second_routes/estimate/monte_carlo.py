"""Second routes to kllib.estimate: mpmath sums, and scipy's bootstrap on the same draws."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import scipy.stats

from benchmarks.second_routes.discrete import extreme_pairs, near_pairs
from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    STEPS,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf
ESTIMATORS = ("k1", "k2", "k3")


def log_densities() -> Iterator[Case]:
    """Log densities at samples, of p and of q near it and far from it."""
    rng = np.random.default_rng(60)
    for estimator in ESTIMATORS:
        options = {"estimator": estimator}
        for step in STEPS:
            at_p = rng.normal(-700, 50, 200)
            at_q = at_p - step * rng.normal(1, 1, 200)
            yield Case(f"{estimator}, {step:g} apart", NEAR, (at_p, at_q), options)
        for spread in (1.0, 10.0, 100.0):
            at_p, at_q = rng.normal(0, spread, (2, 1000))
            yield Case(f"{estimator}, spread {spread:g}", FAR, (at_p, at_q), options)
        yield Case(f"{estimator}, one impossible", FAR, ([-1.0, -2.0], [-3.0, -2.5]), options)


def _monte_carlo(log_p: Any, log_q: Any, estimator: str) -> list[mpf]:
    ratios = [a - b for a, b in zip(numbers(log_p), numbers(log_q), strict=True)]
    kernel = {
        "k1": lambda r: r,
        "k2": lambda r: r**2 / 2,
        "k3": lambda r: mpmath.exp(-r) - 1 + r,
    }[estimator]
    values = [kernel(r) for r in ratios]
    n = len(values)
    mean = mpmath.fsum(values) / n
    return [mean, mpmath.sqrt(mpmath.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)]


def gradient_pairs() -> Iterator[Case]:
    """Pairs in which q is positive wherever p is, for each of the estimators."""
    for case in [*near_pairs(), *extreme_pairs()]:
        p, q = map(np.asarray, case.arguments)
        if p.size <= 100 and (q[p > 0] > 0).all():
            for estimator in ESTIMATORS:
                options = {"estimator": estimator}
                yield Case(f"{estimator}, {case.name}", case.kind, (p, q), options)


def _gradient(p: Any, q: Any, estimator: str) -> list[mpf]:
    p, q = shares(p), shares(q)
    slope = {
        "k1": lambda a, b: mpf(1),
        "k2": lambda a, b: mpmath.log(a / b),
        "k3": lambda a, b: 1 - b / a,
    }[estimator]
    slopes = [slope(a, b) if a else mpf(0) for a, b in zip(p, q, strict=True)]
    mean = mpmath.fsum(a * s for a, s in zip(p, slopes, strict=True))
    return [a * (s - mean) for a, s in zip(p, slopes, strict=True)]


def resamplings() -> Iterator[Case]:
    """A sample, a statistic, the method and a seed."""
    rng = np.random.default_rng(61)
    for n in (5, 50):
        for statistic in (np.mean, np.median, np.std):
            for method in ("percentile", "basic"):
                sample = rng.exponential(size=n)
                name = f"{statistic.__name__} of {n}, {method}"
                yield Case(name, ORDINARY, (sample, statistic, method, n))


def _our_bootstrap(sample: Any, statistic: Any, method: str, seed: int) -> list[float]:
    from kllib.estimate.monte_carlo import bootstrap_interval

    rng = np.random.default_rng(seed)
    found = bootstrap_interval(sample, statistic, method=method, resamples=500, rng=rng)
    return [found.low, found.high, found.standard_error]


def _scipy_bootstrap(sample: Any, statistic: Any, method: str, seed: int) -> list[float]:
    found = scipy.stats.bootstrap(
        (sample,), statistic, method=method, n_resamples=500, rng=np.random.default_rng(seed)
    )
    return [*found.confidence_interval, found.standard_error]


ROUTES = {
    "monte_carlo_kl": Route(
        log_densities,
        precise(_monte_carlo),
        "mpmath, 60 digits: mean and standard error of the same samples",
        part=lambda result: [result.estimate, result.standard_error],
    ),
    "expected_estimator_gradient": Route(
        gradient_pairs, precise(_gradient), "mpmath, 60 digits: the expectation, term by term"
    ),
    "bootstrap_interval": Route(
        resamplings, _scipy_bootstrap, "scipy.stats.bootstrap, same seed", call=_our_bootstrap
    ),
}
EXEMPT = {
    "MonteCarloEstimate": "what monte_carlo_kl returns",
    "BootstrapInterval": "what bootstrap_interval returns",
}
