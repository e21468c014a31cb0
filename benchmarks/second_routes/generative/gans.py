"""Second routes to kllib.generative.gans: the definitions, written out in mpmath.

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


def cases() -> Iterator[Case]:
    """p, q."""
    rng = np.random.default_rng(63)
    for n in (2, 10, 1000):
        p, q = rng.dirichlet(np.ones(n), size=2)
        yield Case(f"n={n}", ORDINARY, (p, q))
        for step in STEPS:
            near = p * (1 + step * rng.standard_normal(n))
            yield Case(f"n={n}, {step:g} apart", NEAR, (p, near / near.sum()))
    for tiny in (1e-10, 1e-20, 1e-100, TINY):
        yield Case(f"mirror, {tiny:g}", FAR, ([1.0, tiny], [tiny, 1.0]))
        yield Case(f"q holds {tiny:g}", FAR, ([0.5, 0.5], [1.0, tiny]))
    yield Case("zeros", FAR, ([0.5, 0.5, 0.0, 0.0], [0.25, 0.0, 0.0, 0.75]))
    yield Case("disjoint", FAR, ([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]))


def value_cases() -> Iterator[Case]:
    """p, q, and sometimes a discriminator."""
    yield from cases()
    rng = np.random.default_rng(64)
    for n in (2, 10):
        p, q = rng.dirichlet(np.ones(n), size=2)
        yield Case(f"n={n}, a discriminator", ORDINARY, (p, q, rng.random(n)))
        yield Case(f"n={n}, hardly sure", FAR, (p, q, 1e-100 * rng.random(n)))


def gradient_cases() -> Iterator[Case]:
    """p, q, scores of logits, saturating."""
    for case in cases():
        p, q = (np.asarray(a) for a in case.arguments)
        if p.size > 10:
            continue
        q = q / q.sum()
        for saturating in (True, False):
            if saturating or not np.any((p == 0) & (q > 0)):
                name = f"{case.name}, {'minimax' if saturating else 'practice'}"
                scores = np.eye(q.size) - q[:, None]
                yield Case(name, case.kind, (p, q, scores), {"saturating": saturating})


def _discriminator_truth(p: Any, q: Any) -> Any:
    pairs = zip(shares(p), shares(q), strict=True)
    return [a / (a + b) if a + b else mpf("0.5") for a, b in pairs]


def _value_truth(p: Any, q: Any, discriminator: Any = None) -> Any:
    guesses = _discriminator_truth(p, q) if discriminator is None else numbers(discriminator)
    real = [a * mpmath.log(d) for a, d in zip(shares(p), guesses, strict=True) if a]
    fake = [b * mpmath.log(1 - d) for b, d in zip(shares(q), guesses, strict=True) if b]
    return mpmath.fsum(real + fake)


def _divergence(p: Any, q: Any) -> Any:
    if any(a and not b for a, b in zip(p, q, strict=True)):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)


def _non_saturating_truth(p: Any, q: Any) -> Any:
    p, q = shares(p), shares(q)
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return _divergence(q, p) - _divergence(p, middle) - _divergence(q, middle)


def _gradient_truth(p: Any, q: Any, scores: Any, saturating: bool) -> Any:
    best = _discriminator_truth(p, q)
    loss = [mpmath.log(1 - d) if saturating else -mpmath.log(d) if d else mpf(0) for d in best]
    q = shares(q)
    weights = [b * f if b else mpf(0) for b, f in zip(q, loss, strict=True)]
    # Rounded scores do not average to zero exactly, as a score does
    rows = [[s - mpmath.fdot(numbers(row), q) for s in numbers(row)] for row in scores]
    return [mpmath.fdot(row, weights) for row in rows]


ROUTES = {
    "optimal_discriminator": Route(
        cases=cases, truth=precise(_discriminator_truth), how="mpmath, 60 digits"
    ),
    "gan_value": Route(
        cases=value_cases, truth=precise(_value_truth), how="E log D* + E log(1 − D*), mpmath"
    ),
    "non_saturating_divergence": Route(
        cases=cases, truth=precise(_non_saturating_truth), how="D(q‖p) − 2 JS, mpmath, 60 digits"
    ),
    "gan_generator_gradient": Route(
        cases=gradient_cases, truth=precise(_gradient_truth), how="mpmath, 60 digits"
    ),
}
