"""Divergences between gamma distributions and their relatives, in closed form. Private.

`kllib.families` reaches them by their scipy distributions. Conventions as in `kllib.gaussian`:
D(first‖second) in nats, arguments broadcast, numbers give a float, and bad arguments raise
``ValueError``. A value beyond the range of a float (above 1e305, to be safe) is ``inf``.

A divergence is a sum of two parts that are never negative, so that nothing cancels when the two
distributions are nearly equal: one for the scales and one for the shapes, a Bregman gap
(`kllib._numerics.bregman_gaps`). There is no third because scale and shape are taken as parameters
that are orthogonal in the Fisher metric: for instance, the mean and the shape of a gamma
distribution.

Accuracy: the relative error is at most 1e-12 (1e-13 in all that was tried), near-equal arguments
included, for scales and shapes from 1e-150 to 1e150. Two exceptions:

- Weibull, Fréchet and Gumbel: while ρ, the ratio of the shapes, is at most 1000. Beyond, the error
  of exp(L) is about 1e-16 ln Γ(1 + ρ): 2e-11 at 10,000.
- Dirichlet: while no two components are above 1e30 times the others.

References
----------
Each formula follows from Kullback and Leibler (1951) and the moments of its family. Most are
tabulated in Penny (2001), Kullback–Leibler divergences of normal, gamma, Dirichlet and Wishart
densities, and in Gil, Alajaji and Linder (2013), Rényi divergence measures for commonly used
univariate continuous distributions.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, bregman_gaps, elementwise, kl_sums, validate
from kllib._numerics import double_double as dd
from kllib._numerics.bregman_gaps import Step, step
from kllib._numerics.double_double import DD
from kllib._numerics.elementwise import log_ratio

__all__ = [
    "kl_beta",
    "kl_chi",
    "kl_chi2",
    "kl_dirichlet",
    "kl_frechet",
    "kl_gamma",
    "kl_gumbel",
    "kl_half_normal",
    "kl_inverse_gamma",
    "kl_maxwell",
    "kl_nakagami",
    "kl_rayleigh",
    "kl_von_mises",
    "kl_weibull",
]

Array: TypeAlias = NDArray[np.float64]
#: Numbers give a float, arrays an array.
Result: TypeAlias = np.float64 | Array


def kl_gamma(shape1: ArrayLike, scale1: ArrayLike, shape2: ArrayLike, scale2: ArrayLike) -> Result:
    """D(Γ(a1, θ1) ‖ Γ(a2, θ2)) = a2 (m − 1 − ln m) + h(a2) − h(a1) − h'(a1) (a2 − a1).

    Here m = a1 θ1/(a2 θ2) is the ratio of the means, and h(x) = ln Γ(x) − x ln x + x is convex.
    The usual form, ln Γ(a2) − ln Γ(a1) + (a1 − a2) ψ(a1) + a2 ln(θ2/θ1) + a1 (θ1/θ2 − 1), is the
    same in another order.

    Parameters
    ----------
    shape1, scale1 : array_like
        Shape a1 and scale θ1 of the truth (its mean is a1 θ1); positive.
    shape2, scale2 : array_like
        Shape and scale of the model; positive.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, in nats.

    Raises
    ------
    ValueError
        When an argument is not positive and finite, or the shapes do not broadcast.

    References
    ----------
    Penny (2001). Gil, Alajaji and Linder (2013).

    Examples
    --------
    With equal shapes it is the shape times the divergence of two exponential distributions:

    >>> print(round(kl_gamma(3, 2, 3, 1), 12), round(3 * (2 - 1 - np.log(2)), 12))
    0.92055845832 0.92055845832
    """
    a1, s1, a2, s2 = _positives(shape1=shape1, scale1=scale1, shape2=shape2, scale2=scale2)
    return _gamma(a1, a2, [a1, s1], [a2, s2])


def kl_inverse_gamma(
    shape1: ArrayLike, scale1: ArrayLike, shape2: ArrayLike, scale2: ArrayLike
) -> Result:
    """D(Γ⁻¹(a1, β1) ‖ Γ⁻¹(a2, β2)) = D(Γ(a1, 1/β1) ‖ Γ(a2, 1/β2)): 1/X is one to one.

    Shapes and scales as in `kl_gamma`; the mean is β/(a − 1) where a > 1.
    """
    a1, s1, a2, s2 = _positives(shape1=shape1, scale1=scale1, shape2=shape2, scale2=scale2)
    return _gamma(a1, a2, [a1, s2], [a2, s1])


def kl_chi2(df1: ArrayLike, df2: ArrayLike) -> Result:
    """D(χ²(n1) ‖ χ²(n2)) = ln Γ(n2/2) − ln Γ(n1/2) − ψ(n1/2) (n2 − n1)/2.

    The degrees of freedom are positive, and need not be integers.
    """
    n1, n2 = _positives(df1=df1, df2=df2)
    return _total(bregman_gaps.gammaln_gap(step(n1 / 2, n2 / 2)))


def kl_chi(df1: ArrayLike, scale1: ArrayLike, df2: ArrayLike, scale2: ArrayLike) -> Result:
    """D(X1 ‖ X2) where (X/scale)² ~ χ²(df), that is X² ~ Γ(df/2, 2 scale²)."""
    n1, s1, n2, s2 = _positives(df1=df1, scale1=scale1, df2=df2, scale2=scale2)
    return _gamma(n1 / 2, n2 / 2, [n1, s1, s1], [n2, s2, s2])


def kl_nakagami(
    shape1: ArrayLike, scale1: ArrayLike, shape2: ArrayLike, scale2: ArrayLike
) -> Result:
    """D(X1 ‖ X2) where X² ~ Γ(shape, scale²/shape)."""
    a1, s1, a2, s2 = _positives(shape1=shape1, scale1=scale1, shape2=shape2, scale2=scale2)
    return _gamma(a1, a2, [s1, s1], [s2, s2])


def kl_half_normal(scale1: ArrayLike, scale2: ArrayLike) -> Result:
    """D(|N(0, σ1²)| ‖ |N(0, σ2²)|) = ½ (r² − 1 − ln r²) with r = σ1/σ2."""
    return _chi_of_equal_df(1, scale1, scale2)


def kl_rayleigh(scale1: ArrayLike, scale2: ArrayLike) -> Result:
    """D(Rayleigh(σ1) ‖ Rayleigh(σ2)) = r² − 1 − ln r² with r = σ1/σ2."""
    return _chi_of_equal_df(2, scale1, scale2)


def kl_maxwell(scale1: ArrayLike, scale2: ArrayLike) -> Result:
    """D(Maxwell(σ1) ‖ Maxwell(σ2)) = 3/2 (r² − 1 − ln r²) with r = σ1/σ2."""
    return _chi_of_equal_df(3, scale1, scale2)


def kl_beta(a1: ArrayLike, b1: ArrayLike, a2: ArrayLike, b2: ArrayLike) -> Result:
    """D(Beta(a1, b1) ‖ Beta(a2, b2)) = gap(a1, a2) + gap(b1, b2) − gap(a1 + b1, a2 + b2).

    The gap of ln Γ from x to y is ln Γ(y) − ln Γ(x) − ψ(x) (y − x). This is `kl_dirichlet` with
    two components; all four parameters are positive.

    References
    ----------
    Gil, Alajaji and Linder (2013).

    Examples
    --------
    From the uniform distribution to the density 2x, whose mean logarithm under it is ln 2 − 1:

    >>> print(round(kl_beta(1, 1, 2, 1), 12), round(1 - np.log(2), 12))
    0.30685281944 0.30685281944
    """
    a1, b1, a2, b2 = np.broadcast_arrays(*_positives(a1=a1, b1=b1, a2=a2, b2=b2))
    return _dirichlet(np.stack([a1, b1], axis=-1), np.stack([a2, b2], axis=-1))


def kl_dirichlet(alpha1: ArrayLike, alpha2: ArrayLike) -> Result:
    """D(Dir(α) ‖ Dir(β)) = Σ gap(αᵢ, βᵢ) − gap(Σ αᵢ, Σ βᵢ).

    The gap of ln Γ from x to y is ln Γ(y) − ln Γ(x) − ψ(x) (y − x).

    Parameters
    ----------
    alpha1, alpha2 : array_like, shape (..., n)
        Concentrations of the truth and of the model; positive. Leading axes broadcast.

    Returns
    -------
    float or ndarray, shape (...)
        In nats.

    Raises
    ------
    ValueError
        When an entry is not positive and finite, the lengths of the last axes differ, or the other
        axes do not broadcast.

    References
    ----------
    Penny (2001).

    Examples
    --------
    The order of the components does not matter:

    >>> print(kl_dirichlet([1, 2, 3], [3, 1, 2]) == kl_dirichlet([3, 2, 1], [2, 1, 3]))
    True
    """
    a, b = validate.positive("alpha1", alpha1), validate.positive("alpha2", alpha2)
    validate.vectors("alpha1", a)
    validate.vectors("alpha2", b)
    validate.same_length(alpha1=a, alpha2=b)
    return _dirichlet(*np.broadcast_arrays(a, b))


def kl_weibull(
    shape1: ArrayLike, scale1: ArrayLike, shape2: ArrayLike, scale2: ArrayLike
) -> Result:
    """D(Weibull(k1, λ1) ‖ Weibull(k2, λ2)) = eᴸ − 1 − L + ln Γ(ρ) + γ (ρ − 1).

    Here ρ = k2/k1, L = k2 ln(λ1/λ2) + ln Γ(1 + ρ) is the logarithm of E (X/λ2)^k2, and γ is
    Euler's constant: the last two terms are the gap of ln Γ from 1 to ρ.

    Parameters
    ----------
    shape1, scale1 : array_like
        Shape k1 and scale λ1 of the truth; positive. P(X > x) = exp(−(x/λ1)^k1).
    shape2, scale2 : array_like
        Shape and scale of the model; positive.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, in nats.

    Raises
    ------
    ValueError
        When an argument is not positive and finite, or the shapes do not broadcast.

    References
    ----------
    Bauckhage (2013), Computing the Kullback–Leibler divergence between two Weibull distributions,
    arXiv:1310.3713.

    Examples
    --------
    A Weibull variable of shape 2 is the root of an exponential one:

    >>> print(round(kl_weibull(2, 3, 2, 2), 12), round(kl_gamma(1, 9, 1, 4), 12))
    0.439069783784 0.439069783784
    """
    k1, s1, k2, s2 = _positives(shape1=shape1, scale1=scale1, shape2=shape2, scale2=scale2)
    return _weibull(k1, k2, _log_power(k2, s1, s2))


def kl_frechet(
    shape1: ArrayLike, scale1: ArrayLike, shape2: ArrayLike, scale2: ArrayLike
) -> Result:
    """D(Fréchet(k1, s1) ‖ Fréchet(k2, s2)) = D(Weibull(k1, 1/s1) ‖ Weibull(k2, 1/s2))."""
    k1, s1, k2, s2 = _positives(shape1=shape1, scale1=scale1, shape2=shape2, scale2=scale2)
    return _weibull(k1, k2, _log_power(k2, s2, s1))


def kl_gumbel(loc1: ArrayLike, scale1: ArrayLike, loc2: ArrayLike, scale2: ArrayLike) -> Result:
    """D(Gumbel(μ1, β1) ‖ Gumbel(μ2, β2)) = eᴸ − 1 − L + ln Γ(ρ) + γ (ρ − 1).

    Here ρ = β1/β2 and L = (μ2 − μ1)/β2 + ln Γ(1 + ρ): exp(−X) has a Weibull distribution of shape
    1/β and scale exp(−μ). The density is exp(−z − exp(−z))/β with z = (x − μ)/β; scales are
    positive, locations finite.
    """
    mu1, mu2 = validate.real_array("loc1", loc1), validate.real_array("loc2", loc2)
    beta1, beta2 = validate.positive("scale1", scale1), validate.positive("scale2", scale2)
    validate.broadcastable(loc1=mu1, scale1=beta1, loc2=mu2, scale2=beta2)
    return _weibull(beta2, beta1, elementwise.standardized(mu2, mu1, beta2))


def kl_von_mises(mu1: ArrayLike, kappa1: ArrayLike, mu2: ArrayLike, kappa2: ArrayLike) -> Result:
    """D(VM(μ1, κ1) ‖ VM(μ2, κ2)) = gap(κ1, κ2) + κ2 A(κ1) (1 − cos(μ1 − μ2)).

    A(κ) = I1(κ)/I0(κ) is the mean of cos(X − μ), and the gap of ln I0 from x to y is
    ln I0(y) − ln I0(x) − A(x) (y − x).

    Parameters
    ----------
    mu1, kappa1 : array_like
        Mean direction, in radians, and concentration of the truth; the concentration is zero (the
        uniform distribution on the circle) or positive.
    mu2, kappa2 : array_like
        Mean direction and concentration of the model.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, in nats.

    Raises
    ------
    ValueError
        When an argument is not finite, a concentration is negative, or the shapes do not
        broadcast.

    References
    ----------
    Mardia and Jupp (2000), Directional Statistics, for the density and A(κ).

    Examples
    --------
    A uniform truth does not know the mean direction of the model:

    >>> print(kl_von_mises(0, 0, 1, 2) == kl_von_mises(3, 0, 0, 2))
    True
    """
    mu1, mu2 = validate.real_array("mu1", mu1), validate.real_array("mu2", mu2)
    kappa1, kappa2 = _non_negative("kappa1", kappa1), _non_negative("kappa2", kappa2)
    validate.broadcastable(mu1=mu1, kappa1=kappa1, mu2=mu2, kappa2=kappa2)
    turn = dd.two_sum(mu1 / 2, -mu2 / 2)
    sine = np.sin(turn.hi) * np.cos(turn.lo) + np.cos(turn.hi) * np.sin(turn.lo)
    turned = 2 * bregman_gaps.mean_cosine(kappa1) * sine**2  # 1 − cos x = 2 sin²(x/2)
    with np.errstate(over="ignore", under="ignore"):
        shift = kappa2 * turned
    return _total(bregman_gaps.log_i0_gap(step(kappa1, kappa2)), shift)


def _gamma(a1: Array, a2: Array, top: list[Array], bottom: list[Array]) -> Result:
    """The divergence of two gamma distributions, given the ratio of their means as products."""
    scale_part = _weighted_gap(a2, top, bottom)
    return _total(scale_part, bregman_gaps.gammaln_excess_gap(step(a1, a2)))


def _chi_of_equal_df(df: int, scale1: ArrayLike, scale2: ArrayLike) -> Result:
    s1, s2 = _positives(scale1=scale1, scale2=scale2)
    return _total(df * (elementwise.variance_gap(s1, s2) / 2))


def _weibull(k1: Array, k2: Array, log_scales: Array) -> Result:
    """eᴸ − 1 − L + gap of ln Γ from 1 to ρ, where ρ = k2/k1 and L = log_scales + ln Γ(1 + ρ)."""
    with np.errstate(all="ignore"):
        rho, excess = k2 / k1, (k2 - k1) / k1
        one = np.ones_like(rho)
        # ln Γ(1 + ρ) by its gap from 2, so that it has full accuracy near ρ = 1
        log_gamma = (1 - np.euler_gamma) * excess
        log_gamma = log_gamma + bregman_gaps.gammaln_gap(Step(2 * one, 1 + rho, excess))
        scale_part = elementwise.exponential_gap(log_scales + log_gamma)
    return _total(scale_part, bregman_gaps.gammaln_gap(Step(one, rho, excess)))


def _dirichlet(a: Array, b: Array) -> Result:
    d = b - a
    # The largest component stands apart: it may be so large that the others vanish beside it.
    largest = np.argmax(np.minimum(averages.shares(a), averages.shares(b)), axis=-1)[..., None]
    top = Step(*(np.take_along_axis(part, largest, axis=-1)[..., 0] for part in (a, b, d)))
    others = np.arange(a.shape[-1]) != largest
    a_rest, b_rest = dd.total(a * others), dd.total(b * others)
    rest = Step(a_rest.hi, b_rest.hi, (d * others).sum(axis=-1))
    # What x ln x − x, the main part of ln Γ, adds up to is a divergence of discrete distributions:
    # of the largest component from the others, and among the others.
    among = b_rest.hi * kl_sums.relative_entropy(_near_one(b * others), _near_one(a * others))
    discrete = among + bregman_gaps.binary_gap(top.a, top.b, a_rest, b_rest)
    # What is left of ln Γ: the gaps of the others, and of the largest less that of the total.
    gaps = np.where(others, bregman_gaps.gammaln_excess_gap(Step(a, b, d)), 0.0)
    return _total(discrete, gaps.sum(axis=-1), bregman_gaps.gammaln_excess_drop(top, rest))


def _weighted_gap(weight: Array, top: list[Array], bottom: list[Array]) -> Array:
    """weight (m − 1 − ln m), where m is the product of ``top`` over that of ``bottom``."""
    (first, first_exponent), (second, second_exponent) = _product(top), _product(bottom)
    exponent = first_exponent - second_exponent
    with np.errstate(all="ignore"):
        scaled = DD(np.ldexp(first.hi, exponent), np.ldexp(first.lo, exponent))
        excess = ((scaled.hi - second.hi) + (scaled.lo - second.lo)) / second.hi  # m − 1
        near = np.abs(excess) < 0.25
        log = np.log(first.hi / second.hi) + np.log(2) * exponent
        far = np.ldexp(weight * (first.hi / second.hi), exponent) - weight - weight * log
        return np.where(near, weight * elementwise.phi(np.where(near, excess, 0.0)), far)


def _product(factors: list[Array]) -> tuple[DD, NDArray[np.int32]]:
    """The product of positive numbers: a number near 1, and the power of two to multiply it by."""
    mantissa, exponent = np.frexp(factors[0])
    product = DD(mantissa, np.zeros_like(mantissa))
    for factor in factors[1:]:
        mantissa, more = np.frexp(factor)
        product, exponent = dd.scale(mantissa, product), exponent + more
    return product, exponent


def _log_power(k: Array, a: Array, b: Array) -> Array:
    """k ln(a/b), with full relative accuracy near a = b."""
    with np.errstate(all="ignore"):
        step = (a - b) / b
        return k * np.where(np.abs(step) < 0.5, np.log1p(step), log_ratio(a, b))


def _near_one(x: Array) -> Array:
    """The rows times powers of two that bring their totals near one."""
    result: Array = np.ldexp(x, -np.frexp(x.sum(axis=-1, keepdims=True))[1])
    return result


def _positives(**values: ArrayLike) -> list[Array]:
    arrays = {name: validate.positive(name, value) for name, value in values.items()}
    validate.broadcastable(**arrays)
    return list(arrays.values())


def _non_negative(name: str, value: ArrayLike) -> Array:
    array = validate.real_array(name, value)
    if np.any(array < 0):
        raise ValueError(f"{name} has a negative entry: {array[array < 0][0]:.6g}")
    return array


def _total(*parts: Array) -> Result:
    """The sum, infinite beyond the range of a float; a float when it is one number."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = np.asarray(sum(parts))
    total = np.where(np.isnan(total), np.inf, total)  # ∞ − ∞: it did overflow
    return total if total.ndim else np.float64(total)
