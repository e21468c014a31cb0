"""The tilted distribution q exp(λ·T)/Z with given moments, found by Newton's method. Private.

Both projections ask for it: the I-projection of q onto {E T = t}, and the M-projection of p, with
E_p T = t, onto the exponential family of q and T. The multipliers λ minimise the convex function

    g(λ) = log Σ q exp(λ·(T − t)),   ∇g = E_λ T − t,   ∇²g = Cov_λ T,   D(p‖q) = −g at the minimum.

When t lies on the boundary of what is attainable no finite λ does it: the outcomes off the face on
which t lies then have probability zero. Which ones they are is decided exactly for one statistic,
and by a linear program for several.

Near λ = 0 everything is written in p/q − 1 and summed without cancellation, so that the divergence
of near-equal p and q keeps its digits.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kllib._numerics import averages, elementwise
from kllib._numerics import double_double as dd
from kllib._numerics.double_double import DD
from kllib._numerics.validate import Array

# A moment this near to the boundary lies on it: relative to itself for one statistic, which is
# rounding alone, but never more than the second number, which is in units of the statistics'
# ranges; that is the accuracy of a plane, and holds for several.
_ROUNDING = 1e-15
_ROUNDING_PLANE = 1e-12
# When Newton's method has tilted the logarithms so far apart, the boundary may be near.
_STEEP = 20.0
_MOST_STEPS = 1000
# No step changes a logarithm by more: a float's own range is 1450.
_LONGEST = 2000.0
# Probabilities below this have no part in the moments.
_NOTHING = 1e-305
# A solution misses its moments by less, in units of the statistics' ranges.
_MISS = 1e-11
_OUTSIDE = "moments lie outside the convex hull of the statistics' possible values"


class Tilt(NamedTuple):
    """p = base exp(λ·T)/Z, D(p‖base); λ and log Z are nan where the moments are extreme."""

    distribution: Array
    parameters: Array
    log_partition: float
    divergence: float
    extreme: bool


class _Problem(NamedTuple):
    """The base, scaled to one, on the outcomes kept; T − t in units of the ranges of T."""

    base: Array
    rows: Array
    excess: Array  # Σ base (T − t), to full relative accuracy


class _Frame(NamedTuple):
    """Coordinates = change @ rows: as many as are independent, of unit spread, uncorrelated."""

    coordinates: Array
    excess: Array
    change: Array


class _Solution(NamedTuple):
    point: Array  # λ in a frame
    log_ratio: Array  # log p/base
    minimum: float  # of g


def expectation(p: Array, statistics: Array) -> DD:
    """Σ p T / Σ p for each row T, to twice the digits of a float."""
    terms = dd.scale(p, DD(statistics, np.zeros_like(statistics)))
    total = dd.total(terms.hi)
    return dd.divide(DD(total.hi, total.lo + terms.lo.sum(axis=-1)), dd.total(p))


def tilt(base: Array, statistics: Array, moments: DD) -> Tilt:
    """The tilted distribution with Σ p T = moments; statistics has one row per moment.

    ``ValueError`` when no distribution with a finite divergence from the base has these moments.
    """
    possible = base > 0
    ranges, rounding = _scales(statistics[:, possible], moments.hi)
    kept = possible
    while True:
        problem = _prepare(base[kept], statistics[:, kept], moments, ranges)
        face = _face_of_one(problem.rows, rounding, np.array_equal(kept, possible))
        if face is None:
            frame = _independent(problem)
            solution = _newton(problem, frame)
            if len(statistics) > 1 and (solution is None or np.ptp(solution.log_ratio) > _STEEP):
                face = _face_of_several(frame.coordinates)
        if face is None:
            break
        kept = kept.copy()
        kept[kept] = face
    if solution is None:
        raise ValueError("moments are too near the limits of what is attainable to be found")
    distribution = np.zeros_like(base)
    distribution[kept] = averages.shares(_tilted(problem.base, solution.log_ratio))
    divergence = _divergence(problem.base, solution.log_ratio)
    if np.array_equal(kept, possible):
        parameters = (solution.point @ frame.change) / ranges
        log_partition = float(solution.minimum + parameters @ moments.hi)
        return Tilt(distribution, parameters, log_partition, divergence, False)
    divergence += float(np.log1p(base[~kept].sum() / base[kept].sum()))
    none = np.full(len(statistics), np.nan)
    return Tilt(distribution, none, np.nan, divergence, True)


def _divergence(base: Array, log_ratio: Array) -> float:
    """D(p‖base) = Σ base (r log r − r + 1) with r = p/base: no term is negative."""
    p = _tilted(base, log_ratio)
    near = p * elementwise.exponential_gap(-np.maximum(log_ratio, -1.0))
    return float(np.where(log_ratio < -1, base - p * (1 - log_ratio), near).sum())


def _scales(statistics: Array, moments: Array) -> tuple[Array, Array]:
    """The range of each statistic (its size when it is constant), and the rounding in that unit."""
    ranges = statistics.max(axis=1) - statistics.min(axis=1)
    size = np.maximum(np.abs(statistics).max(axis=1), np.abs(moments))
    ranges = np.where(ranges > 0, ranges, np.where(size > 0, size, 1.0))
    if len(moments) > 1:
        return ranges, np.full(len(moments), _ROUNDING_PLANE)
    return ranges, np.minimum(_ROUNDING * np.abs(moments) / ranges, _ROUNDING_PLANE)


def _prepare(base: Array, statistics: Array, moments: DD, ranges: Array) -> _Problem:
    # With twice the digits: near p = base the excess decides everything, near a limit the rows do
    negative = DD(-moments.hi, -moments.lo)
    excess = dd.add(expectation(base, statistics), negative).hi
    difference = dd.two_sum(statistics, negative.hi[:, None])
    rows = difference.hi + (difference.lo + negative.lo[:, None])
    return _Problem(base / base.sum(), rows / ranges[:, None], excess / ranges)


def _face_of_one(rows: Array, rounding: Array, whole: bool) -> NDArray[np.bool_] | None:
    """Where one statistic alone holds its extreme value and its moment does so too; or None."""
    for i, row in enumerate(rows):
        for side in (row, -row):
            if side.max() < -rounding[i]:
                raise ValueError(
                    f"moments[{i}] is beyond every value of statistics[{i}] that is possible"
                    if whole
                    else _OUTSIDE
                )
            on_face: NDArray[np.bool_] = side >= -rounding[i]
            if side.max() <= rounding[i] and not on_face.all():
                return on_face
    return None


def _independent(problem: _Problem) -> _Frame:
    middle = problem.rows.mean(axis=1)
    left, size, _ = np.linalg.svd(problem.rows - middle[:, None], full_matrices=False)
    size = size / np.sqrt(problem.rows.shape[1])
    left, size = left[:, size > 1e-12], size[size > 1e-12]
    # What no combination of the statistics can move must be right already.
    if np.any(np.abs(middle - left @ (left.T @ middle)) > 1e-9):
        raise ValueError("moments contradict each other: the statistics are not independent")
    change = (left / size).T
    return _Frame(change @ problem.rows, change @ problem.excess, change)


def _newton(problem: _Problem, frame: _Frame) -> _Solution | None:
    """The minimum of g, or None when it is not found."""
    base = problem.base
    point, size = np.zeros(len(frame.change)), np.inf
    for _ in range(_MOST_STEPS):
        exponents = point @ frame.coordinates
        minimum = _log_mean_exp(base, exponents)
        gradient = _gradient(base, exponents, frame.coordinates, frame.excess)
        p = _tilted(base, exponents - minimum)
        step = _newton_step(frame.coordinates - gradient[:, None], p, gradient)
        change = step @ frame.coordinates
        before, size = size, float(np.abs(change[p > _NOTHING]).max(initial=0.0))
        if size == 0 or (before < 1e-2 and size > before / 4):  # nothing but rounding is left
            if np.abs(problem.rows @ p).max() > _MISS:
                return None
            return _Solution(point, exponents - minimum, minimum)
        longest = float(np.abs(change).max(initial=0.0))
        length = 1.0
        if longest > 0.5:
            length = _length(base, exponents, change, float(step @ frame.excess), longest)
        point = point + length * step
    return None


def _newton_step(centred: Array, p: Array, gradient: Array) -> Array:
    """−(∇²g)⁻¹∇g; where rounding has left nothing of the Hessian, just −∇g."""
    try:
        step = -np.linalg.solve((centred * p) @ centred.T, gradient).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return -_LONGEST * gradient
    finite = bool(np.isfinite(step).all())
    return step if finite and gradient @ step <= 0 else -_LONGEST * gradient


def _length(base: Array, exponents: Array, change: Array, excess: float, longest: float) -> float:
    """How much of a step to take: to where the slope of g, negative at first, turns."""

    def slope(length: float) -> float:
        return float(_gradient(base, exponents + length * change, change, excess))

    low, high = 0.0, min(1.0, _LONGEST / longest)
    if slope(high) <= 0:
        return high
    while (high - low) * longest > 0.1:
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return (low + high) / 2


def _gradient(base: Array, exponents: Array, coordinates: Array, excess: Array | float) -> Array:
    """Σ p (T − t), in one coordinate or several; excess is Σ base (T − t)."""
    log_ratio = exponents - _log_mean_exp(base, exponents)
    if np.abs(log_ratio).max() < 1:
        return excess + coordinates @ (base * np.expm1(log_ratio))
    result: Array = coordinates @ _tilted(base, log_ratio)
    return result


def _log_mean_exp(base: Array, exponents: Array) -> float:
    """log Σ base exp(exponents) for a base that sums to one."""
    if np.abs(exponents).max() < 1:
        return float(np.log1p(base @ np.expm1(exponents)))
    logs = np.log(base) + exponents
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum()))


def _tilted(base: Array, log_ratio: Array) -> Array:
    """base exp(log_ratio), though the exponential may lie beyond the range of a float."""
    result: Array = np.exp(np.log(base) + log_ratio)
    return result


def _face_of_several(coordinates: Array) -> NDArray[np.bool_] | None:
    """Where t touches the hull of the statistics: the outcomes in a supporting plane; or None."""
    from scipy.optimize import linprog

    # Among the d with d·(T − t) <= 0 for all outcomes, the one that excludes most.
    zeros = np.zeros(coordinates.shape[1])
    plane = linprog(coordinates.sum(axis=1), A_ub=coordinates.T, b_ub=zeros, bounds=(-1, 1))
    if not plane.success or plane.fun > -1e-9:
        return None
    heights = plane.x @ coordinates
    if heights.max() < -_ROUNDING_PLANE:
        raise ValueError(_OUTSIDE)
    on_face: NDArray[np.bool_] = heights >= -1e-8
    inside = heights.max() > _ROUNDING_PLANE  # no plane: the program's tolerance
    return None if inside or on_face.all() else on_face
