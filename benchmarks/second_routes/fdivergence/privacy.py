"""Second routes to kllib.fdivergence.privacy: quadrature of the definition, and mpmath."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, precise

mpf = mpmath.mpf


def mechanisms() -> Iterator[Case]:
    """sigma, alpha."""
    for sigma in (0.3, 1.0, 7.5, 100.0):
        for alpha in (1.0, 1 + 1e-6, 1.5, 8.0, 40.0):
            yield Case(f"sigma {sigma:g}, alpha {alpha:.10g}", ORDINARY, (sigma, alpha))
    for scale in (1e-150, 1e150):
        options = {"sensitivity": 3 * scale}
        yield Case(f"scale {scale:g}", FAR, (2 * scale, 5.0), options)
    yield Case("infinite order", FAR, (1.0, np.inf))
    yield Case("a table", ORDINARY, (np.array([[1.0], [2.0]]), np.array([1.0, 2.0, 30.0])))


def _renyi_of_normals(sigma: Any, alpha: Any, sensitivity: float = 1.0) -> Any:
    """D_α(N(Δ, σ²)‖N(0, σ²)) by quadrature, in units of σ, around the peak of the integrand."""

    def one(sigma: float, alpha: float) -> mpf:
        if alpha == np.inf:
            return mpmath.inf
        shift, order = mpf(sensitivity) / mpf(sigma), mpf(alpha)
        peak = order * shift

        def log_density(x: mpf, mean: mpf) -> mpf:
            return -((x - mean) ** 2) / 2 - mpmath.log(2 * mpmath.pi) / 2

        def log_power(x: mpf) -> mpf:
            return order * log_density(x, shift) + (1 - order) * log_density(x, mpf(0))

        edges = [peak + k for k in range(-12, 13, 6)]
        if order == 1:
            return mpmath.quad(
                lambda x: (
                    mpmath.exp(log_density(x, shift))
                    * (log_density(x, shift) - log_density(x, mpf(0)))
                ),
                edges,
            )
        top = log_power(peak)
        area = mpmath.quad(lambda x: mpmath.exp(log_power(x) - top), edges)
        return (top + mpmath.log(area)) / (order - 1)

    with mpmath.workdps(30):
        return np.vectorize(one, otypes=[object])(sigma, alpha)[()]


def curves() -> Iterator[Case]:
    """Curves and how often they are run."""
    rng = np.random.default_rng(31)
    for times in (1, 3, 1000):
        some = tuple(rng.exponential(size=(3, 5)))
        yield Case(f"three curves, {times} times", ORDINARY, some, {"times": times})
    yield Case("of all sizes", FAR, ([1e-300, 1.0], [1e300, 1e-300]))
    yield Case("no bound at one order", FAR, ([1.0, 2.0], [0.5, np.inf]))


def _sums(*some: Any, times: int = 1) -> Any:
    columns = zip(*some, strict=True)
    return [times * mpmath.fsum(mpf(float(x)) for x in column) for column in columns]


def guarantees() -> Iterator[Case]:
    """Orders, a curve, δ, and the conversion."""
    orders = np.array([1.0001, 1.01, 1.5, 2.0, 5.0, 10.0, 100.0, 1e4, 1e8])
    for conversion in ("canonne", "mironov"):
        for delta in (1e-300, 1e-12, 1e-5, 0.1):
            for sigma in (0.1, 1.0, 5.0):
                name = f"{conversion}, delta {delta:g}, sigma {sigma:g}"
                arguments = (orders, orders / (2 * sigma**2), delta)
                yield Case(name, ORDINARY, arguments, {"conversion": conversion})
    yield Case("nothing to guarantee", FAR, ([2.0], [1e-9], 0.9))
    yield Case("no bound", FAR, ([2.0, 3.0], [np.inf, np.inf], 0.1))
    yield Case("almost no bound", FAR, ([2.0, 3.0], [np.inf, 2.0], 0.1))


def _least_epsilon(alphas: Any, epsilons: Any, delta: float, conversion: str = "canonne") -> mpf:
    """The root ε of δ(ε) = δ at each order, where δ(ε) is the bound as its paper writes it."""

    def one(alpha: float, renyi: float) -> mpf:
        if renyi == np.inf:
            return mpmath.inf
        order = mpf(alpha)

        def log_delta(epsilon: mpf) -> mpf:
            log_delta = (order - 1) * (mpf(renyi) - epsilon)
            if conversion == "canonne":
                log_delta += order * mpmath.log(1 - 1 / order) - mpmath.log(order - 1)
            return log_delta

        # It is a straight line in ε: one secant meets δ.
        start, slope = log_delta(mpf(0)), log_delta(mpf(1)) - log_delta(mpf(0))
        return (mpmath.log(mpf(delta)) - start) / slope

    return max(mpf(0), min(one(a, e) for a, e in zip(alphas, epsilons, strict=True)))


ROUTES = {
    "rdp_gaussian": Route(mechanisms, _renyi_of_normals, "quadrature at 30 digits"),
    "rdp_compose": Route(curves, precise(_sums), "mpmath, 60 digits"),
    "rdp_to_dp": Route(
        guarantees,
        precise(_least_epsilon),
        "mpmath, 60 digits: the published δ(ε), solved for ε",
        part=lambda guarantee: guarantee.epsilon,
    ),
}
EXEMPT = {"PrivacyGuarantee": "the result of rdp_to_dp"}
