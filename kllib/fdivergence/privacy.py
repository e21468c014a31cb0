"""Rényi differential privacy of the Gaussian mechanism: its curve, composition, conversion.

A mechanism is (α, ε)-Rényi-differentially private when D_α(output on x ‖ output on x') ≤ ε for all
neighbouring data sets x and x'. The least such ε as a function of α is its curve. In nats always,
as ε is everywhere in the field.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate, validate_numbers
from kllib._numerics.extended import extended_array

__all__ = ["PrivacyGuarantee", "rdp_compose", "rdp_gaussian", "rdp_to_dp"]

Array: TypeAlias = NDArray[np.float64]
#: One number gives a float, arrays an array.
Result: TypeAlias = np.float64 | Array


class PrivacyGuarantee(NamedTuple):
    """(ε, δ)-differential privacy for the δ that was asked for.

    Attributes
    ----------
    epsilon : float or ndarray
        The ε that is guaranteed, not negative.
    alpha : float or ndarray
        The Rényi order that gave it. At an end of the orders tried, others might give less.
    """

    epsilon: Result
    alpha: Result


def rdp_gaussian(sigma: ArrayLike, alpha: ArrayLike, *, sensitivity: ArrayLike = 1.0) -> Result:
    """The Gaussian mechanism's curve, ε(α) = α Δ²/(2σ²) = D_α(N(Δ, σ²) ‖ N(0, σ²)).

    Parameters
    ----------
    sigma : array_like
        Standard deviation of the noise added to the answer.
    alpha : array_like
        Rényi orders, at least 1 (1 is Kullback–Leibler); ``inf`` gives ``inf``.
    sensitivity : array_like
        Δ, the most that the answer differs between neighbouring data sets, in Euclidean norm.

    Returns
    -------
    float or ndarray
        One ε for each element of the broadcast arguments.

    Raises
    ------
    ValueError
        When sigma or sensitivity is not positive and finite, an order is below 1, or the shapes do
        not broadcast.

    References
    ----------
    Mironov (2017), Rényi differential privacy, IEEE Computer Security Foundations Symposium,
    Proposition 7.

    Examples
    --------
    At order 1 it is the divergence of two normals:

    >>> from kllib.gaussian import kl_normal
    >>> print(rdp_gaussian(2, [1, 2, 8], sensitivity=3), kl_normal(3, 2, 0, 2))
    [1.125 2.25  9.   ] 1.125
    """
    noise, reach = (
        validate.positive("sigma", sigma),
        validate.positive("sensitivity", sensitivity),
    )
    order = _orders("alpha", alpha)
    validate.broadcastable(sigma=noise, alpha=order, sensitivity=reach)
    with np.errstate(over="ignore", under="ignore"):
        ratio = reach / noise
        finite = np.where(order < np.inf, order, 1.0)  # ∞ times a ratio of 0 is not a number
        result: Result = np.where(order < np.inf, finite / 2 * ratio * ratio, np.inf)[()]
    return result


def rdp_compose(*curves: ArrayLike, times: int = 1) -> Result:
    """The curve of mechanisms run one after another: at each order, the sum Σ ε_i(α).

    Parameters
    ----------
    *curves : array_like
        ε of each mechanism, at the same orders in the same places. They add up at equal orders
        only, even when a mechanism is chosen after the outputs of those before it were seen.
    times : int
        How often the whole sequence is run.

    Returns
    -------
    float or ndarray
        ε of the whole at the same orders.

    Raises
    ------
    ValueError
        When no curve is given, an ε is negative or not a number, the shapes do not broadcast, or
        times is not a whole number above 0.

    References
    ----------
    Mironov (2017), Proposition 1.

    Examples
    --------
    A thousand steps of noise 50 reveal as much as one answer of noise 50/√1000:

    >>> orders = np.array([2, 8, 32])
    >>> print(rdp_compose(rdp_gaussian(50, orders), times=1000))
    [0.4 1.6 6.4]
    >>> print(rdp_gaussian(50 / np.sqrt(1000), orders))
    [0.4 1.6 6.4]
    """
    if not curves:
        raise ValueError("rdp_compose needs at least one curve")
    times = validate_numbers.whole_number("times", times)
    named = {f"curve {i}": _epsilons(f"curve {i}", curve) for i, curve in enumerate(curves)}
    validate.broadcastable(**named)
    with np.errstate(over="ignore"):
        total: Result = times * sum(named.values(), start=np.float64(0.0))
    return total


def rdp_to_dp(
    alphas: ArrayLike, epsilons: ArrayLike, delta: ArrayLike, *, conversion: str = "canonne"
) -> PrivacyGuarantee:
    """The least ε of (ε, δ)-differential privacy that a Rényi curve guarantees at the orders given.

    At each order α, a Rényi bound ε(α) implies (ε, δ) with

    - ``"canonne"``: ε = ε(α) + log((α − 1)/α) − log(δ α)/(α − 1), never more than the other;
    - ``"mironov"``: ε = ε(α) + log(1/δ)/(α − 1), the one first published;

    and the least over the orders is returned. Where that is negative, 0 is.

    Parameters
    ----------
    alphas : array_like, shape (m,)
        Rényi orders above 1, finite.
    epsilons : array_like, shape (..., m)
        ε(α) at these orders, the last axis; ``inf`` where there is no bound.
    delta : array_like, shape (...)
        δ, between 0 and 1.
    conversion : {"canonne", "mironov"}
        Which of the two.

    Returns
    -------
    PrivacyGuarantee
        epsilon and the alpha that gave it, shape (...).

    Raises
    ------
    ValueError
        When an order is not above 1 and finite, an ε is negative or not a number, δ is not between
        0 and 1, or the shapes do not fit.

    References
    ----------
    Mironov (2017), Proposition 3. Canonne, Kamath and Steinke (2020), The discrete Gaussian for
    differential privacy, NeurIPS 33; the same bound in Balle, Barthe, Gaboardi, Hsu and Sato
    (2020), Hypothesis testing interpretations and Rényi differential privacy, AISTATS.

    Examples
    --------
    For the Gaussian mechanism the best order of the older conversion is known, and with it
    ε = ½ (Δ/σ)² + (Δ/σ) √(2 log 1/δ):

    >>> orders = 1 + np.sqrt(2 * np.log(1e5)) * np.array([0.5, 1, 2])
    >>> curve = rdp_gaussian(1, orders)
    >>> print(round(rdp_to_dp(orders, curve, 1e-5, conversion="mironov").epsilon, 12))
    5.298525912188
    >>> print(round(0.5 + np.sqrt(2 * np.log(1e5)), 12))
    5.298525912188
    """
    orders = _orders("alphas", alphas)
    if orders.ndim != 1 or not ((orders > 1) & (orders < np.inf)).all():
        raise ValueError("alphas must be a list of finite orders above 1")
    curve, share = _epsilons("epsilons", epsilons), validate.positive("delta", delta)
    if not (share < 1).all():
        raise ValueError(f"delta must be below 1; got {share.max():.6g}")
    if curve.ndim < 1:
        raise ValueError("epsilons must hold one number for each order; it is a single number")
    validate.same_length(alphas=orders, epsilons=curve)
    validate.broadcastable(epsilons=curve[..., 0], delta=share)
    if conversion not in _CONVERSIONS:
        raise ValueError(f"conversion must be one of {list(_CONVERSIONS)}; got {conversion!r}")
    by_order = curve + _CONVERSIONS[conversion](orders, np.log(share)[..., None])
    best = by_order.argmin(axis=-1)
    epsilon = np.maximum(by_order.min(axis=-1), 0.0)
    return PrivacyGuarantee(epsilon, orders[best])


def _canonne(orders: Array, log_delta: Array) -> Array:
    result: Array = np.log1p(-1 / orders) - (log_delta + np.log(orders)) / (orders - 1)
    return result


def _mironov(orders: Array, log_delta: Array) -> Array:
    return -log_delta / (orders - 1)


_CONVERSIONS = {"canonne": _canonne, "mironov": _mironov}


def _orders(name: str, value: ArrayLike) -> Array:
    orders = extended_array(name, value, np.inf)
    if not (orders >= 1).all():
        raise ValueError(f"{name} must be at least 1; got {orders.min():.6g}")
    return orders


def _epsilons(name: str, value: ArrayLike) -> Array:
    epsilons = extended_array(name, value, np.inf)
    if not (epsilons >= 0).all():
        raise ValueError(f"{name} must not be negative; got {epsilons.min():.6g}")
    return epsilons
