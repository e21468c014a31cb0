"""Second routes to kllib.vae.linear: a general minimiser over what the closed form maximises."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.optimize

from benchmarks.second_routes.route import ORDINARY, Case, Route


def ratings() -> Iterator[Case]:
    """Ratings, the number of latent dimensions, β, and the noise variance or None."""
    rng = np.random.default_rng(170)
    for films, d in ((3, 1), (5, 2)):
        strengths = np.diag(np.geomspace(2, 0.5, films))
        x = rng.standard_normal((100, films)) @ strengths @ rng.standard_normal((films, films))
        for beta in (1.0, 0.5, 2.0):
            for noise_var in (None, 0.4):
                name = f"{films} films, d={d}, beta {beta:g}, noise {noise_var}"
                yield Case(name, ORDINARY, (x, d), {"beta": beta, "noise_var": noise_var})


def _least_loss(x: Any, d: int, *, beta: float, noise_var: float | None) -> float:
    """β times the mean of −log N(x; mean, WᵀW + β s² I), plus what scaling the noise changed.

    Minimised over W and s² by BFGS with the gradient of the log density; the encoder is at its
    best for them, which is what makes the bound tight.
    """
    users, films = x.shape
    cov = np.cov(x.T, bias=True)

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        w, s2 = theta[:-1].reshape(d, films), math.exp(theta[-1])
        model = w.T @ w + beta * s2 * np.eye(films)
        inverse = np.linalg.inv(model)
        log_loss = films * math.log(2 * math.pi) + np.linalg.slogdet(model)[1]
        log_loss += np.trace(inverse @ cov)
        constants = math.log(2 * math.pi * s2) - beta * math.log(2 * math.pi * beta * s2)
        slope = (inverse - inverse @ cov @ inverse) / 2
        by_noise = beta * np.trace(slope) * beta * s2 + films * (1 - beta) / 2
        by_w = beta * 2 * w @ slope
        fixed = 0.0 if noise_var is not None else by_noise
        return beta * log_loss / 2 + films * constants / 2, np.append(by_w.ravel(), fixed)

    found = []
    for seed in range(3):
        start = np.random.default_rng(seed).standard_normal(d * films + 1)
        start[-1] = math.log(noise_var or 1.0)
        result = scipy.optimize.minimize(
            value_and_gradient, start, jac=True, options={"gtol": 1e-9, "maxiter": 2000}
        )
        found.append(result.fun)
    return min(found)


ROUTES = {
    "linear_vae_optimum": Route(
        ratings,
        _least_loss,
        "BFGS over the decoder and the noise of the normal likelihood",
        1e-10,
        part=lambda optimum: optimum.loss,
    )
}
EXEMPT = {"LinearVAEOptimum": "a record; that its parameters attain the loss is in test_linear_vae"}
