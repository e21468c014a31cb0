"""The assignment "definitions" (chapter 2): the divergence and its first properties.

The notebook imports :func:`check`, :func:`given`, :func:`progress` and :func:`release` from here.
The functions of the mistakes stand in :mod:`kllib.checks.wrong_functions`.
"""

from __future__ import annotations

from functools import partial
from math import log
from typing import Any

import numpy as np
from scipy.special import rel_entr

from kllib import conditional_kl, kl_divergence
from kllib.checks import wrong_functions as wrong
from kllib.checks.binding import bind
from kllib.checks.cases import (
    joint_pairs,
    marginal_pairs,
    rounding,
    simplex_pairs,
    stacked_pairs,
    table,
)
from kllib.checks.item import Assignment, Item, Mistake, Written

__all__ = ["ASSIGNMENT", "check", "given", "progress", "release"]

SWAPPED = "This is D(q‖p): the arguments are swapped."
IN_BITS = "This is in bits (log base 2): nats are asked for."
IN_TENS = "This is to base 10: nats take the natural logarithm."
NEGATIVE = "The sign is wrong: a minus too many, or q/p where p/q belongs."
ROUNDED = "The result is rounded: return it as it is."
FLOORED = "Zeros are raised to a tiny number: that hides the infinity, D is +∞ there."
LEFT_OUT = "Outcomes that q rules out are left out: if p allows one of them, D is +∞."
PAIR_IN_BITS = "These are in bits (log base 2): nats are asked for."
PAIR_IN_TENS = "These are to base 10: nats take the natural logarithm."
ABSOLUTE = "The terms are made positive one by one: keep their signs, some are negative."
AVERAGED = "This is the mean of the terms: the probabilities weigh them already, so add up."

ZERO_STOPS = "math.log and / stop at 0: leave out p = 0, and return np.inf where only q is 0."

# ---- kl: the divergence itself -----------------------------------------------------------------

KL = Item(
    "kl",
    chapter=2,
    oracle=kl_divergence,
    cases=simplex_pairs,
    rtol=1e-6,
    slack=rounding,
    closed=("kl_divergence", "cross_entropy", "conditional_kl", "mutual_information"),
    parts={"values": 2, "zeros": 1, "infinity": 1, "inputs": 1},
    mistakes=[
        Mistake(SWAPPED, wrong.swapped),
        Mistake(IN_BITS, wrong.in_bits),
        Mistake(IN_TENS, wrong.to_base_ten),
        Mistake(NEGATIVE, wrong.turned_round),
        Mistake(
            "This is -D(q‖p): the log-ratios are weighted by q, not by p.", wrong.weighted_by_model
        ),
        Mistake(ABSOLUTE, wrong.made_positive),
        Mistake(AVERAGED, wrong.averaged),
        Mistake(
            "Each log-ratio has to be weighted by p before they are added up.", wrong.unweighted
        ),
        Mistake(
            "This is the cross-entropy H(p, q): the entropy H(p) is still in it.",
            wrong.cross_entropy,
        ),
        Mistake("This is the mean of both directions: only D(p‖q) is asked for.", wrong.both_ways),
        Mistake("This is the sum of both directions: only D(p‖q) is asked for.", wrong.both_added),
        Mistake(
            "This compares p and q with their mean, as Jensen and Shannon do: not D(p‖q).",
            wrong.to_the_middle,
        ),
        Mistake(
            ROUNDED,
            wrong.rounded,
            [partial(wrong.rounded, decimals=decimals) for decimals in (1, 2, 3, 5, 6)],
        ),
        Mistake(
            "Only the first outcome counts here: return after the loop, not inside it.",
            wrong.first_outcome,
        ),
        Mistake(
            "Only the first two outcomes count here: the sum runs over all.",
            wrong.first_two_outcomes,
        ),
        Mistake(
            "0 ln 0 came out as nan: an outcome with p = 0 adds nothing to the sum.",
            wrong.zero_times_infinity,
        ),
        Mistake(FLOORED, wrong.floored, wrong.with_other_floors(wrong.floored)),
        Mistake(LEFT_OUT, wrong.infinity_left_out),
        Mistake(
            "nan says “not a number”: where q rules out what p allows, D is np.inf.",
            wrong.infinity_as_nan,
        ),
        Mistake(
            "A zero of q is not enough for infinity: where p is 0 too, nothing is added.",
            wrong.infinite_at_zeros_of_q,
        ),
        Mistake(
            "A zero of p never makes D infinite: that outcome adds nothing.",
            wrong.infinite_at_every_zero,
        ),
        Mistake(
            "The function changes its arguments in place: work on a copy of them.",
            wrong.changed_in_place,
            [wrong.zeros_overwritten],
        ),
        Mistake(
            "Lists cannot be divided: make arrays of them, np.asarray(p, dtype=float).",
            wrong.lists_divided,
        ),
        Mistake("These are the terms of the sum: add them up.", wrong.not_added_up),
        Mistake(ZERO_STOPS, wrong.loop_without_zeros),
        Mistake(ZERO_STOPS, wrong.loop_without_infinity),
    ],
)

# ---- exact, mirror, larger: a pair whose two directions agree ----------------------------------

MIRROR_P, MIRROR_Q = [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]


def directions(p: Any, q: Any) -> list[Any]:
    return [kl_divergence(p, q), kl_divergence(q, p)]


def direction_mistakes(*, same_both_ways: bool = False) -> list[Mistake]:
    """What goes wrong in [D(p‖q), D(q‖p)]; a mirror pair cannot show a wrong order."""
    mistakes = [
        Mistake(PAIR_IN_BITS, lambda p, q: np.divide(directions(p, q), log(2))),
        Mistake(PAIR_IN_TENS, lambda p, q: np.divide(directions(p, q), log(10))),
        Mistake(
            "The sign is wrong in both: the ratio is p/q under p, and q/p under q.",
            lambda p, q: np.negative(directions(p, q)),
        ),
        Mistake(
            "D(q‖p) is not minus D(p‖q): its expectation is under q.",
            lambda p, q: [kl_divergence(p, q), -kl_divergence(p, q)],
        ),
        Mistake(
            ABSOLUTE,
            lambda p, q: [np.abs(rel_entr(p, q)).sum(), np.abs(rel_entr(q, p)).sum()],
        ),
        Mistake(
            "These are the means of the terms: the probabilities weigh them already.",
            lambda p, q: np.divide(directions(p, q), len(p)),
        ),
        Mistake(
            "These are the cross-entropies: the entropies are still in them.",
            lambda p, q: [-np.dot(p, np.log(q)), -np.dot(q, np.log(p))],
        ),
    ]
    if not same_both_ways:
        mistakes += [
            Mistake(
                "These are in the wrong order: D(p‖q) comes first.",
                lambda p, q: directions(p, q)[::-1],
            ),
            Mistake(
                "Both are D(p‖q): for the second one the expectation is under q.",
                lambda p, q: [kl_divergence(p, q)] * 2,
            ),
            Mistake(
                "Both are D(q‖p): for the first one the expectation is under p.",
                lambda p, q: [kl_divergence(q, p)] * 2,
            ),
            Mistake(
                "The second sign is wrong: under q the ratio is q/p.",
                lambda p, q: [kl_divergence(p, q), -kl_divergence(q, p)],
            ),
        ]
    return mistakes


def for_pair(mistakes: list[Mistake], p: list[float], q: list[float]) -> list[Mistake]:
    """The same mistakes, made with one fixed pair."""
    return [Mistake(mistake.says, partial(mistake.answer, p, q)) for mistake in mistakes]


MIRROR = Item(
    "mirror",
    chapter=2,
    oracle=lambda: directions(MIRROR_P, MIRROR_Q),
    parts={"value": 1},
    mistakes=for_pair(direction_mistakes(same_both_ways=True), MIRROR_P, MIRROR_Q),
)

EXACT = Item(
    "exact",
    chapter=2,
    oracle=lambda: [0.6, 0.1],
    rtol=1e-6,
    parts={"value": 1},
    mistakes=[
        Mistake("0.3 ln 4 is there still: ln 4 is 2 ln 2.", lambda: [0.3, 0.1]),
        Mistake("The negative terms are missing.", lambda: [0.8, 0.3]),
        Mistake(ABSOLUTE, lambda: [1.0, 0.5]),
        Mistake("These are in the wrong order: ln 2 comes first.", lambda: [0.1, 0.6]),
        Mistake("The sign of ln(2/3) is lost: it is -ln(3/2).", lambda: [0.6, 0.5]),
        Mistake("The sign of ln(1/4) is lost: it is -2 ln 2.", lambda: [1.0, 0.1]),
        Mistake("Both signs are wrong: the ratio is p/q, not q/p.", lambda: [-0.6, -0.1]),
        Mistake(
            "The logarithms are in it already: a and b are the numbers before them.",
            lambda: [0.6 * log(2), 0.1 * log(1.5)],
        ),
    ],
)

LARGER = Item(
    "larger",
    chapter=2,
    oracle=lambda: "neither",
    choices=("forward", "backward", "neither"),
    parts={"word": 1},
    mistakes=[
        Mistake(
            "Compare the terms: q is p read backwards, so both sums have the same terms.",
            lambda: "forward",
        ),
        Mistake(
            "Compare your two numbers again: reading p and q backwards only reorders a sum.",
            lambda: "backward",
        ),
    ],
)

# ---- twin: a pair that is not a mirror pair, the student's own -------------------------------

# Four different shares of 20, so that p is never uniform and no mirror image of q.
LOPSIDED = (
    (1, 3, 6, 10),
    (1, 2, 7, 10),
    (2, 3, 5, 10),
    (1, 4, 6, 9),
    (1, 4, 5, 10),
    (2, 3, 6, 9),
    (2, 4, 5, 9),
    (1, 3, 7, 9),
)


def lopsided(rng: np.random.Generator) -> list[float]:
    """A distribution on four outcomes that is not in order of size."""
    counts = [int(k) for k in rng.permutation(LOPSIDED[int(rng.integers(len(LOPSIDED)))])]
    if counts in (sorted(counts), sorted(counts, reverse=True)):
        counts[0], counts[1] = counts[1], counts[0]
    return [count / 20 for count in counts]


TWIN = Item(
    "twin",
    chapter=2,
    given=lambda rng: {"p": lopsided(rng), "q": [0.25] * 4},
    oracle=directions,
    parts={"value": 2},
    mistakes=direction_mistakes(),
)

# ---- nearest, unique: when the divergence is 0 -------------------------------------------------


def not_a_distribution(answer: Any, n: int) -> str:
    """What keeps an answer from being a distribution on n outcomes, or ""."""
    if answer.shape != (n,):
        return f"A list of {n} probabilities is asked for."
    if not np.all(np.isfinite(answer)):
        return "Every entry has to be a probability, from 0 to 1."
    if not np.all(answer >= 0):
        return "Every entry has to be a probability, so none is below 0."
    if not abs(answer.sum() - 1) <= 5e-7:  # seven digits show whatever is further off
        return f"The probabilities add up to {answer.sum():.8g}, not to 1."
    return ""


def at_divergence_zero(answer: Any, p: Any) -> str:
    if amiss := not_a_distribution(answer, len(p)):
        return amiss
    divergence = kl_divergence(p, answer)
    return "" if float(divergence) <= 1e-9 else f"For this r, D(p‖r) is {divergence:.4g}."


NEAREST = Item(
    "nearest",
    chapter=2,
    given=lambda rng: {"p": lopsided(rng)},
    oracle=lambda p: p,
    accepts=at_divergence_zero,
    parts={"property": 1},
    mistakes=[
        Mistake(
            "This is the uniform distribution: D(p‖r) is ln 4 - H(p) then, more than 0.",
            lambda p: [0.25] * 4,
        ),
        Mistake(
            "This is p read backwards: r has to agree with p outcome by outcome.", lambda p: p[::-1]
        ),
        Mistake(
            "This is p in order of size: r has to agree with p outcome by outcome.",
            lambda p: sorted(p),
        ),
        Mistake("No distribution consists of zeros only.", lambda p: [0.0] * 4),
        Mistake(
            "This bets all on p's likeliest outcome and rules the others out.",
            lambda p: [float(x == max(p)) for x in p],
        ),
        Mistake(
            "These are p's log-probabilities, and r is asked for.", lambda p: [log(x) for x in p]
        ),
    ],
)

UNIQUE = Item(
    "unique",
    chapter=2,
    oracle=lambda: "yes",
    choices=("yes", "no"),
    parts={"word": 1},
    mistakes=[
        Mistake("Read when Gibbs' inequality is an equality: ln is strictly concave.", lambda: "no")
    ],
)

# ---- asymmetric: found, not computed ---------------------------------------------------------

GAP = 0.5


def asymmetric_enough(answer: Any, p: Any) -> str:
    if amiss := not_a_distribution(answer, len(p)):
        return amiss
    forward, backward = kl_divergence(p, answer), kl_divergence(answer, p)
    if not np.isfinite(forward):
        return "D(p‖q) is infinite: q rules out an outcome of p. Both have to be finite."
    gap = abs(forward - backward)
    if float(gap) >= GAP:
        return ""
    numbers = f"D(p‖q) = {forward:.4g} and D(q‖p) = {backward:.4g}"
    return f"{numbers} differ by {gap:.4g}; {GAP} is asked for."


def three_outcomes(rng: np.random.Generator) -> list[float]:
    counts = ((2, 3, 5), (1, 3, 6), (2, 2, 6), (1, 4, 5), (3, 3, 4))[int(rng.integers(5))]
    return [int(count) / 10 for count in rng.permutation(counts)]


ASYMMETRIC = Item(
    "asymmetric",
    chapter=2,
    given=lambda rng: {"p": three_outcomes(rng)},
    # Nearly all on one outcome of q that p finds less likely than the rest together.
    oracle=lambda p: [0.999 if k == p.index(min(p)) else 0.0005 for k in range(3)],
    accepts=asymmetric_enough,
    parts={"property": 2},
    mistakes=[
        Mistake("For q = p both directions are 0.", lambda p: list(p)),
        Mistake(
            "A reordering of p stays too close to p here: make a likely outcome rare in q.",
            lambda p: [p[1], p[2], p[0]],
        ),
        Mistake(
            "The uniform q is too close: make an outcome that p finds likely very rare in q.",
            lambda p: [1 / 3] * 3,
        ),
        Mistake(
            "Make the outcomes very rare in q, but leave each of them possible.",
            lambda p: [float(k == p.index(max(p))) for k in range(3)],
        ),
        Mistake(
            "Twice p is not a distribution: what one outcome gains, the others lose.",
            lambda p: [2 * x for x in p],
        ),
        Mistake("Three zeros are no distribution.", lambda p: [0.0] * 3),
    ],
)

# ---- units: one pair in nats and bits; bits: the student's own pair ----------------------------

RECIPE_P, RECIPE_Q = [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]


def nats_and_bits(p: Any, q: Any) -> list[Any]:
    return [kl_divergence(p, q), kl_divergence(p, q, base=2)]


UNITS = Item(
    "units",
    chapter=2,
    oracle=lambda: nats_and_bits(RECIPE_P, RECIPE_Q),
    parts={"value": 1},
    mistakes=[
        Mistake(
            "These are in the wrong order: nats come first.",
            lambda: nats_and_bits(RECIPE_P, RECIPE_Q)[::-1],
        ),
        Mistake(
            "Bits are nats divided by ln 2, not multiplied: a bit is the smaller unit.",
            lambda: np.multiply(kl_divergence(RECIPE_P, RECIPE_Q), [1, log(2)]),
        ),
        Mistake(
            "The same number twice: 1 bit is ln 2 ≈ 0.69 nats.",
            lambda: [kl_divergence(RECIPE_P, RECIPE_Q)] * 2,
            [lambda: [kl_divergence(RECIPE_P, RECIPE_Q, base=2)] * 2],
        ),
        Mistake(
            "Nats are bits times ln 2, not divided by it.",
            lambda: np.multiply(kl_divergence(RECIPE_P, RECIPE_Q, base=2), [1 / log(2), 1]),
        ),
        Mistake(
            "The signs are wrong: the ratio is p/q, not q/p.",
            lambda: np.negative(nats_and_bits(RECIPE_P, RECIPE_Q)),
        ),
        Mistake(
            "The second one is to base 10: bits are to base 2.",
            lambda: [kl_divergence(RECIPE_P, RECIPE_Q), kl_divergence(RECIPE_P, RECIPE_Q, base=10)],
        ),
        Mistake(
            ABSOLUTE,
            lambda: np.abs(rel_entr(RECIPE_P, RECIPE_Q)).sum() * np.array([1, 1 / log(2)]),
        ),
        Mistake(
            "These are the means of the terms: the probabilities weigh them already.",
            lambda: np.divide(nats_and_bits(RECIPE_P, RECIPE_Q), 3),
        ),
    ],
)


def recipes(rng: np.random.Generator) -> dict[str, Any]:
    """Three shares of 8 against another order of other shares: exact in binary, no mirror pair."""
    pairs = (
        ((1, 2, 5), (4, 2, 2)),
        ((1, 3, 4), (2, 5, 1)),
        ((2, 2, 4), (5, 1, 2)),
        ((1, 1, 6), (4, 3, 1)),
        ((2, 3, 3), (1, 1, 6)),
        ((1, 2, 5), (3, 4, 1)),
    )
    p, q = pairs[int(rng.integers(len(pairs)))]
    order = rng.permutation(3)
    return {"p": [p[k] / 8 for k in order], "q": [q[k] / 8 for k in order]}


BITS = Item(
    "bits",
    chapter=2,
    given=recipes,
    oracle=lambda p, q: kl_divergence(p, q, base=2),
    parts={"value": 1},
    mistakes=[
        Mistake("This is in nats: divide by ln 2.", lambda p, q: kl_divergence(p, q)),
        Mistake(
            "This is nats times ln 2: bits are nats divided by ln 2.",
            lambda p, q: kl_divergence(p, q) * log(2),
        ),
        Mistake(
            "This is to base 10: bits are to base 2.", lambda p, q: kl_divergence(p, q, base=10)
        ),
        Mistake(SWAPPED, lambda p, q: kl_divergence(q, p, base=2)),
        Mistake(
            "This is D(q‖p), and in nats: swap the arguments and divide by ln 2.",
            lambda p, q: kl_divergence(q, p),
        ),
        Mistake(NEGATIVE, lambda p, q: -kl_divergence(p, q, base=2)),
        Mistake(ABSOLUTE, lambda p, q: np.abs(rel_entr(p, q)).sum() / log(2)),
        Mistake(AVERAGED, lambda p, q: kl_divergence(p, q, base=2) / 3),
    ],
)

# ---- kl_rows: many pairs at once -------------------------------------------------------------


KL_ROWS = Item(
    "kl_rows",
    chapter=2,
    oracle=kl_divergence,
    cases=stacked_pairs,
    rtol=1e-6,
    slack=rounding,
    closed=KL.closed,
    parts={"rows": 1, "batches": 1},
    mistakes=[
        Mistake(
            "This adds up the columns: a distribution lies along a row.", wrong.down_the_columns
        ),
        Mistake(
            "All pairs went into one number: each pair of rows has its own D.", wrong.all_in_one
        ),
        Mistake(AVERAGED, wrong.mean_of_rows),
        Mistake(SWAPPED, wrong.swapped_rows),
        Mistake(IN_BITS, wrong.rows_in_bits),
        Mistake(IN_TENS, wrong.rows_to_base_ten),
        Mistake(NEGATIVE, wrong.rows_negative),
        Mistake(
            ROUNDED,
            wrong.rows_rounded,
            [partial(wrong.rows_rounded, decimals=decimals) for decimals in (2, 3)],
        ),
        Mistake("These are the terms of the sums: add up each row.", wrong.rows_not_added_up),
        Mistake(
            "axis=1 is the last axis of two only: axis=-1 is always the last.", wrong.second_axis
        ),
        Mistake(
            "scipy.stats.entropy adds up along axis 0 if it is not told: axis=-1.",
            wrong.axis_of_entropy,
        ),
        Mistake("The axis summed over is still there with length 1: drop it.", wrong.axis_kept),
        Mistake(
            "A loop over pairs of rows cannot broadcast: add up along the last axis instead.",
            wrong.paired_by_a_loop,
        ),
        Mistake("0 ln 0 came out as nan: an outcome with p = 0 adds nothing.", wrong.rows_with_nan),
        Mistake(FLOORED, wrong.rows_floored, wrong.with_other_floors(wrong.rows_floored)),
        Mistake(LEFT_OUT, wrong.rows_without_infinity),
    ],
)

# ---- marginal_kl, conditional_kl: the two terms of the chain rule ------------------------------

WHOLE = "This is the whole divergence of the tables: one of its two terms is asked for."


def kl_of_marginals(joint_p: Any, joint_q: Any) -> Any:
    return kl_divergence(np.sum(joint_p, axis=1), np.sum(joint_q, axis=1))


MARGINAL_KL = Item(
    "marginal_kl",
    chapter=2,
    oracle=kl_of_marginals,
    cases=marginal_pairs,
    rtol=1e-6,
    slack=rounding,
    closed=KL.closed,
    parts={"values": 1, "zeros": 1},
    mistakes=[
        Mistake(
            "This is the marginal of Y: x is along the rows, add up each row.", wrong.marginal_of_y
        ),
        Mistake("This is D(Q‖P): the arguments are swapped.", wrong.marginal_swapped),
        Mistake(IN_BITS, wrong.marginal_in_bits),
        Mistake(WHOLE, wrong.whole_table),
        Mistake("This is the sum for both marginals: only X's is asked for.", wrong.both_marginals),
        Mistake(
            "The mean of a row is not its marginal probability: add it up.", wrong.means_for_sums
        ),
        Mistake("This takes the first column alone: add up each row.", wrong.first_column),
        Mistake(
            "0 ln 0 came out as nan: an x with P(x) = 0 adds nothing.", wrong.marginal_with_nan
        ),
        Mistake(
            "A row that Q rules out is left out: if P allows it, the term is +∞.",
            wrong.marginal_without_infinity,
        ),
        Mistake("This is the other term: the conditional one.", wrong.what_the_marginals_leave),
        Mistake(NEGATIVE, wrong.marginal_negative),
    ],
)


CONDITIONAL_KL = Item(
    "conditional_kl",
    chapter=2,
    oracle=conditional_kl,
    cases=joint_pairs,
    rtol=1e-6,
    slack=rounding,
    closed=KL.closed,
    parts={"values": 2, "zeros": 1},
    mistakes=[
        Mistake(WHOLE, wrong.whole_table),
        Mistake("The rows are added up without their weights P(x).", wrong.rows_added_up),
        Mistake(
            "The rows are averaged with equal weights: row x weighs P(x).", wrong.rows_averaged
        ),
        Mistake("The rows are weighted by Q(x): the expectation is under P.", wrong.weighted_by_q),
        Mistake("This conditions on y: x is along the rows.", wrong.given_y),
        Mistake("The rows are not divided by P(x) and Q(x) first.", wrong.rows_not_divided),
        Mistake(
            "P(x) went into the columns: keep its axis, sum(axis=1, keepdims=True).",
            wrong.divided_across,
        ),
        Mistake("This is D(Q‖P): the arguments are swapped.", wrong.conditional_swapped),
        Mistake(IN_BITS, wrong.conditional_in_bits),
        Mistake(
            "0/0 or 0 ln 0 came out as nan: what P rules out adds nothing.",
            wrong.conditional_with_nan,
            [wrong.zero_row_divided],
        ),
        Mistake(
            "Entries that Q rules out are left out: if P allows one, the term is +∞.",
            wrong.conditional_without_infinity,
        ),
        Mistake("This is the other term: the marginal one.", wrong.marginal_term),
        Mistake("These are the terms row by row: add them up.", wrong.row_by_row),
        Mistake(
            "This is minus the right term: a minus too many, or a ratio upside down.",
            wrong.conditional_negative,
        ),
    ],
)

# ---- chain, term: the chain rule in numbers; chain_twin: the student's own tables --------------

CHAIN_P = [[0.4, 0.1], [0.1, 0.4]]
UNIFORM = [[0.25, 0.25], [0.25, 0.25]]


def chain_terms(P: Any, Q: Any) -> list[Any]:
    return [
        kl_divergence(np.ravel(P), np.ravel(Q)),
        kl_of_marginals(P, Q),
        conditional_kl(P, Q),
    ]


def chain_mistakes(*, lopsided_table: bool) -> list[Mistake]:
    """What goes wrong in [whole, marginal, conditional]; a symmetric table hides some of it."""
    mistakes = [
        Mistake(PAIR_IN_BITS, lambda P, Q: np.divide(chain_terms(P, Q), log(2))),
        Mistake(PAIR_IN_TENS, lambda P, Q: np.divide(chain_terms(P, Q), log(10))),
        Mistake("The signs are wrong.", lambda P, Q: np.negative(chain_terms(P, Q))),
        Mistake(
            "The whole one comes first: [whole, marginal, conditional].",
            lambda P, Q: [chain_terms(P, Q)[k] for k in (1, 2, 0)],
        ),
        Mistake(
            "Rows without their weights P(x); and work the whole out directly, as a check.",
            lambda P, Q: [
                kl_of_marginals(P, Q) + wrong.rows_added_up(P, Q),
                kl_of_marginals(P, Q),
                wrong.rows_added_up(P, Q),
            ],
        ),
        Mistake(
            "The marginal and the conditional term have changed places.",
            lambda P, Q: [chain_terms(P, Q)[k] for k in (0, 2, 1)],
        ),
        Mistake(
            "The rows of the conditional term are added up without their weights P(x).",
            lambda P, Q: [*chain_terms(P, Q)[:2], wrong.rows_added_up(P, Q)],
        ),
        Mistake("These are for D(Q‖P): the arguments are swapped.", lambda P, Q: chain_terms(Q, P)),
        Mistake(
            "The conditional term is the whole one minus the marginal, not plus.",
            lambda P, Q: [
                chain_terms(P, Q)[0],
                chain_terms(P, Q)[1],
                chain_terms(P, Q)[0] + chain_terms(P, Q)[1],
            ],
        ),
        Mistake(
            "The three come as conditional, marginal, whole: the whole one comes first.",
            lambda P, Q: chain_terms(P, Q)[::-1],
        ),
    ]
    if lopsided_table:
        return [
            *mistakes,
            Mistake(
                "These condition on y: x is along the rows.",
                lambda P, Q: chain_terms(np.transpose(P), np.transpose(Q)),
            ),
            Mistake(
                "The rows of the conditional term are weighted by Q(x), not by P(x).",
                lambda P, Q: [*chain_terms(P, Q)[:2], wrong.weighted_by_q(P, Q)],
            ),
            Mistake(
                "The rows are not divided by P(x) and Q(x) in the conditional term.",
                lambda P, Q: [*chain_terms(P, Q)[:2], wrong.rows_not_divided(P, Q)],
            ),
        ]
    # In this table the marginal term is 0, so the last two cannot be told from the right answer.
    return [
        *mistakes[:-2],
        Mistake(
            "The marginal term is of P_X against Q_X, which agree here: it is 0.",
            lambda P, Q: [chain_terms(P, Q)[0]] * 3,
        ),
        Mistake(
            "The rows are not divided by P(x) and Q(x) in the conditional term.",
            lambda P, Q: [*chain_terms(P, Q)[:2], wrong.rows_not_divided(P, Q)],
        ),
    ]


def tables(rng: np.random.Generator) -> dict[str, Any]:
    """P in twentieths against a fixed Q; no two of P's counts add up to a marginal of Q."""
    counts = ((8, 2, 1, 9), (7, 2, 4, 7), (9, 1, 4, 6), (6, 1, 3, 10), (11, 2, 3, 4), (5, 1, 2, 12))
    p = [int(count) / 20 for count in rng.permutation(counts[int(rng.integers(len(counts)))])]
    return {"P": table(p, 2), "Q": [[0.35, 0.25], [0.1, 0.3]]}


CHAIN = Item(
    "chain",
    chapter=2,
    oracle=lambda: chain_terms(CHAIN_P, UNIFORM),
    slack=lambda: 1e-6,
    parts={"value": 1},
    mistakes=for_pair(chain_mistakes(lopsided_table=False), CHAIN_P, UNIFORM),  # type: ignore[arg-type]
)

TERM = Item(
    "term",
    chapter=2,
    oracle=lambda: "conditional",
    choices=("marginal", "conditional"),
    parts={"word": 1},
    mistakes=[
        Mistake(
            "P_X is uniform, like Q_X: the marginal term is 0. What is left depends on x.",
            lambda: "marginal",
        )
    ],
)

CHAIN_TWIN = Item(
    "chain_twin",
    chapter=2,
    given=tables,
    oracle=chain_terms,
    slack=lambda P, Q: 1e-6,
    parts={"value": 2},
    mistakes=chain_mistakes(lopsided_table=True),
)

# ---- gibbs: the proof, marked by hand ----------------------------------------------------------

GIBBS = Written(
    "gibbs",
    chapter=2,
    rubric=[
        (1, "writes D(p‖q) as an expectation under p: -Σ p ln(q/p)"),
        (2, "uses that -ln is convex: Jensen, or the tangent ln t ≤ t - 1, with the right sign"),
        (1, "evaluates Σ p (q/p) = Σ q = 1 over the outcomes with p > 0, so that the bound is 0"),
        (1, "says when it is an equality: all q/p equal, so q = p; here q/p = 1/4 ≠ 4"),
        (1, "is complete for this p and q and leans on no later result"),
    ],
)

ASSIGNMENT = Assignment(
    "definitions",
    release="definitions-1",
    items=[
        KL,
        EXACT,
        MIRROR,
        LARGER,
        TWIN,
        NEAREST,
        UNIQUE,
        UNITS,
        BITS,
        ASYMMETRIC,
        KL_ROWS,
        MARGINAL_KL,
        CONDITIONAL_KL,
        CHAIN,
        TERM,
        CHAIN_TWIN,
    ],
    written=[GIBBS],
)

_notebook = bind(ASSIGNMENT)
check = _notebook.check
given = _notebook.given
progress = _notebook.progress
release = _notebook.release
