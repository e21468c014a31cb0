"""Second routes to kllib.policy.preference: mpmath, the definitions."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import SUM
from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise

mpf = mpmath.mpf


def rewards() -> Iterator[Case]:
    """Two rewards each."""
    rng = np.random.default_rng(90)
    for scale in (1e-10, 1.0, 30.0, 600.0):
        first, second = scale * rng.standard_normal((2, 20))
        yield Case(f"rewards of {scale:g}", ORDINARY, (first, second))
    yield Case("a hopeless answer", FAR, (0.0, 700.0))


def _bradley_terry(first: Any, second: Any) -> list[mpf] | mpf:
    pairs = zip(numbers(first), numbers(second), strict=True)
    values = [1 / (1 + mpmath.exp(b - a)) for a, b in pairs]
    return values if np.ndim(first) else values[0]


def log_ratios() -> Iterator[Case]:
    """log π, log π_ref, β."""
    rng = np.random.default_rng(91)
    for beta in (1e-3, 0.1, 5.0):
        policy, reference = -rng.exponential(size=(2, 10)) * 50
        yield Case(f"beta {beta:g}", ORDINARY, (policy, reference, beta))


ROUTES = {
    "bradley_terry": Route(rewards, precise(_bradley_terry), SUM),
    "implicit_reward": Route(
        log_ratios,
        precise(
            lambda a, b, beta: [
                mpf(beta) * (x - y) for x, y in zip(numbers(a), numbers(b), strict=True)
            ]
        ),
        SUM,
    ),
}
