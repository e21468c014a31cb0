"""Wrong answers to the function exercises of "definitions", as a student would write them.

They stand in one module, with the helpers they share, because a sample submission is made from a
mistake's own source (klgrade/samples.py). None calls kllib, whose answers are closed while a
student's function is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import rel_entr

# ---- of one pair of distributions ---------------------------------------------------------------


def swapped(p: Any, q: Any) -> Any:
    return rel_entr(q, p).sum()


def in_bits(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum() / np.log(2)


def to_base_ten(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum() / np.log(10)


def turned_round(p: Any, q: Any) -> Any:
    return -rel_entr(p, q).sum()


def weighted_by_model(p: Any, q: Any) -> Any:
    return -rel_entr(q, p).sum()


def made_positive(p: Any, q: Any) -> Any:
    return np.abs(rel_entr(p, q)).sum()


def averaged(p: Any, q: Any) -> Any:
    return rel_entr(p, q).mean()


def unweighted(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return np.sum(np.log(p / q))


def cross_entropy(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return -np.sum(p[p > 0] * np.log(q[p > 0]))


def both_ways(p: Any, q: Any) -> Any:
    return (rel_entr(p, q).sum() + rel_entr(q, p).sum()) / 2


def both_added(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum() + rel_entr(q, p).sum()


def to_the_middle(p: Any, q: Any) -> Any:
    middle = (np.asarray(p, dtype=float) + np.asarray(q, dtype=float)) / 2
    return (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2


def rounded(p: Any, q: Any, decimals: int = 4) -> Any:
    return np.round(rel_entr(p, q).sum(), decimals)


def first_outcome(p: Any, q: Any) -> Any:
    return rel_entr(p[0], q[0])


def first_two_outcomes(p: Any, q: Any) -> Any:
    return rel_entr(p[:2], q[:2]).sum()


def zero_times_infinity(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return np.sum(p * np.log(p / q))


def floored(p: Any, q: Any, tiny: float = 1e-12) -> Any:
    p, q = np.maximum(p, tiny), np.maximum(q, tiny)
    return np.sum(p * np.log(p / q))


def with_other_floors(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The same with other tiny numbers in use; one that is added instead gives the same."""
    tinies = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-15, 1e-16, 2.0**-52, 1e-20, 1e-30, 1e-300)
    return [partial(function, tiny=tiny) for tiny in tinies]


def infinity_left_out(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    both = (p > 0) & (q > 0)
    return np.sum(p[both] * np.log(p[both] / q[both]))


def infinity_as_nan(p: Any, q: Any) -> Any:
    divergence = rel_entr(p, q).sum()
    return np.nan if np.isinf(divergence) else divergence


def infinite_at_zeros_of_q(p: Any, q: Any) -> Any:
    return np.inf if np.any(np.equal(q, 0)) else rel_entr(p, q).sum()


def infinite_at_every_zero(p: Any, q: Any) -> Any:
    return np.inf if np.any(np.equal(p, 0) | np.equal(q, 0)) else rel_entr(p, q).sum()


def zeros_overwritten(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    q[p == 0] = 1
    p[p == 0] = 1
    return np.sum(p * np.log(p / q))


def changed_in_place(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    p /= p.sum()
    q /= q.sum()
    return rel_entr(p, q).sum()


def not_added_up(p: Any, q: Any) -> Any:
    return rel_entr(p, q)


def lists_divided(p: Any, q: Any) -> Any:
    return np.sum(p * np.log(p / q))


def loop_without_zeros(p: Any, q: Any) -> Any:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def loop_without_infinity(p: Any, q: Any) -> Any:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


# ---- of many pairs at once ----------------------------------------------------------------------


def down_the_columns(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum(axis=0)


def all_in_one(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum()


def mean_of_rows(p: Any, q: Any) -> Any:
    return rel_entr(p, q).mean(axis=-1)


def swapped_rows(p: Any, q: Any) -> Any:
    return rel_entr(q, p).sum(axis=-1)


def rows_in_bits(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum(axis=-1) / np.log(2)


def rows_to_base_ten(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum(axis=-1) / np.log(10)


def rows_negative(p: Any, q: Any) -> Any:
    return -rel_entr(p, q).sum(axis=-1)


def rows_rounded(p: Any, q: Any, decimals: int = 4) -> Any:
    return np.round(rel_entr(p, q).sum(axis=-1), decimals)


def rows_not_added_up(p: Any, q: Any) -> Any:
    return rel_entr(p, q)


def second_axis(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum(axis=1)


def axis_of_entropy(p: Any, q: Any) -> Any:
    return stats.entropy(np.asarray(p, dtype=float), np.asarray(q, dtype=float))


def axis_kept(p: Any, q: Any) -> Any:
    return rel_entr(p, q).sum(axis=-1, keepdims=True)


def paired_by_a_loop(p: Any, q: Any) -> Any:
    return [rel_entr(row_p, row_q).sum() for row_p, row_q in zip(p, q, strict=True)]


def rows_with_nan(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return np.sum(p * np.log(p / q), axis=-1)


def rows_floored(p: Any, q: Any, tiny: float = 1e-12) -> Any:
    p, q = np.maximum(p, tiny), np.maximum(q, tiny)
    return np.sum(p * np.log(p / q), axis=-1)


def rows_without_infinity(p: Any, q: Any) -> Any:
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return np.where((p > 0) & (q > 0), p * np.log(p / q), 0).sum(axis=-1)


# ---- of the marginal term of the chain rule -----------------------------------------------------


def marginal_of_y(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.sum(joint_p, axis=0), np.sum(joint_q, axis=0)).sum()


def marginal_swapped(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.sum(joint_q, axis=1), np.sum(joint_p, axis=1)).sum()


def marginal_in_bits(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)).sum() / np.log(2)


def whole_table(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(joint_p, joint_q).sum()


def both_marginals(joint_p: Any, joint_q: Any) -> Any:
    of_x = rel_entr(np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)).sum()
    return of_x + rel_entr(np.sum(joint_p, axis=0), np.sum(joint_q, axis=0)).sum()


def means_for_sums(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.mean(joint_p, axis=1), np.mean(joint_q, axis=1)).sum()


def first_column(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.asarray(joint_p)[:, 0], np.asarray(joint_q)[:, 0]).sum()


def marginal_with_nan(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)
    return np.sum(p * np.log(p / q))


def marginal_without_infinity(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)
    both = (p > 0) & (q > 0)
    return np.sum(p[both] * np.log(p[both] / q[both]))


def what_the_marginals_leave(joint_p: Any, joint_q: Any) -> Any:
    p_x, _, divergences = row_divergences(joint_p, joint_q)
    return (p_x * divergences).sum()


def marginal_negative(joint_p: Any, joint_q: Any) -> Any:
    return -rel_entr(np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)).sum()


# ---- of its conditional term --------------------------------------------------------------------


def row_divergences(joint_p: Any, joint_q: Any) -> tuple[Any, Any, Any]:
    """P(x), Q(x) and D(P(·|x)‖Q(·|x)), 0 where P(x) is 0."""
    p, q = np.asarray(joint_p, dtype=float), np.asarray(joint_q, dtype=float)
    p_x, q_x = p.sum(axis=1), q.sum(axis=1)
    given_x = p / np.where(p_x > 0, p_x, 1)[:, None]
    return p_x, q_x, rel_entr(given_x, q / q_x[:, None]).sum(axis=1)


def rows_added_up(joint_p: Any, joint_q: Any) -> Any:
    return row_divergences(joint_p, joint_q)[2].sum()


def rows_averaged(joint_p: Any, joint_q: Any) -> Any:
    return row_divergences(joint_p, joint_q)[2].mean()


def weighted_by_q(joint_p: Any, joint_q: Any) -> Any:
    _, q_x, divergences = row_divergences(joint_p, joint_q)
    return (q_x * divergences).sum()


def given_y(joint_p: Any, joint_q: Any) -> Any:
    p_y, _, divergences = row_divergences(np.transpose(joint_p), np.transpose(joint_q))
    return (p_y * divergences).sum()


def rows_not_divided(joint_p: Any, joint_q: Any) -> Any:
    return (np.sum(joint_p, axis=1) * rel_entr(joint_p, joint_q).sum(axis=1)).sum()


def divided_across(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.asarray(joint_p, dtype=float), np.asarray(joint_q, dtype=float)
    p_x, q_x = p.sum(axis=1), q.sum(axis=1)
    return np.sum(p_x * rel_entr(p / p_x, q / q_x).sum(axis=1))


def conditional_swapped(joint_p: Any, joint_q: Any) -> Any:
    q_x, _, divergences = row_divergences(joint_q, joint_p)
    return (q_x * divergences).sum()


def conditional_in_bits(joint_p: Any, joint_q: Any) -> Any:
    p_x, _, divergences = row_divergences(joint_p, joint_q)
    return (p_x * divergences).sum() / np.log(2)


def conditional_with_nan(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.asarray(joint_p, dtype=float), np.asarray(joint_q, dtype=float)
    p_x, q_x = p.sum(axis=1, keepdims=True), q.sum(axis=1, keepdims=True)
    return np.sum(p * np.log((p / p_x) / (q / q_x)))


def zero_row_divided(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.asarray(joint_p, dtype=float), np.asarray(joint_q, dtype=float)
    p_x, q_x = p.sum(axis=1), q.sum(axis=1)
    return np.sum(p_x * rel_entr(p / p_x[:, None], q / q_x[:, None]).sum(axis=1))


def conditional_without_infinity(joint_p: Any, joint_q: Any) -> Any:
    p, q = np.asarray(joint_p, dtype=float), np.asarray(joint_q, dtype=float)
    ratio = (p / p.sum(axis=1, keepdims=True)) / (q / q.sum(axis=1, keepdims=True))
    return np.sum(np.where((p > 0) & (q > 0), p * np.log(ratio), 0))


def conditional_negative(joint_p: Any, joint_q: Any) -> Any:
    p_x, _, divergences = row_divergences(joint_p, joint_q)
    return -(p_x * divergences).sum()


def marginal_term(joint_p: Any, joint_q: Any) -> Any:
    return rel_entr(np.sum(joint_p, axis=1), np.sum(joint_q, axis=1)).sum()


def row_by_row(joint_p: Any, joint_q: Any) -> Any:
    p_x, _, divergences = row_divergences(joint_p, joint_q)
    return p_x * divergences
