"""Second routes to kllib.monitoring.calibration: one case at a time, in fractions and mpmath."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise, shares

mpf = mpmath.mpf


def forecasts() -> Iterator[Case]:
    """Outcomes and forecasts; forecasts on the edges of the bins, certain and rare ones."""
    rng = np.random.default_rng(74)
    for n in (1, 10, 1000):
        said = rng.uniform(size=n)
        happened = (rng.uniform(size=n) < said**1.5).astype(int)
        for bins in (1, 7, 10):
            yield Case(f"n={n}, {bins} bins", ORDINARY, (happened, said), {"bins": bins})
    said = np.arange(11) / 10
    yield Case("on the edges", FAR, ([0, 1] * 5 + [1], said), {"bins": 10})
    yield Case("rare", FAR, ([0, 1, 0, 1], [1e-300, 1e-20, 1e-20, 0.999]), {"bins": 2})
    yield Case("certain, and wrong", FAR, ([1, 0], [1.0, 1.0]), {"bins": 10})
    yield Case("nearly certain, and wrong", FAR, ([1, 0], [1 - 2**-53, 1.0]), {"bins": 10})
    yield Case("nearly excluded", FAR, ([1, 0], [5e-324, 0.0]), {"bins": 10})


def _groups(happened: Any, said: Any, bins: int) -> list[tuple[int, Fraction, Fraction]]:
    """For each bin in use: how many, their mean forecast, and how often it happened."""
    found = []
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        chosen = [
            (Fraction(float(f)), int(y))
            for f, y in zip(said, happened, strict=True)
            if low < f <= high or (b == 0 and f == 0)
        ]
        if chosen:
            n = len(chosen)
            found.append((n, sum(f for f, _ in chosen) / n, Fraction(sum(y for _, y in chosen), n)))
    return found


def _mp(x: Fraction) -> mpf:
    return mpf(x.numerator) / x.denominator


def _table(happened: Any, said: Any, bins: int) -> list[Any]:
    return [
        list(map(_mp, map(Fraction, row)))
        for row in zip(*_groups(happened, said, bins), strict=True)
    ]


def _error(happened: Any, said: Any, bins: int) -> mpf:
    groups = _groups(happened, said, bins)
    return _mp(sum(n * abs(y - f) for n, f, y in groups) / Fraction(len(said)))


def _coins(p: mpf, q: mpf) -> mpf:
    pairs = [(a, b) for a, b in ((p, q), (1 - p, 1 - q)) if a]
    if any(b == 0 for _, b in pairs):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)


def _divergence(happened: Any, said: Any, bins: int) -> mpf:
    groups = _groups(happened, said, bins)
    return mpmath.fsum(n * _coins(_mp(y), _mp(f)) for n, f, y in groups) / len(said)


def tables() -> Iterator[Case]:
    """Counts of classes by group, and the forecasts of the groups."""
    rng = np.random.default_rng(75)
    for groups, classes in ((1, 2), (3, 2), (5, 4), (50, 10)):
        counts = rng.integers(0, 20, (groups, classes))
        counts[0, 0] += 1
        yield Case(
            f"{groups} x {classes}", ORDINARY, (counts, rng.dirichlet(np.ones(classes), groups))
        )
    yield Case("a group without cases", FAR, ([[3, 1], [0, 0]], [[0.5, 0.5], [0.1, 0.9]]))
    yield Case("ruled out", FAR, ([[3, 1]], [[1.0, 0.0]]))
    yield Case("rare", FAR, ([[10**9, 1], [1, 1]], [[1.0, 1e-300], [0.5, 0.5]]))


def _entropy(weights: Any) -> mpf:
    return -mpmath.fsum(p * mpmath.log(p) for p in shares(weights) if p)


def _decomposition(counts: Any, said: Any) -> list[mpf]:
    counts = np.asarray(counts, dtype=float)
    total = mpf(float(counts.sum()))
    rows = [(numbers(row), shares(forecast)) for row, forecast in zip(counts, said, strict=True)]
    if any(n and not f for row, forecast in rows for n, f in zip(row, forecast, strict=True)):
        log_loss = mpmath.inf
    else:
        log_loss = (
            -mpmath.fsum(
                n * mpmath.log(f) for row, said in rows for n, f in zip(row, said, strict=True) if n
            )
            / total
        )
    within = [(mpmath.fsum(numbers(row)), _entropy(row)) for row in counts if row.any()]
    refinement = mpmath.fsum(n * h for n, h in within) / total
    uncertainty = _entropy(counts.sum(axis=0))
    return [log_loss, log_loss - refinement, refinement, uncertainty, uncertainty - refinement]


def classifiers() -> Iterator[Case]:
    """Logits and labels drawn from them at another temperature."""
    rng = np.random.default_rng(76)
    for n, classes in ((20, 2), (100, 3), (50, 10)):
        for temperature in (0.5, 1.0, 4.0):
            logits = rng.normal(0, 3, (n, classes))
            p = np.exp(logits / temperature)
            p /= p.sum(axis=1, keepdims=True)
            labels = (rng.uniform(size=(n, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
            labels[0] = np.argmin(logits[0])  # so that some answer is wrong
            name = f"{n} cases, {classes} classes, temperature {temperature:g}"
            yield Case(name, ORDINARY, (logits, labels))
    for scale in (1e-150, 1e150):
        yield Case(f"scale {scale:g}", FAR, ([[scale, 0.0]] * 4, [0, 0, 0, 1]))


def _temperature(logits: Any, labels: Any) -> mpf:
    """Bisection for the zero of the slope in 1/T, in mpmath."""
    unit = mpf(float(np.abs(logits).max()))
    rows = [[x / unit for x in numbers(row)] for row in logits]

    def slope(s: mpf) -> mpf:
        terms = []
        for row, label in zip(rows, labels, strict=True):
            weights = [mpmath.exp(s * x) for x in row]
            mean = mpmath.fsum(w * x for w, x in zip(weights, row, strict=True))
            terms.append(mean / mpmath.fsum(weights) - row[int(label)])
        return mpmath.fsum(terms)

    low, high = mpf(0), mpf(1)
    while slope(high) < 0:
        high *= 2
    for _ in range(55):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 * unit / (low + high)


ROUTES = {
    "calibration_table": Route(
        forecasts,
        precise(_table),
        "fractions: bin by bin",
        part=lambda table: [table.counts, table.forecast, table.frequency],
    ),
    "expected_calibration_error": Route(forecasts, precise(_error), "fractions: bin by bin"),
    "calibration_kl": Route(forecasts, precise(_divergence), "fractions and mpmath: bin by bin"),
    "log_loss_decomposition": Route(
        tables,
        precise(_decomposition),
        "mpmath: log loss and entropies, the other parts by subtraction",
        part=lambda d: [d.log_loss, d.calibration, d.refinement, d.uncertainty, d.resolution],
    ),
    "fit_temperature": Route(classifiers, _temperature, "mpmath: bisection on the slope"),
}
EXEMPT = {
    "CalibrationTable": "what calibration_table returns",
    "LogLossDecomposition": "what log_loss_decomposition returns",
}
