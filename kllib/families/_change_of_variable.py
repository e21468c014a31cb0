"""Changes of variable that send a support to the whole line, and where panels begin. Private."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from kllib._numerics.validate import Array

_EPSILON = 2.0**-52
# Levels of the quantiles at which panels begin, in both tails.
_LEVELS = np.array([1e-12, 1e-6, 1e-3, 0.03, 0.1, 0.25, 0.5])
# The largest and the least distance from an end of the support.
_LARGEST, _LEAST = 1e300, 1e-300


@dataclass(frozen=True)
class Map:
    """x(t), increasing in t, and log dx/dt; t runs from low to high."""

    x: Callable[[Array], Array]
    log_slope: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    low: float
    high: float


def quantiles(distribution: Any, low: float, high: float) -> Array:
    """Quantiles strictly inside (low, high), as many as can be computed."""
    try:
        points = np.append(distribution.ppf(_LEVELS), distribution.isf(_LEVELS[-2::-1]))
    except (ValueError, RuntimeError) as error:  # scipy's root finding, where it knows no formula
        raise ArithmeticError(f"scipy cannot compute quantiles: {error}") from None
    found: Array = np.unique(points[(points > low) & (points < high)])
    return found


def middle(points: Array) -> float:
    """The median, or what is left of it."""
    if not points.size:
        raise ArithmeticError("no quantile of p could be computed")
    return float(points[points.size // 2])


def edges(low: float, high: float, starts: list[Array], grid: Array) -> Array:
    """Panels that begin at these points, and at distances that double from the middle of each."""
    parts = [np.array([low, high]), grid]
    for points in starts:
        start = points[points.size // 2]
        quarter = points.size // 4
        width = points[-1 - quarter] - points[quarter]
        if not width > 0:
            width = 1e-6 * max(1.0, abs(start))
        doubled = width * 2.0 ** np.arange(-1, 1100)
        parts += [points, start - doubled, start + doubled]
    found = np.unique(np.concatenate(parts))
    return found[(found >= low) & (found <= high)]


def to_line(low: float, high: float, points: Array) -> Map:
    """A map of the whole line onto the interval (low, high), power laws to exponential decay."""
    # Close to an end other than 0 there are few floating-point numbers.
    least_low, least_high = (max(_LEAST, _EPSILON**0.5 * abs(end)) for end in (low, high))
    centre = middle(points)
    if np.isfinite(low) and np.isfinite(high):
        width = high - low
        return Map(
            lambda t: np.where(
                t < 0, low + width * special.expit(t), high - width * special.expit(-t)
            ),
            lambda t: np.log(width) + special.log_expit(t) + special.log_expit(-t),
            lambda x: np.log((x - low) / (high - x)),
            np.log(least_low / width),
            -np.log(least_high / width),
        )
    if np.isfinite(low):
        s = centre - low
        return Map(
            lambda t: low + s * np.exp(t),
            lambda t: np.log(s) + t,
            lambda x: np.log((x - low) / s),
            np.log(least_low) - np.log(s),
            np.log(_LARGEST) - np.log(s),
        )
    if np.isfinite(high):
        mirrored = to_line(-high, np.inf, -points[::-1])
        return Map(
            lambda t: -mirrored.x(-t),
            lambda t: mirrored.log_slope(-t),
            lambda x: -mirrored.inverse(-x),
            -mirrored.high,
            -mirrored.low,
        )
    s = max(points[-1 - points.size // 4] - points[points.size // 4], _LEAST)
    most = np.log(_LARGEST) - np.log(s)
    return Map(
        lambda t: centre + s * np.sinh(t),
        lambda t: np.log(s) + np.logaddexp(t, -t) - np.log(2),
        lambda x: np.arcsinh((x - centre) / s),
        -most,
        most,
    )
