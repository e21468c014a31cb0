"""Long rows, many rows and rows of all kinds: the blocks and the two sums behind `discrete`."""

import tracemalloc

import mpmath
import numpy as np
import pytest
from numpy import inf, log

from kllib import (
    conditional_kl,
    cross_entropy,
    entropy,
    kl_divergence,
    mutual_information,
    normalize,
    perplexity,
)


def exact_kl(p, q):
    """D(p/Σp ‖ q/Σq) of exactly these floats, at 60 digits."""
    with mpmath.workdps(60):
        p, q = ([mpmath.mpf(float(x)) for x in values] for values in (p, q))
        if any(a and not b for a, b in zip(p, q, strict=True)):
            return mpmath.inf
        terms = (a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)
        return mpmath.fsum(terms) / mpmath.fsum(p) + mpmath.log(mpmath.fsum(q) / mpmath.fsum(p))


def nearby(p, step, rng):
    """A distribution near p; D is about step²/6."""
    q = p * (1 + step * rng.uniform(-1, 1, p.shape))
    return q / q.sum(axis=-1, keepdims=True)


# Steps for D from above 1/64, where logarithms alone are accurate, down to 1e-20 and equality.
STEPS = [0.9, 0.4, 0.3, 0.2, 0.14, 0.1, 1e-2, 1e-4, 1e-6, 1e-8, 2.5e-10]


@pytest.mark.parametrize("n", [500, 999, 1000, 1001, 2003])
@pytest.mark.parametrize("step", STEPS)
def test_long_rows_are_as_accurate_as_short_ones(n, step):
    """So many copies of n outcomes: just below, at and above the 32,000 of a block, and several."""
    rng = np.random.default_rng(n)
    p = rng.dirichlet(np.ones(n))
    q = nearby(p, step, rng)
    expected = pytest.approx(float(exact_kl(p, q)), rel=2e-13, abs=0)
    assert kl_divergence(p, q) == expected
    p, q = np.tile(p, 32) / 32, np.tile(q, 32) / 32
    assert kl_divergence(p, q) == expected
    # and with sums as far from one as is admitted, in opposite directions
    off_p, off_q = p * (1 + 9e-7), q * (1 - 9e-7)
    exact = float(exact_kl(off_p[:n], off_q[:n]))
    assert kl_divergence(off_p, off_q) == pytest.approx(exact, rel=2e-13, abs=0)


@pytest.mark.parametrize("far_first", [True, False])
@pytest.mark.parametrize("zero_in", ["neither", "p", "both"])
def test_a_long_row_may_be_near_in_one_part_and_far_in_another(far_first, zero_in):
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(700), 2)
    q = np.stack([nearby(p[0], 1e-3, rng), rng.dirichlet(np.ones(700))])
    if zero_in != "neither":
        p[:, 5] = 0
    if zero_in == "both":
        q[:, 5] = 0
    p[1] *= 1e-6  # little weight, so that both parts count
    q[1] *= 1e-6
    p, q = p / p.sum(), q / q.sum()
    order = slice(None, None, -1) if far_first else slice(None)
    long_p, long_q = (np.repeat(x[order], 64, axis=0).ravel() / 64 for x in (p, q))
    value = kl_divergence(long_p, long_q)
    assert value == pytest.approx(float(exact_kl(p.ravel(), q.ravel())), rel=1e-13, abs=0)


def test_a_batch_may_mix_near_and_far_rows():
    """Rows of every kind side by side, enough of them for several blocks."""
    rng = np.random.default_rng(6)
    p = rng.dirichlet(np.ones(40), 60)
    q = np.stack([nearby(row, step, rng) for row, step in zip(p, np.tile(STEPS, 6), strict=False)])
    q[::7] = rng.dirichlet(np.ones(40), len(q[::7]))  # far
    q[3] = p[3]  # equal
    p[4, 7] = 0  # an outcome of the model alone
    p[5, 7] = q[5, 7] = 0  # of neither
    p[6, 7], q[6, 7] = 1e-300, 3e-300
    q[8, 7] = 1e-320  # p/q is beyond the range of a float
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    q[9, 7] = 0  # impossible for the model alone
    q[9] /= q[9].sum()
    p[10] *= 1 + 9e-7
    q[11] *= 1 - 9e-7
    expected = [float(exact_kl(*rows)) for rows in zip(p, q, strict=True)]
    for copies in (1, 2, 30):  # less than a block, one, several
        values = kl_divergence(np.tile(p, (copies, 1)), np.tile(q, (copies, 1)))
        np.testing.assert_allclose(values, np.tile(expected, copies), rtol=2e-13)
    assert values[3] == 0
    # One model for all rows, and one truth
    against = kl_divergence(p, q[0])
    np.testing.assert_allclose(against, [float(exact_kl(row, q[0])) for row in p], rtol=2e-13)
    of_one = kl_divergence(p[0], np.tile(q, (30, 1)))[:60]
    expected = [float(exact_kl(p[0], row)) for row in q]
    np.testing.assert_allclose(of_one, expected, rtol=2e-13)
    np.testing.assert_array_equal(kl_divergence(p[:, None], q)[5:8, 5:8].diagonal(), values[5:8])


@pytest.mark.parametrize("exponent", [-300, -290, -200, 0])
def test_conditional_kl_weighs_rows_of_any_size(exponent):
    """Rows in all proportions: those never met, and those that p and q meet at different rates."""
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.ones(6), 8)
    q = np.stack([nearby(row, step, rng) for row, step in zip(p, STEPS, strict=False)])
    p_weights, q_weights = rng.dirichlet(np.ones(8), 2)
    q_weights[0] = 10.0**exponent
    p_weights[1] = 10.0**exponent
    p_weights[2] = 0
    p_weights[3] = q_weights[3] = 0
    p, q = p * p_weights[:, None], q * q_weights[:, None]
    p, q = p / p.sum(), q / q.sum()
    rows = [i for i in range(8) if p_weights[i] > 0]
    exact = mpmath.fsum(mpmath.fsum(p[i]) * exact_kl(p[i], q[i]) for i in rows)
    expected = pytest.approx(float(exact / mpmath.fsum(p.ravel())), rel=1e-13, abs=0)
    assert conditional_kl(p, q) == expected
    assert conditional_kl(p.T, q.T, given=1) == expected
    batch = conditional_kl(np.stack([p, q, p]), np.stack([q, q, q]))
    assert batch[0] == batch[2] == expected
    assert batch[1] == 0


@pytest.mark.parametrize("rate", [1e-17, 1e-15, 1e-11, 1e-4, 0.05, 1])
def test_conditional_kl_of_far_rows_that_the_model_seldom_meets(rate):
    """The total of one row of q is many orders below that of p; the totals of the others agree."""
    rng = np.random.default_rng(13)
    for _ in range(5):
        p, q = rng.dirichlet(np.full(5, 0.3), (2, 6))
        q[0] *= rate
        p, q = p / p.sum(), q / q.sum()
        exact = mpmath.fsum(mpmath.fsum(p[i]) * exact_kl(p[i], q[i]) for i in range(6))
        exact /= mpmath.fsum(p.ravel())
        assert conditional_kl(p, q) == pytest.approx(float(exact), rel=1e-13, abs=0)
        assert conditional_kl(p.T, q.T, given=1) == pytest.approx(float(exact), rel=1e-13, abs=0)


@pytest.mark.parametrize("step", [0.9, 0.3, 1e-3, 1e-9])
def test_large_tables_are_as_accurate_as_small_ones(step):
    """Copies along both axes are drawn on their own, and tell nothing about each other."""
    rng = np.random.default_rng(8)
    joint = np.outer(rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(7)))
    joint *= 1 + step * rng.uniform(-1, 1, joint.shape)
    joint[0, 0] *= rng.integers(0, 2)
    joint /= joint.sum()
    with mpmath.workdps(60):
        table = mpmath.matrix(joint.tolist())
        rows, columns = table * mpmath.ones(7, 1), mpmath.ones(1, 5) * table
        model = np.array((rows * columns).tolist()).ravel() / mpmath.fsum(rows)
        exact = mpmath.fsum(
            a * mpmath.log(mpmath.mpf(a) / b)
            for a, b in zip(joint.ravel(), model, strict=True)
            if a
        ) / mpmath.fsum(rows)
    expected = pytest.approx(float(exact), rel=1e-13, abs=0)
    for copies in ((1, 1), (64, 32), (4096, 1), (1, 2048)):
        large = np.tile(joint, copies) / np.prod(copies)
        assert mutual_information(large) == expected
    assert mutual_information(np.stack([joint, joint[::-1]]))[1] == expected


def exact_cross_entropy(p, q):
    with mpmath.workdps(330):  # so that 1 + 1e-300 is not 1
        p, q = ([mpmath.mpf(float(x)) for x in values] for values in (p, q))
        terms = (a * mpmath.log(b) for a, b in zip(p, q, strict=True) if a)
        return mpmath.log(mpmath.fsum(q)) - mpmath.fsum(terms) / mpmath.fsum(p)


def test_entropies_of_certain_and_uncertain_rows_side_by_side():
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(20), 30)
    # Entropies on both sides of 1/64, where the way to compute them changes
    for i, rest in enumerate([0, 1e-3, 3e-3, 1e-2, 1e-9, 1e-17, 1e-300]):
        p[i] = normalize(np.r_[1, np.full(19, rest / 19)])
    p[7:10, 3] = 0
    p = normalize(p)
    q = nearby(p, 0.1, rng)
    for copies in (1, 40):
        batch_p, batch_q = np.tile(p, (copies, 1)), np.tile(q, (copies, 1))
        expected = np.tile([float(exact_cross_entropy(row, row)) for row in p], copies)
        np.testing.assert_allclose(entropy(batch_p), expected, rtol=1e-13)
        np.testing.assert_allclose(perplexity(batch_p), np.exp(expected), rtol=1e-13)
        expected = np.tile([float(exact_cross_entropy(*x)) for x in zip(p, q, strict=True)], copies)
        np.testing.assert_allclose(cross_entropy(batch_p, batch_q), expected, rtol=1e-13)
    positive = np.where(q > 0, q, 1e-320)
    expected = [float(exact_cross_entropy(p[1], row)) for row in positive]
    np.testing.assert_allclose(cross_entropy(p[1], positive), expected, rtol=1e-13)
    # Long rows: 2^k copies have k bits more
    for n in (500, 1000, 2003):
        p = rng.dirichlet(np.ones(n))
        bits = float(exact_cross_entropy(p, p)) / log(2) + 5
        assert entropy(np.tile(p, 32) / 32, base=2) == pytest.approx(bits, rel=1e-13)
    certain = np.zeros(25_000)
    certain[12_345] = 1
    assert entropy(certain) == 0
    assert cross_entropy(certain, np.full(25_000, 1 / 25_000)) == pytest.approx(log(25_000))


def test_layout_and_kind_of_long_arrays_do_not_matter():
    rng = np.random.default_rng(10)
    p, q = rng.dirichlet(np.ones(18_000), (2, 3))
    expected = kl_divergence(p, q)
    for make in (
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[:, ::-1].copy()[:, ::-1],
        lambda x: np.array(x, dtype=">f8"),
        lambda x: np.array(x, dtype=np.longdouble),
    ):
        np.testing.assert_array_equal(kl_divergence(make(p), make(q)), expected)
        np.testing.assert_array_equal(kl_divergence(make(p).T, make(q).T, axis=0), expected)
        np.testing.assert_array_equal(entropy(make(p)), entropy(p))
    single = p.astype(np.float32), q.astype(np.float32)
    as_double = kl_divergence(*(x.astype(np.float64) for x in single))
    np.testing.assert_array_equal(kl_divergence(*single), as_double)
    one_hot = np.zeros((3, 18_000), dtype=int)
    one_hot[:, 17_000] = 1
    np.testing.assert_allclose(kl_divergence(one_hot, q), -log(q[:, 17_000]), rtol=1e-13)
    assert (kl_divergence(one_hot, one_hot) == 0).all()
    assert (kl_divergence(q, one_hot) == inf).all()


@pytest.mark.slow
def test_ten_million_outcomes_take_no_memory():
    """At most 1 MiB beside the arguments themselves."""
    rng = np.random.default_rng(11)
    p = rng.random(10_000_000)
    p /= p.sum()
    q = p * (1 + 1e-3 * rng.uniform(-1, 1, p.size))
    q /= q.sum()
    far = p[::-1].copy()
    off = q * (1 + 9e-7)
    table = p.reshape(2500, 4000)
    calls = [
        lambda: kl_divergence(p, far),
        lambda: kl_divergence(p, q),
        lambda: kl_divergence(off, q),
        lambda: entropy(p),
        lambda: cross_entropy(p, q),
        lambda: mutual_information(table),
    ]
    for number, call in enumerate(calls):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 2**20, number


def test_unlikely_outcomes_far_apart_among_likely_ones_that_agree():
    """Both sums are needed, many entries of a block being far; still in at most 1 MiB."""
    rng = np.random.default_rng(14)
    weight = np.where(np.arange(1000) == 0, 1.0, 1e-8)
    p = weight * rng.uniform(0.5, 1, weight.size)
    q = np.where(weight == 1, p, p * rng.uniform(0.1, 5, p.size))
    p[5] = q[5] = 0
    p, q = (x / x.sum() for x in (p, q))
    expected = float(exact_kl(p, q))
    rows_p, rows_q = np.tile(p, (64, 1)), np.tile(q, (64, 1))
    for table_p, table_q in ((rows_p, rows_q), (rows_p.ravel() / 64, rows_q.ravel() / 64)):
        tracemalloc.start()
        value = kl_divergence(table_p, table_q)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 2**20
        np.testing.assert_allclose(value, expected, rtol=1e-13)


# Where a fault may stand: in the first block, at the ends of the second, in the last.
PLACES = [0, 31_999, 32_000, 63_999, 69_999]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["far", "near", "equal", "with zeros"])
@pytest.mark.parametrize("fault", [-0.25, np.nan, np.inf])
def test_a_fault_is_found_wherever_it_stands(place, kind, fault):
    rng = np.random.default_rng(12)
    p, other = rng.dirichlet(np.ones(70_000), 2)
    if kind == "with zeros":
        p[PLACES] = 0
        p /= p.sum()
    q = {"far": other, "near": nearby(p, 1e-3, rng), "equal": p.copy(), "with zeros": other}[kind]
    what = "a negative entry" if fault < 0 else "a non-finite entry"
    fault_at = rf"has {what}: {fault:g} at index \({place},\)"
    bad_p, bad_q = p.copy(), q.copy()
    for bad in (bad_p, bad_q):
        bad[place - 1] += bad[place] + 0.25  # so that no sum tells of a negative entry
        bad[place] = fault
    for function in (kl_divergence, cross_entropy, perplexity):
        with pytest.raises(ValueError, match=f"^p {fault_at}"):
            function(bad_p, q)
        with pytest.raises(ValueError, match=f"^q {fault_at}"):
            function(p, bad_q)
        with pytest.raises(ValueError, match=f"^p {fault_at}"):
            function(bad_p, bad_q)
        with pytest.raises(ValueError, match=r"^q .* at index \(1, "):
            function(p, np.stack([q, bad_q]))
    with pytest.raises(ValueError, match=f"^p {fault_at}"):
        entropy(bad_p)


@pytest.mark.parametrize("function", [kl_divergence, cross_entropy])
def test_sums_are_judged_row_by_row(function):
    rows = np.full((5000, 4), 0.25)
    assert function(rows, rows).shape == (5000,)
    for row in (0, 2500, 4999):
        off = rows.copy()
        off[row] *= 1 + 2e-6
        with pytest.raises(ValueError, match=rf"^p sums to 1.000002 at batch index \({row},\)"):
            function(off, rows)
        with pytest.raises(ValueError, match=rf"^q sums to 1.000002 at batch index \({row},\)"):
            function(rows, off)
        off[row] = 0
        with pytest.raises(ValueError, match=rf"^q sums to 0 at batch index \({row},\)"):
            function(rows, off)
