"""Second routes to kllib.variational.elbo: mpmath, by definition."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    ORDINARY,
    TINY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf
FIELDS = ("log_evidence", "elbo", "gap", "reconstruction", "kl_to_prior")


def normal_models() -> Iterator[Case]:
    """x, mu, sigma, noise_sigma, prior_mu, prior_sigma, and the field to compare."""
    rng = np.random.default_rng(150)
    models = {
        "the sources' example": (2.0, 20 / 11, 0.5**0.5, 0.1**0.5, 0.0, 1.0),
        "far off": (30.0, -20.0, 0.01, 0.1, 5.0, 2.0),
        "x at 1e100": (1e100, 3e99, 1.0, 2.0, 0.0, 1.0),
    }
    for i in range(5):
        x, mu, prior_mu = 3 * rng.standard_normal(3)
        sigma, noise, prior_sigma = np.exp(rng.standard_normal(3))
        models[f"drawn, {i}"] = (x, mu, sigma, noise, prior_mu, prior_sigma)
    for scale in (1e-150, 1e150):
        models[f"scale {scale:g}"] = tuple(scale * v for v in (2.0, 1.0, 0.5, 0.7, -1.0, 1.5))
    for name, model in models.items():
        kind = ORDINARY if name.startswith("drawn") else FAR
        for field in FIELDS:
            yield Case(f"{name}, {field}", kind, (*model, field))


def _normal_split(*arguments: Any) -> mpf:
    x, mu, sigma, noise, prior_mu, prior_sigma = (mpf(float(v)) for v in arguments[:-1])

    def log_normal(value: mpf, mean: mpf, variance: mpf) -> mpf:
        return -(mpmath.log(2 * mpmath.pi * variance) + (value - mean) ** 2 / variance) / 2

    def kl(mean1: mpf, variance1: mpf, mean2: mpf, variance2: mpf) -> mpf:
        ratio = variance1 / variance2
        return (ratio - 1 - mpmath.log(ratio) + (mean1 - mean2) ** 2 / variance2) / 2

    prior_precision, noise_precision = prior_sigma**-2, noise**-2
    variance = 1 / (prior_precision + noise_precision)
    mean = variance * (prior_mu * prior_precision + x * noise_precision)
    reconstruction = log_normal(x, mu, noise**2) - sigma**2 / noise**2 / 2
    kl_to_prior = kl(mu, sigma**2, prior_mu, prior_sigma**2)
    split = {
        "log_evidence": log_normal(x, prior_mu, prior_sigma**2 + noise**2),
        "elbo": reconstruction - kl_to_prior,
        "gap": kl(mu, sigma**2, mean, variance),
        "reconstruction": reconstruction,
        "kl_to_prior": kl_to_prior,
    }
    return split[arguments[-1]]


def _normal_of_kllib(x: float, mu: float, sigma: float, *model: Any) -> Any:
    from kllib.variational.elbo import elbo_normal

    noise, prior_mu, prior_sigma, field = model
    options = {"noise_sigma": noise, "prior_mu": prior_mu, "prior_sigma": prior_sigma}
    return getattr(elbo_normal(x, mu, sigma, **options), field)


def finite_models() -> Iterator[Case]:
    """q, prior, log_likelihood, and the field to compare."""
    rng = np.random.default_rng(151)
    models: dict[str, Any] = {}
    for k in (2, 10, 1000):
        q, prior = rng.dirichlet(np.ones(k), size=2)
        models[f"k={k}"] = (q, prior, 3 * rng.standard_normal(k))
    few = ([0.2, 0.3, 0.5], [0.1, 0.6, 0.3])
    models["log-likelihoods near -1e6"] = (*few, [-1e6, -1e6 - 2.5, -1e6 + 0.25])
    models["a posterior that underflows"] = (*few, [0.5, -2000.0, -1e5])
    models["an impossible z"] = (*few, [0.5, -np.inf, 1.0])
    models["a prior of 1e-300"] = (few[0], [1.0, TINY, TINY], [-3.0, 2.0, 1.0])
    for name, model in models.items():
        for field in FIELDS:
            yield Case(f"{name}, {field}", ORDINARY if name[0] == "k" else FAR, (*model, field))


def _finite_split(q: Any, prior: Any, log_likelihood: Any, field: str) -> Any:
    q, prior = shares(q), shares(prior)
    values = [mpf(float(v)) for v in log_likelihood]
    joint = [b * mpmath.exp(v) for b, v in zip(prior, values, strict=True)]
    evidence = mpmath.fsum(joint)

    def kl(other: list[mpf]) -> Any:
        if any(a and not b for a, b in zip(q, other, strict=True)):
            return mpmath.inf
        return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(q, other, strict=True) if a)

    reconstruction = sum((a * v for a, v in zip(q, values, strict=True) if a), mpf(0))
    split = {
        "log_evidence": mpmath.log(evidence),
        "elbo": reconstruction - kl(prior),
        "gap": kl([j / evidence for j in joint]),
        "reconstruction": reconstruction,
        "kl_to_prior": kl(prior),
    }
    return split[field]


def _finite_of_kllib(q: Any, prior: Any, log_likelihood: Any, field: str) -> Any:
    from kllib.variational.elbo import elbo_discrete

    return getattr(elbo_discrete(q, prior, log_likelihood), field)


def log_weights() -> Iterator[Case]:
    """Logarithms of importance weights."""
    rng = np.random.default_rng(152)
    for k in (1, 2, 10, 10_000):
        yield Case(f"k={k}", ORDINARY, (3 + rng.standard_normal(k),))
    yield Case("all near zero", FAR, ([1e-20, 3e-20, 2e-20],))
    yield Case("far apart", FAR, ([1e5, 0.0, -1e5],))
    yield Case("near -1e6", FAR, ([-1e6, -1e6 + 1],))
    yield Case("some impossible", FAR, ([2.0, -np.inf, 3.0, -np.inf],))
    yield Case("all impossible", FAR, ([-np.inf, -np.inf],))


def _log_mean(values: Any) -> mpf:
    total = mpmath.fsum(mpmath.exp(v) for v in numbers(values))
    return mpmath.log(total / np.size(values)) if total else -mpmath.inf


ROUTES = {
    "elbo_normal": Route(
        normal_models,
        precise(_normal_split),
        "mpmath: the posterior by Bayes' rule",
        call=_normal_of_kllib,
    ),
    "elbo_discrete": Route(
        finite_models,
        precise(_finite_split),
        "mpmath: the posterior by Bayes' rule",
        call=_finite_of_kllib,
    ),
    "importance_weighted_bound": Route(
        log_weights, precise(_log_mean), "mpmath: the logarithm of the mean weight"
    ),
}
EXEMPT = {"EvidenceSplit": "a record; each of its fields is compared under both models"}
