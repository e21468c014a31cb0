"""Projections in the sense of KL divergence, and the Pythagorean theorem that joins them.

D is not symmetric, so there are two projections, each with its own kind of flat set:

- the I-projection (information projection) of q minimises D(p‖q) over p, in the **first**
  argument; it is at home in a *linear* family {p : Σ p(x) T(x) = t};
- the M-projection (moment projection) of p minimises D(p‖q) over q, in the **second** argument; it
  is at home in an *exponential* family {q(x) exp(λ·T(x))/Z(λ)}.

The I-projection of q onto the linear family is the one member of the exponential family through q
that has the moments t. So both projections solve the same equations, E_λ T = t: moment matching.

Conventions: a statistic is a vector of its values, one per outcome; several are the rows of a
matrix of shape (k, n). These functions take one problem at a time, not batches. In nats.

Accuracy: the moments of a projection are met to 1e-11 of the range of each statistic, or it is
refused. Unless statistics nearly depend on each other, the distribution has an error of at most
1e-12, relative to its largest entry, and the divergence a relative error of at most 1e-12, for
near-equal distributions too (D down to 1e-20).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate, validate_numbers
from kllib._numerics.double_double import DD
from kllib.discrete import kl_divergence
from kllib.geometry._tilting import Tilt, expectation, tilt

__all__ = [
    "Projection",
    "PythagoreanTerms",
    "i_projection",
    "m_projection",
    "maximum_entropy",
    "product_of_marginals",
    "pythagorean_equality",
    "pythagorean_inequality",
]

Array: TypeAlias = NDArray[np.float64]

# Statistics, and their ranges, lie between the inverse of this and this: they are multiplied to
# twice the digits of a float, and the multipliers λ have the inverse unit.
_LARGEST = 1e290


@dataclass(frozen=True, eq=False)
class Projection:
    """The tilted distribution base(x) exp(λ·T(x))/Z at which a projection arrives.

    Attributes
    ----------
    distribution : ndarray, shape (n,)
        The projection.
    parameters : ndarray, shape (k,)
        The natural parameters λ, also known as Lagrange multipliers, one per statistic. When the
        statistics depend on each other many λ give the same distribution, and this is one of them.
        All nan when the moments are extreme (no finite λ reaches them).
    log_partition : float
        A(λ) = log Σ base exp(λ·T); nan when the moments are extreme.
    divergence : float
        The divergence that was minimised, in nats.
    """

    distribution: Array
    parameters: Array
    log_partition: float
    divergence: float


@dataclass(frozen=True)
class PythagoreanTerms:
    """The three sides of D(p‖q) = D(p‖p*) + D(p*‖q), in nats, where p* is a projection.

    Attributes
    ----------
    p_to_q : float
        D(p‖q), the hypotenuse.
    p_to_projection : float
        D(p‖p*).
    projection_to_q : float
        D(p*‖q).
    gap : float
        D(p‖q) − D(p‖p*) − D(p*‖q). Zero for a linear family, at least zero for a convex set; nan
        when D(p‖q) is infinite (as then D(p‖p*) is).
    """

    p_to_q: float
    p_to_projection: float
    projection_to_q: float
    gap: float


def i_projection(
    q: ArrayLike, statistics: ArrayLike, moments: ArrayLike, *, at_least: bool = False
) -> Projection:
    """argmin over p of D(p‖q) subject to Σ p(x) T(x) = t: the tilted distribution q exp(λ·T)/Z.

    Parameters
    ----------
    q : array_like, shape (n,)
        The distribution to project.
    statistics : array_like, shape (n,) or (k, n)
        The values T(x) of one statistic, or of k statistics row by row.
    moments : array_like, shape () or (k,)
        What the statistics must average to under p.
    at_least : bool
        Ask for Σ p T >= t instead, a half-space; for one statistic only. Where q itself is in it,
        q is its own projection.

    Returns
    -------
    Projection
        With ``divergence`` D(p*‖q). Where the moments are extreme (the largest value of a
        statistic, or any point of the boundary of the attainable moments), the outcomes that do
        not fit get probability zero, and no finite λ exists. What is within 1e-12 of the
        statistics' ranges from the boundary counts as on it; with one statistic, what is within
        1e-15 of itself from it, if that is less.

    Raises
    ------
    ValueError
        When q is not a distribution, the shapes do not fit, no p with D(p‖q) < ∞ has these
        moments, they are so near to the limit of what is attainable that λ cannot be found, a
        statistic or its range is beyond 1e290 or below 1e-290, or at_least is not a truth value.

    References
    ----------
    Csiszár (1975), I-divergence geometry of probability distributions and minimization problems,
    section 3. Cover and Thomas (2006), section 11.6.

    Examples
    --------
    A die that shows 4.5 on average, while being as near to fair as it can:

    >>> die = i_projection(np.full(6, 1 / 6), np.arange(1, 7), 4.5)
    >>> print(die.distribution.round(4))
    [0.0544 0.0788 0.1142 0.1654 0.2398 0.3475]

    Its divergence is D(p*‖q) = λ·t − A(λ):

    >>> print(round(die.parameters @ [4.5] - die.log_partition, 10) == round(die.divergence, 10))
    True
    """
    base = _one_distribution("q", q)
    rows, targets = _constraints(statistics, moments, base.size)
    if validate_numbers.flag("at_least", at_least):
        if len(rows) != 1:
            raise ValueError(f"at_least takes one statistic, not {len(rows)}")
        if rows[0] @ base / base.sum() >= targets[0]:
            return _projection(tilt(base, np.zeros_like(rows), _exactly(np.zeros(1))))
    return _projection(tilt(base, rows, _exactly(targets)))


def m_projection(p: ArrayLike, base: ArrayLike, statistics: ArrayLike) -> Projection:
    """argmin over λ of D(p‖q_λ) with q_λ = base exp(λ·T)/Z: the member with the moments of p.

    Moment matching, E_λ T = E_p T, is what maximum likelihood does in an exponential family.

    Parameters
    ----------
    p : array_like, shape (n,)
        The distribution to project: the truth.
    base : array_like, shape (n,)
        The member of the family at λ = 0.
    statistics : array_like, shape (n,) or (k, n)
        The values T(x) of one statistic, or of k statistics row by row.

    Returns
    -------
    Projection
        With ``divergence`` D(p‖q*).

    Raises
    ------
    ValueError
        When p or base is not a distribution; the shapes do not fit; D(p‖q_λ) is infinite for
        every λ, as p has an outcome that base rules out; or no λ attains the smallest divergence,
        because the moments of p are extreme (p sits where a statistic is largest, for example);
        or the projection gives an outcome of p a probability below the range of a float.

    References
    ----------
    Amari (2016), Information Geometry and Its Applications, section 2.8. Csiszár and Shields
    (2004), Information Theory and Statistics: A Tutorial, section 3.

    Examples
    --------
    Onto the binomial distributions of two tosses (T counts the heads): p has one head on average,
    and so has its projection.

    >>> coins = m_projection([0.5, 0.0, 0.5], [0.25, 0.5, 0.25], [0, 1, 2])
    >>> print(coins.distribution, round(coins.divergence, 10) == round(np.log(2), 10))
    [0.25 0.5  0.25] True
    """
    truth, start = _one_distribution("p", p), _one_distribution("base", base)
    validate.same_length(p=truth, base=start)
    rows = _statistics(statistics, start.size)
    if np.any((truth > 0) & (start == 0)):
        raise ValueError(
            "D(p‖q) is infinite for every member q of the family: p gives probability to an "
            "outcome that base gives none"
        )
    found = tilt(start, rows, expectation(truth, rows))
    if found.extreme:
        raise ValueError(
            "no member of the family is nearest to p: the moments of p are extreme, and the "
            "divergence goes on falling as λ goes to infinity"
        )
    if np.any((truth > 0) & (found.distribution == 0)):
        raise ValueError(
            "the nearest member of the family gives an outcome a probability below the range of a "
            "float, which p has"
        )
    return _projection(found, float(kl_divergence(truth, found.distribution)))


def maximum_entropy(statistics: ArrayLike, moments: ArrayLike) -> Projection:
    """argmax over p of H(p) subject to Σ p(x) T(x) = t: exp(λ·T)/Z, the most spread-out p.

    As H(p) = log n − D(p‖uniform), it is the I-projection of the uniform distribution. With a
    base measure other than the uniform one, call `i_projection`.

    Parameters
    ----------
    statistics : array_like, shape (n,) or (k, n)
        The values T(x) of one statistic, or of k statistics row by row.
    moments : array_like, shape () or (k,)
        What the statistics must average to.

    Returns
    -------
    Projection
        With ``divergence`` D(p*‖uniform) = log n − H(p*).

    Raises
    ------
    ValueError
        As `i_projection` does.

    References
    ----------
    Jaynes (1957), Information theory and statistical mechanics. Cover and Thomas (2006), chapter
    12.

    Examples
    --------
    Jaynes's die: all that is known of it is that it shows 4.5 on average.

    >>> from kllib.discrete import entropy
    >>> print(round(entropy(maximum_entropy(np.arange(1, 7), 4.5).distribution), 5))
    1.61358
    """
    rows = np.atleast_2d(validate.vectors("statistics", statistics))
    return i_projection(np.full(rows.shape[-1], 1 / rows.shape[-1]), statistics, moments)


def product_of_marginals(joint: ArrayLike) -> Array:
    """p(x) p(y): the M-projection of p(x, y) onto independence, at D(joint‖product) = I(X; Y).

    Of all products r(x) s(y) it has the least D(joint‖r s).

    Parameters
    ----------
    joint : array_like, shape (..., m, n)
        ``joint[..., x, y]`` is p(x, y); all m·n entries together sum to one.

    Returns
    -------
    ndarray, shape (..., m, n)

    Raises
    ------
    ValueError
        When joint is not a joint distribution.

    References
    ----------
    Cover and Thomas (2006), section 2.3, for I(X; Y).

    Examples
    --------
    >>> print(product_of_marginals([[0.5, 0.0], [0.25, 0.25]]))
    [[0.375 0.125]
     [0.375 0.125]]
    """
    table = validate.joint_distribution("joint", joint)
    table = table / table.sum(axis=(-2, -1), keepdims=True)
    result: Array = table.sum(axis=-1, keepdims=True) * table.sum(axis=-2, keepdims=True)
    return result


def pythagorean_equality(p: ArrayLike, q: ArrayLike, statistics: ArrayLike) -> PythagoreanTerms:
    """D(p‖q) = D(p‖p*) + D(p*‖q), p* being q's I-projection on the linear family through p.

    That family holds all distributions with the moments of p. Read the other way, p* is the
    M-projection of p onto the exponential family through q, and the theorem is about that.

    Parameters
    ----------
    p, q : array_like, shape (n,)
        A member of the linear family, and a member of the exponential family.
    statistics : array_like, shape (n,) or (k, n)
        The values T(x) of one statistic, or of k statistics row by row.

    Returns
    -------
    PythagoreanTerms
        ``gap`` is zero but for rounding.

    Raises
    ------
    ValueError
        As `i_projection` does.

    References
    ----------
    Csiszár (1975), theorem 3.1. Amari (2016), section 1.6.

    Examples
    --------
    >>> sides = pythagorean_equality([0.5, 0, 0.5], [1 / 3] * 3, [0, 1, 2])
    >>> print(round(sides.p_to_q, 6), abs(sides.gap) < 1e-15)
    0.405465 True
    """
    truth, base = _one_distribution("p", p), _one_distribution("q", q)
    validate.same_length(p=truth, q=base)
    rows = _statistics(statistics, truth.size)
    return _terms(truth, base, _projection(tilt(base, rows, expectation(truth, rows))))


def pythagorean_inequality(
    p: ArrayLike, q: ArrayLike, statistic: ArrayLike, bound: float
) -> PythagoreanTerms:
    """D(p‖q) >= D(p‖p*) + D(p*‖q), p* being q's I-projection on the convex {E T >= bound}.

    Parameters
    ----------
    p : array_like, shape (n,)
        A distribution in the set: Σ p T >= bound.
    q : array_like, shape (n,)
        Any distribution.
    statistic : array_like, shape (n,)
        The values T(x).
    bound : float
        What T must average to, or more.

    Returns
    -------
    PythagoreanTerms
        ``gap`` is λ (E_p T − bound) where q is outside the set, and zero where q is inside.

    Raises
    ------
    ValueError
        When p is not in the set, and as `i_projection` does.

    References
    ----------
    Csiszár (1975), theorem 2.2. Cover and Thomas (2006), theorem 11.6.1.

    Examples
    --------
    >>> sides = pythagorean_inequality([0, 0, 1], [1 / 3] * 3, [0, 1, 2], 1.5)
    >>> print(sides.gap > 0)
    True
    """
    truth = _one_distribution("p", p)
    rows = _statistics(statistic, truth.size)
    least = validate.real_array("bound", bound)
    if len(rows) != 1 or least.ndim:
        raise ValueError("statistic and bound must be one statistic and one number")
    mean = float(rows[0] @ truth / truth.sum())
    if mean < least - 1e-14 * np.abs(rows).max():
        raise ValueError(
            f"p is not in the set: the statistic averages to {mean:.9g}, below {bound}"
        )
    return _terms(truth, q, i_projection(q, rows, least, at_least=True))


def _terms(p: Array, q: ArrayLike, projection: Projection) -> PythagoreanTerms:
    whole, first = (float(kl_divergence(p, other)) for other in (q, projection.distribution))
    second = projection.divergence
    gap = whole - first - second if np.isfinite(whole) else np.nan
    return PythagoreanTerms(whole, first, second, gap)


def _projection(found: Tilt, divergence: float | None = None) -> Projection:
    least = found.divergence if divergence is None else divergence
    return Projection(found.distribution, found.parameters, found.log_partition, least)


def _exactly(numbers: Array) -> DD:
    return DD(numbers, np.zeros_like(numbers))


def _one_distribution(name: str, value: ArrayLike) -> Array:
    array = validate.distribution(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one distribution, not a batch of shape {array.shape}")
    return array


def _statistics(value: ArrayLike, length: int) -> Array:
    rows = np.atleast_2d(validate.vectors("statistics", value))
    if rows.ndim != 2 or rows.shape[1] != length:
        raise ValueError(
            f"statistics must have shape ({length},) or (k, {length}), one value for each "
            f"outcome; its shape is {rows.shape}"
        )
    _require_moderate("statistics", rows)
    ranges = np.ptp(rows, axis=1)
    if np.any((ranges > 0) & (ranges < 1 / _LARGEST)):
        raise ValueError(
            f"statistics differ by less than {1 / _LARGEST:g}: measure them in smaller units"
        )
    return rows


def _require_moderate(name: str, array: Array) -> None:
    if np.abs(array).max() > _LARGEST:
        raise ValueError(f"{name} has an entry above {_LARGEST:g} in size: use larger units")


def _constraints(statistics: ArrayLike, moments: ArrayLike, length: int) -> tuple[Array, Array]:
    rows = _statistics(statistics, length)
    targets = np.atleast_1d(validate.real_array("moments", moments))
    if targets.shape != (len(rows),):
        raise ValueError(
            f"moments must be one number for each statistic: there are {len(rows)}, and its "
            f"shape is {targets.shape}"
        )
    _require_moderate("moments", targets)
    return rows, targets
