"""Logits: known values, the route over probabilities, shifts, impossible outcomes, laws, shapes."""

import tracemalloc

import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import cross_entropy, entropy, kl_divergence
from kllib.logits import (
    cross_entropy_from_logits,
    kl_from_logits,
    log_softmax,
    log_sum_exp,
    softmax,
)

RNG = np.random.default_rng(70)

# Logits of everyday and of extreme sizes; -inf among them, but not alone
LOGITS = st.one_of(st.floats(-5, 5), st.floats(-400, 400), st.just(-inf))
FINITE = st.one_of(st.floats(-5, 5), st.floats(-400, 400))


def vectors(n, numbers=LOGITS):
    return st.lists(numbers, min_size=n, max_size=n).filter(lambda z: max(z) > -inf).map(np.array)


@st.composite
def pairs(draw, numbers=LOGITS):
    """Two vectors of logits: unrelated, or nearly the same."""
    n = draw(st.integers(1, 6))
    p = draw(vectors(n, numbers))
    if draw(st.booleans()):
        return p, draw(vectors(n, numbers))
    step = 10.0 ** -draw(st.integers(0, 12))
    return p, p + step * np.array(draw(st.lists(st.floats(-1, 1), min_size=n, max_size=n)))


# ------------------------------------------------------------------ known values


def test_softmax_by_hand():
    np.testing.assert_allclose(softmax([log(1), log(2), log(5)]), [0.125, 0.25, 0.625], rtol=1e-15)
    np.testing.assert_allclose(softmax([0, 0, -inf]), [0.5, 0.5, 0], rtol=1e-15)
    np.testing.assert_allclose(softmax([7]), [1])
    # Twice the temperature takes square roots of the odds; 9 : 1 becomes 3 : 1
    np.testing.assert_allclose(softmax([log(9), 0], 2), [0.75, 0.25], rtol=1e-15)
    np.testing.assert_allclose(log_softmax([log(9), 0], 2), [log(0.75), log(0.25)], rtol=1e-15)
    # As in the sources: teacher (5, 2, ½) at temperature 3
    weights = np.exp(np.array([5, 2, 0.5]) / 3)
    np.testing.assert_allclose(softmax([5, 2, 0.5], 3), weights / weights.sum(), rtol=1e-15)
    # So cold that only the largest is left, so hot that all are alike
    assert softmax([1, 2, 0], 1e-300).tolist() == [0, 1, 0]
    np.testing.assert_allclose(softmax([1, 2, -inf], 1e300), [0.5, 0.5, 0], rtol=1e-15)


def test_log_sum_exp_by_hand():
    assert log_sum_exp([log(1), log(2), log(5)]) == pytest.approx(log(8), rel=1e-15)
    assert log_sum_exp([1e308, 1e308]) == 1e308
    assert log_sum_exp([-1e4, -inf, -1e4 + log(3)]) == pytest.approx(-1e4 + log(4), rel=1e-15)
    assert log_sum_exp([-3]) == -3
    # 1 + e^−50 is 1 in floating point; its logarithm is not 0
    assert log_sum_exp([0, -50]) == pytest.approx(np.exp(-50), rel=1e-15)


def test_divergence_by_hand():
    # p = (½, ½), q = (¼, ¾)
    p, q = [3, 3], [-7, -7 + log(3)]
    assert kl_from_logits(p, q) == pytest.approx(log(4 / 3) / 2, rel=1e-14)
    assert kl_from_logits(q, p) == pytest.approx(log(2) - 0.25 * log(4) - 0.75 * log(4 / 3))
    assert cross_entropy_from_logits(p, q) == pytest.approx(log(4) - log(3) / 2, rel=1e-14)
    assert kl_from_logits(p, q, base=2) == pytest.approx(log(4 / 3) / log(4), rel=1e-14)
    assert cross_entropy_from_logits(p, q, base=2) == pytest.approx(2 - log(3) / log(4), rel=1e-14)
    # From the sources: teacher (3, 1, −2), student (2, 0, −1)
    teacher, student = softmax([3, 1, -2]), softmax([2, 0, -1])
    expected = teacher @ log(teacher / student)
    assert kl_from_logits([3, 1, -2], [2, 0, -1]) == pytest.approx(expected, rel=1e-13)


# A pair of logits, D(first‖second), and H(first, second)
INFINITIES = [
    ([0, 0], [0, -inf], inf, inf),
    ([0, -inf], [0, 0], log(2), log(2)),
    ([0, -inf], [-inf, 0], inf, inf),
    ([0, -inf], [5, -inf], 0, 0),
    ([0, 0, -inf], [0, 0, -inf], 0, log(2)),
    ([0, 0, -inf], [1, 1, 1], log(1.5), log(3)),
    ([0, -inf, -inf], [log(2), 0, 0], log(2), log(2)),
    # A finite logit is a possible outcome, though its probability be below the smallest float
    ([0, -1e5], [0, -inf], inf, inf),
    ([0, -1e300], [0, -inf], inf, inf),
    ([0, -inf], [0, -1e300], 0, 0),
    ([-inf, 0], [0, -1000], 1000, 1000),
    ([-inf, 0], [0, -1e300], 1e300, 1e300),
]


@pytest.mark.parametrize(("p", "q", "divergence", "crossed"), INFINITIES)
def test_impossible_outcomes(p, q, divergence, crossed):
    assert kl_from_logits(p, q) == pytest.approx(divergence, rel=1e-15)
    assert cross_entropy_from_logits(p, q) == pytest.approx(crossed, rel=1e-15)
    # Among other rows, and in the middle of many outcomes
    batch = kl_from_logits([p, [0] * len(p)], [q, range(len(p))])
    assert batch[0] == pytest.approx(divergence, rel=1e-15)
    assert batch[1] == pytest.approx(kl_from_logits([0] * len(p), range(len(p))), rel=1e-15)
    long = [np.concatenate([np.full(20_000, -inf), z]) for z in (p, q)]
    assert kl_from_logits(*long) == pytest.approx(divergence, rel=1e-14)
    assert cross_entropy_from_logits(*long) == pytest.approx(crossed, rel=1e-14)


def test_the_ends_of_the_range():
    big = 1.7e308
    assert softmax([big, -big, big]).tolist() == [0.5, 0, 0.5]
    assert log_softmax([big, 0]).tolist() == [0, -big]
    assert log_softmax([big, -big]).tolist() == [0, -inf]  # −3.4e308 is beyond a float
    assert log_softmax([big, -big], temperature=4)[1] == pytest.approx(-big / 2, rel=1e-15)
    assert kl_from_logits([big, big], [-big, -big]) == 0
    assert kl_from_logits([big, -big], [-big, -big]) == pytest.approx(log(2), rel=1e-15)
    assert kl_from_logits([0, 0], [1e308, -5e307]) == pytest.approx(0.75e308, rel=1e-15)
    assert kl_from_logits([0, 0], [big, -big]) == pytest.approx(big, rel=1e-15)
    assert kl_from_logits([0, -inf, 0], [big, big, -big]) == pytest.approx(big, rel=1e-15)
    assert kl_from_logits([-big, 0], [0, -big]) == big
    assert cross_entropy_from_logits([0, 0], [big, -big]) == pytest.approx(big, rel=1e-15)


# ------------------------------------------------------------------ second routes


def test_scipy():
    z = 5 * RNG.standard_normal((4, 30))
    np.testing.assert_allclose(softmax(z), scipy.special.softmax(z, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(log_softmax(z), scipy.special.log_softmax(z, axis=-1), rtol=1e-13)
    np.testing.assert_allclose(log_sum_exp(z), scipy.special.logsumexp(z, axis=-1), rtol=1e-13)


def test_log_sum_exp_near_zero_is_as_accurate_as_promised():
    """Log probabilities: the sum is 1 but for rounding, and the log is the rounding."""
    for scale in (0.1, 1, 10, 100):
        z = log_softmax(scale * RNG.standard_normal(50))
        with mpmath.workdps(50):
            exact = mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(x)) for x in z.tolist()))
            error = abs(mpmath.mpf(float(log_sum_exp(z))) - exact)
        assert error <= 1e-15 * max(1, -z.max())


def exact_kl(p_logits, q_logits):
    """Σ p log(p/q) by mpmath, at 60 digits."""
    with mpmath.workdps(60):
        p, q = ([mpmath.mpf(float(z)) for z in logits] for logits in (p_logits, q_logits))
        p_total, q_total = (mpmath.log(mpmath.fsum(map(mpmath.exp, z))) for z in (p, q))
        terms = [
            mpmath.exp(a - p_total) * (a - p_total - b + q_total) for a, b in zip(p, q, strict=True)
        ]
        return float(mpmath.fsum(terms))


LOWEST_FLOAT32 = float(np.finfo(np.float32).min)  # what many programs put for "masked"


@pytest.mark.parametrize(
    "p, q",
    [
        # The first 64 differences are alike, and a later outcome decides.
        ([0.0] * 65, [0.0] * 64 + [50.0]),
        ([0.0] * 65, [0.0] * 64 + [720.0]),
        ([0.0] * 300, [0.0] * 200 + [60.0] + [0.0] * 99),
        # The first outcome is masked, by another number in each: its difference says nothing.
        ([-1e4, 0.1, -0.4, 0.7, 0.2], [LOWEST_FLOAT32, 0.1, -0.4, 0.7, 0.3]),
        ([LOWEST_FLOAT32, 0.1, -0.4, 0.7, 0.2, -1.3], [-1e9, 0.2, -0.39, 0.71, 0.21, -1.29]),
        ([-900.0] * 64 + [0.3, -0.2, 0.5], [-1e20] * 64 + [0.3001, -0.2, 0.4998]),
    ],
)
def test_where_the_first_outcomes_mislead(p, q):
    right = pytest.approx(exact_kl(p, q), rel=1e-12, abs=0)
    assert kl_from_logits(p, q) == right
    assert kl_from_logits(p[::-1], q[::-1]) == right
    with_another = kl_from_logits([p, [0.0] * len(p)], [q, [0.0] * len(p)])
    assert with_another[0] == right and with_another[1] == 0


def test_a_later_outcome_far_above_the_others_at_random():
    rng = np.random.default_rng(0)
    for masked in (False, True) * 40:
        p = rng.normal(size=80)
        d = rng.uniform(0, 0.3, size=80)
        d[rng.integers(64, 80, size=2)] = rng.uniform(5, 700, size=2)
        if masked:
            p[0], d[0] = -1e4, -1e30
        assert kl_from_logits(p, p + d) == pytest.approx(exact_kl(p, p + d), rel=1e-12, abs=0)


@given(vectors(5))
def test_each_probability_by_mpmath(z):
    """Relative to each entry by itself, not to the largest."""
    with mpmath.workdps(400):
        weights = [mpmath.exp(mpmath.mpf(x)) if x > -inf else mpmath.mpf(0) for x in z.tolist()]
        total = mpmath.fsum(weights)
        for p, log_p, weight in zip(softmax(z), log_softmax(z), weights, strict=True):
            share = weight / total
            assert abs(p - share) <= 1e-12 * share
            if weight:
                assert abs(log_p - mpmath.log(share)) <= -1e-12 * mpmath.log(share)
            else:
                assert (p, log_p) == (0, -inf)


@pytest.mark.parametrize("n", [2, 50, 20_000])
@pytest.mark.parametrize("step", [1e-3, 0.02, 0.1, 0.3, 1.0, 3.0])
def test_the_ways_of_computing_agree_where_they_meet(n, step):
    """Directly from D = 0.01 on, term by term below; v with a series up to 1.5."""
    p = RNG.standard_normal(n)
    q = p + step * RNG.standard_normal(n)
    probabilities = softmax(p), softmax(q)
    expected = kl_divergence(*probabilities)
    # The probabilities are rounded: by 1e-16, times √D
    rounding = 1e-15 * np.sqrt(expected)
    assert kl_from_logits(p, q) == pytest.approx(expected, rel=1e-12, abs=rounding)


# ------------------------------------------------------------------ laws


@given(pairs())
def test_the_route_over_probabilities(pair):
    p, q = pair
    assert (kl_from_logits(p, q) == inf) == bool(((p > -inf) & (q == -inf)).any())
    if kl_from_logits(p, q) < inf and (np.maximum(p, q) - p.max()).min() > -600:
        expected = kl_divergence(softmax(p), softmax(q))
        rounding = 1e-13 * np.sqrt(min(expected, 1)) + 1e-29
        assert kl_from_logits(p, q) == pytest.approx(expected, rel=1e-11, abs=rounding)
        expected = cross_entropy(softmax(p), softmax(q))
        assert cross_entropy_from_logits(p, q) == pytest.approx(expected, rel=1e-11, abs=1e-15)


@given(pairs(), st.floats(-1e6, 1e6))
def test_a_shift_changes_nothing(pair, shift):
    """Where adding it is exact: logits on a grid of 2⁻²⁰."""
    p, q = (np.round(z * 2**20) / 2**20 for z in pair)
    shift = round(shift)
    assert softmax(p + shift).tolist() == softmax(p).tolist()
    assert log_softmax(p + shift).tolist() == log_softmax(p).tolist()
    divergence = kl_from_logits(p, q)
    for shifted in ((p + shift, q), (p, q + shift), (p + shift, q - shift)):
        assert kl_from_logits(*shifted) == pytest.approx(divergence, rel=1e-12, abs=1e-40)
    expected = cross_entropy_from_logits(p, q)
    assert cross_entropy_from_logits(p, q + shift) == pytest.approx(expected, rel=1e-12, abs=0)
    assert log_sum_exp(p + shift) == pytest.approx(log_sum_exp(p) + shift, abs=1e-9)


def test_a_shift_of_a_model_that_knows_more_outcomes():
    """D = log(1 + e^−1.9375 + 1) − 0, whether q's logits lie at 0 or at a million."""
    p, q = np.array([-inf, -inf, 0.0]), np.array([-1.9375, 0.0, 0.0])
    expected = np.log(2 + np.exp(-1.9375))
    for shift in (0.0, 16384.0, 1e6, -1e6):
        assert kl_from_logits(p, q + shift) == pytest.approx(expected, rel=1e-15, abs=0)


@given(pairs())
def test_gibbs(pair):
    p, q = pair
    assert kl_from_logits(p, p) == 0
    divergence = kl_from_logits(p, q)
    assert divergence >= 0
    # Pinsker, by which it is above 0 when p and q differ
    variation = np.abs(softmax(p) - softmax(q)).sum() / 2
    assert divergence >= 2 * max(variation - 1e-15, 0) ** 2 * (1 - 1e-12)
    crossed = cross_entropy_from_logits(p, q)
    own = cross_entropy_from_logits(p, p)
    assert crossed == pytest.approx(own + divergence, rel=1e-12, abs=0)


@given(vectors(4), st.floats(0.1, 10))
def test_softmax_and_its_logarithm(z, temperature):
    p = softmax(z, temperature)
    assert p.sum() == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(np.exp(log_softmax(z, temperature)), p, rtol=1e-12)
    np.testing.assert_allclose(softmax(z / temperature), p, rtol=1e-12)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(z - log_sum_exp(z), log_softmax(z), rtol=1e-12, atol=1e-13)
    assert cross_entropy_from_logits(z, z) == pytest.approx(entropy(softmax(z)), abs=1e-12)


@given(pairs(FINITE), st.integers(1, 3), st.randoms(use_true_random=False))
def test_order_and_copies(pair, copies, random):
    """Any order; and copies of all outcomes, which halve or third every probability alike."""
    p, q = (np.tile(z, copies) for z in pair)
    order = list(range(len(p)))
    random.shuffle(order)
    expected = kl_from_logits(*pair)
    assert kl_from_logits(p[order], q[order]) == pytest.approx(expected, rel=1e-12, abs=1e-40)
    crossed = cross_entropy_from_logits(*pair) + log(copies)
    assert cross_entropy_from_logits(p, q) == pytest.approx(crossed, rel=1e-12, abs=0)


# ------------------------------------------------------------------ batches and kinds of input


@pytest.mark.parametrize("function", [kl_from_logits, cross_entropy_from_logits])
@pytest.mark.parametrize("n", [7, 300, 9000, 20_000])
def test_batches(function, n):
    """Near and far rows, one that is odd, in one call; several rows to a block, and several blocks
    to a row."""
    p = RNG.standard_normal((5, 6, n))
    q = p + 10.0 ** RNG.integers(-9, 3, (5, 6, 1)) * RNG.standard_normal((5, 6, n))
    q[1, 2], q[3, 3, 0], p[4, 4, 1], q[0, 0] = p[1, 2], -inf, -inf, p[0, 0] + 1e3
    values = function(p, q)
    assert values.shape == (5, 6)
    for i in np.ndindex(5, 6):
        assert values[i] == pytest.approx(function(p[i], q[i]), rel=1e-13, abs=1e-40)
    first = np.moveaxis(p, -1, 0), np.moveaxis(q, -1, 0)
    np.testing.assert_allclose(function(*first, axis=0), values, rtol=1e-12, atol=1e-40)
    middle = np.moveaxis(p, -1, 1), np.moveaxis(q, -1, 1)
    np.testing.assert_allclose(function(*middle, axis=1), values, rtol=1e-12, atol=1e-40)
    np.testing.assert_allclose(function(p[::2], q[::2]), values[::2], rtol=1e-12, atol=1e-40)


@pytest.mark.parametrize("function", [kl_from_logits, cross_entropy_from_logits])
def test_leading_axes_broadcast(function):
    p, q = RNG.standard_normal((3, 1, 8)), RNG.standard_normal((4, 8))
    values = function(p, q)
    assert values.shape == (3, 4)
    assert values[2, 3] == pytest.approx(function(p[2, 0], q[3]), rel=1e-14)
    assert function(p[0, 0], q).shape == (4,)
    assert function(p, q[0]).shape == (3, 1)
    assert isinstance(function(p[0, 0], q[0]), np.float64)


def test_softmax_of_batches():
    z = RNG.standard_normal((3, 4, 5))
    for function in (softmax, log_softmax):
        assert function(z).shape == z.shape
        for axis in (0, 1, -2):
            one = np.moveaxis(function(np.moveaxis(z, axis, -1)), -1, axis)
            np.testing.assert_allclose(function(z, axis=axis), one, rtol=1e-15)
    np.testing.assert_allclose(log_sum_exp(z, axis=1), log(np.exp(z).sum(axis=1)), rtol=1e-13)
    assert isinstance(log_sum_exp([1, 2]), np.float64)


def test_kinds_of_input():
    z, w = np.array([0.5, 1.25, -3]), np.array([0.25, -1, 2])
    for kind in (np.float16, np.float32, np.longdouble, list, object):
        a, b = (list(x) if kind is list else x.astype(kind) for x in (z, w))
        for function in (kl_from_logits, cross_entropy_from_logits):
            assert function(a, b) == function(z, w)
            assert isinstance(function(a, b), np.float64)
        for function in (softmax, log_softmax):
            assert function(a).tolist() == function(z).tolist()
            assert function(a).dtype == np.float64
        assert log_sum_exp(a) == log_sum_exp(z)
    assert kl_from_logits([0, 1], [1, 0]) == kl_from_logits([0.0, 1.0], [1.0, 0.0])
    # Differences of float32 logits are not rounded to float32
    a, b = np.float32([0, 1e-6]), np.float32([1000, 1000])
    assert kl_from_logits(a, b) == pytest.approx(float(a[1]) ** 2 / 8, rel=1e-5)
    frozen = z.copy()
    frozen.flags.writeable = False
    softmax(frozen), log_softmax(frozen), kl_from_logits(frozen, w)
    assert frozen.tolist() == z.tolist()


def test_no_large_temporaries():
    """One number per row costs less than a mebibyte, whatever the size of the input."""
    p = RNG.standard_normal((20, 50_000))
    q = p + 1e-3 * RNG.standard_normal(50_000)
    for function in (kl_from_logits, cross_entropy_from_logits):
        for other in (q, RNG.standard_normal(p.shape), RNG.standard_normal(50_000), q[0] + 100):
            tracemalloc.start()
            function(p, other)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 2**20


# ------------------------------------------------------------------ bad input

GOOD = [0.0, 1.0]
NOT_LOGITS = [
    ([0, np.nan], "has a non-finite entry: nan at index (1,)"),
    ([inf, 0], "has a non-finite entry: inf at index (0,)"),
    (np.array([0, np.nan]), "has a logit that is nan, outcome 1"),
    (np.array([[0, 1], [inf, 0]]), "has a logit that is inf, outcome 0 at batch index (1,)"),
    (np.array([0, -inf, np.nan], np.float32), "has a logit that is nan, outcome 2"),
    ([-inf, -inf], "are all -inf: no outcome is possible"),
    ([GOOD, [-inf, -inf]], "are all -inf at batch index (1,)"),
    ([], "is empty (shape (0,))"),
    (np.zeros((0, 2)), "is empty (shape (0, 2))"),
    (1.0, "has no axis -1: its shape is ()"),
    (["0", "1"], "must hold real numbers"),
    ([1j, 0], "must hold real numbers, not complex128"),
    ([True, False], "must hold real numbers, not bool"),
    ([[0, 1], [0]], "is not an array of numbers"),
    (np.ma.masked_array([0.5, -inf], [True, False]), "is a masked array"),
]
TAKES_LOGITS = {
    "softmax": ("logits", softmax),
    "log_softmax": ("logits", log_softmax),
    "log_sum_exp": ("logits", log_sum_exp),
    "kl, p": ("p_logits", lambda bad: kl_from_logits(bad, GOOD)),
    "kl, q": ("q_logits", lambda bad: kl_from_logits(GOOD, bad)),
    "cross-entropy, p": ("p_logits", lambda bad: cross_entropy_from_logits(bad, GOOD)),
    "cross-entropy, q": ("q_logits", lambda bad: cross_entropy_from_logits(GOOD, bad)),
}


@pytest.mark.parametrize(("bad", "message"), NOT_LOGITS)
@pytest.mark.parametrize("place", TAKES_LOGITS)
def test_not_logits(place, bad, message):
    name, call = TAKES_LOGITS[place]
    with pytest.raises(ValueError) as error:
        call(bad)
    assert str(error.value).startswith(f"{name} ") and message in str(error.value)


def test_other_arguments():
    for function in (softmax, log_softmax):
        for bad, message in [
            (0, "temperature has an entry that is not positive: 0"),
            (-1, "temperature has an entry that is not positive: -1"),
            (inf, "temperature has a non-finite entry: inf"),
            ([1, 2], r"temperature must be one number; got an array of shape \(2,\)"),
            ("1", "temperature must hold real numbers"),
        ]:
            with pytest.raises(ValueError, match=message):
                function(GOOD, bad)
        with pytest.raises(ValueError, match="logits has no axis 1"):
            function(GOOD, axis=1)
        with pytest.raises(ValueError, match="axis must be an integer; got 0.5"):
            function(GOOD, axis=0.5)
    for function in (kl_from_logits, cross_entropy_from_logits):
        with pytest.raises(ValueError, match="lengths differ: p_logits has 2, q_logits has 3"):
            function(GOOD, [0, 0, 0])
        with pytest.raises(ValueError, match="shapes do not broadcast: p_logits"):
            function([GOOD] * 2, [GOOD] * 3)
        with pytest.raises(ValueError, match="base must be a number above 1"):
            function(GOOD, GOOD, base=0.5)
        with pytest.raises(ValueError, match="p_logits has no axis 2"):
            function(GOOD, GOOD, axis=2)


def test_impossible_outcomes_in_an_array_of_objects():
    assert softmax(np.array([-inf, 1.0, 1], dtype=object)).tolist() == [0, 0.5, 0.5]
