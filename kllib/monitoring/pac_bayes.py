"""PAC-Bayes: a bound on the true risk of a randomised classifier, from a divergence.

A posterior over classifiers, chosen after seeing n cases, errs on new cases at a rate that the
observed rate bounds, with a surplus that grows like the square root of D(posterior‖prior)/n; the
prior must have been fixed before.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.monitoring._coins import coin_divergence

__all__ = ["kl_inverse_upper", "pac_bayes_bound"]

Result: TypeAlias = np.float64 | Array


def kl_inverse_upper(p: ArrayLike, divergence: ArrayLike) -> Result:
    """The largest r with D((p, 1 − p)‖(r, 1 − r)) ≤ divergence: how large can the risk still be?

    Parameters
    ----------
    p : array_like
        Observed rate, between 0 and 1.
    divergence : array_like
        In nats, finite and not negative.

    Returns
    -------
    float or ndarray
        One value for each element of the broadcast arguments, between p and 1: the upper end of
        the last step of a bisection, so that a bound remains one.

    Raises
    ------
    ValueError
        When p is not between 0 and 1, a divergence is negative, or the shapes do not broadcast.

    References
    ----------
    Seeger (2002), PAC-Bayesian generalisation error bounds for Gaussian process classification,
    J. Mach. Learn. Res. 3.

    Examples
    --------
    No error among n cases: (1 − r)ⁿ = δ at divergence log(1/δ)/n.

    >>> print(round(kl_inverse_upper(0.0, np.log(20) / 100), 12), round(1 - 20 ** (-1 / 100), 12))
    0.029513049607 0.029513049607
    """
    p = _rate("p", p)
    budget = _non_negative("divergence", divergence)
    validate.broadcastable(p=p, divergence=budget)
    p, budget = np.broadcast_arrays(p, budget)
    # D ≥ (r − p)²/2r for r ≥ p, which bounds r; then bisection.
    with np.errstate(over="ignore"):
        low, high = p, np.minimum(p + budget + np.sqrt(budget) * np.sqrt(2 * p + budget), 1.0)
    for _ in range(64):
        middle = low + (high - low) / 2
        within = coin_divergence(p, middle) <= budget
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return high if high.ndim else np.float64(high)


def pac_bayes_bound(
    empirical_risk: ArrayLike,
    divergence: ArrayLike,
    sample_size: int,
    *,
    delta: float = 0.05,
    form: Literal["kl", "pinsker"] = "kl",
) -> Result:
    """risk ≤ sup {r : D(r̂‖r) ≤ c} ≤ r̂ + √(c/2) with c = [D(posterior‖prior) + log(2√n/δ)]/n.

    D(r̂‖r) is the divergence of two coins. The first bound is the form of Seeger and Maurer
    (``"kl"``), the second has McAllester's form, and is the first weakened by Pinsker's inequality
    (``"pinsker"``). Both hold with probability 1 − δ or more over the sample, for all posteriors
    at once. Maurer states the constant 2√n for n ≥ 8; that it holds from n = 1 on, the tests
    check by enumeration.

    Parameters
    ----------
    empirical_risk : array_like
        r̂, the mean loss on the sample of a classifier drawn from the posterior, between 0 and 1.
    divergence : array_like
        D(posterior‖prior) in nats; the prior must not depend on the sample.
    sample_size : int
        n, the number of independent cases.
    delta : float
        The probability with which the bound may fail.
    form : {"kl", "pinsker"}
        Which of the two.

    Returns
    -------
    float or ndarray
        At most 1 (the loss lies between 0 and 1).

    Raises
    ------
    ValueError
        When a risk is not between 0 and 1, a divergence is negative, or an option makes no sense.

    References
    ----------
    McAllester (1999), PAC-Bayesian model averaging, for the form (his constants differ). Seeger
    (2002), PAC-Bayesian generalisation error bounds for Gaussian process classification. Maurer
    (2004), A note on the PAC Bayesian theorem, for the constant 2√n.

    Examples
    --------
    The surplus goes with the square root of D/n, and is not zero at D = 0:

    >>> print(round(pac_bayes_bound(0.0, 10, 1000, form="pinsker"), 4))
    0.0926
    >>> print(round(pac_bayes_bound(0.0, 10, 1000), 4), round(pac_bayes_bound(0.0, 0, 1000), 4))
    0.017 0.0071
    """
    risk = _rate("empirical_risk", empirical_risk)
    complexity = _non_negative("divergence", divergence)
    validate.broadcastable(empirical_risk=risk, divergence=complexity)
    n = validate_numbers.whole_number("sample_size", sample_size)
    delta = validate_numbers.between_zero_and_one("delta", delta)
    validate_numbers.choice("form", form, ("kl", "pinsker"))
    budget = (complexity + np.log(2 * np.sqrt(n) / delta)) / n
    if form == "kl":
        return kl_inverse_upper(risk, budget)
    bound: Result = np.minimum(risk + np.sqrt(budget / 2), 1.0)
    return bound


def _rate(name: str, value: ArrayLike) -> Array:
    array = _non_negative(name, value)
    if (array > 1).any():
        raise ValueError(f"{name} must lie between 0 and 1; got {array.max():.6g}")
    return array


def _non_negative(name: str, value: ArrayLike) -> Array:
    array = validate.real_array(name, value)
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative; got {array.min():.6g}")
    return array
