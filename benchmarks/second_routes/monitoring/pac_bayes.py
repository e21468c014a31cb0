"""Second routes to kllib.monitoring.pac_bayes: mpmath's root of the divergence."""

from collections.abc import Iterator

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, precise

mpf = mpmath.mpf


def rates() -> Iterator[Case]:
    """Observed rates and divergences, of every size."""
    for p in (0.0, 1e-300, 1e-5, 0.1, 0.9, 1.0):
        for divergence in (1e-300, 1e-20, 1e-3, 0.5, 30.0):
            kind = ORDINARY if 1e-6 < p < 1 and divergence > 1e-4 else FAR
            yield Case(f"p={p:g}, D={divergence:g}", kind, (p, divergence))


def _inverse(p: float, divergence: float) -> mpf:
    p, divergence = mpf(p), mpf(divergence)
    if p == 1:
        return mpf(1)
    if p == 0:
        return -mpmath.expm1(-divergence)
    # In x = log((r − p)/(1 − r)), which runs over the whole line
    low, high = mpf(-800), mpf(800)

    def rate(x: mpf) -> mpf:
        odds = mpmath.exp(x)
        return (p + odds) / (1 + odds)

    def excess(x: mpf) -> mpf:
        r = rate(x)
        return p * mpmath.log(p / r) + (1 - p) * mpmath.log((1 - p) / (1 - r)) - divergence

    for _ in range(75):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) <= 0 else (low, middle)
    return rate(low)


def bounds() -> Iterator[Case]:
    """Risks, divergences and sample sizes, in both forms."""
    rng = np.random.default_rng(71)
    for form in ("kl", "pinsker"):
        for n in (1, 30, 1000, 10**6):
            for risk in (0.0, 0.05, 0.4):
                options = {"delta": float(rng.uniform(0.01, 0.2)), "form": form}
                divergence = float(rng.exponential(10))
                name = f"{form}, n={n}, risk {risk:g}"
                yield Case(name, ORDINARY, (risk, divergence, n), options)


def _bound(risk: float, divergence: float, n: int, delta: float, form: str) -> mpf:
    budget = (mpf(divergence) + mpmath.log(2 * mpmath.sqrt(n) / mpf(delta))) / n
    if form == "kl":
        return _inverse(risk, budget)
    return min(mpf(risk) + mpmath.sqrt(budget / 2), mpf(1))


ROUTES = {
    "kl_inverse_upper": Route(rates, precise(_inverse), "mpmath: bisection in the log odds"),
    "pac_bayes_bound": Route(bounds, precise(_bound), "mpmath: bisection in the log odds"),
}
