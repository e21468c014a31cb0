"""Integrals and sums over panels that are halved until each is known well enough. Private.

One algorithm for both: a rule says what a panel contributes and how far off that may be, for
densities (Gauss–Kronrod) and for probabilities on the integers (the panel's own sum when it is
short, otherwise a quadrature formula whose nodes are integers).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from kllib._numerics.validate import Array

#: Maps panels (left ends, right ends) to nodes and weights, both of shape (panels, nodes), and the
#: weights of a rule of lower degree on the same nodes.
Nodes = Callable[[Array, Array], tuple[Array, Array, Array]]

_ROUNDS = 60
_MOST_PANELS = 5000
_EPSILON = 2.0**-52

# Gauss–Kronrod with 21 points (Kronrod 1965; the numbers are those of QUADPACK's qk21).
_KRONROD_POINTS = [
    0.995657163025808080735527280689003,
    0.973906528517171720077964012084452,
    0.930157491355708226001207180059508,
    0.865063366688984510732096688423493,
    0.780817726586416897063717578345042,
    0.679409568299024406234327365114874,
    0.562757134668604683339000099272694,
    0.433395394129247190799265943165784,
    0.294392862701460198131126603103866,
    0.148874338981631210884826001129720,
    0.0,
]
_KRONROD_WEIGHTS = [
    0.011694638867371874278064396062192,
    0.032558162307964727478818972459390,
    0.054755896574351996031381300244580,
    0.075039674810919952767043140916190,
    0.093125454583697605535065465083366,
    0.109387158802297641899210590325805,
    0.123491976262065851077958109585166,
    0.134709217311473325928054001771707,
    0.142775938577060080797094273138717,
    0.147739104901338491374841515972068,
    0.149445554002916905664936468389821,
]
_GAUSS_WEIGHTS = [
    0.066671344308688137593568809893332,
    0.149451349150580593145863396957658,
    0.219086362515982043995534934228163,
    0.269266719309996355091226921569469,
    0.295524224714752870173815619188769,
]


def _mirrored(half: list[float], sign: int) -> Array:
    return np.array([*half, *(sign * x for x in half[-2::-1])])


_POINTS = -_mirrored(_KRONROD_POINTS, -1)
_KRONROD = _mirrored(_KRONROD_WEIGHTS, 1)
_GAUSS = np.zeros(21)
_GAUSS[1:10:2] = _GAUSS_WEIGHTS
_GAUSS[11::2] = _GAUSS_WEIGHTS[::-1]


class Total(NamedTuple):
    """The integral of each component of f, and bounds on their errors."""

    values: Array
    errors: Array


def on_the_line(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """Gauss–Kronrod nodes and weights, and the weights of the Gauss rule among them."""
    half = ((right - left) / 2)[:, None]
    nodes = (left[:, None] + half) + half * _POINTS
    kronrod: Array = half * _KRONROD
    gauss: Array = half * _GAUSS
    return nodes, kronrod, gauss


# Panels of at most this many integers are summed up; longer ones get as many nodes.
_SHORT = 64
_DEGREE, _LOWER_DEGREE = 20, 14


def on_the_integers(left: Array, right: Array) -> tuple[Array, Array, Array]:
    """Nodes and weights of the sum over the integers left, ..., right − 1 of each panel."""
    counts = (right - left)[:, None]
    places = np.minimum(np.arange(_SHORT), counts - 1)
    weights = np.where(np.arange(_SHORT) < counts, 1.0, 0.0)
    lower = weights.copy()
    long = counts[:, 0] > _SHORT
    places[long], weights[long], lower[long] = _long_sums(counts[long])
    return left[:, None] + places, weights, lower


def _long_sums(counts: Array) -> tuple[Array, Array, Array]:
    """Integers in 0, ..., count − 1, and weights whose sums are exact for polynomials."""
    angles = np.pi * (np.arange(_SHORT) + 0.5) / _SHORT
    places = np.rint((1 - np.cos(angles)) / 2 * (counts - 1))
    legendre = np.polynomial.legendre.legvander((2 * places + 1) / counts - 1, _DEGREE)
    moments = _legendre_sums(counts)
    weighted = np.sin(angles)[:, None] * legendre  # these weights make it nearly orthogonal
    gram = np.swapaxes(weighted, -1, -2) @ legendre
    weights = []
    for size in (_DEGREE + 1, _LOWER_DEGREE + 1):
        solved = np.linalg.solve(gram[:, :size, :size], moments[:, :size, None])
        weights.append((weighted[:, :, :size] @ solved)[..., 0])
    return places, weights[0], weights[1]


def _legendre_sums(counts: Array) -> Array:
    """Σ P_d at the midpoints of count equal parts of [−1, 1], for d = 0, ..., _DEGREE.

    Euler and Maclaurin: (∫P + Σ_j B_2j(½) h^2j [P^(2j−1)]/(2j)!)/h with h = 2/count, where the
    brackets are differences between 1 and −1. It is exact, for a polynomial.
    """
    d = np.arange(_DEGREE + 1)
    bernoulli = special.bernoulli(_DEGREE)
    sums = np.where(d == 0, counts, 0.0)
    for k in range(1, _DEGREE, 2):
        # P_d^(k)(1) = (d + k)!/((d − k)! 2^k k!), and the same at −1 but for the sign
        slope = special.poch(d - k + 1.0, 2 * k) / (2.0**k * special.factorial(k))
        bracket = np.where((d % 2 == 0) & (d > k), 2 * slope, 0.0)
        share = (2.0**-k - 1) * bernoulli[k + 1] / special.factorial(k + 1)
        sums = sums + share * bracket * (2 / counts) ** k
    return sums


def integrate(
    f: Callable[[Array], Array], rule: Nodes, edges: Array, relative: float, absolute: Array
) -> Total:
    """The integral of f over [edges[0], edges[-1]], or the sum over these integers.

    ``f`` maps nodes of shape (panels, n) to an array (components, panels, n). Panels are halved
    until the error of each component is at most ``relative`` times its integral, or at most its
    entry of ``absolute``, or until halving does not help. The second component is what rounding
    may have changed of the first: to know the first more closely than that is in vain.
    """
    left, right = edges[:-1], edges[1:]
    values, errors = _apply(f, rule, left, right)
    for _ in range(_ROUNDS):
        totals = np.abs(values.sum(axis=1))
        target = np.maximum(relative * totals, np.maximum(absolute, totals[1] / 2))
        if not np.isfinite(values[0]).all() or not (errors.sum(axis=1) > target).any():
            break
        halve = (errors > 0.5 * target[:, None] / left.size).any(axis=0)
        if rule is on_the_integers:
            halve &= right - left > _SHORT
        else:
            halve &= right - left > 16 * _EPSILON * np.maximum(np.abs(left), np.abs(right))
        if not halve.any() or left.size + halve.sum() > _MOST_PANELS:
            break
        middle = left[halve] + (right[halve] - left[halve]) / 2
        if rule is on_the_integers:
            middle = np.floor(middle)
        new_left = np.concatenate([left[halve], middle])
        new_right = np.concatenate([middle, right[halve]])
        new_values, new_errors = _apply(f, rule, new_left, new_right)
        left, right = np.append(left[~halve], new_left), np.append(right[~halve], new_right)
        values = np.hstack([values[:, ~halve], new_values])
        errors = np.hstack([errors[:, ~halve], new_errors])
    return Total(values.sum(axis=1), errors.sum(axis=1))


def _apply(
    f: Callable[[Array], Array], rule: Nodes, left: Array, right: Array
) -> tuple[Array, Array]:
    """What each panel contributes, and how far off that may be; shapes (components, panels)."""
    nodes, weights, lower = rule(left, right)
    samples = f(nodes)
    with np.errstate(invalid="ignore", under="ignore", over="ignore"):
        values = (samples * weights).sum(axis=-1)
        change = np.abs((samples * (weights - lower)).sum(axis=-1))
        # As in QUADPACK: the finer rule is better than the difference of the two.
        distances = np.abs(samples - samples.mean(axis=-1, keepdims=True))
        spread = (distances * np.abs(weights)).sum(axis=-1)
        ratio = 200 * change / np.where(spread > 0, spread, 1.0)
        errors = np.where(spread > 0, spread * np.minimum(1, ratio**1.5), change)
    return values, np.where(np.isnan(errors), np.inf, errors)
