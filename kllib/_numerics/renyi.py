"""Rényi's divergence without cancellation, near p = q, near α = 1 and far from both. Private."""

import math

import numpy as np

from kllib._numerics import fdivergence_terms
from kllib._numerics.validate import Array


def divergence(p: Array, q: Array, order: float) -> Array:
    """log(Σ p^α q^(1 − α))/(α − 1) along the last axis, for 0 < α, finite and not 1.

    Where the sum is near one, its distance from one is a sum of terms that are never negative,
    Σ [(α p + (1 − α) q − p^α q^(1 − α)], up to the sign. Elsewhere it is computed in log space.
    """
    power = order - 1
    scale = order * power
    alpha_divergence = fdivergence_terms.alpha(order)

    def terms(p: Array, q: Array, gap: Array) -> Array:
        return scale * alpha_divergence(p, q, gap)

    slope = -order if power < 0 else math.inf
    excess = fdivergence_terms.divergence(p, q, terms, at_zero=power, slope=slope)
    far = ~(np.abs(excess) <= 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.log1p(excess) / power
    if far.any():
        result = np.where(far, log_moment(p, q, power), result)
    return np.maximum(result, 0.0)  # of rounding nothing below 0 is left


def log_moment(p: Array, q: Array, power: float) -> Array:
    """log(Σ (p/q)^power p)/power along the last axis, in log space."""
    # (p/q)^power p = e^(power w): the largest term is that of the largest w, or for a negative
    # power of the smallest.
    nothing, extreme = (-math.inf, np.max) if power > 0 else (math.inf, np.min)

    def of_rows(p: Array, q: Array) -> Array:
        total = p.sum(axis=-1, keepdims=True)
        tops, sums = [], []
        for part, model, gap in fdivergence_terms.matched(p, q):
            both = (part > 0) & (model > 0)
            w = fdivergence_terms.log_ratio(part, model, gap) + np.log(part / total) / power
            w = np.where(both, w, nothing)
            top = extreme(w, axis=-1, keepdims=True)
            tops.append(top[:, 0])
            sums.append(np.where(both, np.exp(power * (w - top)), 0.0).sum(axis=-1))
        top = extreme(tops, axis=0)
        shares = np.where(np.array(sums) > 0, np.exp(power * (np.array(tops) - top)), 0.0)
        moment = np.sum(shares * sums, axis=0)
        result = np.where(moment > 0, top + np.log(moment) / power, math.inf)
        impossible = ((p > 0) & (q == 0)).any(axis=-1) & (power > 0)
        return np.where(impossible, math.inf, result)

    return fdivergence_terms.in_row_blocks(of_rows, p, q)


def largest_log_ratio(p: Array, q: Array) -> Array:
    """log max p/q along the last axis."""

    def of_rows(p: Array, q: Array) -> Array:
        largest = np.zeros(p.shape[0])  # the largest ratio is at least one
        for part, model, gap in fdivergence_terms.matched(p, q):
            ratios = np.where(part > 0, fdivergence_terms.log_ratio(part, model, gap), -math.inf)
            largest = np.maximum(largest, ratios.max(axis=-1))
        return largest

    return fdivergence_terms.in_row_blocks(of_rows, p, q)


def surprise_of_support(p: Array, q: Array) -> Array:
    """−log q(p > 0) along the last axis."""

    def of_rows(p: Array, q: Array) -> Array:
        inside = np.where(p > 0, q, 0.0).sum(axis=-1)
        outside = np.where(p > 0, 0.0, q).sum(axis=-1)
        with np.errstate(over="ignore"):
            result: Array = np.log1p(outside / inside)
        # For so small a part of q that the ratio is no float.
        tiny = np.isinf(result) & (inside > 0)
        result[tiny] = np.log(outside[tiny]) - np.log(inside[tiny])
        return result

    return fdivergence_terms.in_row_blocks(of_rows, p, q)


def overlap(p: Array, q: Array) -> Array:
    """Σ √(p q) along the last axis, for p/Σp and q/Σq."""

    def of_rows(p: Array, q: Array) -> Array:
        shared = np.vecdot(np.sqrt(p), np.sqrt(q))
        result: Array = shared / np.sqrt(p.sum(axis=-1) * q.sum(axis=-1))
        return result

    return fdivergence_terms.in_row_blocks(of_rows, p, q)
