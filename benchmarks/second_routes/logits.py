"""Second routes to kllib.logits: mpmath, for exactly the floating-point logits."""

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    STEPS,
    Case,
    Route,
    numbers,
    precise,
)

mpf = mpmath.mpf
INF = np.inf
COPIES = 50
LARGEST = mpf(np.finfo(float).max)


def near_pairs() -> Iterator[Case]:
    """Logits that nearly agree, but for a shift."""
    rng = np.random.default_rng(41)
    for n in (2, 3, 10, 100):
        for spread in (1.0, 8.0):
            p = spread * rng.standard_normal(n)
            direction = rng.standard_normal(n)
            for i, step in enumerate(STEPS):
                shift = (0.0, 0.1, 1e3, -1e8, 1e15)[i % 5]
                name = f"n={n}, spread {spread:g}, {step:g} apart, shifted by {shift:g}"
                yield Case(name, NEAR, (p + shift, p + step * direction))
    p = 3 * rng.standard_normal(100)
    for step in STEPS:
        # The first outcome is an odd one, and only rare outcomes differ
        q = p + step * np.linspace(-1, 1, 100)
        q[0] += 0.3
        yield Case(f"one differs much, the others by {step:g}", NEAR, (p, q))
        rare = p - 15 * (np.arange(100) % 2)
        q = rare + np.arange(100) % 2 * step
        yield Case(f"rare outcomes by {step:g}", NEAR, (rare, q))
        yield Case(f"a rare outcome by {step**0.5:g}", NEAR, ([0, -20], [0, -20 - step**0.5]))
    yield Case("the same, shifted by a float", NEAR, (p, p))
    yield Case("far apart for most, equal for the rare", NEAR, ([0, -30, -30], [0, -31, -27]))
    p = 3 * rng.standard_normal(1000)
    q = p + 1e-9 * rng.standard_normal(1000)
    yield Case("vocabulary of 50,000, 1e-9 apart", NEAR, (np.tile(p, COPIES), np.tile(q, COPIES)))
    p = p.astype(np.float32)
    for distance in (30.0, 1e3, 1e6, 1e15):
        yield Case(f"p sure by {distance:g}, q by 30", NEAR, ([distance, 0], [30, 0]))
        yield Case(f"p sure by {distance:g}, q by 30, last", NEAR, ([0, distance], [0, 30]))
    odd_first = [-80.8, -15.9, -3.5], [37.3, -42.1, 70.6]
    yield Case("both sure, an odd one first", NEAR, odd_first)
    yield Case("float32", NEAR, (p, p + np.float32(1e-4) * p))


def far_pairs() -> Iterator[Case]:
    """Unrelated logits, impossible outcomes, and logits at the ends of the range of a float."""
    rng = np.random.default_rng(42)
    for n in (1, 2, 10, 100):
        for spread in (0.05, 0.2, 1.0, 30.0, 1e4):
            p, q = spread * rng.standard_normal((2, n))
            yield Case(f"n={n}, spread {spread:g}", ORDINARY, (p, q))
    for distance in (1.0, 20.0, 40.0, 700.0, 1e4, 1e150, 1.7e308):
        yield Case(f"opposite by {distance:g}", FAR, ([0, distance], [distance, 0]))
        yield Case(f"q sure by {distance:g}", FAR, ([0, 0], [distance, 0]))
        yield Case(f"p sure by {distance:g}", FAR, ([distance, 0], [0, 0]))
        yield Case(f"both sure by {distance:g}", FAR, ([distance, 0], [distance * 0.875, 0]))
    huge = 1.7e308
    yield Case("the ends of the range", FAR, ([huge, huge, -huge], [-huge, huge, huge / 2]))
    yield Case("beyond the range, half likely", FAR, ([0, 0], [1e308, -5e307]))
    yield Case("one sided", FAR, ([huge] * 3, [-huge] * 3))
    yield Case("p rules one out", FAR, ([0, 1, -INF], [0.5, 0, 1]))
    yield Case("q rules one out", FAR, ([0, 1, -5], [0.5, 0, -INF]))
    yield Case("q rules out what is too rare for a float", FAR, ([0, 1, -1e4], [0.5, 0, -INF]))
    yield Case("both rule one out", FAR, ([0, 1, -INF], [0.5, 0, -INF]))
    yield Case("near, but for one that both rule out", FAR, ([0, 1, -INF], [1e-6, 1, -INF]))
    yield Case("near, but for a rare one that p rules out", FAR, ([0, 1, -INF], [1e-6, 1, -40]))
    yield Case("one label", FAR, ([-INF, 0, -INF], [3, 50, -10]))
    yield Case("a label that q hardly knows", FAR, ([-INF, 0, -INF], [3, -700, -10]))
    yield Case("a label that q all but excludes", FAR, ([-INF, 0], [0, -1e300]))
    p, q = 3 * rng.standard_normal((2, 1000))
    yield Case(
        "vocabulary of 50,000, unrelated", ORDINARY, (np.tile(p, COPIES), np.tile(q, COPIES))
    )


def all_pairs() -> Iterator[Case]:
    """Pairs of logits, nearly equal and not at all."""
    yield from near_pairs()
    yield from far_pairs()


def single() -> Iterator[Case]:
    """Logits of one distribution."""
    return (
        case._replace(arguments=case.arguments[:1])
        for case in all_pairs()
        if np.size(case.arguments[0]) < 1000
    )


def tempered() -> Iterator[Case]:
    """Logits, and logits with a temperature."""
    for i, case in enumerate(single()):
        yield case
        if i % 5 == 0:
            temperature = (1e-3, 0.5, 3.0, 1e5)[i // 5 % 4]
            arguments = (*case.arguments, temperature)
            yield Case(f"{case.name}, temperature {temperature:g}", case.kind, arguments)


def away_from_zero() -> Iterator[Case]:
    """Logits whose exponentials do not add up to one or nearly so."""
    for case in single():
        z = np.array(case.arguments[0], dtype=float)
        total = float(z.max() + np.log(np.exp(2 * np.maximum(z / 2 - z.max() / 2, -400)).sum()))
        if abs(total) > 1e-3:
            yield case


def _distinct(logits: Any) -> list[mpf]:
    exact = numbers(logits)
    return exact[: len(exact) // COPIES] if len(exact) == 1000 * COPIES else exact


def _log_weights(logits: Any, temperature: float = 1.0) -> list[mpf]:
    exact = _distinct(logits)
    top = max(exact)
    return [(z - top) / mpf(temperature) for z in exact]


def _log_sum(log_weights: list[mpf]) -> mpf:
    return mpmath.log(mpmath.fsum(_exp(z) for z in log_weights))


def _exp(z: mpf) -> mpf:
    # Below that, its digits are not needed, and mpmath takes long to find them.
    return mpmath.exp(z) if z > -10000 else mpf(0)


def _log_softmax(logits: Any, temperature: float = 1.0) -> list[mpf]:
    log_weights = _log_weights(logits, temperature)
    log_sum = _log_sum(log_weights)
    return [z - log_sum if z > -LARGEST else -mpmath.inf for z in log_weights]


def _softmax(logits: Any, temperature: float = 1.0) -> list[mpf]:
    return [_exp(z) for z in _log_softmax(logits, temperature)]


def _log_sum_exp(logits: Any) -> mpf:
    return max(_distinct(logits)) + _log_sum(_log_weights(logits))


def _expectation(p_logits: Any, value: Callable[[mpf, mpf], mpf], q_logits: Any) -> mpf:
    total = mpf(0)
    p, q = _log_weights(p_logits), _log_weights(q_logits)
    p_sum, q_sum = _log_sum(p), _log_sum(q)
    for log_p, log_q in zip(p, q, strict=True):
        if log_p == -mpmath.inf:
            continue
        if log_q == -mpmath.inf:
            return mpmath.inf
        total += _exp(log_p - p_sum) * value(log_p - p_sum, log_q - q_sum)
    return total if total < LARGEST else mpmath.inf


def _kl(p_logits: Any, q_logits: Any) -> mpf:
    return _expectation(p_logits, lambda log_p, log_q: log_p - log_q, q_logits)


def _cross_entropy(p_logits: Any, q_logits: Any) -> mpf:
    copies = len(p_logits) // len(_distinct(p_logits))
    return _expectation(p_logits, lambda _, log_q: mpmath.log(copies) - log_q, q_logits)


SUM = "mpmath, 60 digits: the textbook sum"
ROUTES = {
    "softmax": Route(tempered, precise(_softmax), "mpmath, 60 digits"),
    "log_softmax": Route(tempered, precise(_log_softmax), "mpmath, 60 digits"),
    "log_sum_exp": Route(away_from_zero, precise(_log_sum_exp), "mpmath, 60 digits"),
    "kl_from_logits": Route(all_pairs, precise(_kl), SUM),
    "cross_entropy_from_logits": Route(all_pairs, precise(_cross_entropy), SUM),
}
