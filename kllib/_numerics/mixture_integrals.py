"""Integrals over the line of what normal densities make up. Private."""

from collections.abc import Callable
from functools import cache

import numpy as np

from kllib._numerics import elementwise
from kllib._numerics.validate import Array

# Panels begin at these distances from each mean, in standard deviations. The density of a normal
# is below the smallest float 39 standard deviations away.
_STEPS = np.array([0, 1, 2, 3, 4, 6, 8, 12, 20, 39], dtype=np.float64)
_DISTANCES = np.concatenate([-_STEPS[:0:-1], _STEPS])
# A component narrower than this share of its distance from the origin would fall between the
# floating-point numbers that should resolve it.
_NARROWEST = 1e-9
# What halving a panel may change, as a share of the whole integral of |f|. The value kept is the
# one after halving, whose error is smaller by orders of magnitude where f is analytic.
_TOLERANCE = 1e-12
_ROUNDING = 1e-15
# Panels halved at the same time, or twice as many as to begin with: more are noise, not structure.
_MOST_PANELS = 4096
# What may be unsettled then, as a share of the whole.
_ACCEPTED = 1e-8
# Panels evaluated at the same time, which keeps the arrays small when there are many components.
_BLOCK = 64
_NODES = 20


def integrate(f: Callable[[Array], Array], means: Array, sigmas: Array) -> Array:
    """∫ f over the line, for each row of f, which is made of normals of these means and sigmas.

    ``f`` maps m nodes to an array of shape (rows, m): first an `alpha_gap`, then `alpha_pull`s.
    Gauss–Legendre on panels, each halved until halving it changes no row's integral.
    ``ArithmeticError`` when that does not come to an end.
    """
    edges = panel_edges(means, sigmas)
    left, right = edges[:-1], edges[1:]
    panels = _rule(f, left, right)
    scale = np.abs(panels).sum(axis=-1, keepdims=True)
    # A log ratio is rounded to about 1e-15, a pull is linear in it, and a gap quadratic.
    noise = np.full_like(scale, _ROUNDING)
    noise[0] *= np.sqrt(scale[0])
    total = np.zeros(scale.size)
    most = max(_MOST_PANELS, 2 * edges.size)
    while True:
        middle = left + (right - left) / 2
        halves = _rule(f, np.append(left, middle), np.append(middle, right))
        first, second = halves[:, : left.size], halves[:, left.size :]
        with np.errstate(invalid="ignore"):
            change = np.abs(first + second - panels)
        unsettled = (change > _TOLERANCE * scale + noise).any(axis=0)
        if left.size >= most:
            doubt = change[:, unsettled].sum(axis=-1, keepdims=True)
            if not (doubt <= _ACCEPTED * scale + noise).all():
                raise ArithmeticError(
                    "the integral cannot be resolved: halving its panels still changes it by "
                    f"{np.max(doubt / scale):.1g} of its size"
                )
            unsettled[:] = False
        total += (first + second)[:, ~unsettled].sum(axis=-1)
        if not unsettled.any():
            return total
        left, right = (
            np.append(left[unsettled], middle[unsettled]),
            np.append(middle[unsettled], right[unsettled]),
        )
        panels = np.hstack([first[:, unsettled], second[:, unsettled]])


def panel_edges(means: Array, sigmas: Array) -> Array:
    """Where panels begin that resolve and contain each of these normal components."""
    if (sigmas < _NARROWEST * np.abs(means)).any():
        raise ValueError(
            "a component is too narrow for quadrature: its standard deviation is less than "
            f"{_NARROWEST:g} of the distance between means"
        )
    with np.errstate(over="ignore"):
        edges = np.unique(means[:, None] + sigmas[:, None] * _DISTANCES)
    if not np.isfinite(edges).all():
        raise ValueError("means and standard deviations reach beyond the range of a float")
    return edges


def alpha_gap(log_p: Array, log_q: Array, alpha: float) -> Array:
    """[α p + (1 − α) q − p^α q^(1−α)] / (α (1 − α)), never negative, whose integral is D_α(p‖q)."""
    if alpha > 0.5:
        log_p, log_q, alpha = log_q, log_p, 1 - alpha
    with np.errstate(invalid="ignore", under="ignore", over="ignore"):
        p, q, v = np.exp(log_p), np.exp(log_q), log_p - log_q
        near = elementwise.exponential_gap(v)  # eᵛ − 1 − v, and the same of αv
        if alpha > 0:
            near = near - elementwise.exponential_gap(alpha * v) / alpha
        gap = np.where(np.abs(v) < 1, q * near, p - q - alpha_pull(log_p, log_q, alpha))
    return np.where(np.isnan(gap), 0.0, gap / (1 - alpha))  # both densities underflow


def alpha_pull(log_p: Array, log_q: Array, alpha: float) -> Array:
    """q ((p/q)^α − 1)/α, and its limit q log(p/q) at α = 0."""
    with np.errstate(invalid="ignore", under="ignore", over="ignore"):
        q, v = np.exp(log_q), log_p - log_q
        if alpha == 0:
            return np.multiply(q, v, where=q > 0, out=np.zeros_like(q))
        between = np.exp((1 - alpha) * log_q + alpha * log_p)
        return np.where(np.abs(alpha * v) < 1, q * np.expm1(alpha * v), between - q) / alpha


@cache
def gauss_legendre(nodes: int) -> tuple[Array, Array]:
    """The nodes and weights of the rule on [−1, 1], computed when they are first wanted."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return points, weights


def _rule(f: Callable[[Array], Array], left: Array, right: Array) -> Array:
    """The Gauss–Legendre value of each panel, shape (rows, panels)."""
    points, weights = gauss_legendre(_NODES)
    blocks = []
    for start in range(0, left.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        half = (right[block] - left[block]) / 2
        nodes = (left[block] + half)[:, None] + half[:, None] * points
        values = f(nodes.ravel()).reshape(-1, *nodes.shape)
        blocks.append(half * (values @ weights))
    return np.concatenate(blocks, axis=-1)
