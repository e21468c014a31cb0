"""Divergences between p and q from v = log(q/p), without cancellation. Private.

A policy tilted by a reward and a student's logits beside a teacher's have this in common: what is
given is log p and a tilt u with q ∝ p·eᵘ. Near p = q the difference of two computed logarithms has
lost its digits, and the tilt still has all of its own. The divergences are sums of terms that are
never negative:

    D(p‖q) = Σ p (eᵛ − 1 − v),   D(q‖p) = Σ p (v eᵛ − eᵛ + 1),   v = u − log Σ p eᵘ.

An error common to all v (from the sum) changes them only in second order.
"""

from typing import NamedTuple

import numpy as np

from kllib._numerics import averages, elementwise
from kllib._numerics import double_double as dd
from kllib._numerics.validate import Array

# Where the terms are computed by series; as in `elementwise`, which has the series.
_NEAR = 0.25


class TiltedPair(NamedTuple):
    """q = p exp((tilt − top)/scale) / exp(log_mean), top being the largest tilt where p > 0."""

    log_p: Array
    log_q: Array
    log_ratio: Array
    log_mean: Array
    top: Array


def tilted(
    log_p: Array, tilt: Array, scale: Array | float, log_q: Array | None = None
) -> TiltedPair:
    """q ∝ p exp(tilt/scale) along the last axis; log p may be -inf, and is so for log q then.

    Where log q is known, it is taken: it has lost less than log p + log(q/p).
    """
    tilt = np.where(log_p > -np.inf, tilt, -np.inf)
    top = tilt.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore", divide="ignore"):
        u = (tilt - top) / scale
        less = averages.expectation(np.exp(log_p), np.expm1(u))[..., None]
        near = np.log1p(np.maximum(less, -0.5))
        # Far from the top: tilts from that of the outcome with the largest p·q, where both matter.
        shared = np.argmax(2 * log_p + u, axis=-1, keepdims=True)
        tilt = np.broadcast_to(tilt, u.shape)
        shift = (tilt - np.take_along_axis(tilt, shared, axis=-1)) / scale
        if log_q is None:
            far = log_sum_exp(log_p + shift)[..., None]
            log_q = np.where(less > -0.5, log_p + u - near, (log_p + shift) - far)
        else:
            far = np.take_along_axis(log_p - log_q, shared, axis=-1)
        log_ratio = np.where(less > -0.5, u - near, shift - far)
        log_mean = np.where(less > -0.5, near, far + np.take_along_axis(u, shared, axis=-1))
        return TiltedPair(log_p, log_q, log_ratio, log_mean[..., 0], top[..., 0])


def between_logits(p_logits: Array, q_logits: Array, temperature: float) -> TiltedPair:
    """p = softmax(p_logits/temperature) and q likewise, q written as a tilt of p."""
    log_p, log_q = _log_softmax(p_logits, temperature), _log_softmax(q_logits, temperature)
    return tilted(log_p, difference(p_logits, q_logits), temperature, log_q)


def difference(p_logits: Array, q_logits: Array) -> Array:
    """q_logits − p_logits, less that of the outcome with the largest p·q: all may share a shift.

    Differences are exact before that of one outcome is taken off, which rounds the others least
    where they count most.
    """
    shared = np.argmax(p_logits / 2 + q_logits / 2, axis=-1, keepdims=True)
    rest = dd.two_sum(q_logits, -p_logits)
    hi, lo = (part - np.take_along_axis(part, shared, axis=-1) for part in rest)
    result: Array = hi + lo
    return result


def _log_softmax(logits: Array, temperature: float) -> Array:
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    result: Array = scaled - log_sum_exp(scaled)[..., None]
    return result


def log_sum_exp(values: Array) -> Array:
    """log Σ exp(values) along the last axis."""
    top = values.max(axis=-1, keepdims=True)
    result: Array = top[..., 0] + np.log(np.exp(values - top).sum(axis=-1))
    return result


def model(tilt: TiltedPair) -> Array:
    """q."""
    result: Array = np.exp(tilt.log_q)
    return result


def gap(tilt: TiltedPair) -> Array:
    """q − p, entry by entry."""
    p, v = np.exp(tilt.log_p), tilt.log_ratio
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.abs(v) < _NEAR, p * np.expm1(v), model(tilt) - p)


def forward(tilt: TiltedPair) -> Array:
    """D(p‖q)."""
    p, q, v = np.exp(tilt.log_p), model(tilt), tilt.log_ratio
    with np.errstate(invalid="ignore", over="ignore"):
        near = p * elementwise.exponential_gap(v)
        terms = np.where(np.abs(v) < _NEAR, near, q - p * (1 + v))
    return _total(np.where(p > 0, terms, q))


def reverse(tilt: TiltedPair) -> Array:
    """D(q‖p)."""
    p, q, v = np.exp(tilt.log_p), model(tilt), tilt.log_ratio
    with np.errstate(invalid="ignore", over="ignore"):
        near = q * elementwise.exponential_gap(-v)
        terms = np.where(np.abs(v) < _NEAR, near, q * (v - 1) + p)
    return _total(np.where(q > 0, terms, p))


def jensen_shannon(tilt: TiltedPair, weight: float) -> Array:
    """weight·D(p‖m) + (1 − weight)·D(q‖m) with m = weight·p + (1 − weight)·q."""
    p, q, v = np.exp(tilt.log_p), model(tilt), tilt.log_ratio
    first = _to_mixture(p, q, v, 1 - weight)
    second = _to_mixture(q, p, -v, weight)
    return _total(weight * first + (1 - weight) * second)


def to_mixture(v: Array, share: float) -> Array:
    """log(m/p) with m = (1 − share)·p + share·q and v = log(q/p)."""
    with np.errstate(over="ignore"):
        near = np.log1p(share * np.expm1(v))
        return np.where(v < 1, near, np.logaddexp(np.log1p(-share), np.log(share) + v))


def _to_mixture(p: Array, q: Array, v: Array, share: float) -> Array:
    """The terms of D(p‖m)."""
    with np.errstate(over="ignore", invalid="ignore"):
        u = share * np.expm1(v)
        far = share * (q - p) - p * to_mixture(v, share)
        terms = np.where(np.abs(u) < _NEAR, p * elementwise.phi(u), far)
    return np.where(p > 0, terms, share * q)


def _total(terms: Array) -> Array:
    result: Array = terms.sum(axis=-1)
    return result


def scalar(value: Array | np.float64) -> np.float64 | Array:
    """A float when it is one number."""
    array = np.asarray(value)
    return array if array.ndim else np.float64(array)


def softmax_gradient(policy: Array, values: Array) -> Array:
    """∂/∂z of Σ π·values, the values held fixed, for π = softmax(z): π·(values − E_π values).

    A value of −∞ where the probability has underflowed to 0 counts for nothing. Values are taken
    from that of the likeliest outcome, whose own entry would else cancel where it is nearly sure.
    """
    likeliest = np.argmax(policy, axis=-1, keepdims=True)
    values = values - np.take_along_axis(values, likeliest, axis=-1)
    weighted = np.multiply(policy, values, where=policy > 0, out=np.zeros_like(policy))
    result: Array = weighted - policy * weighted.sum(axis=-1, keepdims=True)
    return result
