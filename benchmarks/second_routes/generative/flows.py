"""Second routes to kllib.generative.flows: densities, derivatives and quadrature in mpmath.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, Case, Route, numbers, precise
from kllib.generative.flows import MonotoneFlow, change_of_variables, kl_to_flow, train_flow
from kllib.mixture import NormalMixture

mpf = mpmath.mpf

_POINTS = np.array([-3.0, -1.0, 0.0, 0.5, 4.0])


def _parameters() -> Iterator[tuple[str, str, Any]]:
    """shift, slope, heights, steepness, centres, in one vector."""
    rng = np.random.default_rng(69)
    for count in (0, 1, 3):
        yield f"K={count}", ORDINARY, rng.standard_normal(2 + 3 * count)
    yield "steep", FAR, np.array([0.1, -2.0, 0.5, 3.0, 0.2])
    yield "flat", FAR, np.array([0.1, -2.0, -5.0, -5.0, 0.2])


def density_cases() -> Iterator[Case]:
    """parameters, x."""
    for name, kind, parameters in _parameters():
        yield Case(name, kind, (parameters, _POINTS))


def change_cases() -> Iterator[Case]:
    """y, positive: of e to the power of a normal variable."""
    for y in (1e-150, 1e-3, 0.5, 1.0, 3.0, 1e150):
        yield Case(f"y={y:g}", ORDINARY, (y,))


def divergence_cases() -> Iterator[Case]:
    """weights, means, sigmas of the truth, and the flow's parameters."""
    humps = ([0.4, 0.6], [-2.0, 1.5], [0.5, 0.8])
    for name, kind, parameters in _parameters():
        yield Case(name, kind, (*humps, parameters))
    for step in (1e-2, 1e-5):
        near = np.array([step, step])
        yield Case(f"{step:g} from normal", NEAR, ([1.0], [0.0], [1.0], near))


def training_cases() -> Iterator[Case]:
    """x."""
    rng = np.random.default_rng(70)
    for n in (5, 100):
        yield Case(f"n={n}", ORDINARY, (rng.normal(3, 2, n), 0))


def _split(parameters: Any) -> Any:
    shift, slope, *rest = parameters
    count = len(rest) // 3
    steps = zip(rest[:count], rest[count : 2 * count], rest[2 * count :], strict=True)
    return shift, slope, list(steps)


def _log_density(parameters: Any, x: Any) -> Any:
    """log N(g(x); 0, 1) + log g′(x)."""
    shift, slope, steps = _split(parameters)
    z, rise = shift + mpmath.exp(slope) * x, mpmath.exp(slope)
    for height, steepness, centre in steps:
        u = mpmath.exp(steepness) * (x - centre)
        z += mpmath.exp(height) * mpmath.tanh(u)
        rise += mpmath.exp(height + steepness) * mpmath.sech(u) ** 2
    return -(z**2) / 2 - mpmath.log(2 * mpmath.pi) / 2 + mpmath.log(rise)


def _loss_truth(parameters: Any, x: Any) -> Any:
    """The loss and its derivatives, by central differences at 50 digits."""
    with mpmath.workdps(60):
        vector, points = numbers(parameters), numbers(x)

        def loss(values: Any) -> Any:
            return -mpmath.fsum(_log_density(values, a) for a in points) / len(points)

        step, slopes = mpf(10) ** -20, []
        for i in range(len(vector)):
            ends = [[v + sign * step * (j == i) for j, v in enumerate(vector)] for sign in (1, -1)]
            slopes.append((loss(ends[0]) - loss(ends[1])) / (2 * step))
        return [loss(vector), *slopes]


def _flow(parameters: Any) -> MonotoneFlow:
    count = (len(parameters) - 2) // 3
    return MonotoneFlow(parameters[0], parameters[1], *np.reshape(parameters[2:], (3, count)))


def _divergence_truth(weights: Any, means: Any, sigmas: Any, parameters: Any) -> Any:
    """∫ p log(p/q), panel by panel, between 15 standard deviations on either side."""
    with mpmath.workdps(25):
        parts = list(zip(numbers(weights), numbers(means), numbers(sigmas), strict=True))
        total, vector = mpmath.fsum(w for w, _, _ in parts), numbers(parameters)

        def integrand(x: Any) -> Any:
            p = mpmath.fsum(w * mpmath.npdf(x, m, s) for w, m, s in parts) / total
            return p * (mpmath.log(p) - _log_density(vector, x))

        centres = [float(c) for _, _, c in _split(vector)[2]]
        low = min(m - 15 * s for _, m, s in parts)
        high = max(m + 15 * s for _, m, s in parts)
        edges = sorted({low, high, *map(mpf, [*centres, *np.arange(-6.0, 7.0)])})
        return mpmath.quad(integrand, [e for e in edges if low <= e <= high])


def _change(y: float) -> Any:
    def log_normal(x: Any) -> Any:
        return -(x**2) / 2 - np.log(2 * np.pi) / 2

    return change_of_variables(log_normal, np.log, np.exp)(np.float64(y))


def _change_truth(y: float) -> Any:
    x = mpmath.log(mpf(y))
    return -(x**2) / 2 - mpmath.log(2 * mpmath.pi) / 2 - x


def _density_truth(parameters: Any, x: Any) -> Any:
    return [_log_density(numbers(parameters), a) for a in numbers(x)]


def _training_truth(x: Any, bumps: int) -> Any:
    """Without bumps the best flow is the normal distribution with the data's moments."""
    assert bumps == 0
    points = numbers(x)
    mean = mpmath.fsum(points) / len(points)
    variance = mpmath.fsum((a - mean) ** 2 for a in points) / len(points)
    return mpmath.log(2 * mpmath.pi * mpmath.e * variance) / 2


ROUTES = {
    "change_of_variables": Route(
        cases=change_cases, truth=precise(_change_truth), how="log-normal, mpmath", call=_change
    ),
    "MonotoneFlow": Route(
        cases=density_cases,
        truth=precise(_density_truth),
        how="log density, mpmath, 60 digits",
        call=lambda parameters, x: _flow(parameters).log_density(x),
    ),
    "flow_loss": Route(
        cases=density_cases,
        truth=_loss_truth,
        how="loss and gradient, differences at 60 digits",
        part=lambda result: np.append(result[0], result[1]),
    ),
    "kl_to_flow": Route(
        cases=divergence_cases,
        truth=_divergence_truth,
        how="quadrature, mpmath, 25 digits",
        call=lambda w, m, s, parameters: kl_to_flow(NormalMixture(w, m, s), _flow(parameters)),
        bound=1e-9,  # quadrature
    ),
    "train_flow": Route(
        cases=training_cases,
        truth=precise(_training_truth),
        how="loss of the best normal (no bumps), mpmath",
        call=lambda x, bumps: train_flow(x, bumps).losses[-1],
        bound=1e-10,  # iterative
    ),
}

EXEMPT = {"FlowFit": "a record; its losses are compared under train_flow"}
