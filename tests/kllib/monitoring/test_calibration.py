"""Calibration: known tables, the decomposition of the log loss, Pinsker, temperature scaling."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy import inf, log

from kllib.discrete import kl_divergence, normalize
from kllib.monitoring.calibration import (
    calibration_kl,
    calibration_table,
    expected_calibration_error,
    fit_temperature,
    log_loss_decomposition,
)

# ------------------------------------------------------------------ the table and its errors


def test_table_by_hand():
    said, happened = [0.1, 0.2, 0.3, 0.9, 1.0, 0.0], [0, 1, 0, 1, 1, 0]
    table = calibration_table(happened, said, bins=5)
    # (0, 0.2] with 0 itself: 0.1, 0.2, 0; (0.2, 0.4]: 0.3; (0.8, 1]: 0.9 and 1
    assert table.counts.tolist() == [3, 1, 2]
    np.testing.assert_allclose(table.forecast, [0.1, 0.3, 0.95], rtol=1e-15)
    np.testing.assert_allclose(table.frequency, [1 / 3, 0, 1], rtol=1e-15)
    expected = (3 * (1 / 3 - 0.1) + 0.3 + 2 * 0.05) / 6
    assert expected_calibration_error(happened, said, bins=5) == pytest.approx(expected, rel=1e-14)
    parts = [([1 / 3, 2 / 3], [0.1, 0.9]), ([0, 1], [0.3, 0.7]), ([1, 0], [0.95, 0.05])]
    expected = np.dot([3, 1, 2], [kl_divergence(p, q) for p, q in parts]) / 6
    assert calibration_kl(happened, said, bins=5) == pytest.approx(expected, rel=1e-14)
    # A forecast of 3/10 belongs to (2/10, 3/10], though 0.3 * 10 may be above 3; and so everywhere.
    for bins in (3, 7, 10, 49, 100):
        edges = np.arange(bins + 1) / bins
        table = calibration_table(np.zeros(bins + 1), edges, bins=bins)
        assert table.counts.tolist() == [2] + [1] * (bins - 1)
    # Booleans will do.
    assert expected_calibration_error([True, False], [0.5, 0.5]) == 0


def test_certain_and_wrong_is_infinitely_bad():
    assert calibration_kl([1, 0], [1.0, 1.0]) == inf
    assert calibration_kl([0, 1], [0.0, 0.0]) == inf
    assert calibration_kl([1, 0], [1.0, 0.0]) == 0
    assert calibration_kl([1] + [0] * 9, [0.1] * 10) < 1e-30


def test_nearly_certain_and_wrong_is_not_infinitely_bad():
    """Two cases, of which one happened; the mean forecast rounds to 1, or to 0."""
    # D(½‖1 − ε) with ε = 2^−54: −log 2 − ½ log ε − ½ log(1 − ε) = 26 log 2 and no more to see
    found = calibration_kl([1, 0], [1 - 2**-53, 1.0])
    assert found == pytest.approx(26 * log(2), rel=1e-14)
    # ε = 2^−1075: −log 2 + 1075/2 log 2
    found = calibration_kl([1, 0], [5e-324, 0.0])
    assert found == pytest.approx(536.5 * log(2), rel=1e-14)


@given(
    st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=50),
    st.integers(1, 20),
)
def test_pinsker(pairs, bins):
    """The divergence of calibration is at least twice the square of the calibration error."""
    said, happened = zip(*pairs, strict=True)
    error = expected_calibration_error(happened, said, bins=bins)
    assert 0 <= error <= 1
    assert calibration_kl(happened, said, bins=bins) >= 2 * error**2 * (1 - 1e-12)


def test_a_calibrated_forecaster_has_little_error_but_some():
    rng = np.random.default_rng(1)
    said = rng.uniform(size=100_000)
    happened = rng.uniform(size=100_000) < said
    error = expected_calibration_error(happened, said)
    # In each bin the frequency's standard error is below 0.005.
    assert 0 < error < 5.5 * 0.005
    biased = expected_calibration_error(happened, said**2)
    assert biased > 0.1  # E|U − U²| = 1/6


# ------------------------------------------------------------------ the decomposition


@st.composite
def tables(draw):
    groups, classes = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    size = groups * classes
    counts = draw(st.lists(st.integers(0, 30), min_size=size, max_size=size).filter(any))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=size, max_size=size))
    return np.array(counts).reshape(groups, classes), normalize(
        np.reshape(weights, (groups, classes))
    )


@given(tables())
def test_the_parts_add_up(table):
    counts, forecasts = table
    found = log_loss_decomposition(counts, forecasts)
    log_loss = -np.sum(counts * log(forecasts)) / counts.sum()
    assert found.log_loss == pytest.approx(log_loss, rel=1e-12, abs=1e-14)
    assert found.log_loss == pytest.approx(found.calibration + found.refinement, rel=1e-14, abs=0)
    assert found.refinement == pytest.approx(
        found.uncertainty - found.resolution, rel=1e-12, abs=1e-13
    )
    assert min(found.calibration, found.refinement, found.resolution) >= 0
    # Saying the frequencies takes all of the calibration away, and nothing else.
    frequencies = normalize(counts + (counts.sum(axis=1, keepdims=True) == 0))
    honest = log_loss_decomposition(counts, frequencies)
    assert honest.calibration < 1e-30
    assert honest.refinement == found.refinement


def test_raw_forecasts_against_their_table():
    """The mean log loss over single cases is the table's when forecasts take few values."""
    rng = np.random.default_rng(2)
    values = np.array([0.25, 0.55, 0.85])
    group = rng.integers(0, 3, 500)
    happened = (rng.uniform(size=500) < values[group] ** 1.5).astype(int)
    counts = np.zeros((3, 2))
    np.add.at(counts, (group, happened), 1)
    found = log_loss_decomposition(counts, np.stack([1 - values, values], axis=-1))
    single = -np.mean(log(np.where(happened, values[group], 1 - values[group])))
    assert found.log_loss == pytest.approx(single, rel=1e-13, abs=0)
    # Each value alone in its bin
    divergence = calibration_kl(happened, values[group], bins=10)
    assert found.calibration == pytest.approx(divergence, rel=1e-12, abs=0)


def test_calibrated_is_not_informed():
    """Always ½ when the truth is 0.9 or 0.1: calibrated, yet log 2 − H(0.9) from the truth."""
    always_half = log_loss_decomposition([[0.5, 0.5]], [[0.5, 0.5]])
    assert always_half.calibration == 0
    informed = log_loss_decomposition([[0.45, 0.05], [0.05, 0.45]], [[0.9, 0.1], [0.1, 0.9]])
    assert informed.calibration < 1e-30
    gap = always_half.refinement - informed.refinement
    assert round(gap, 4) == 0.3681
    assert gap == pytest.approx(kl_divergence([0.9, 0.1], [0.5, 0.5]), rel=1e-13)
    assert informed.resolution == pytest.approx(gap, rel=1e-12, abs=0)


def test_what_was_ruled_out_and_happened():
    found = log_loss_decomposition([[1, 1]], [[1, 0]])
    assert found.log_loss == found.calibration == inf
    assert found.refinement == pytest.approx(log(2))


def test_counts_of_any_scale():
    """Joint probabilities too small, or weights too large, to be added up as they are."""
    for scale in (5e-324, 1e-300, 1e300, 1.7e308):
        found = log_loss_decomposition([[scale] * 2] * 2, [[0.5, 0.5], [0.25, 0.75]])
        # ½ log 2 + ½ (½ log 4 + ½ log 4/3)
        assert found.log_loss == pytest.approx(log(2) + log(4 / 3) / 4, rel=1e-14)
        assert found.refinement == found.uncertainty == pytest.approx(log(2), rel=1e-15)
        assert found.resolution == pytest.approx(0, abs=1e-15)
    found = log_loss_decomposition([[1e308, 1e308], [1, 2]], [[0.5, 0.5]] * 2)
    assert found.log_loss == pytest.approx(log(2), rel=1e-15)
    # A class that came hardly ever, and was ruled out
    assert log_loss_decomposition([[1, 5e-324]], [[1, 0]]).calibration == inf


def test_fields_have_one_shape():
    found = log_loss_decomposition([[1, 1], [1, 2]], [[[0.5, 0.5]] * 2] * 3)
    assert {np.shape(value) for value in vars(found).values()} == {(3,)}


def test_batches():
    rng = np.random.default_rng(3)
    counts, forecasts = rng.integers(0, 9, (4, 3, 2)) + 1, rng.dirichlet(np.ones(2), 3)
    found = log_loss_decomposition(counts, forecasts)
    for name in ("log_loss", "calibration", "refinement", "uncertainty", "resolution"):
        values = getattr(found, name)
        assert values.shape == (4,)
        one = getattr(log_loss_decomposition(counts[2], forecasts), name)
        assert values[2] == pytest.approx(one, rel=1e-13)


# ------------------------------------------------------------------ temperature


def mean_loss(temperature, logits, labels):
    log_p = scipy.special.log_softmax(np.asarray(logits) / temperature, axis=1)
    return -np.mean(log_p[np.arange(len(labels)), labels])


def draw(temperature, seed, n=3000, classes=4):
    """Labels from softmax(logits/temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n, classes))
    p = scipy.special.softmax(logits / temperature, axis=1)
    return logits, (rng.uniform(size=(n, 1)) > np.cumsum(p, axis=1)).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_recovered(temperature):
    logits, labels = draw(temperature, seed=int(10 * temperature))
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.15)
    best = scipy.optimize.minimize_scalar(
        lambda t: mean_loss(np.exp(t), logits, labels), bounds=(-3, 3), options={"xatol": 1e-10}
    )
    assert mean_loss(found, logits, labels) <= best.fun * (1 + 1e-14)
    assert found == pytest.approx(np.exp(best.x), rel=1e-5)
    # At the optimum the expected logit is the observed one.
    p = scipy.special.softmax(logits / found, axis=1)
    expected = np.mean(np.sum(p * logits, axis=1))
    assert expected == pytest.approx(np.mean(logits[np.arange(len(labels)), labels]), rel=1e-9)


def test_temperature_by_hand():
    # Right in three of four cases: softmax((a, 0)/T) = ¾ at a/T = log 3
    for a in (1.0, 100.0, 1e-150, 1e150):
        found = fit_temperature([[a, 0.0]] * 4, [0, 0, 0, 1])
        assert found == pytest.approx(a / log(3), rel=1e-13)
    found = fit_temperature([[1e-310, 0.0]] * 4, [0, 0, 0, 1])
    assert found == pytest.approx(1e-310 / log(3), rel=1e-10, abs=0)
    assert fit_temperature([[5.0, 0.0], [0.0, 2.0]], [0, 1]) == 0  # always right
    assert fit_temperature([[5.0, 0.0], [5.0, 0.0]], [0, 1]) == inf  # right by chance
    assert fit_temperature([[5.0, 0.0], [5.0, 0.0]], [1, 1]) == inf  # always wrong
    assert fit_temperature([[0.1, 0.2, 0.3]] * 3, [0, 1, 2]) == inf  # by chance, but for rounding
    # Hardly better than chance: E_softmax(s)[z] = ½ + s/4 + … = observed mean, ½ + 1/20,000
    found = fit_temperature([[1.0, 0.0]] * 20_000, [0] * 10_001 + [1] * 9_999)
    assert found == pytest.approx(1 / (2 * np.arctanh(1e-4)), rel=1e-9)


def test_temperature_scaling_makes_calibrated():
    logits, labels = draw(2.5, seed=4, n=20_000)
    temperature = fit_temperature(logits, labels)

    def error(t):
        p = scipy.special.softmax(logits / t, axis=1)
        return expected_calibration_error(p.argmax(axis=1) == labels, p.max(axis=1))

    assert error(1.0) > 0.1
    assert error(temperature) < 0.02


# ------------------------------------------------------------------ bad input

HALVES = [[0.5, 0.5]]
MASKED = np.ma.array([True, False], mask=[True, False])
BAD = [
    (lambda: calibration_table([0, 1], [0.5, 1.5]), "forecasts must lie between 0 and 1; got 1.5"),
    (lambda: calibration_table([0, 2], [0.5, 0.5]), "outcomes must be 0 or 1; got 2 at index 1"),
    (lambda: calibration_table([0, 1], [0.5]), "two lists of the same length"),
    (lambda: calibration_table([[0]], [[0.5]]), "two lists of the same length"),
    (lambda: calibration_table([0], [0.5], bins=0), "bins must be a whole number, 1 or above"),
    (lambda: expected_calibration_error([0], [np.nan]), "forecasts has a non-finite entry"),
    (lambda: calibration_kl([], []), "outcomes is empty"),
    (lambda: log_loss_decomposition([1, 1], [0.5, 0.5]), "must have two axes, groups and classes"),
    (lambda: log_loss_decomposition([[1, -1]], HALVES), "counts has a negative entry"),
    (lambda: log_loss_decomposition([[0, 0]], HALVES), "counts are all zero"),
    (lambda: log_loss_decomposition([[1, 1]], [[0.5, 0.6]]), "forecasts sums to 1.1"),
    (lambda: log_loss_decomposition([[1, 1, 1]], HALVES), "tables differ in shape"),
    (lambda: fit_temperature([1.0, 2.0], [0, 1]), "logits must be a table"),
    (lambda: calibration_table([1], [0.1], bins=10**10), "bins must be at most 1000000"),
    (lambda: calibration_kl([0.2, 0.7], [1, 0]), "outcomes must be 0 or 1; got 0.2 at index 0"),
    (lambda: calibration_kl(MASKED, [0.5, 0.5]), "outcomes is a masked array"),
    (lambda: fit_temperature([[1.0, 1.0], [2.0, 2.0]], [0, 1]), "logits are equal in every row"),
    (lambda: fit_temperature([[1.0, inf]], [0]), "logits has a non-finite entry"),
    (lambda: fit_temperature([[1e308, -1e308]] * 2, [0, 1]), "span more than the range of a float"),
    (lambda: fit_temperature([[1.0, 2.0]], [2]), "labels must be whole numbers from 0 to 1; got 2"),
    (lambda: fit_temperature([[1.0, 2.0]], [0.5]), "labels must be whole numbers from 0 to 1"),
    (lambda: fit_temperature([[1.0, 2.0]], [0, 1]), "labels must have one entry for each of 1"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
