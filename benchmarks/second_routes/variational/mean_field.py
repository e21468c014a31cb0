"""Second routes to kllib.variational.mean_field: known optima, and a general minimiser."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import scipy.optimize
import scipy.special

from benchmarks.second_routes.route import NEAR, ORDINARY, STEPS, Case, Route, numbers

mpf = mpmath.mpf


def normals() -> Iterator[Case]:
    """A mean, a covariance, and what to ask for: from hardly to strongly correlated."""
    rng = np.random.default_rng(140)
    for d in (2, 3, 5):
        mean, scale = rng.standard_normal(d), 10.0 ** rng.uniform(-2, 2, d)
        noise = rng.standard_normal((d, d))
        for step in STEPS:
            cov = (np.eye(d) + step * (noise + noise.T) / d) * np.outer(scale, scale)
            yield Case(f"d={d}, correlations of {step:g}", NEAR, (mean, cov, "divergence"))
        root = rng.standard_normal((d, d))
        cov = root @ root.T + 0.1 * np.eye(d)
        for what in ("divergence", "sigmas", "mean"):
            yield Case(f"d={d}, {what}", ORDINARY, (mean, cov, what))


def _optimum(first: bool, mean: Any, cov: Any, what: str) -> Any:
    with mpmath.workdps(80):
        d = len(mean)
        lower = [[mpf(float(cov[max(i, j)][min(i, j)])) for j in range(d)] for i in range(d)]
        exact = mpmath.matrix(lower)
        if first:
            precision = exact**-1
            variances = [1 / precision[i, i] for i in range(d)]
            sign = -1
        else:
            variances = [exact[i, i] for i in range(d)]
            sign = 1
        if what == "mean":
            return numbers(mean)
        if what == "sigmas":
            return [mpmath.sqrt(v) for v in variances]
        logs = mpmath.fsum(mpmath.log(v) for v in variances)
        return sign * (logs - mpmath.log(mpmath.det(exact))) / 2


def _asked(name: str) -> Any:
    def call(mean: Any, cov: Any, what: str) -> Any:
        from kllib.variational import mean_field

        return getattr(getattr(mean_field, name)(mean, cov), what)

    return call


def tables() -> Iterator[Case]:
    """Joint distributions with one minimum: moderately dependent."""
    rng = np.random.default_rng(141)
    for shape in ((2, 2), (2, 3), (4, 3)):
        for strength in (0.1, 0.3):
            joint = np.outer(rng.dirichlet(np.ones(shape[0])), rng.dirichlet(np.ones(shape[1])))
            joint *= 1 + strength * rng.uniform(-1, 1, shape)
            yield Case(f"{shape}, dependence {strength:g}", ORDINARY, (joint / joint.sum(),))


def _least_divergence(joint: Any) -> float:
    """Minimised over the logits of both factors, from the uniform product."""
    log_p = np.log(np.asarray(joint))
    rows, columns = log_p.shape

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        first = scipy.special.softmax(theta[:rows])
        second = scipy.special.softmax(theta[rows:])
        excess = np.log(np.outer(first, second)) - log_p
        value = first @ excess @ second
        by_first = first * (excess @ second - value)
        by_second = second * (first @ excess - value)
        return value, np.append(by_first, by_second)

    found = scipy.optimize.minimize(
        value_and_gradient, np.zeros(rows + columns), jac=True, options={"gtol": 1e-12}
    )
    value: float = found.fun
    return value


ROUTES = {
    "mean_field_normal": Route(
        normals,
        lambda *arguments: _optimum(True, *arguments),
        "mpmath, 80 digits: the optimum from the precision matrix",
        1e-9,  # rounded standard deviations add about 1e-31 to D, which goes down to 3e-22
        call=_asked("mean_field_normal"),
    ),
    "product_of_marginals_normal": Route(
        normals,
        lambda *arguments: _optimum(False, *arguments),
        "mpmath, 80 digits: the optimum from the covariance matrix",
        call=_asked("product_of_marginals_normal"),
    ),
    "mean_field_table": Route(
        tables,
        _least_divergence,
        "BFGS over the logits of both factors",
        1e-9,
        part=lambda fit: fit.divergence,
    ),
}
EXEMPT = {
    "MeanFieldNormal": "a record; its fields are compared under mean_field_normal",
    "NormalProduct": "a record; its fields are compared under product_of_marginals_normal",
    "MeanFieldTable": "a record; its factors are tested in test_mean_field.py",
}
