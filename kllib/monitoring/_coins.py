"""The divergence of two coins, given by their probabilities of heads. Private."""

import numpy as np

from kllib._numerics import kl_sums
from kllib._numerics.validate import Array


def coin_divergence(p: Array, q: Array) -> Array:
    """D((p, 1 − p)‖(q, 1 − q)), elementwise."""
    return kl_sums.relative_entropy(_coin(p), _coin(q))


def _coin(heads: Array) -> Array:
    return np.stack([heads, 1 - heads], axis=-1)
