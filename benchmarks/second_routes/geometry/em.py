"""Second routes to kllib.geometry.em: the formulas of the two steps, written out in mpmath.

Everything is drawn from fixed seeds.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise, shares
from kllib.geometry.em import em_e_step, em_elbo, em_normal_mixture
from kllib.mixture import NormalMixture

mpf = mpmath.mpf


def _samples() -> Iterator[tuple[str, str, Any, Any]]:
    """x, and (weights, means, sigmas)."""
    rng = np.random.default_rng(60)
    for n, k in ((5, 1), (20, 2), (30, 3)):
        x = rng.normal(size=n) + rng.integers(-2, 3, n)
        weights, means = rng.dirichlet(np.ones(k)), rng.normal(size=k)
        sigmas = rng.uniform(0.5, 2, k)
        yield f"n={n}, k={k}", ORDINARY, x, (weights, means, sigmas)
        for unit in (1e-100, 1e100):
            parameters = (weights, unit * means, unit * sigmas)
            yield f"n={n}, k={k}, unit {unit:g}", FAR, unit * x, parameters
        yield f"n={n}, k={k}, far", FAR, 1e3 * x, (weights, means, sigmas)


def e_step_cases() -> Iterator[Case]:
    """x, weights, means, sigmas."""
    for name, kind, x, parameters in _samples():
        yield Case(name, kind, (x, *parameters))


def m_step_cases() -> Iterator[Case]:
    """x, responsibilities."""
    rng = np.random.default_rng(61)
    for name, kind, x, parameters in _samples():
        yield Case(name, kind, (x, rng.dirichlet(np.ones(len(parameters[0])), size=x.size)))


def elbo_cases() -> Iterator[Case]:
    """x, responsibilities, weights, means, sigmas."""
    rng = np.random.default_rng(62)
    for name, kind, x, parameters in _samples():
        r = rng.dirichlet(np.ones(len(parameters[0])), size=x.size)
        yield Case(name, kind, (x, r, *parameters))


def run_cases() -> Iterator[Case]:
    """x, weights, means, sigmas, and the number of steps."""
    for name, kind, x, (weights, means, sigmas) in _samples():
        if kind == ORDINARY:
            yield Case(name, kind, (x, weights, means, 1 + sigmas), {"max_steps": 5})


def _log_joint(x: Any, weights: Any, means: Any, sigmas: Any) -> Any:
    return [
        [
            mpmath.log(w) - ((a - m) / s) ** 2 / 2 - mpmath.log(s * mpmath.sqrt(2 * mpmath.pi))
            for w, m, s in zip(weights, means, sigmas, strict=True)
        ]
        for a in x
    ]


def _exact(x: Any, weights: Any, means: Any, sigmas: Any) -> Any:
    return numbers(x), shares(weights), numbers(means), numbers(sigmas)


def _responsibilities(logs: Any) -> Any:
    result = []
    for row in logs:
        densities = [mpmath.exp(a) for a in row]
        result.append([d / mpmath.fsum(densities) for d in densities])
    return result


def _moments(x: Any, r: Any) -> Any:
    columns = list(zip(*r, strict=True))
    totals = [mpmath.fsum(c) for c in columns]
    means = [mpmath.fdot(c, x) / t for c, t in zip(columns, totals, strict=True)]
    sigmas = [
        mpmath.sqrt(mpmath.fsum(w * (a - m) ** 2 for w, a in zip(c, x, strict=True)) / t)
        for c, m, t in zip(columns, means, totals, strict=True)
    ]
    return [t / mpmath.fsum(totals) for t in totals], means, sigmas


def _e_truth(*arguments: Any) -> Any:
    return _responsibilities(_log_joint(*_exact(*arguments)))


def _m_truth(x: Any, responsibilities: Any) -> Any:
    weights, means, sigmas = _moments(numbers(x), [numbers(row) for row in responsibilities])
    scale = max(abs(a) for a in numbers(x))  # so that weights count as much as means
    return [*weights, *(m / scale for m in means), *(s / scale for s in sigmas)]


def _m_step(x: Any, responsibilities: Any) -> Any:
    from kllib.geometry.em import em_m_step

    fit, scale = em_m_step(x, responsibilities), np.abs(x).max()
    return np.concatenate([fit.weights, fit.means / scale, fit.sigmas / scale])


def _elbo_truth(x: Any, responsibilities: Any, *parameters: Any) -> Any:
    logs = _log_joint(*_exact(x, *parameters))
    return mpmath.fsum(
        w * (a - mpmath.log(w))
        for row, shares_of_row in zip(logs, responsibilities, strict=True)
        for a, w in zip(row, shares(shares_of_row), strict=True)
        if w
    )


def _run_truth(x: Any, weights: Any, means: Any, sigmas: Any, max_steps: int) -> Any:
    with mpmath.workdps(40):
        x, *parameters = _exact(x, weights, means, sigmas)
        history = []
        for _ in range(max_steps + 1):
            logs = _log_joint(x, *parameters)
            evidence = [mpmath.log(mpmath.fsum(mpmath.exp(a) for a in row)) for row in logs]
            history.append(mpmath.fsum(evidence))
            parameters = _moments(x, _responsibilities(logs))
        return history


def _run(x: Any, *parameters: Any, max_steps: int) -> Any:
    fit = em_normal_mixture(x, NormalMixture(*parameters), tolerance=0.0, max_steps=max_steps)
    history = fit.log_likelihood
    return np.append(history, np.full(max_steps + 1 - history.size, history[-1]))


ROUTES = {
    "em_e_step": Route(
        cases=e_step_cases,
        truth=precise(_e_truth),
        how="mpmath, 60 digits",
        call=lambda x, *parameters: em_e_step(x, NormalMixture(*parameters)),
    ),
    "em_m_step": Route(
        cases=m_step_cases, truth=precise(_m_truth), how="mpmath, 60 digits", call=_m_step
    ),
    "em_elbo": Route(
        cases=elbo_cases,
        truth=precise(_elbo_truth),
        how="mpmath, 60 digits",
        call=lambda x, r, *parameters: em_elbo(x, r, NormalMixture(*parameters)),
    ),
    "em_normal_mixture": Route(
        cases=run_cases,
        truth=_run_truth,
        how="log-likelihoods of five steps, mpmath, 40 digits",
        call=_run,
        bound=1e-10,  # each step passes on the rounding of those before
    ),
}

EXEMPT = {"EMFit": "a record; its history is compared under em_normal_mixture"}
