"""Do forecasts mean what they say? Calibration error, its divergence, and temperature scaling.

As everywhere the truth comes first: the outcomes, then the forecasts, as in D(frequency‖forecast).
A forecaster is calibrated when, among the times that she said 70 %, it happened 70 % of the time.
The expected log loss splits into D(what happened‖what was said) within each group of equal
forecasts, which calibration makes zero, and the entropy that remains within the groups. A constant
forecast of the base rate is calibrated and says nothing; calibration does not make the divergence
from the true conditional distribution zero.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import (
    averages,
    elementwise,
    kl_sums,
    mutual_information_sums,
    validate,
    validate_numbers,
    validate_samples,
)
from kllib._numerics.validate import Array

__all__ = [
    "CalibrationTable",
    "LogLossDecomposition",
    "calibration_kl",
    "calibration_table",
    "expected_calibration_error",
    "fit_temperature",
    "log_loss_decomposition",
]

Result: TypeAlias = np.float64 | Array


@dataclass(frozen=True)
class CalibrationTable:
    """Forecasts of an event, binned; what a reliability diagram shows. Empty bins are left out.

    Attributes
    ----------
    counts : ndarray of int, shape (bins,)
        How many forecasts fell into the bin.
    forecast : ndarray, shape (bins,)
        Their mean.
    frequency : ndarray, shape (bins,)
        The share of them after which the event happened.
    """

    counts: NDArray[np.int64]
    forecast: Array
    frequency: Array


def calibration_table(
    outcomes: ArrayLike, forecasts: ArrayLike, *, bins: int = 10
) -> CalibrationTable:
    """Mean forecast and observed frequency in equal bins (0, 1/bins], (1/bins, 2/bins], …

    Parameters
    ----------
    outcomes : array_like, shape (n,)
        1 where the event happened (the prediction was right), 0 where not; or booleans.
    forecasts : array_like, shape (n,)
        Probabilities given to the event. For several classes: the confidence in the predicted one.
    bins : int
        How many bins, at most a million; a forecast of 0 goes into the first.

    Returns
    -------
    CalibrationTable

    Raises
    ------
    ValueError
        When a forecast is not between 0 and 1, an outcome neither 0 nor 1, or lengths differ.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, section 2.

    Examples
    --------
    >>> table = calibration_table([1, 0, 0, 0, 1], [0.25, 0.25, 0.25, 0.25, 0.75], bins=2)
    >>> print(table.counts, table.forecast, table.frequency)
    [4 1] [0.25 0.75] [0.25 1.  ]
    """
    happened, said, place = _binned(outcomes, forecasts, bins)
    counts = np.bincount(place)
    mean = np.bincount(place, weights=said) / counts
    frequency = np.bincount(place, weights=happened) / counts
    # A mean of equal numbers may round to more than they are.
    return CalibrationTable(counts, np.minimum(mean, 1.0), frequency)


def expected_calibration_error(
    outcomes: ArrayLike, forecasts: ArrayLike, *, bins: int = 10
) -> float:
    """ECE = Σ_b (n_b/n) |frequency_b − forecast_b| over equal bins.

    Parameters
    ----------
    outcomes, forecasts, bins
        As in `calibration_table`.

    Returns
    -------
    float
        Between 0 and 1. It depends on the bins, and for a calibrated forecaster it is not zero but
        of the order of √(bins/n).

    Raises
    ------
    ValueError
        When a forecast is not between 0 and 1, an outcome neither 0 nor 1, or lengths differ.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, equation (3).

    Examples
    --------
    >>> print(expected_calibration_error([1, 1, 0, 0], [0.75, 0.75, 0.75, 0.75]))
    0.25
    """
    table = calibration_table(outcomes, forecasts, bins=bins)
    gaps = np.abs(table.frequency - table.forecast)
    return float(np.sum(table.counts * gaps) / table.counts.sum())


def calibration_kl(outcomes: ArrayLike, forecasts: ArrayLike, *, bins: int = 10) -> float:
    """Σ_b (n_b/n) D(frequency_b‖forecast_b), the divergence of two coins, over the bins of ECE.

    By Pinsker's inequality, D ≥ 2 (frequency − forecast)² in each bin, and by Jensen's over the
    bins, it is at least 2 ECE².

    Parameters
    ----------
    outcomes, forecasts, bins
        As in `calibration_table`.

    Returns
    -------
    float
        In nats; ``inf`` where the event happened in a bin of forecasts all 0, or failed to in one
        of forecasts all 1.

    Raises
    ------
    ValueError
        When a forecast is not between 0 and 1, an outcome neither 0 nor 1, or lengths differ.

    References
    ----------
    Bröcker (2009), Reliability, sufficiency, and the decomposition of proper scores, Q. J. R.
    Meteorol. Soc. 135.

    Examples
    --------
    >>> from kllib.discrete import kl_divergence
    >>> print(round(calibration_kl([1, 1, 0, 0], [0.75, 0.75, 0.75, 0.75]), 12))
    0.143841036226
    >>> print(round(kl_divergence([0.5, 0.5], [0.75, 0.25]), 12))
    0.143841036226
    """
    happened, said, place = _binned(outcomes, forecasts, bins)

    def coin(heads: Array) -> Array:
        """The sums over each bin of heads and of 1 − heads; a mean might round to 0 or 1."""
        return np.stack([np.bincount(place, weights=x) for x in (heads, 1 - heads)], axis=-1)

    frequency, forecast = coin(happened), coin(said)
    divergence = kl_sums.relative_entropy(frequency, forecast)
    return float(averages.expectation(frequency.sum(axis=-1), divergence))


@dataclass(frozen=True)
class LogLossDecomposition:
    """The mean log loss and its parts, in nats.

    ``log_loss = calibration + refinement`` and ``refinement = uncertainty − resolution``.

    Attributes
    ----------
    log_loss : float or ndarray
        The mean of −log f(y), what was said about what then happened.
    calibration : float or ndarray
        Σ_s w_s D(p(y|s)‖f_s): zero when each forecast equals the frequencies after it.
    refinement : float or ndarray
        H(Y|S), the entropy that remains once the forecast is known.
    uncertainty : float or ndarray
        H(Y), the entropy with no forecast.
    resolution : float or ndarray
        I(S; Y), what the forecasts tell.
    """

    log_loss: Result
    calibration: Result
    refinement: Result
    uncertainty: Result
    resolution: Result


def log_loss_decomposition(counts: ArrayLike, forecasts: ArrayLike) -> LogLossDecomposition:
    """E[−log f_S(Y)] = Σ_s w_s D(p(y|s)‖f_s) + H(Y|S): calibration and refinement.

    Parameters
    ----------
    counts : array_like, shape (..., groups, classes)
        How often each class came after each forecast; or their joint probabilities.
    forecasts : array_like, shape (..., groups, classes)
        What was forecast in each group, a distribution over the classes: the same forecast for
        the whole group, which makes the decomposition exact.

    Returns
    -------
    LogLossDecomposition
        ``log_loss`` and ``calibration`` are ``inf`` where a class came that was ruled out.

    Raises
    ------
    ValueError
        When a count is negative or not finite, all are zero, a forecast is not a distribution, or
        the shapes do not fit.

    References
    ----------
    Bröcker (2009), Reliability, sufficiency, and the decomposition of proper scores, Q. J. R.
    Meteorol. Soc. 135. DeGroot and Fienberg (1983), The comparison and evaluation of forecasters.

    Examples
    --------
    A constant forecast of one half, when the truth is 90 % in one half of the cases and 10 % in
    the other, is calibrated; all its loss is refinement, since it does not tell them apart.

    >>> result = log_loss_decomposition([[0.5, 0.5]], [[0.5, 0.5]])
    >>> print(result.calibration, round(result.refinement, 4), result.resolution)
    0.0 0.6931 0.0
    """
    table = validate.weights("counts", counts, -1)
    said = validate.distribution("forecasts", forecasts)
    if table.ndim < 2 or said.ndim < 2:
        raise ValueError(
            f"counts and forecasts must have two axes, groups and classes; "
            f"their shapes are {table.shape} and {said.shape}"
        )
    validate.same_table(counts=table, forecasts=said)
    validate.some_positive("counts", table.reshape(*table.shape[:-2], -1))
    table, said = np.broadcast_arrays(_moderate(table), said)
    groups = table.sum(axis=-1)
    calibration = averages.expectation(groups, kl_sums.relative_entropy(table, said))
    # Any entropy will do for a group without cases, which weighs nothing.
    filled = np.where(groups[..., None] > 0, table, 1.0)
    entropies = averages.expectation(filled, averages.surprisal(filled))
    refinement = averages.expectation(groups, entropies)
    classes = table.sum(axis=-2)
    return LogLossDecomposition(
        log_loss=calibration + refinement,
        calibration=calibration,
        refinement=refinement,
        uncertainty=averages.expectation(classes, averages.surprisal(classes)),
        resolution=mutual_information_sums.dependence(table),
    )


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """argmin_T of the mean of −log softmax(logits/T)[label]: temperature scaling.

    The one number that a classifier's logits are divided by to calibrate it. It moves no
    prediction, only the confidence in it. Fit it on data that the classifier was not trained on.

    Parameters
    ----------
    logits : array_like, shape (n, classes)
        One row for each case.
    labels : array_like of int, shape (n,)
        The class that each case had.

    Returns
    -------
    float
        Above 1 when the classifier is too confident. 0 when every label has the largest logit
        (then the loss falls to its lower limit as T does), and ``inf`` when the labels have no
        larger logits, on average, than the other classes, to within rounding (then nothing beats
        the uniform distribution).

    Raises
    ------
    ValueError
        When a logit is not finite, all logits of each row are equal (then the temperature changes
        nothing), a label is not the number of a class, or lengths differ.

    Notes
    -----
    The loss is convex in s = 1/T, with slope mean(E_softmax(s·z)[z] − z_label); the temperature is
    where the slope is zero, so that at the optimum the expected logit equals the observed one.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, section 4.2.

    Examples
    --------
    Right in three of four cases: softmax((log 9, 0)/T) must be 3/4, so log 9 / T = log 3.

    >>> print(round(fit_temperature([[np.log(9), 0]] * 4, [0, 0, 0, 1]), 12))
    2.0
    """
    from scipy.optimize import brentq

    z = validate.real_array("logits", logits)
    if z.ndim != 2:
        raise ValueError(f"logits must be a table, one row for each case; its shape is {z.shape}")
    y = _labels(labels, *z.shape)
    # Below the largest of the row, so that no exponential overflows, and in units of the deepest
    z = elementwise.difference(z, z.max(axis=1, keepdims=True))
    unit = -float(z.min())
    if unit == 0:
        raise ValueError("logits are equal in every row: no temperature changes the loss")
    if unit == np.inf:
        raise ValueError("logits of one row span more than the range of a float")
    z = z / unit
    observed = np.take_along_axis(z, y[:, None], axis=1)[:, 0]

    def slope(s: float) -> float:
        expected = averages.expectation(np.exp(s * z), z)
        return float(np.mean(expected - observed))

    if not observed.any():
        return 0.0
    if slope(0.0) >= -4 * np.finfo(float).eps:  # no more than rounding, in these units
        return np.inf
    low = high = 1.0
    while slope(low) > 0:
        low /= 2
    while slope(high) < 0:
        high *= 2
    return unit / float(brentq(slope, low, high, xtol=1e-300, rtol=1e-15))


def _binned(
    outcomes: ArrayLike, forecasts: ArrayLike, bins: int
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Outcomes, forecasts, and which of the bins in use each is in."""
    happened, said = _outcomes_and_forecasts(outcomes, forecasts)
    bins = validate_numbers.whole_number("bins", bins, most=10**6)
    place = np.searchsorted(np.arange(1, bins) / bins, said, side="left")
    return happened, said, np.unique(place, return_inverse=True)[1]


def _outcomes_and_forecasts(outcomes: ArrayLike, forecasts: ArrayLike) -> tuple[Array, Array]:
    given: ArrayLike = outcomes
    if not isinstance(outcomes, np.ma.MaskedArray) and np.asarray(outcomes).dtype == np.bool_:
        given = np.asarray(outcomes, dtype=np.float64)
    happened = validate_samples.observations("outcomes", given)
    said = validate_samples.observations("forecasts", forecasts)
    if said.ndim != 1 or said.shape != happened.shape:
        raise ValueError(
            f"outcomes and forecasts must be two lists of the same length; "
            f"their shapes are {happened.shape} and {said.shape}"
        )
    _require("outcomes must be 0 or 1", (happened == 0) | (happened == 1), happened)
    _require("forecasts must lie between 0 and 1", (said >= 0) & (said <= 1), said)
    return happened, said


def _moderate(table: Array) -> Array:
    """The table times the power of two that brings its largest entry near one, if it is far."""
    exponent = np.frexp(table.max(axis=(-2, -1), keepdims=True))[1]
    result: Array = np.ldexp(table, np.where(np.abs(exponent) > 500, -exponent, 0))
    return result


def _labels(labels: ArrayLike, cases: int, classes: int) -> NDArray[np.int64]:
    y = validate_samples.observations("labels", labels)
    if y.shape != (cases,):
        raise ValueError(f"labels must have one entry for each of {cases} cases; got {y.shape}")
    _require(
        f"labels must be whole numbers from 0 to {classes - 1}",
        (y == np.floor(y)) & (y >= 0) & (y < classes),
        y,
    )
    return y.astype(np.int64)


def _require(rule: str, kept: NDArray[np.bool_], array: Array) -> None:
    if not kept.all():
        index = int(np.argmin(kept))
        raise ValueError(f"{rule}; got {array[index]:.6g} at index {index}")
