"""Second routes to kllib.policy.trust_region: differences, and dense linear algebra."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import divergence, softmax
from benchmarks.second_routes.route import ORDINARY, Case, Route, numbers

mpf = mpmath.mpf


class Matrix:
    """A matrix that can be called: v ↦ A v, for v of any shape."""

    def __init__(self, entries: np.ndarray) -> None:
        self.entries = entries

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        return (self.entries @ vector.ravel()).reshape(vector.shape)


def policies() -> Iterator[Case]:
    """Parameters and a direction; tables of logits, and logits linear in features."""
    rng = np.random.default_rng(110)
    for states, actions in ((1, 2), (1, 5), (3, 4)):
        for spread in (0.1, 1.0, 10.0):
            theta, vector = spread * rng.standard_normal((2, states, actions))
            name = f"{states} by {actions}, spread {spread:g}"
            yield Case(name, ORDINARY, (theta, vector))
            options = {"state_weights": rng.exponential(size=states)}
            yield Case(f"{name}, weighted", ORDINARY, (theta, vector), options)
    theta, vector = rng.standard_normal((2, 2, 3))
    options = {"features": rng.standard_normal((4, 2)), "state_weights": rng.exponential(size=4)}
    yield Case("4 states with 2 features", ORDINARY, (theta, vector), options)


def _mean_divergence(theta: list[mpf], shape: Any, features: Any, weights: Any, old: Any) -> mpf:
    rows = np.array(theta, dtype=object).reshape(shape)
    logits = rows if features is None else features @ rows
    return mpmath.fsum(
        w * divergence(p, softmax(z)) for w, p, z in zip(weights, old, logits, strict=True)
    )


def _second_differences(
    parameters: Any, vector: Any, features: Any = None, state_weights: Any = None
) -> Any:
    """∂²/∂s∂t of D(π_old‖π at θ + s e_i + t v) at 0, for every i."""
    theta, v, shape = numbers(parameters), numbers(vector), np.shape(parameters)
    if features is not None:
        features = np.array([numbers(row) for row in features], dtype=object)
    states = shape[0] if features is None else len(features)
    weights = [mpf(1) / states] * states if state_weights is None else numbers(state_weights)
    table = np.array(theta, dtype=object).reshape(shape)
    old = [softmax(z) for z in (table if features is None else features @ table)]
    h = mpf(10) ** -(mpmath.mp.dps // 4)

    def at(i: int, s: mpf, t: mpf) -> mpf:
        moved = [x + t * y for x, y in zip(theta, v, strict=True)]
        moved[i] += s
        return _mean_divergence(moved, shape, features, weights, old)

    result = [
        (at(i, h, h) - at(i, h, -h) - at(i, -h, h) + at(i, -h, -h)) / (4 * h * h)
        for i in range(len(theta))
    ]
    return np.array(result).reshape(shape).tolist()


def systems() -> Iterator[Case]:
    """Symmetric matrices with eigenvalues from 1 to a tenth, and right-hand sides."""
    rng = np.random.default_rng(111)
    for n in (1, 2, 5, 30):
        basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
        matrix = basis * np.linspace(1, 0.1, n) @ basis.T
        matrix = (matrix + matrix.T) / 2
        yield Case(f"n={n}", ORDINARY, (Matrix(matrix), rng.standard_normal(n)))


def _solved(matrix: Matrix, target: Any) -> list[mpf]:
    with mpmath.workdps(30):
        system = mpmath.matrix(matrix.entries.tolist())
        return list(mpmath.lu_solve(system, mpmath.matrix(target.tolist())))


def steps() -> Iterator[Case]:
    """Policies, advantages, and how far a step may go."""
    rng = np.random.default_rng(112)
    for max_kl in (1e-6, 1e-3, 0.1):
        for states, actions in ((1, 2), (3, 4)):
            theta, gain = rng.standard_normal((2, states, actions))
            options = {"max_kl": max_kl, "state_weights": rng.exponential(size=states)}
            yield Case(f"{states} by {actions}, {max_kl:g} nats", ORDINARY, (theta, gain), options)
        theta = rng.standard_normal((2, 3))
        options = {"max_kl": max_kl, "features": rng.standard_normal((5, 2))}
        name = f"5 states with 2 features, {max_kl:g} nats"
        yield Case(name, ORDINARY, (theta, rng.standard_normal((5, 3))), options)


def _step_direction(
    theta: Any, gain: Any, max_kl: float, features: Any = None, state_weights: Any = None
) -> np.ndarray:
    """sqrt(2δ/xᵀFx)·x for x = F⁺g, F written out as a matrix."""
    phi = np.eye(len(theta)) if features is None else features
    d = np.full(len(phi), 1 / len(phi)) if state_weights is None else state_weights
    fisher, gradient = 0.0, 0.0
    for w, row, z, a in zip(d, phi, phi @ theta, gain, strict=True):
        policy = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        jacobian = np.kron(row[:, None], np.eye(len(policy)))  # of the logits, transposed
        covariance = np.diag(policy) - np.outer(policy, policy)
        fisher = fisher + w * jacobian @ covariance @ jacobian.T
        gradient = gradient + w * jacobian @ covariance @ a
    x = np.linalg.pinv(fisher, rcond=1e-10) @ gradient
    return (np.sqrt(2 * max_kl / (x @ fisher @ x)) * x).reshape(theta.shape)


ROUTES = {
    "fisher_vector_product": Route(
        policies,
        mpmath.workdps(60)(_second_differences),
        "mpmath, 60 digits: differences of the divergence",
    ),
    # It stops at a residual of 1e-10, and the condition number is 10.
    "conjugate_gradient": Route(
        systems,
        _solved,
        "mpmath, 30 digits: LU",
        bound=1e-9,
        part=lambda found: found.solution,
    ),
    # The same stopping rule, and condition numbers of about 100.
    "trpo_step": Route(
        steps,
        _step_direction,
        "dense Fisher matrix and pseudo-inverse",
        bound=1e-8,
        part=lambda step: step.step_size * step.direction,
    ),
}
EXEMPT = {
    "ConjugateGradientResult": "a result type, compared in conjugate_gradient",
    "TRPOStep": "a result type; tests/kllib/policy/test_trust_region.py checks every field",
}
