"""Bregman gaps of ln Γ and ln I0 against mpmath, from equality to the ends of the floats."""

import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mpf

from kllib._numerics import bregman_gaps
from kllib._numerics import double_double as dd
from kllib._numerics.bregman_gaps import Step, step

STEPS = [10.0**-k for k in range(1, 15, 2)]


def gap(function, slope, a, b):
    """f(b) − f(a) − f'(a) (b − a), in mpmath."""
    return function(b) - function(a) - slope(a) * (b - a)


def gammaln_gap(a, b):
    return gap(mpmath.loggamma, lambda x: mpmath.psi(0, x), a, b)


def entropy_gap(a, b):
    return gap(lambda x: x * mpmath.log(x) - x, mpmath.log, a, b)


def excess_gap(a, b):
    return gammaln_gap(a, b) - entropy_gap(a, b)


def log_i0_gap(a, b):
    def mean_cosine(x):
        return mpmath.besseli(1, x) / mpmath.besseli(0, x)

    return gap(lambda x: mpmath.log(mpmath.besseli(0, x)), mean_cosine, a, b)


def worst_error(value, exact, pairs):
    """The largest relative error over pairs (a, b), with digits enough for the largest of them."""
    errors = []
    for a, b in pairs:
        size = max(abs(np.log10(x)) for x in (a, b) if x > 0)
        with mpmath.workdps(80 + int(2 * size)):
            truth = exact(mpf(float(a)), mpf(float(b)))
            errors.append(float(abs(mpf(float(value(a, b))) / truth - 1)))
    return max(errors)


def near_pairs(scales):
    return [(x, x * (1 + h)) for x in scales for h in STEPS] + [(x, x * 0.99) for x in scales]


def far_pairs(scales):
    return [(x, x * r) for x in scales for r in (1e-20, 0.5, 0.76, 1.24, 1.3, 2, 1e20)]


def of_step(function):
    return lambda a, b: function(step(np.float64(a), np.float64(b)))


SHAPES = [1e-100, 1e-10, 0.01, 0.5, 1.0, 1.4616, 2.0, 7.3, 11.9, 12.1, 100.0, 1e10, 1e100]


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (bregman_gaps.gammaln_gap, gammaln_gap),
        (bregman_gaps.gammaln_excess_gap, excess_gap),
        (bregman_gaps.entropy_gap, entropy_gap),
        (bregman_gaps.log_gap, lambda a, b: b / a - 1 - mpmath.log(b / a)),
    ],
)
def test_gaps_on_the_half_line(function, exact):
    assert worst_error(of_step(function), exact, near_pairs(SHAPES)) < 1e-13
    assert worst_error(of_step(function), exact, far_pairs(SHAPES)) < 2e-13


def test_log_gamma_gap_between_the_ends_of_the_floats():
    pairs = [(1e-300, 2.0), (1e150, 1e-300), (1e-150, 1e150), (1e200, 1.1e200)]
    assert worst_error(of_step(bregman_gaps.gammaln_gap), gammaln_gap, pairs) < 1e-13


def test_the_textbook_gap_fails_on_these_pairs():
    """A guard against easy inputs: the formula as it is written has no digit left."""

    def textbook(a, b):
        return (
            scipy.special.gammaln(b) - scipy.special.gammaln(a) - scipy.special.digamma(a) * (b - a)
        )

    for shape in (0.5, 3.0, 100.0, 1e10):
        pairs = [(shape, shape * (1 + h)) for h in STEPS if h < 1e-7]
        assert worst_error(textbook, gammaln_gap, pairs) > 1


CONCENTRATIONS = [1e-8, 1e-3, 0.5, 2.0, 10.0, 29.9, 30.0, 30.1, 50.0, 1e8, 1e150]


def test_log_bessel_gap():
    value = of_step(bregman_gaps.log_i0_gap)
    assert worst_error(value, log_i0_gap, near_pairs(CONCENTRATIONS)) < 1e-13
    crowd = [1e-8, 0.5, 10.0, 29.9, 30.0, 30.1, 1e8]
    pairs = [(a, b) for a in [0.0, *crowd] for b in [0.0, *crowd] if a != b]
    assert worst_error(value, log_i0_gap, pairs) < 1e-13


def test_mean_cosine():
    for kappa in CONCENTRATIONS:
        with mpmath.workdps(400):
            truth = float(mpmath.besseli(1, kappa) / mpmath.besseli(0, kappa))
        assert bregman_gaps.mean_cosine(np.float64(kappa)) == pytest.approx(truth, rel=1e-15)


def test_gap_across_the_two_expansions_of_log_bessel():
    """gap(a, b) = gap(a, c) + gap(c, b) + (f'(c) − f'(a)) (b − c) with c on neither border."""
    for a, b, c in [(2.0, 80.0, 11.0), (80.0, 2.0, 55.0), (30.0, 31.0, 30.5), (29.0, 1e4, 900.0)]:
        a, b, c = map(np.float64, (a, b, c))
        slopes = bregman_gaps.mean_cosine(c) - bregman_gaps.mean_cosine(a)
        parts = bregman_gaps.log_i0_gap(step(a, c)) + bregman_gaps.log_i0_gap(step(c, b))
        whole = bregman_gaps.log_i0_gap(step(a, b))
        assert whole == pytest.approx(parts + slopes * (b - c), rel=1e-12)


def steps_and_rises():
    """A step of a large number, and a smaller rise of both its ends."""
    rng = np.random.default_rng(81)
    for size in (1e-40, 0.3, 11.0, 1e40):
        for share in (1e-50, 1e-8, 0.9):
            for h in (1e-10, 1e-4, 0.3):
                u, v = h * rng.uniform(-1, 1, 2)
                yield size, size * (1 + u), size * share, size * share * (1 + v)
                yield size, size * (1 + u), size * share, size * share
            yield size, size * 1e6, size * share, size * share * 1e5
            yield size * 1e6, size, size * share, size * share * 1e-3


def test_drops():
    """As gap(a, b) − gap(a + s, b + t), where a difference would have no digit left.

    A drop has two signs, so its error is compared with the terms that make it up: what depends on
    the step alone (s = t), on the rise alone (a = b), and both.
    """
    for a, b, s, t in steps_and_rises():
        x, rise = (step(np.float64(u), np.float64(v)) for u, v in ((a, b), (s, t)))
        with mpmath.workdps(250):
            exact = [mpf(float(u)) for u in (a, b, s, t)]
            for drop, exact_gap in (
                (bregman_gaps.gammaln_excess_drop(x, rise), excess_gap),
                (bregman_gaps.entropy_drop(x, rise), entropy_gap),
            ):
                a_, b_, s_, t_ = exact

                def drop_of(a, b, s, t, exact_gap=exact_gap):
                    return exact_gap(a, b) - exact_gap(a + s, b + t)

                truth = drop_of(a_, b_, s_, t_)
                terms = abs(drop_of(a_, b_, s_, s_)) + abs(exact_gap(s_, t_))
                assert abs(mpf(float(drop)) - truth) < 1e-13 * (abs(truth) + terms)


def test_drop_of_a_small_number_is_the_difference():
    for a, b, s, t in [(1.0, 2.0, 3.0, 5.0), (0.1, 0.2, 30.0, 1.0), (7.0, 1e-3, 9.0, 9.0)]:
        x, rise = step(np.float64(a), np.float64(b)), step(np.float64(s), np.float64(t))
        truth = float(excess_gap(mpf(a), mpf(b)) - excess_gap(mpf(a) + s, mpf(b) + t))
        assert bregman_gaps.gammaln_excess_drop(x, rise) == pytest.approx(truth, rel=1e-13, abs=0)


def test_binary_gap_is_a_divergence_of_coins():
    rng = np.random.default_rng(82)
    for size in (1.0, 1e-100, 1e100):
        for share in (0.5, 1e-3, 1e-100):
            for h in (1e-10, 1e-3, 0.5):
                a, s = size * rng.uniform(0.5, 1), size * share * rng.uniform(0.5, 1)
                b, t = a * (1 + h * rng.uniform(-1, 1)), s * (1 + h * rng.uniform(-1, 1))
                pairs = [dd.total(np.array([x])) for x in (s, t)]
                value = bregman_gaps.binary_gap(np.float64(a), np.float64(b), *pairs)
                with mpmath.workdps(400):
                    a, b, s, t = (mpf(float(x)) for x in (a, b, s, t))
                    truth = b * mpmath.log(b / a) + t * mpmath.log(t / s)
                    truth -= (b + t) * mpmath.log((b + t) / (a + s))
                    assert abs(mpf(float(value)) / truth - 1) < 1e-13


def test_a_ratio_may_be_nearer_to_one_than_a_float_can_be():
    """The third number of a step, b − a, is what counts near equality."""
    tiny = np.float64(1e-30)
    value = bregman_gaps.gammaln_gap(Step(np.float64(1.0), np.float64(1.0), tiny))
    # ½ ψ'(1) d² = π² d²/12
    assert value == pytest.approx(np.pi**2 / 12 * 1e-60, rel=1e-14, abs=0)


def test_equal_arguments():
    for x in SHAPES:
        assert bregman_gaps.gammaln_gap(step(np.float64(x), np.float64(x))) == 0
    for x in CONCENTRATIONS:
        assert bregman_gaps.log_i0_gap(step(np.float64(x), np.float64(x))) == 0
