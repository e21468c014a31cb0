"""How far apart two samples lie: nearest-neighbour divergence, Wasserstein and kernel distance.

For samples of continuous variables whose densities are not known. The divergence of two samples'
histograms depends on the bins, and is infinite where the supports are disjoint; the other two
distances remain finite there and shrink as the samples approach each other.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, elementwise, validate, validate_numbers, validate_samples
from kllib._numerics.validate import Array

__all__ = ["knn_kl", "maximum_mean_discrepancy", "wasserstein_1d"]

Result: TypeAlias = np.float64 | Array


def knn_kl(x: ArrayLike, y: ArrayLike, k: int = 1, *, base: float | None = None) -> float:
    """D(p‖q) ≈ (d/n) Σ_i log(ν_i/ρ_i) + log(m/(n − 1)), from nearest-neighbour distances.

    ρ_i is the distance from x_i to the k-th nearest of the other x, and ν_i that to the k-th
    nearest of the y: where q is thin, ν is long.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, d)
        Independent draws from p, the truth, which must have a density.
    y : array_like, shape (m,) or (m, d)
        Independent draws from q.
    k : int
        Which neighbour; a larger one has less variance and more bias.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float
        It converges to D(p‖q) as n and m grow, slowly in many dimensions, and may be negative.

    Raises
    ------
    ValueError
        When a sample has too few points, the dimensions differ, or a distance is zero: p and q
        then have no density, or the data were rounded. Equal points are not broken up by noise in
        silence; a larger k steps over a few of them.

    References
    ----------
    Wang, Kulkarni and Verdú (2009), Divergence estimation for multidimensional densities via
    k-nearest-neighbor distances, IEEE Trans. Inf. Theory 55(5).

    Examples
    --------
    It is the same in every unit of measurement:

    >>> rng = np.random.default_rng(3)
    >>> x, y = rng.normal(0, 1, (500, 2)), rng.normal(1, 1, (500, 2))
    >>> print(knn_kl(x, y, 5) == knn_kl(1024 * x, 1024 * y, 5))
    True
    """
    from scipy.spatial import cKDTree

    unit = validate.log_of_base(base)
    k = validate_numbers.whole_number("k", k)
    at_x, at_y = (
        validate_samples.points("x", x, least=k + 1),
        validate_samples.points("y", y, least=k),
    )
    validate_samples.same_dimension(x=at_x, y=at_y)
    (n, d), m = at_x.shape, len(at_y)
    # In units in which no square over- or underflows; a power of two changes no digit.
    exponent = np.frexp(max(np.abs(at_x).max(), np.abs(at_y).max()))[1]
    at_x, at_y = np.ldexp(at_x, -exponent), np.ldexp(at_y, -exponent)
    rho = cKDTree(at_x).query(at_x, k=[k + 1])[0][:, 0]  # the nearest of all is the point itself
    nu = cKDTree(at_y).query(at_x, k=[k])[0][:, 0]
    for name, distances in (("x", rho), ("y", nu)):
        if not distances.all():
            i = int(np.argmin(distances))
            raise ValueError(
                f"x[{i}] coincides, to within 1e-154 of the range, with its nearest {k} in {name}: "
                "the samples are not continuous, or were rounded; use a larger k, or counts"
            )
    return float((d * np.mean(np.log(nu / rho)) + np.log(m / (n - 1))) / unit)


def wasserstein_1d(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: ArrayLike | None = None,
    q: ArrayLike | None = None,
) -> float:
    """W₁ = ∫ |F(t) − G(t)| dt, how far mass must move on average to turn one into the other.

    Parameters
    ----------
    x, y : array_like, shapes (n,) and (m,)
        Points on the line, samples or outcomes.
    p, q : array_like, shapes (n,) and (m,), optional
        Their probabilities; equal when left out.

    Returns
    -------
    float
        In the unit of x. Rounding may change it by some 1e-16 of the range of the points; with
        probabilities given, by up to as many times that as there are points.

    Raises
    ------
    ValueError
        When a point is not finite, p or q is not a distribution, or the shapes do not fit.

    References
    ----------
    Vallender (1974), Calculation of the Wasserstein distance between probability distributions on
    the line, Theory Probab. Appl. 18.

    Examples
    --------
    Two points that never meet: the Jensen–Shannon divergence is log 2 however near they are.

    >>> print([wasserstein_1d([0.0], [shift]) for shift in (4.0, 1.0, 0.25)])
    [4.0, 1.0, 0.25]
    """
    x, weights_x = _weighted_points("x", x, "p", p)
    y, weights_y = _weighted_points("y", y, "q", q)
    if x.shape[1] != 1 or y.shape[1] != 1:
        raise ValueError("x and y must be points on the line, shape (n,)")
    unit = 1.0
    if p is None and q is None:
        # Whole numbers, m for each x and n for each y, add up without rounding.
        n, m = len(x), len(y)
        weights_x, weights_y, unit = np.full(n, float(m)), np.full(m, float(n)), n * m
    at = np.concatenate([x[:, 0], y[:, 0]])
    order = np.argsort(at, kind="stable")
    # F − G just after each point
    excess = np.cumsum(np.concatenate([weights_x, -weights_y])[order]) / unit
    # In units in which no difference overflows; a power of two changes no digit.
    exponent = np.frexp(np.abs(at).max())[1]
    gaps = np.diff(np.ldexp(at[order], -exponent))
    with np.errstate(over="ignore"):
        return float(np.ldexp(np.sum(np.abs(excess[:-1]) * gaps), exponent))


def maximum_mean_discrepancy(
    x: ArrayLike,
    y: ArrayLike,
    *,
    bandwidth: float,
    p: ArrayLike | None = None,
    q: ArrayLike | None = None,
) -> float:
    """MMD = √(E k(x, x′) − 2 E k(x, y) + E k(y, y′)) with k(a, b) = exp(−|a − b|²/2h²).

    The distance between the mean embeddings of two weighted sets of points in the kernel's space.

    Parameters
    ----------
    x, y : array_like, shapes (n,) or (n, d), and (m,) or (m, d)
        Points, samples or outcomes.
    bandwidth : float
        h, the distance at which two points begin to count as different, in the unit of x.
    p, q : array_like, shapes (n,) and (m,), optional
        Their probabilities; equal when left out.

    Returns
    -------
    float
        Between 0 and √2. It is the distance of the two sets themselves; as an estimate of that of
        the distributions they were drawn from its square is too high by about 1/n + 1/m at most
        (pairs of a point with itself are counted).

    Raises
    ------
    ValueError
        When a point is not finite, p or q is not a distribution, the shapes do not fit, or
        ``bandwidth`` is not positive.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), A kernel two-sample test, J. Mach.
    Learn. Res. 13, equation (5).

    Examples
    --------
    Two points at the distance t: √(2 − 2 exp(−t²/2h²)).

    >>> print(round(maximum_mean_discrepancy([0.0], [1.0], bandwidth=1.0), 6))
    0.887096
    >>> print(round(np.sqrt(2 - 2 * np.exp(-0.5)), 6))
    0.887096
    """
    bandwidth = validate_numbers.positive_number("bandwidth", bandwidth)
    x, weights_x = _weighted_points("x", x, "p", p)
    y, weights_y = _weighted_points("y", y, "q", q)
    validate_samples.same_dimension(x=x, y=y)
    points = np.concatenate([x, y])
    signed = np.concatenate([weights_x, -weights_y])
    squared = sum(
        signed[rows] @ _kernel_less_one(points[rows], points, bandwidth) @ signed
        for rows in _blocks_of_rows(len(points))
    )
    return float(np.sqrt(max(squared, 0.0)))


def _blocks_of_rows(rows: int) -> list[slice]:
    """The table of all pairs a few rows at a time, since the whole may be too large."""
    return [slice(start, start + 512) for start in range(0, rows, 512)]


def _kernel_less_one(x: Array, y: Array, bandwidth: float) -> Array:
    """k(x_i, y_j) − 1. Under weights that add up to zero it does as well as k, and keeps the
    digits of small distances."""
    h = np.asarray(bandwidth)
    with np.errstate(over="ignore"):
        squared = sum(
            elementwise.square(elementwise.standardized(x[:, None, c], y[None, :, c], h))
            for c in range(x.shape[1])
        )
    result: Array = np.expm1(-squared / 2)
    return result


def _weighted_points(
    name: str, points: ArrayLike, weight_name: str, weights: ArrayLike | None
) -> tuple[Array, Array]:
    array = validate_samples.points(name, points)
    if weights is None:
        return array, np.full(len(array), 1 / len(array))
    probabilities = validate.distribution(weight_name, weights)
    if probabilities.shape != (len(array),):
        raise ValueError(
            f"lengths differ: {name} has {len(array)} points, {weight_name} has shape "
            f"{probabilities.shape}"
        )
    return array, averages.shares(probabilities)
