"""Second routes to kllib.monitoring.bottleneck: the binary symmetric case, and limits.

For a fair bit X and its copy Y with errors of probability ε, the best representation is a copy of
X with errors of probability δ (Mrs. Gerber's lemma, Wyner and Ziv 1973):
I(X; T) = log 2 − h(δ), I(T; Y) = log 2 − h(δ(1 − ε) + ε(1 − δ)).

The algorithm stops when a step gains less than 1e-12. It converges linearly, so that the objective
is then off by some multiple of that (1e-8 is the bound, relative); the point on the curve, where
the objective is flat, by about the root of it (1e-4).
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import ORDINARY, Case, Route

mpf = mpmath.mpf


def noisy_bits() -> Iterator[Case]:
    """ε and β."""
    for noise in (0.01, 0.1, 0.25):
        for multiple in (1.5, 3.0, 10.0):
            # β at which something begins to be kept, times the multiple
            beta = multiple / (1 - 2 * noise) ** 2
            yield Case(f"noise {noise:g}, beta {beta:.3g}", ORDINARY, (noise, beta))


def _h(x: mpf) -> mpf:
    return -x * mpmath.log(x) - (1 - x) * mpmath.log(1 - x)


def _best(noise: float, beta: float) -> tuple[mpf, mpf]:
    """Complexity and relevance at the δ where the objective is stationary."""
    noise, beta = mpf(noise), mpf(beta)

    def slope(delta: mpf) -> mpf:
        both = delta * (1 - noise) + noise * (1 - delta)
        logit = mpmath.log((1 - delta) / delta)
        return beta * (1 - 2 * noise) * mpmath.log((1 - both) / both) - logit

    low, high = mpf("1e-30"), mpf(1) / 2 - mpf("1e-6")
    for _ in range(150):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    both = low * (1 - noise) + noise * (1 - low)
    return mpmath.log(2) - _h(low), mpmath.log(2) - _h(both)


def _joint(noise: float) -> Any:
    return np.array([[1 - noise, noise], [noise, 1 - noise]]) / 2


def _our_objective(noise: float, beta: float) -> float:
    from kllib.monitoring.bottleneck import information_bottleneck

    rng = np.random.default_rng(80)
    return information_bottleneck(_joint(noise), beta, 2, restarts=3, rng=rng).objective


def _objective(noise: float, beta: float) -> mpf:
    complexity, relevance = _best(noise, beta)
    return complexity - mpf(beta) * relevance


def _our_point(noise: float, beta: float) -> Any:
    from kllib.monitoring.bottleneck import bottleneck_curve

    return bottleneck_curve(_joint(noise), [beta], 2, restarts=3, rng=np.random.default_rng(81))


def _point(noise: float, beta: float) -> Any:
    return [list(_best(noise, beta))]


CLOSED = "mpmath: the binary symmetric case, a stationary point in one variable"
ROUTES = {
    "information_bottleneck": Route(
        noisy_bits, _objective, CLOSED, bound=1e-8, call=_our_objective
    ),
    "bottleneck_curve": Route(noisy_bits, _point, CLOSED, bound=1e-4, call=_our_point),
}
EXEMPT = {"BottleneckResult": "what information_bottleneck returns"}
