"""Mean field: the best product of independent factors, in either direction of the divergence.

- Reverse, D(q‖p) with the product q first: coordinate ascent, which sets one factor at a time to
  its best while the others stay. Each step is exact, so the divergence never rises, but for
  rounding.
- Forward, D(p‖q): the product of the marginals, in closed form; what is left is the mutual
  information of the variables. For tables see `product_of_marginals` and `mutual_information`.

Nats unless ``base=`` says otherwise; ``sigmas`` are standard deviations.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, covariance, validate, validate_numbers, validate_tables
from kllib._numerics.validate import Array
from kllib.discrete import kl_divergence
from kllib.gaussian import kl_multivariate_normal

__all__ = [
    "MeanFieldNormal",
    "MeanFieldTable",
    "NormalProduct",
    "mean_field_normal",
    "mean_field_table",
    "product_of_marginals_normal",
]

# Coordinate ascent has converged when a whole sweep changes nothing by more than this: means in
# units of the factor's standard deviation, probabilities as they are.
_SETTLED = 1e-14


@dataclass(frozen=True, eq=False)
class NormalProduct:
    """A product of normals in place of a multivariate normal.

    Attributes
    ----------
    mean, sigmas : ndarray, shape (d,)
        Mean and standard deviation of each factor.
    divergence : float
        The least divergence between the two, in nats.
    """

    mean: Array
    sigmas: Array
    divergence: float


@dataclass(frozen=True, eq=False)
class MeanFieldNormal:
    """A product of normals fitted to a multivariate normal, one factor at a time.

    Attributes
    ----------
    mean, sigmas : ndarray, shape (d,)
        Mean and standard deviation of each factor.
    divergence : float
        The divergence that was minimised, in nats.
    history : ndarray, shape (steps + 1,)
        Its value at the start and after each step, a sweep over the factors.
    converged : bool
        Whether the last step changed no mean by more than 1e-14 standard deviations.
    """

    mean: Array
    sigmas: Array
    divergence: float
    history: Array
    converged: bool


@dataclass(frozen=True, eq=False)
class MeanFieldTable:
    """A product q1(x) q2(y) fitted to a joint distribution of two finite variables.

    Attributes
    ----------
    first, second : ndarray, shapes (m,) and (n,)
        The factors q1 and q2.
    divergence : float
        The divergence that was minimised, in nats.
    history : ndarray, shape (steps + 1,)
        Its value at the start and after each step, an update of both factors.
    converged : bool
        Whether the last step changed no probability by more than 1e-14.
    """

    first: Array
    second: Array
    divergence: float
    history: Array
    converged: bool


def mean_field_normal(
    mean: ArrayLike, cov: ArrayLike, *, start: ArrayLike | None = None, max_steps: int = 10_000
) -> MeanFieldNormal:
    """The product q of normals that minimises D(q‖p) for p = N(μ, Λ⁻¹), by coordinate ascent.

    Factor i has variance 1/Λᵢᵢ and mean mᵢ = μᵢ − Λᵢᵢ⁻¹ Σ_{j≠i} Λᵢⱼ (mⱼ − μⱼ): the conditional of p
    given the other means. So D = ½ (Σ log Λᵢᵢ − log det Λ) + ½ (m − μ)ᵀ Λ (m − μ), and m = μ at the
    optimum.

    Parameters
    ----------
    mean, cov : array_like, shapes (d,) and (d, d)
        Of p.
    start : array_like, shape (d,), optional
        The means at the start; zero when left out. The variances start at 1/Λᵢᵢ.
    max_steps : int
        When to stop though the means still move, and not to call it converged. They converge the
        more slowly, the stronger the correlations.

    Returns
    -------
    MeanFieldNormal
        Its variances are never above those of the marginals of p: the reverse direction is
        overconfident.

    Raises
    ------
    ValueError
        When an argument is not finite, the shapes do not fit, or cov is not a covariance matrix.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2.

    Examples
    --------
    With correlation 0.8 the variances shrink to 1 − 0.8², and D = −½ log(1 − 0.8²):

    >>> fit = mean_field_normal([0, 0], [[1, 0.8], [0.8, 1]])
    >>> print(fit.sigmas**2, round(fit.divergence, 9), round(-np.log(1 - 0.8**2) / 2, 9))
    [0.36 0.36] 0.510825624 0.510825624
    """
    target, cov = _normal(mean, cov)
    d = target.size
    m = np.zeros(d) if start is None else validate.vectors("start", start)
    if m.shape != target.shape:
        raise ValueError(f"start must have shape {target.shape}, like mean; it has {m.shape}")
    validate_tables.moderate(mean=target, start=m)
    precision = _precision(cov)
    sigmas = 1 / np.sqrt(np.diag(precision))
    least = float(kl_multivariate_normal(target, np.diag(sigmas**2), target, cov))
    offset = m - target

    def divergence() -> float:
        return least + float(offset @ precision @ offset) / 2

    history, converged = [divergence()], False
    for _ in range(validate_numbers.whole_number("max_steps", max_steps)):
        before = offset.copy()
        for i in range(d):
            others = precision[i] @ offset - precision[i, i] * offset[i]
            offset[i] = -others / precision[i, i]
        history.append(divergence())
        converged = bool(np.abs((offset - before) / sigmas).max() <= _SETTLED)
        if converged:
            break
    return MeanFieldNormal(target + offset, sigmas, history[-1], np.array(history), converged)


def product_of_marginals_normal(mean: ArrayLike, cov: ArrayLike) -> NormalProduct:
    """The product q of normals that minimises D(p‖q): the marginals, with variances Σᵢᵢ.

    D = ½ (Σ log Σᵢᵢ − log det Σ) is the total correlation of the variables.

    Parameters
    ----------
    mean, cov : array_like, shapes (d,) and (d, d)
        Of p.

    Returns
    -------
    NormalProduct
        The means and variances of the marginals, and D.

    Raises
    ------
    ValueError
        When an argument is not finite, the shapes do not fit, or cov is not a covariance matrix.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2, equation (10.17).

    Examples
    --------
    For two variables both directions leave the same divergence, at very different variances:

    >>> fit = product_of_marginals_normal([0, 0], [[1, 0.8], [0.8, 1]])
    >>> print(fit.sigmas**2, round(fit.divergence, 9))
    [1. 1.] 0.510825624
    """
    target, cov = _normal(mean, cov)
    variances = np.diag(cov)
    divergence = float(kl_multivariate_normal(target, cov, target, np.diag(variances)))
    return NormalProduct(target.copy(), np.sqrt(variances), divergence)


def mean_field_table(
    joint: ArrayLike, *, start: ArrayLike | None = None, max_steps: int = 10_000
) -> MeanFieldTable:
    """The product q1(x) q2(y) that minimises D(q1 q2‖p) locally, by coordinate ascent from a start.

    A step sets q1(x) ∝ exp Σ_y q2(y) log p(x, y), then q2(y) ∝ exp Σ_x q1(x) log p(x, y).

    Parameters
    ----------
    joint : array_like, shape (m, n)
        ``joint[x, y]`` is p(x, y).
    start : array_like, shape (n,), optional
        q2 at the start; the marginal of p when left out. Other starts may lead to other minima,
        and a start that shares a symmetry of p may end on a saddle. Where p(x, y) = 0, a start
        that excludes y is needed to let q1 use x: q has to vanish wherever p does.
    max_steps : int
        When to stop though the factors still move, and not to call it converged.

    Returns
    -------
    MeanFieldTable
        The history starts at the best q1 for the starting q2, and never rises but for rounding. The
        factors are rounded, and so the divergence has an error of about 1e-16·√D: six digits are
        left of a D of 1e-20.

    Raises
    ------
    ValueError
        When an argument is not a distribution, the shapes do not fit, or no q1 makes the
        divergence from the start finite.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, equation (10.9).

    Examples
    --------
    Two coins that mostly agree. Started off the tie, q settles on one of the two cells; the
    product of the marginals keeps both:

    >>> joint = [[0.49, 0.01], [0.01, 0.49]]
    >>> fit = mean_field_table(joint, start=[0.6, 0.4])
    >>> print(fit.first.round(3), fit.second.round(3), round(fit.divergence, 3))
    [0.976 0.024] [0.976 0.024] 0.669
    >>> from kllib.geometry.projections import product_of_marginals
    >>> print(product_of_marginals(joint))
    [[0.25 0.25]
     [0.25 0.25]]
    """
    p = validate.joint_distribution("joint", joint)
    if p.ndim != 2:
        raise ValueError(f"joint must have two axes; its shape is {p.shape}")
    with np.errstate(divide="ignore"):
        log_p = np.log(p / p.sum())
    second = p.sum(axis=0) if start is None else validate.distribution("start", start)
    if second.shape != p.shape[1:]:
        raise ValueError(f"start must have shape {p.shape[1:]}; it has {second.shape}")
    second = averages.shares(second)
    if (p[:, second > 0] == 0).any(axis=1).all():
        raise ValueError("start: every x is impossible under some y that start allows (D = inf)")
    first = _best_factor(log_p, second)

    def divergence() -> float:
        return float(kl_divergence(np.outer(first, second).ravel(), (p / p.sum()).ravel()))

    history, converged = [divergence()], False
    for _ in range(validate_numbers.whole_number("max_steps", max_steps)):
        before = np.append(first, second)
        second = _best_factor(log_p.T, first)
        first = _best_factor(log_p, second)
        history.append(divergence())
        converged = bool(np.abs(np.append(first, second) - before).max() <= _SETTLED)
        if converged:
            break
    return MeanFieldTable(first, second, history[-1], np.array(history), converged)


def _normal(mean: ArrayLike, cov: ArrayLike) -> tuple[Array, Array]:
    mean, cov = validate.vectors("mean", mean), validate.covariance("cov", cov)
    validate.same_length(mean=mean, cov=cov[..., 0])
    if mean.ndim != 1 or cov.ndim != 2:
        raise ValueError(f"one distribution only: mean has shape {mean.shape}, cov {cov.shape}")
    return mean, cov


def _precision(cov: Array) -> Array:
    """Λ = Wᵀ W, where W whitens cov."""
    whitening = covariance.whiten("cov", cov)
    factor = whitening.factor + whitening.correction @ whitening.factor
    factor = np.ldexp(factor, -whitening.exponent)
    result: Array = factor.T @ factor
    return result


def _best_factor(log_p: Array, other: Array) -> Array:
    """∝ exp Σ_y other(y) log p(x, y): the best q(x) given the other factor."""
    expected = averages.expectation(other, log_p)
    weights = np.exp(expected - expected.max())
    result: Array = weights / weights.sum()
    return result
