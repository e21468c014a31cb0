"""The constants of a diffusion's steps, from its variance schedule. Private."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate_tables
from kllib._numerics.validate import Array


class StepsBack(NamedTuple):
    """q(x_{t−1}|x_t, x_0) = N(start x_0 + here x_t, variance), for t = 1, ..., T."""

    start: Array
    here: Array
    variance: Array


def kept_and_noise(betas: Array) -> tuple[Array, Array]:
    """ᾱ_t and 1 − ᾱ_t, for t = 1, ..., T."""
    log_kept = np.cumsum(np.log1p(-betas))
    return np.exp(log_kept), -np.expm1(log_kept)


def steps_back(betas: Array) -> StepsBack:
    """The steps of q, backwards."""
    kept, noise = kept_and_noise(betas)
    kept_before, noise_before = np.append(1.0, kept[:-1]), np.append(0.0, noise[:-1])
    share = np.append(1.0, betas[1:] / noise[1:])  # β_t/(1 − ᾱ_t)
    rest = noise_before / noise
    return StepsBack(np.sqrt(kept_before) * share, np.sqrt(1 - betas) * rest, betas * rest)


def schedule(value: ArrayLike) -> Array:
    """A vector of numbers between 0 and 1."""
    betas = validate_tables.vector("betas", value)
    wrong = (betas <= 0) | (betas >= 1)
    if np.any(wrong):
        index = int(np.argmax(wrong))
        raise ValueError(f"betas must be above 0 and below 1; got {betas[index]:.6g} at {index}")
    return betas
