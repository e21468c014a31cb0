"""Second routes to kllib.vae: the loss by definition, its gradient by differences at 60 digits."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import ORDINARY, Case, Route, numbers
from benchmarks.second_routes.vae.parameters import (
    USERS,
    Sizes,
    decoded,
    encoded,
    made,
    unpacked,
    vectors,
)

mpf = mpmath.mpf


def losses() -> Iterator[Case]:
    """Parameters, sizes, ratings, noise or none, β and the free nats."""
    rng = np.random.default_rng(161)
    for case in vectors():
        vector, sizes, x = case.arguments
        for beta, free in ((1.0, 0.0), (4.0, 0.0), (0.5, 0.3)):
            noise = rng.standard_normal((USERS, sizes[1]))
            name = f"{case.name}, beta {beta:g}, free {free:g}"
            yield Case(name, ORDINARY, (vector, sizes, x, noise, beta, free))
            if not sizes[3]:
                yield Case(f"{name}, exact", ORDINARY, (vector, sizes, x, None, beta, free))


def _loss_at(parameters: list[mpf], sizes: Sizes, x: Any, noise: Any, beta: Any, free: Any) -> mpf:
    network = unpacked(parameters, sizes)
    noise_var = mpmath.exp(network.log_noise_var)
    reconstruction, divergences = mpf(0), [mpf(0)] * sizes[1]
    for i in range(USERS):
        ratings = numbers(x[i])
        mu, log_var = encoded(network, ratings)
        if noise is None:
            # E|x̂(z) − x|² = |x̂(μ) − x|² + Σ_j σ_j² |column j|²
            z, spread = (
                mu,
                mpmath.fsum(
                    mpmath.exp(v) * mpmath.fsum(w**2 for w in row)
                    for v, row in zip(log_var, network.decoder_mean[0], strict=True)
                ),
            )
        else:
            e = numbers(noise[i])
            z = [m + mpmath.exp(v / 2) * u for m, v, u in zip(mu, log_var, e, strict=True)]
            spread = mpf(0)
        squares = [(a - b) ** 2 for a, b in zip(decoded(network, z), ratings, strict=True)]
        constant = sizes[0] * mpmath.log(2 * mpmath.pi * noise_var)
        reconstruction += (constant + (mpmath.fsum(squares) + spread) / noise_var) / 2
        for j, (m, v) in enumerate(zip(mu, log_var, strict=True)):
            divergences[j] += (mpmath.exp(v) - 1 - v + m**2) / 2
    charged = mpmath.fsum(max(mpf(free), total / USERS) for total in divergences)
    return reconstruction / USERS + mpf(beta) * charged


@mpmath.workdps(30)
def _loss(vector: Any, *rest: Any) -> mpf:
    return _loss_at(numbers(vector), *rest)


@mpmath.workdps(60)
def _gradient(vector: Any, *rest: Any) -> list[mpf]:
    here, step = numbers(vector), mpf(10) ** -20

    def at(i: int, change: mpf) -> mpf:
        return _loss_at([v + (change if j == i else 0) for j, v in enumerate(here)], *rest)

    return [(at(i, step) - at(i, -step)) / (2 * step) for i in range(len(here))]


def _of_kllib(name: str) -> Any:
    import kllib

    def call(vector: Any, sizes: Sizes, x: Any, noise: Any, beta: float, free: float) -> Any:
        result = getattr(kllib, name)(made(vector, sizes), x, noise, beta=beta, free_nats=free)
        return result.loss if name == "vae_loss" else result.to_vector()

    return call


ROUTES = {
    "vae_loss": Route(losses, _loss, "mpmath, 30 digits: user by user", call=_of_kllib("vae_loss")),
    "vae_gradient": Route(
        losses,
        _gradient,
        "mpmath, 60 digits: central differences of the loss",
        call=_of_kllib("vae_gradient"),
    ),
}
EXEMPT = {"VAELoss": "a record; its parts are tested in test_vae.py"}
