"""Two samples: brute force, convergence to the divergence, scipy's distances, metric laws."""

import numpy as np
import pytest
import scipy.optimize
import scipy.spatial
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import log

from kllib.discrete import normalize
from kllib.estimate.two_sample import knn_kl, maximum_mean_discrepancy, wasserstein_1d
from kllib.gaussian import kl_multivariate_normal, kl_normal

# ------------------------------------------------------------------ nearest neighbours


def by_brute_force(x, y, k):
    """The formula from whole tables of distances."""
    own = np.sort(scipy.spatial.distance.cdist(x, x), axis=1)[:, k]
    other = np.sort(scipy.spatial.distance.cdist(x, y), axis=1)[:, k - 1]
    return x.shape[1] * np.mean(log(other / own)) + log(len(y) / (len(x) - 1))


def test_by_hand():
    # x = 0, 3, 4 have their nearest at 3, 1, 1; y = 1, 9 lie at 1, 2, 3.
    # ⅓ (ln 1/3 + ln 2/1 + ln 3/1) + ln 2/2 = ⅓ ln 2
    assert knn_kl([0, 3, 4], [1, 9]) == pytest.approx(log(2) / 3, rel=1e-14)
    # In the plane, one direction empty: d = 2
    value = knn_kl([[0, 0], [3, 0], [4, 0]], [[1, 0], [9, 0]])
    assert value == pytest.approx(2 * log(2) / 3, rel=1e-14)
    assert knn_kl([0, 3, 4], [1, 9], base=2) == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_against_brute_force(k, d):
    rng = np.random.default_rng(10 * k + d)
    x, y = rng.normal(size=(80, d)), rng.normal(0.5, 2, size=(50, d))
    assert knn_kl(x, y, k) == pytest.approx(by_brute_force(x, y, k), rel=1e-11)
    if d == 1:
        assert knn_kl(x[:, 0], y[:, 0], k) == knn_kl(x, y, k)


def mean_and_error(pairs, k):
    values = np.array([knn_kl(x, y, k) for x, y in pairs])
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def test_it_converges_to_the_divergence():
    """The bias shrinks as the samples grow: below 0.01 nats on the line at 2000 points."""
    rng = np.random.default_rng(1)
    truth = kl_normal(0, 1, 1, 1)
    pairs = [(rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)) for _ in range(60)]
    mean, error = mean_and_error(pairs, 5)
    assert error < 0.01
    assert abs(mean - truth) < 5.5 * error + 0.01
    # No difference at all: the mean is zero, and single values fall on both sides.
    pairs = [(rng.normal(size=500), rng.normal(size=500)) for _ in range(100)]
    mean, error = mean_and_error(pairs, 1)
    assert abs(mean) < 5.5 * error + 0.005
    assert 10 < sum(knn_kl(x, y) < 0 for x, y in pairs) < 90


def test_it_converges_in_the_plane():
    rng = np.random.default_rng(2)
    cov = np.array([[1.0, 0.5], [0.5, 2.0]])
    truth = kl_multivariate_normal([0, 0], cov, [0.5, 0], np.eye(2) * 2)
    pairs = [
        (
            rng.multivariate_normal([0, 0], cov, 2000),
            rng.multivariate_normal([0.5, 0], np.eye(2) * 2, 3000),
        )
        for _ in range(20)
    ]
    mean, error = mean_and_error(pairs, 3)
    assert error < 0.02
    assert abs(mean - truth) < 5.5 * error + 0.02


@pytest.mark.parametrize("unit", [1e-200, 1e-150, 1e150, 1e200])
def test_units_do_not_matter(unit):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
    assert knn_kl(unit * x, unit * y, 2) == pytest.approx(knn_kl(x, y, 2), rel=1e-12)
    shift = np.array([100.0, -50.0])
    assert knn_kl(x + shift, y + shift, 2) == pytest.approx(knn_kl(x, y, 2), rel=1e-9)


def test_equal_points_are_refused_and_a_larger_k_steps_over_a_few():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=60), rng.normal(size=50)
    x[7] = x[3]
    with pytest.raises(
        ValueError, match=r"x\[3\] coincides, .* with its nearest 1 in x: the samples"
    ):
        knn_kl(x, y)
    value = knn_kl(x, y, 3)
    assert value == pytest.approx(by_brute_force(x[:, None], y[:, None], 3), rel=1e-11)
    y[5] = x[11]
    with pytest.raises(
        ValueError,
        match=r"x\[3\] coincides, to within 1e-154 of the range, with its nearest 1 in y",
    ):
        knn_kl(x[8:], y)
    with pytest.raises(ValueError, match="use a larger k, or counts"):
        knn_kl(np.round(x), np.round(y), 3)


# ------------------------------------------------------------------ Wasserstein

POINTS = st.lists(st.floats(-100, 100), min_size=1, max_size=8)


@st.composite
def weighted(draw):
    points = draw(POINTS)
    size = len(points)
    weights = draw(st.lists(st.floats(0, 1), min_size=size, max_size=size).filter(any))
    return np.array(points), normalize(weights)


@given(weighted(), weighted())
def test_wasserstein_against_scipy(one, two):
    (x, p), (y, q) = one, two
    found = wasserstein_1d(x, y, p=p, q=q)
    expected = scipy.stats.wasserstein_distance(x, y, p, q)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert wasserstein_1d(x, y) == pytest.approx(
        scipy.stats.wasserstein_distance(x, y), rel=1e-12, abs=1e-12
    )


@given(weighted(), weighted(), weighted())
def test_wasserstein_is_a_metric(one, two, three):
    (x, p), (y, q), (z, r) = one, two, three
    straight = wasserstein_1d(x, y, p=p, q=q)
    detour = wasserstein_1d(x, z, p=p, q=r) + wasserstein_1d(z, y, p=r, q=q)
    assert straight <= detour + 1e-11
    assert straight == pytest.approx(wasserstein_1d(y, x, p=q, q=p), rel=1e-12, abs=1e-12)
    assert wasserstein_1d(x, x[::-1], p=p, q=p[::-1]) <= 1e-13
    assert wasserstein_1d(x, x + 7, p=p, q=p) == pytest.approx(7, rel=1e-12)


def test_wasserstein_is_the_cheapest_matching():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=12), rng.exponential(size=12)
    cost = np.abs(x[:, None] - y)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    assert wasserstein_1d(x, y) == pytest.approx(cost[rows, columns].mean(), rel=1e-13)


def test_wasserstein_by_hand():
    # Half of the mass moves from 0 to 1, the other half stays.
    assert wasserstein_1d([0, 1], [1.0], p=[0.5, 0.5]) == 0.5
    assert wasserstein_1d([3.0], [3.0]) == 0
    assert wasserstein_1d([0, 4], [1, 1, 5, 5]) == 1
    assert wasserstein_1d([1e300], [-1e300]) == 2e300


def test_wasserstein_of_many_points_and_large_ones():
    x = np.arange(1e5) / 1e5
    assert wasserstein_1d(x, x + 2) == pytest.approx(2, rel=1e-15)
    ends = [-1.5e308, 1.5e308]
    assert wasserstein_1d(ends, ends) == 0
    assert wasserstein_1d(ends, ends, p=[0.5, 0.5]) == 0
    assert wasserstein_1d(ends, [0.0]) == 1.5e308
    assert wasserstein_1d([-1.5e308], [1.5e308]) == np.inf  # 3e308 is no float
    assert wasserstein_1d([0.0], [5e-324]) == 5e-324


# ------------------------------------------------------------------ kernels


def mmd_by_loops(x, y, p, q, h):
    def mean(a, weights_a, b, weights_b):
        return sum(
            u * v * np.exp(-np.sum((s - t) ** 2) / (2 * h * h))
            for s, u in zip(a, weights_a, strict=True)
            for t, v in zip(b, weights_b, strict=True)
        )

    return np.sqrt(mean(x, p, x, p) - 2 * mean(x, p, y, q) + mean(y, q, y, q))


def test_mmd_against_loops():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(6, 3)), rng.normal(1, 1, size=(9, 3))
    p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(9))
    found = maximum_mean_discrepancy(x, y, bandwidth=1.5, p=p, q=q)
    assert found == pytest.approx(mmd_by_loops(x, y, p, q, 1.5), rel=1e-12)
    found = maximum_mean_discrepancy(x, y, bandwidth=0.7)
    equal = np.full(6, 1 / 6), np.full(9, 1 / 9)
    assert found == pytest.approx(mmd_by_loops(x, y, *equal, 0.7), rel=1e-12)


def test_mmd_in_blocks():
    """More points than a block has rows: weights that make all but a few of them count nothing."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=700), rng.normal(1, 1, 600)
    p, q = np.zeros(700), np.zeros(600)
    few_x, few_y = [0, 300, 511, 512, 699], [0, 323, 324, 325, 599]
    p[few_x], q[few_y] = rng.dirichlet(np.ones(5), 2)
    found = maximum_mean_discrepancy(x, y, bandwidth=1, p=p, q=q)
    few = maximum_mean_discrepancy(x[few_x], y[few_y], bandwidth=1, p=p[few_x], q=q[few_y])
    assert found == pytest.approx(few, rel=1e-12)


def test_mmd_of_points_and_bandwidths_of_any_size():
    for x, y, h in ((1.5e308, -1.5e308, 1.0), (1.0, 2.0, 1e-320), (1.5e308, -1.5e308, 1e-320)):
        found = maximum_mean_discrepancy([x], [y], bandwidth=h)
        assert found == pytest.approx(np.sqrt(2), rel=1e-15)
    found = maximum_mean_discrepancy([1.5e308], [-1.5e308], bandwidth=1.5e308)
    assert found == pytest.approx(np.sqrt(-2 * np.expm1(-2)), rel=1e-14)  # two bandwidths apart


def test_mmd_of_two_normals():
    """E k(x, x′) for independent N(0, 1) is (1 + 2/h²)^−½, with means δ apart times
    exp(−δ²/2(h² + 2)): here h = 1 and δ = 1."""
    rng = np.random.default_rng(7)
    n = 100
    squares = np.array(
        [
            maximum_mean_discrepancy(rng.normal(0, 1, n), rng.normal(1, 1, n), bandwidth=1) ** 2
            for _ in range(400)
        ]
    )
    truth = 2 / np.sqrt(3) * (1 - np.exp(-1 / 6))
    # Pairs of a point with itself count 1, the others 1/√3 on average.
    expected = truth + 2 / n * (1 - 1 / np.sqrt(3))
    error = squares.std() / np.sqrt(len(squares))
    assert error < 0.02 * truth
    assert abs(squares.mean() - expected) < 5.5 * error


@given(weighted(), weighted(), weighted(), st.floats(0.5, 50))
def test_mmd_is_a_metric(one, two, three, h):
    (x, p), (y, q), (z, r) = one, two, three
    straight = maximum_mean_discrepancy(x, y, bandwidth=h, p=p, q=q)
    detour = maximum_mean_discrepancy(x, z, bandwidth=h, p=p, q=r) + maximum_mean_discrepancy(
        z, y, bandwidth=h, p=r, q=q
    )
    assert 0 <= straight <= np.sqrt(2)
    assert straight <= detour + 1e-7  # a root of rounding errors
    assert maximum_mean_discrepancy(x, x, bandwidth=h, p=p, q=p) < 1e-7


def test_disjoint_supports():
    """Where divergences say log 2 or infinity, both distances shrink with the shift."""
    shifts = [4.0, 1.0, 1e-3, 1e-9]
    assert [wasserstein_1d([0.0], [t]) for t in shifts] == shifts
    found = [maximum_mean_discrepancy([0.0], [t], bandwidth=1) for t in shifts]
    np.testing.assert_allclose(
        found, [np.sqrt(-2 * np.expm1(-t * t / 2)) for t in shifts], rtol=1e-14
    )
    assert maximum_mean_discrepancy([0.0], [1e200], bandwidth=1) == pytest.approx(np.sqrt(2))


# ------------------------------------------------------------------ bad input

BAD = [
    (lambda: knn_kl([1.0], [2.0]), "x must hold at least 2 observations"),
    (lambda: knn_kl([1.0, 2.0, 3.0], [2.0], 2), "y must hold at least 2 observations"),
    (lambda: knn_kl([1.0, 2.0], [1.0], 0), "k must be a whole number, 1 or above; got 0"),
    (lambda: knn_kl([1.0, 2.0], [1.0], 1.5), "k must be a whole number; got 1.5"),
    (lambda: knn_kl([1.0, 2.0], [1.0], True), "k must be a whole number"),
    (lambda: knn_kl([1.0, np.nan], [1.0]), "x has a non-finite entry: nan"),
    (lambda: knn_kl(np.ones((3, 2)), np.ones((3, 1))), "x has 2, y has 1"),
    (lambda: knn_kl(np.ones((3, 2, 2)), np.ones((3, 1))), "must be points as rows, or numbers"),
    (lambda: knn_kl([1.0, 2.0], [3.0], base=0.5), "base must be a number above 1"),
    (lambda: wasserstein_1d([[0.0, 1.0]], [[0.0, 1.0]]), "must be points on the line"),
    (lambda: wasserstein_1d([0.0], [1.0], p=[0.5]), "p sums to 0.5"),
    (lambda: wasserstein_1d([0.0], [1.0], q=[0.5, 0.5]), "y has 1 points, q has shape (2,)"),
    (lambda: wasserstein_1d([], [1.0]), "x is empty"),
    (lambda: maximum_mean_discrepancy([0.0], [1.0], bandwidth=0), "bandwidth must be positive"),
    (lambda: maximum_mean_discrepancy([0.0], [1.0], bandwidth=-1), "bandwidth must not be"),
    (lambda: maximum_mean_discrepancy([0.0], [[1.0, 2.0]], bandwidth=1), "x has 1, y has 2"),
    (lambda: maximum_mean_discrepancy([0.0], [np.inf], bandwidth=1), "y has a non-finite entry"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
