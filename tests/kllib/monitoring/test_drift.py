"""Monitoring: comparisons of counts, scores, and thresholds that keep their false alarm rate."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import kl_divergence, normalize, smooth
from kllib.estimate.counts import g_test
from kllib.fdivergence.divergences import jensen_shannon
from kllib.monitoring.drift import (
    asymptotic_drift_threshold,
    bin_counts,
    compare_counts,
    drift_threshold,
    population_stability_index,
    quantile_edges,
)

# The chance that a test of random numbers fails though all is right.
FALSE_ALARM = 1e-7


# ------------------------------------------------------------------ A/B comparison


def test_comparison_by_hand():
    result = compare_counts([30, 10], [20, 20])
    # ¾ log 3/2 + ¼ log ½ and ½ log 2/3 + ½ log 2
    assert result.kl_ab == pytest.approx(0.75 * log(1.5) - 0.25 * log(2), rel=1e-14)
    assert result.kl_ba == pytest.approx(log(4 / 3) / 2, rel=1e-14)
    assert result.kl_without_change == pytest.approx(0.5 * (1 / 40 + 1 / 40), rel=1e-15)
    assert result.test == g_test([30, 10], [20, 20])
    # Samples of one size: G = 2·2·40/2 times twice the Jensen–Shannon divergence
    assert result.test.statistic == pytest.approx(2 * 80 * result.jensen_shannon, rel=1e-12)
    assert result.differs and not compare_counts([30, 10], [20, 20], significance=0.01).differs
    # A category that only one of them has
    result = compare_counts([5, 5, 0], [5, 4, 1])
    assert (result.kl_ab, result.kl_ba) == (kl_divergence([0.5, 0.5, 0], [0.5, 0.4, 0.1]), inf)
    assert result.jensen_shannon < log(2)


def test_clicks_per_session():
    """0 to 5 clicks in a thousand sessions of either group; values from the corrected sources."""
    a, b = [50, 100, 350, 300, 150, 50], [150, 250, 250, 200, 100, 50]
    result = compare_counts(a, b)
    assert (round(result.kl_ab, 4), round(result.kl_ba, 4)) == (0.1537, 0.1881)
    table = scipy.stats.chi2_contingency([a, b], lambda_="log-likelihood", correction=False)
    assert result.test.p_value == pytest.approx(table.pvalue, rel=1e-9, abs=0)
    assert result.differs
    assert result.kl_ab > 4 * result.kl_without_change


def test_the_mean_divergence_without_change():
    rng = np.random.default_rng(1)
    q = [0.4, 0.3, 0.2, 0.1]
    a, b = rng.multinomial(2000, q, 4000), rng.multinomial(1000, q, 4000)
    values = kl_divergence(normalize(a), normalize(b))
    error = values.std() / np.sqrt(len(values))
    predicted = compare_counts(a[0], b[0]).kl_without_change
    assert predicted == 1.5 * (1 / 2000 + 1 / 1000)
    # To first order: the next one is a hundredth here.
    assert values.mean() == pytest.approx(predicted, abs=5.5 * error + 0.01 * predicted)


# ------------------------------------------------------------------ PSI

WEIGHTS = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(normalize)


@given(WEIGHTS, WEIGHTS)
def test_psi_is_the_sum_of_both_divergences(p, q):
    psi = population_stability_index(p, q)
    assert psi == pytest.approx(np.sum((p - q) * log(p / q)), rel=1e-10, abs=1e-15)
    assert psi == pytest.approx(kl_divergence(p, q) + kl_divergence(q, p), rel=1e-12, abs=1e-30)
    assert psi == pytest.approx(population_stability_index(q, p), rel=1e-13, abs=0)


def test_psi_by_hand():
    # ¼ log 2 twice, from both sides
    psi = population_stability_index([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])
    assert psi == pytest.approx(log(2) / 2, rel=1e-14)
    assert population_stability_index([1, 0], [0.5, 0.5]) == inf


def test_the_customary_limits_take_no_account_of_the_sample():
    """Ten bins: PSI/(1/A + 1/B) is nearly χ² with 9 degrees of freedom."""
    rng = np.random.default_rng(2)
    q, trials = np.full(10, 0.1), 4000

    def scores(size):
        p = normalize(rng.multinomial(size, q, trials))
        return population_stability_index(p, normalize(rng.multinomial(size, q, trials)))

    assert np.mean(scores(100) > 0.1) > 0.8
    assert np.mean(scores(10_000) > 0.1) == 0
    alarms = np.sum(scores(1000) / (2 / 1000) > scipy.stats.chi2.isf(0.05, 9))
    assert alarms <= scipy.stats.binom.isf(FALSE_ALARM, trials, 0.055)
    assert alarms >= scipy.stats.binom.ppf(FALSE_ALARM, trials, 0.045)


# ------------------------------------------------------------------ thresholds

SCORES = {
    "kl": (kl_divergence, 1.0),
    "smoothed kl": (lambda p, q: kl_divergence(p, smooth(q, 1e-3)), 1.0),
    "psi": (population_stability_index, 2.0),
    "jensen_shannon": (jensen_shannon, 0.25),
}
REFERENCE = np.array([4000, 3000, 2000, 1000])


@pytest.mark.parametrize("name", SCORES)
def test_alarms_come_at_the_rate_asked_for(name):
    """On new samples, drawn from the shares of the reference."""
    score, _ = SCORES[name]
    rng = np.random.default_rng(3)
    rate, trials, size = 0.05, 20_000, 200
    threshold = drift_threshold(
        REFERENCE, size, score, false_alarm_rate=rate, simulations=20_000, rng=rng
    )
    shares = REFERENCE / REFERENCE.sum()
    current = normalize(rng.multinomial(size, shares, trials))
    past = normalize(rng.multinomial(REFERENCE.sum(), shares, trials))
    alarms = np.sum(score(current, past) > threshold)
    # Both the threshold and the count are random: two standard deviations' worth, added up.
    spread = np.sqrt(2 * rate * (1 - rate) / trials)
    assert abs(alarms / trials - rate) < 5.5 * spread


@pytest.mark.parametrize("name", ["kl", "psi", "jensen_shannon"])
def test_the_asymptotic_threshold_is_the_limit(name):
    score, multiple = SCORES[name]
    simulated = drift_threshold(
        REFERENCE,
        2000,
        score,
        false_alarm_rate=0.05,
        simulations=20_000,
        rng=np.random.default_rng(4),
    )
    asymptotic = asymptotic_drift_threshold(
        4, 2000, reference_size=int(REFERENCE.sum()), false_alarm_rate=0.05
    )
    assert simulated == pytest.approx(multiple * asymptotic, rel=0.05)


def test_thresholds_by_hand():
    # With a known reference: the χ² quantile over 2N
    known = asymptotic_drift_threshold(4, 2000, false_alarm_rate=0.01)
    assert known == pytest.approx(scipy.stats.chi2.isf(0.01, 3) / 4000, rel=1e-12, abs=0)
    # Of 19 simulations the largest has one of twenty new ones above it.
    draws = {}

    def remember(p, q):
        draws["scores"] = kl_divergence(p, q)
        return draws["scores"]

    threshold = drift_threshold(
        [50, 50], 10, remember, false_alarm_rate=0.05, simulations=19, rng=np.random.default_rng(5)
    )
    assert threshold == draws["scores"].max()
    # A rare category is missing from the reference now and then, and the divergence infinite.
    threshold = drift_threshold(
        [1000, 1], 1000, kl_divergence, false_alarm_rate=0.05, rng=np.random.default_rng(6)
    )
    assert threshold == inf


@pytest.mark.parametrize("simulations", [99, 999])
def test_the_rank_of_the_threshold_has_no_rounding_in_it(simulations):
    """With rate = k/100 exactly k in 100 of simulations + 1 scores may lie above: 41 % of 100 is
    41, though (1 − 0.41) · 100 is above 59."""
    scores = np.random.default_rng(10).permutation(simulations) + 1.0  # 1, 2, …, in any order

    def score(p, q):
        return scores

    for percent in range(1, 100):
        threshold = drift_threshold(
            [5, 5],
            10,
            score,
            false_alarm_rate=percent / 100,
            simulations=simulations,
            rng=np.random.default_rng(0),
        )
        assert threshold == simulations + 1 - percent * (simulations + 1) // 100
    # A rate of nearly one: the smallest
    assert threshold_of(score=score, simulations=simulations, false_alarm_rate=1 - 1e-16) == 1


def test_the_pairs_are_scored_in_parts():
    """30,000 categories and 100 simulations: 33 pairs at a time, which the score sees."""
    sizes = []

    def score(p, q):
        assert p.shape == q.shape == (len(p), 30_000)
        sizes.append(len(p))
        return np.full(len(p), float(len(sizes)))

    threshold = threshold_of(
        np.ones(30_000, dtype=int), 100, score, simulations=100, false_alarm_rate=0.05
    )
    assert sizes == [33, 33, 33, 1]
    assert threshold == 3  # four threes may lie above, and one four


def test_a_change_raises_the_alarm():
    rng = np.random.default_rng(7)
    threshold = drift_threshold(REFERENCE, 500, kl_divergence, false_alarm_rate=0.01, rng=rng)
    changed = normalize(rng.multinomial(500, [0.3, 0.3, 0.2, 0.2], 1000))
    assert np.mean(kl_divergence(changed, normalize(REFERENCE)) > threshold) > 0.99


# ------------------------------------------------------------------ bins


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=60), st.integers(2, 4))
def test_bins_lose_no_value(values, bins):
    if len(set(values)) == 1:
        with pytest.raises(ValueError, match="reference has the one value"):
            quantile_edges(values, bins)
        return
    edges = quantile_edges(values, bins)
    assert (np.diff(edges) > 0).all() and 1 <= len(edges) < bins
    assert bin_counts(values, edges).all()  # no bin is empty to begin with
    counts = bin_counts([*values, 1e9, -1e9], edges)
    assert len(counts) == len(edges) + 1
    assert counts.sum() == len(values) + 2
    for i, edge in enumerate(edges):
        assert counts[: i + 1].sum() == sum(value < edge for value in [*values, 1e9, -1e9])


def test_bins_hold_equal_shares():
    rng = np.random.default_rng(8)
    reference = rng.normal(size=10_000)
    counts = bin_counts(reference, quantile_edges(reference, 10))
    assert counts.tolist() == [1000] * 10
    # Repeated values leave fewer bins, none of them empty; an edge on the least value moves up.
    for reference, bins, edges, counts in (
        ([1, 1, 1, 1, 2], 4, [2], [4, 1]),
        ([0, 0, 0, 0, 1, 1.5], 4, [0.75], [4, 2]),  # ¾ of the way from the fourth to the fifth
        ([0, 1, 1, 1, 1], 5, [0.8], [1, 4]),  # and not 1, as there is nothing between
        ([0, 0, 0, 3, 3, 7], 4, [1.5], [3, 3]),
    ):
        found = quantile_edges(reference, bins)
        np.testing.assert_allclose(found, edges, rtol=1e-15)
        assert bin_counts(reference, found).tolist() == counts


def test_edges_beyond_the_range_of_a_difference():
    assert quantile_edges([-1.7e308, 1.7e308], 2).tolist() == [0]
    assert quantile_edges([-1.7e308, 0, 1.7e308], 3)[1] == pytest.approx(1.7e308 / 3, rel=1e-14)


# ------------------------------------------------------------------ bad input

RNG = np.random.default_rng(9)
HUGE = 10**400


def threshold_of(reference=(5, 5), size=10, score=kl_divergence, rng=RNG, **options):
    return drift_threshold(reference, size, score, rng=rng, **options)


BAD = [
    (lambda: compare_counts([0.5, 0.5], [1, 1]), "counts_a must be whole numbers"),
    (lambda: compare_counts([1, 1], [0, 0]), "counts_b are all zero"),
    (lambda: compare_counts([1, 1], [1, 1, 1]), "lengths differ"),
    (lambda: compare_counts([[1, 1]], [[1, 1]]), "counts_a must be one list of counts"),
    (lambda: compare_counts([1], [1], significance=0), "significance must lie strictly between"),
    (lambda: population_stability_index([0.5, 0.6], [0.5, 0.5]), "p sums to 1.1"),
    (lambda: threshold_of(reference=[0.5, 0.5]), "reference_counts must be whole numbers"),
    (lambda: threshold_of(reference=[[1, 2]]), "reference_counts must be one list of counts"),
    (lambda: threshold_of(size=0), "sample_size must be a whole number, 1 or above"),
    (lambda: threshold_of(false_alarm_rate=1), "false_alarm_rate must lie strictly between"),
    (lambda: threshold_of(simulations=98), "simulations must be at least 99"),
    (lambda: threshold_of(score=lambda p, q: 1.0), "score must return 10000 numbers"),
    (lambda: threshold_of(score=lambda p, q: p[:, 0] * np.nan), "shape (10000,), with nan"),
    (lambda: threshold_of(rng=1), "rng must be a numpy.random.Generator; got int"),
    (lambda: asymptotic_drift_threshold(1, 10), "categories must be a whole number, 2 or above"),
    (lambda: asymptotic_drift_threshold(2, 0), "sample_size must be a whole number"),
    (lambda: asymptotic_drift_threshold(HUGE, 10), "categories must be at most 9007199254740992"),
    (lambda: asymptotic_drift_threshold(2, HUGE), "sample_size must be at most 9007199254740992"),
    (lambda: threshold_of(reference=[1e30, 1e30]), "reference_counts add up to more than 2**53"),
    (lambda: threshold_of(false_alarm_rate=1 / 49, simulations=47), "must be at least 48"),
    (lambda: threshold_of(false_alarm_rate=5e-324), "simulations must be at least inf"),
    (lambda: threshold_of(simulations=10**9), "simulations must be at most 100000000"),
    (lambda: quantile_edges([2, 2, 2], 2), "reference has the one value 2: no edge divides it"),
    (lambda: asymptotic_drift_threshold(2, 10, reference_size=0), "reference_size must be"),
    (lambda: asymptotic_drift_threshold(2, 10, false_alarm_rate=2), "false_alarm_rate must"),
    (lambda: quantile_edges([1, 2, 3], 4), "reference must hold at least 4 observations"),
    (lambda: quantile_edges([1, 2, 3], 1), "bins must be a whole number, 2 or above"),
    (lambda: quantile_edges([[1, 2, 3]] * 3, 2), "reference must be a list of numbers"),
    (lambda: bin_counts([1, np.nan], [0]), "values has a non-finite entry: nan"),
    (lambda: bin_counts([1.0], [1, 1]), "edges must increase"),
    (lambda: bin_counts([1.0], []), "edges is empty"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
