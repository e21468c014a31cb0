"""Second routes to kllib.policy.ppo: mpmath, the definitions and their differences."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import (
    DIFFERENCES,
    SUM,
    derivatives,
    divergence,
    mean,
    softmax,
)
from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, STEPS, Case, Route, numbers, precise

mpf = mpmath.mpf


def actions() -> Iterator[Case]:
    """Log probabilities of the actions taken, new and old, and advantages."""
    rng = np.random.default_rng(100)
    for spread in (0.01, 0.1, 1.0, 10.0):
        old = -rng.exponential(size=12)
        arguments = (old + spread * rng.standard_normal(12), old, rng.standard_normal(12))
        yield Case(f"log ratios of {spread:g}", ORDINARY, arguments)
        options = {"epsilon": 0.05, "action_weights": rng.dirichlet(np.ones(12))}
        yield Case(f"log ratios of {spread:g}, weighted", ORDINARY, arguments, options)
    yield Case("an action now 1e300 times as likely", FAR, ([690.0], [0.0], [-2.0]))


def _clip_objective(
    log_policy: Any, log_old: Any, advantages: Any, epsilon: float = 0.2, action_weights: Any = None
) -> mpf:
    gains, parts = numbers(advantages), []
    share = (
        [1 / mpf(len(gains))] * len(gains) if action_weights is None else numbers(action_weights)
    )
    low, high = 1 - mpf(epsilon), 1 + mpf(epsilon)
    for new, old, gain, w in zip(log_policy, numbers(log_old), gains, share, strict=True):
        ratio = mpmath.exp(new - old)
        parts.append(w * min(ratio * gain, min(max(ratio, low), high) * gain))
    return mpmath.fsum(parts)


def _clip_gradient(log_policy: Any, *arguments: Any, **options: Any) -> list[mpf]:
    return derivatives(lambda x: _clip_objective(x, *arguments, **options), log_policy)


def tables() -> Iterator[Case]:
    """logits, old logits, advantages, β; without advantages it is the divergence alone."""
    rng = np.random.default_rng(101)
    for states, choices in ((1, 2), (3, 4)):
        old, noise, gain = rng.standard_normal((3, states, choices))
        for beta in (0.0, 0.1, 10.0):
            name = f"{states} by {choices}, beta {beta:g}"
            yield Case(name, ORDINARY, (old + noise, old, 20 + gain, beta))
            options = {"state_weights": rng.exponential(size=states)}
            yield Case(f"{name}, weighted", ORDINARY, (old + noise, old, 20 + gain, beta), options)
        for step in STEPS:
            name = f"{states} by {choices}, {step:g} apart, no advantage"
            yield Case(name, NEAR, (old + step * noise, old, np.zeros_like(old), 1.0))


def _penalty_objective(
    logits: Any, old_logits: Any, advantages: Any, beta: float, state_weights: Any = None
) -> mpf:
    states = len(old_logits)
    d = [mpf(1) / states] * states if state_weights is None else numbers(state_weights)
    parts = []
    for w, new, before, gain in zip(d, logits, old_logits, advantages, strict=True):
        policy, old = softmax(new), softmax(numbers(before))
        parts.append(w * (mean(policy, numbers(gain)) - mpf(beta) * divergence(old, policy)))
    return mpmath.fsum(parts)


def _objective(logits: Any, *arguments: Any, **options: Any) -> mpf:
    return _penalty_objective([numbers(row) for row in logits], *arguments, **options)


def _penalty_gradient(logits: Any, *arguments: Any, **options: Any) -> Any:
    columns = np.shape(logits)[1]

    def f(x: list[mpf]) -> mpf:
        rows = [x[i : i + columns] for i in range(0, len(x), columns)]
        return _penalty_objective(rows, *arguments, **options)

    return np.array(derivatives(f, np.ravel(logits))).reshape(np.shape(logits)).tolist()


def steps() -> Iterator[Case]:
    """β, the divergence of a step, and the one wanted."""
    for kl in (0.0, 0.019, 0.021, 0.03, 0.044, 0.046, 5.0):
        yield Case(f"{kl:g} for 0.03", ORDINARY, (0.7, kl, 0.03))


def _adapted(beta: float, kl: float, target: float) -> float:
    share = Fraction(kl) / Fraction(target)
    if share < Fraction(2, 3):
        return beta / 2
    return 2 * beta if share > Fraction(3, 2) else beta


ROUTES = {
    "ppo_clip_objective": Route(
        actions, precise(lambda x, *a, **k: _clip_objective(numbers(x), *a, **k)), SUM
    ),
    "ppo_clip_gradient": Route(actions, mpmath.workdps(60)(_clip_gradient), DIFFERENCES),
    "ppo_penalty_objective": Route(tables, precise(_objective), SUM),
    "ppo_penalty_gradient": Route(tables, mpmath.workdps(90)(_penalty_gradient), DIFFERENCES),
    "adapt_kl_coefficient": Route(steps, _adapted, "exact fractions"),
}
