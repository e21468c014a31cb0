"""f-divergences D_f(p‖q) = Σ q f(p/q) of finite distributions, and bounds between them.

Conventions, the same in every function:

- D(first‖second): p is the truth, q the model. Nats unless ``base=`` says otherwise.
- f is convex on (0, ∞) with f(1) = 0. An outcome with p = 0 < q adds q·f(0), one with p > 0 = q
  adds p·f'(∞), where f(0) = lim f(t) as t → 0 and f'(∞) = lim f(t)/t as t → ∞; an outcome with
  p = q = 0 adds nothing (Liese and Vajda 2006). Either limit may be infinite.
- A distribution lies along ``axis``; the other axes are a batch, and broadcast. One distribution
  gives a float, a batch an array.
- Probabilities must be real, finite, non-negative, and sum to one within 1e-6. Anything else raises
  ``ValueError`` with what is wrong and where. The value meant is that of p/Σp and q/Σq.
- Accuracy: the relative error is at most 1e-12, near p = q included (down to a divergence of
  1e-20), for every function and every generator of this module. With a generator of your own it is
  that of your f at p/q.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import fdivergence_terms, validate
from kllib._numerics.extended import extended_array
from kllib.fdivergence.generators import (
    CHI_SQUARED_GENERATOR,
    JEFFREYS_GENERATOR,
    JENSEN_SHANNON_GENERATOR,
    SQUARED_HELLINGER_GENERATOR,
    TOTAL_VARIATION_GENERATOR,
    DivergenceGenerator,
    alpha_generator,
)

__all__ = [
    "alpha_divergence",
    "bretagnolle_huber_bound",
    "chi_squared",
    "f_divergence",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "pinsker_bound",
    "squared_hellinger",
    "total_variation",
]

Array: TypeAlias = NDArray[np.float64]
#: One distribution gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array


def f_divergence(
    p: ArrayLike, q: ArrayLike, generator: DivergenceGenerator, *, axis: int = -1
) -> Result:
    """The f-divergence D_f(p‖q) = Σ q f(p/q) of the generator f.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    generator : DivergenceGenerator
        f with its limits f(0) and f'(∞): the generators of this module, or your own.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and f(0) + f'(∞), which it is for distributions that share no outcome.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, the generator is not a
        `DivergenceGenerator`, or ``axis`` makes no sense.

    References
    ----------
    Csiszár (1963); Ali and Silvey (1966). Liese and Vajda (2006), IEEE Trans. Inf. Theory 52.

    Examples
    --------
    >>> from kllib.fdivergence.generators import KL_GENERATOR
    >>> p, q = [0.5, 0.5], [0.25, 0.75]
    >>> print(f_divergence(p, q, TOTAL_VARIATION_GENERATOR))
    0.25
    >>> forward, reverse = KL_GENERATOR, KL_GENERATOR.reverse()
    >>> print(round(f_divergence(p, q, forward) + f_divergence(p, q, reverse), 12))
    0.274653072167
    >>> print(round(f_divergence(p, q, JEFFREYS_GENERATOR), 12))
    0.274653072167
    """
    if not isinstance(generator, DivergenceGenerator):
        raise ValueError(f"generator must be a DivergenceGenerator; got {generator!r}")
    p, q = validate.distribution("p", p, axis), validate.distribution("q", q, axis)
    validate.same_length(p=p, q=q)
    return fdivergence_terms.divergence(
        p, q, generator.all_terms, generator.at_zero, generator.slope_at_infinity
    )


def total_variation(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> Result:
    """The total variation distance ½ Σ |p − q| = max over events A of |p(A) − q(A)|.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1. A metric.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` makes no sense.

    References
    ----------
    Levin and Peres (2017), Markov Chains and Mixing Times, section 4.1.

    Examples
    --------
    >>> print(total_variation([0.5, 0.5, 0], [0.25, 0.25, 0.5]))
    0.5
    """
    return f_divergence(p, q, TOTAL_VARIATION_GENERATOR, axis=axis)


def squared_hellinger(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> Result:
    """The squared Hellinger distance ½ Σ (√p − √q)² = 1 − Σ √(p q), with the factor ½.

    Books that leave the ½ out have twice this value, between 0 and 2.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1. Its square root is a metric.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` makes no sense.

    References
    ----------
    Liese and Vajda (2006), IEEE Trans. Inf. Theory 52. Gibbs and Su (2002), On choosing and
    bounding probability metrics, Int. Stat. Rev. 70 (who leave the ½ out).

    Examples
    --------
    >>> print(round(squared_hellinger([0.5, 0.5], [1, 0]), 12), round(1 - np.sqrt(0.5), 12))
    0.292893218813 0.292893218813
    """
    return f_divergence(p, q, SQUARED_HELLINGER_GENERATOR, axis=axis)


def chi_squared(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> Result:
    """Pearson's χ²(p‖q) = Σ (p − q)²/q = Σ p²/q − 1, the variance of p/q under the model q.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        At least D(p‖q); ``inf`` where q rules out an outcome that p can produce, and where the
        value is above 1.8e308.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` makes no sense.

    References
    ----------
    Pearson (1900). Liese and Vajda (2006), IEEE Trans. Inf. Theory 52.

    Examples
    --------
    >>> print(round(chi_squared([0.5, 0.5], [0.25, 0.75]), 12))
    0.333333333333
    >>> print(round(0.5**2 / 0.25 + 0.5**2 / 0.75 - 1, 12))
    0.333333333333
    """
    return f_divergence(p, q, CHI_SQUARED_GENERATOR, axis=axis)


def jensen_shannon(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """The Jensen–Shannon divergence ½ D(p‖r) + ½ D(q‖r), where r = (p + q)/2.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and log 2, always finite.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Lin (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37.

    Examples
    --------
    One bit for distributions that share no outcome:

    >>> print(jensen_shannon([1, 0], [0, 1], base=2))
    1.0
    """
    unit = validate.log_of_base(base)
    return f_divergence(p, q, JENSEN_SHANNON_GENERATOR, axis=axis) / unit


def jensen_shannon_distance(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """The Jensen–Shannon distance √(½ D(p‖r) + ½ D(q‖r)) with r = (p + q)/2, which is a metric.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and √(log 2), always finite.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Endres and Schindelin (2003), A new metric for probability distributions, IEEE Trans. Inf.
    Theory 49.

    Examples
    --------
    The detour over the middle is never shorter than the straight way:

    >>> p, middle, q = [0.9, 0.1], [0.5, 0.5], [0.1, 0.9]
    >>> detour = jensen_shannon_distance(p, middle) + jensen_shannon_distance(middle, q)
    >>> print(bool(jensen_shannon_distance(p, q) < detour))
    True
    """
    result: Result = np.sqrt(jensen_shannon(p, q, axis=axis, base=base))
    return result


def jeffreys(p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None) -> Result:
    """Jeffreys' divergence D(p‖q) + D(q‖p) = Σ (p − q) log(p/q). Not the Jensen–Shannon one.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Two distributions, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        ``inf`` where an outcome is possible under one of the two only.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Jeffreys (1946), An invariant form for the prior probability in estimation problems, Proc. R.
    Soc. Lond. A 186. Kullback and Leibler (1951) call it the divergence.

    Examples
    --------
    >>> print(jeffreys([0.8, 0.2], [0.2, 0.8], base=2))
    2.4000000000000004
    """
    unit = validate.log_of_base(base)
    return f_divergence(p, q, JEFFREYS_GENERATOR, axis=axis) / unit


def alpha_divergence(p: ArrayLike, q: ArrayLike, alpha: float, *, axis: int = -1) -> Result:
    """The α-divergence (Σ p^α q^(1 − α) − 1)/(α (α − 1)); D(p‖q) at α = 1, D(q‖p) at α = 0.

    Others number the same family differently: Cressie and Read's power divergence has
    λ = α − 1, Amari's α-divergence has α_Amari = 1 − 2α. With this α, exchanging p and q turns α
    into 1 − α; α = ½ gives four times `squared_hellinger`, α = 2 half of `chi_squared`. Total
    variation and Jensen–Shannon do not belong to the family.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    alpha : float
        Any finite real number.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    float or ndarray, shape (...)
        Finite for 0 < α < 1, at most 1/(α (1 − α)). For α ≥ 1 it is ``inf`` where q rules out an
        outcome that p can produce, for α ≤ 0 where p does so to q; also above 1.8e308.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, alpha is not a finite number, or
        ``axis`` makes no sense.

    References
    ----------
    Cressie and Read (1984), Multinomial goodness-of-fit tests, J. R. Stat. Soc. B 46. Amari and
    Nagaoka (2000), Methods of Information Geometry, section 3.2.

    Examples
    --------
    >>> p, q = [0.5, 0.5], [0.2, 0.8]
    >>> for alpha in (0, 0.5, 1, 2):
    ...     print(round(alpha_divergence(p, q, alpha), 6))
    0.192745
    0.205267
    0.223144
    0.28125
    >>> print(round(4 * squared_hellinger(p, q), 6), round(chi_squared(p, q) / 2, 6))
    0.205267 0.28125
    """
    return f_divergence(p, q, alpha_generator(alpha), axis=axis)


def pinsker_bound(kl: ArrayLike) -> Result:
    """Pinsker's upper bound on total variation, TV ≤ √(D/2), from a KL divergence D in nats.

    It says nothing once D ≥ 2, where it is 1 or more; `bretagnolle_huber_bound` stays below 1.

    Parameters
    ----------
    kl : array_like
        D(p‖q) or D(q‖p) in nats, not negative; may be ``inf``.

    Returns
    -------
    float or ndarray
        √(D/2), as it is: not cut off at 1.

    Raises
    ------
    ValueError
        When kl is negative or not a number.

    References
    ----------
    Csiszár (1967), Studia Sci. Math. Hung. 2; Kullback (1967), IEEE Trans. Inf. Theory 13: the
    constant ½. Pinsker (1964) has a weaker one.

    Examples
    --------
    >>> print(pinsker_bound([0, 0.02, 0.5]))
    [0.  0.1 0.5]
    """
    result: Result = np.sqrt(_divergence_value("kl", kl) / 2)
    return result


def bretagnolle_huber_bound(kl: ArrayLike) -> Result:
    """Bretagnolle and Huber's bound on total variation, TV ≤ √(1 − e^(−D)), from D in nats.

    Weaker than Pinsker's for small D (up to about 1.6), and below 1 for every finite D.

    Parameters
    ----------
    kl : array_like
        D(p‖q) or D(q‖p) in nats, not negative; may be ``inf``.

    Returns
    -------
    float or ndarray
        Between 0 and 1.

    Raises
    ------
    ValueError
        When kl is negative or not a number.

    References
    ----------
    Bretagnolle and Huber (1979), Estimation des densités: risque minimax, Z. Wahrscheinlichkeit.
    47. Often quoted in the weaker form 1 − e^(−D)/2.

    Examples
    --------
    >>> print(bretagnolle_huber_bound([0, np.log(4 / 3), np.inf]))
    [0.  0.5 1. ]
    """
    result: Result = np.sqrt(-np.expm1(-_divergence_value("kl", kl)))
    return result


def _divergence_value(name: str, value: ArrayLike) -> Array:
    """Numbers that are not negative; infinity is one."""
    array = extended_array(name, value, np.inf)
    if (array < 0).any():
        raise ValueError(f"{name} is a divergence and must not be negative; got {array.min():.6g}")
    return array
