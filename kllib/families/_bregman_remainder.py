"""By how much a convex function exceeds its tangent, without cancellation. Private.

A(b) − A(a) − ⟨∇A(a), d⟩ = ∫₀¹ (1 − s) dᵀ∇²A(a + s d)d ds with d = b − a, by Taylor's formula. The
integrand is never negative, so that nothing cancels near a = b. Where a and b are far apart, it may
be too uneven for quadrature; the left side then bounds the value.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kllib._numerics.mixture_integrals import gauss_legendre
from kllib._numerics.validate import Array

#: ``curvature(theta, d)`` is dᵀ∇²A(θ)d.
Curvature = Callable[[Array, Array], Array]

# Two Gauss–Legendre rules that have to agree, and the panels of [0, ½] on which they may: at last
# panels that double in length, for parameters of very different sizes.
_ROUGH, _FINE = 10, 16
_EDGES = (
    *(np.linspace(0, 0.5, panels + 1) for panels in (1, 4, 16)),
    np.append(0.0, 2.0 ** np.arange(-80, 0)),
)
_AGREEMENT = 1e-14
# What rounding may change in the left side, as a share of its terms: 64 units in the last place.
_ROUNDING = 64 * 2.0**-52


class Remainder(NamedTuple):
    """The value, and how far off it may be where the two rules do not agree."""

    value: Array
    doubt: Array


def remainder(curvature: Curvature, a: Array, b: Array, vectors: bool) -> Remainder:
    """The integral, for each pair of numbers, or of vectors along the last axis."""
    unsettled = np.array((a != b).any(axis=-1) if vectors else a != b)
    value, doubt = np.zeros(unsettled.shape), np.zeros(unsettled.shape)
    for edges in _EDGES:
        if not unsettled.any():
            break
        pairs = curvature, a[unsettled], b[unsettled], vectors, edges
        rough, fine = (_integral(*pairs, *gauss_legendre(nodes)) for nodes in (_ROUGH, _FINE))
        value[unsettled], doubt[unsettled] = fine, np.abs(rough - fine)
        # Nothing but zeros is no agreement: a narrow integrand has been missed.
        agreed = (np.abs(rough - fine) <= _AGREEMENT * fine) & (fine > 0)
        unsettled[unsettled] = ~agreed
    return Remainder(value, doubt)


def within_bounds(found: Remainder, difference: Array, size: Array) -> Remainder:
    """The integral where the left side, with terms of this size, allows it, else the left side."""
    rounding = _ROUNDING * size
    with np.errstate(invalid="ignore"):
        allowed = np.abs(found.value - difference) <= rounding
    # Where the left side overflows, it is infinite or unknown.
    use = np.where(np.isfinite(rounding), allowed, np.isnan(difference))
    doubt = np.where(np.isinf(difference), 0.0, rounding)
    value = np.where(use, found.value, np.maximum(difference, 0.0))
    return Remainder(value, np.where(use, np.fmin(found.doubt, doubt), doubt))


def _integral(
    curvature: Curvature,
    a: Array,
    b: Array,
    vectors: bool,
    edges: Array,
    nodes: Array,
    weights: Array,
) -> Array:
    """From both ends to the middle: there s and 1 − s are as exact as can be."""
    axis = -2 if vectors else -1
    a, b = np.expand_dims(a, axis), np.expand_dims(b, axis)
    d = b - a
    total = np.zeros(d.shape[:-1] if not vectors else d.shape[:-2])
    for left, right in zip(edges[:-1], edges[1:], strict=True):
        u = left + (right - left) * (nodes + 1) / 2
        share = (right - left) / 2 * weights
        step = (u[:, None] if vectors else u) * d
        first = curvature(a + step, d) * (1 - u)
        last = curvature(b - step, d) * u
        total = total + ((first + last) * share).sum(axis=-1)
    return total
