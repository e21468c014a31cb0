"""Second routes to kllib.vae.posterior_collapse: exact fractions, mpmath and quadrature."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import scipy.integrate

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise

mpf = mpmath.mpf


def posterior_means() -> Iterator[Case]:
    """Means of the posterior, one row for each user, and a threshold."""
    rng = np.random.default_rng(190)
    for users in (2, 100):
        spread = np.array([1e-8, 0.05, 0.09, 0.12, 1.0, 1e8])
        mu = 7 + spread * rng.standard_normal((users, spread.size))
        for threshold in (0.0, 0.01, 1.0):
            yield Case(f"{users} users, {threshold:g}", ORDINARY, (mu,), {"threshold": threshold})


def _active(mu: Any, *, threshold: float) -> list[float]:
    found = []
    for column in np.asarray(mu).T:
        values = [Fraction(float(v)) for v in column]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        found.append(float(variance > Fraction(threshold)))
    return found


def divergences() -> Iterator[Case]:
    """Divergences per dimension, and the free nats."""
    rng = np.random.default_rng(191)
    for d in (1, 5, 100_000):
        for free in (0.0, 0.5, 10.0):
            yield Case(f"d={d}, free {free:g}", ORDINARY, (rng.exponential(size=d), free))
    yield Case("tiny", FAR, ([1e-300, 1e-20, 0.0], 1e-25))


def steps() -> Iterator[Case]:
    """Steps, and the options of a schedule."""
    every = np.arange(0, 1000, 7)
    for warm_up in (1, 250, 333.3):
        yield Case(f"warm-up {warm_up:g}", ORDINARY, (every,), {"warm_up": warm_up})


def cycles() -> Iterator[Case]:
    """Steps, a period and a ramp."""
    every = np.arange(0, 1000, 7)
    for period in (100, 333):
        for ramp in (0.25, 0.5, 1.0):
            options = {"period": period, "ramp": ramp}
            yield Case(f"period {period}, ramp {ramp:g}", ORDINARY, (every,), options)


def _linear(every: Any, *, warm_up: float) -> list[float]:
    return [float(min(Fraction(1), Fraction(int(s)) / Fraction(warm_up))) for s in every]


def _cyclical(every: Any, *, period: float, ramp: float) -> list[float]:
    return [
        float(min(Fraction(1), Fraction(int(s)) % Fraction(period) / period / Fraction(ramp)))
        for s in every
    ]


def posteriors() -> Iterator[Case]:
    """Means and log variances of users on the line; a seed and the number of draws."""
    rng = np.random.default_rng(192)
    for users in (3, 30):
        mu, log_var = rng.standard_normal((users, 1)), rng.standard_normal((users, 1)) - 1
        yield Case(f"{users} users", ORDINARY, (mu, log_var))


def _information(mu: Any, log_var: Any) -> float:
    """E log q(z|x) − E log q(z), by quadrature over z."""
    mu, variance = np.ravel(mu), np.exp(np.ravel(log_var))

    def minus_q_log_q(z: float) -> float:
        parts = np.exp(-((z - mu) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        q = parts.mean()
        return float(-q * np.log(q)) if q > 0 else 0.0

    entropy = scipy.integrate.quad(minus_q_log_q, -20, 20, points=[-2, 0, 2], limit=500)[0]
    value: float = entropy - (np.log(2 * np.pi * np.e * variance) / 2).mean()
    return value


def _split(mu: Any, log_var: Any) -> float:
    from kllib.vae.posterior_collapse import split_mean_kl

    draws = 20_000 if len(mu) < 10 else 4000
    return split_mean_kl(mu, log_var, np.random.default_rng(1), draws=draws).information


ROUTES = {
    "active_units": Route(
        posterior_means,
        _active,
        "exact fractions",
        part=lambda active: np.asarray(active, dtype=float),
    ),
    "free_bits": Route(
        divergences,
        precise(lambda kl, free: mpmath.fsum(max(mpf(free), v) for v in numbers(kl))),
        "mpmath, 60 digits",
    ),
    "linear_kl_annealing": Route(steps, _linear, "exact fractions"),
    "cyclical_kl_annealing": Route(cycles, _cyclical, "exact fractions"),
    "split_mean_kl": Route(
        posteriors,
        _information,
        "quadrature of the aggregate posterior's entropy, against a Monte Carlo estimate",
        0.02,  # more than five of its standard errors
        call=_split,
    ),
}
EXEMPT = {"MeanKLSplit": "a record; its fields are tested in test_posterior_collapse.py"}
