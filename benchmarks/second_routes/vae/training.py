"""Second routes to kllib.vae.training: the optimum of the linear model, from its eigenvalues."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.second_routes.route import ORDINARY, Case, Route


def ratings() -> Iterator[Case]:
    """Ratings and the number of latent dimensions."""
    rng = np.random.default_rng(180)
    for films, d in ((4, 1), (6, 2)):
        x = rng.standard_normal((100, d)) @ (2 * rng.standard_normal((d, films)))
        yield Case(f"{films} films, d={d}", ORDINARY, (x + rng.standard_normal(x.shape), d))


def _likelihood(x: Any, d: int) -> float:
    """−log p(x) of probabilistic PCA, Tipping and Bishop (1999), equation (8)."""
    films = x.shape[1]
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    logs = np.log(eigenvalues[:d]).sum() + (films - d) * math.log(eigenvalues[d:].mean())
    value: float = (films * math.log(2 * math.pi) + logs + films) / 2
    return value


def _trained(x: Any, d: int) -> float:
    from kllib.vae.loss import vae_loss
    from kllib.vae.parameters import VAEParameters
    from kllib.vae.training import train_vae

    rng = np.random.default_rng(0)
    initial = VAEParameters.random(rng, x, d)
    return vae_loss(train_vae(initial, x, rng, exact=True).parameters, x).loss


ROUTES = {
    "train_vae": Route(
        ratings,
        _likelihood,
        "the optimum of probabilistic PCA from eigenvalues; trained for 2000 steps",
        1e-4,
        call=_trained,
    )
}
EXEMPT = {
    "TrainedVAE": "a record; the loss of its parameters is compared under train_vae",
    "VAEHistory": "a record; its columns are tested in test_vae_training.py",
}
