"""Second routes to kllib.policy.token_policy: mpmath, every sequence written out."""

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import DIFFERENCES, derivatives
from benchmarks.second_routes.policy.token_model import ALL, SIZES, conditionals, probability, rows
from benchmarks.second_routes.policy.token_model import sequences as all_sequences
from benchmarks.second_routes.route import ORDINARY, Case, Route, numbers

mpf = mpmath.mpf


def rewarded() -> Iterator[Case]:
    """A table of logits and the reward of every sequence."""
    rng = np.random.default_rng(130)
    for v, h in SIZES:
        logits, reward = 2 * rng.standard_normal((rows(v, h), v)), rng.exponential(size=v**h)
        yield Case(f"V={v}, H={h}", ORDINARY, (logits, reward))


def penalised() -> Iterator[Case]:
    """The same, with β."""
    for case in rewarded():
        for beta in (0.05, 1.0, 1e3, 1e8):
            yield Case(f"{case.name}, beta {beta:g}", ORDINARY, (*case.arguments, beta))


def drifted() -> Iterator[Case]:
    """A policy, its reference, rewards and β."""
    rng = np.random.default_rng(131)
    for v, h in SIZES:
        logits, reference = rng.standard_normal((2, rows(v, h), v))
        reward = 5 + rng.exponential(size=v**h)
        for beta in (0.05, 1.0):
            arguments = (logits, reference, reward, beta)
            yield Case(f"V={v}, H={h}, beta {beta:g}", ORDINARY, arguments)


def smaller() -> Iterator[Case]:
    """Those few enough to differentiate."""
    return (case for case in drifted() if np.size(case.arguments[0]) <= 14)


@mpmath.workdps(60)
def _advantages(logits: Any, reward: Any) -> list[list[mpf]]:
    model, gains = conditionals(logits), numbers(reward)
    chances = [
        (y, probability(model, y), r) for y, r in zip(all_sequences(model), gains, strict=True)
    ]

    def expected(prefix: tuple[int, ...]) -> mpf:
        found = [(p, r) for y, p, r in chances if y[: len(prefix)] == prefix]
        return mpmath.fsum(p * r for p, r in found) / mpmath.fsum(p for p, _ in found)

    tokens = range(len(model[()]))
    return [[expected((*y, a)) - expected(y) for a in tokens] for y in model]


@mpmath.workdps(60)
def _optimum(reference_logits: Any, reward: Any, beta: float) -> list[mpf]:
    model, gains = conditionals(reference_logits), numbers(reward)
    every = all_sequences(model)
    weights = [
        probability(model, y) * mpmath.exp(r / mpf(beta)) for y, r in zip(every, gains, strict=True)
    ]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def _optimal_sequences(*arguments: Any) -> Any:
    from kllib.policy.token_model import sequence_log_probabilities
    from kllib.policy.token_policy import sequence_rlhf_optimum

    return np.exp(sequence_log_probabilities(sequence_rlhf_optimum(*arguments)))


def _objective_of(logits: Any, reference_logits: Any, reward: Any, beta: float) -> mpf:
    policy, reference = conditionals(logits), conditionals(reference_logits)
    total = mpf(0)
    for y, r in zip(all_sequences(policy), numbers(reward), strict=True):
        p = probability(policy, y)
        total += p * (r - mpf(beta) * mpmath.log(p / probability(reference, y)))
    return total


@mpmath.workdps(60)
def _gradient(logits: Any, *arguments: Any) -> Any:
    shape = np.shape(logits)

    def f(x: list[mpf]) -> mpf:
        return _objective_of(np.array(x, dtype=object).reshape(shape), *arguments)

    return np.array(derivatives(f, np.ravel(logits))).reshape(shape).tolist()


ROUTES = {
    "token_advantages": Route(rewarded, _advantages, ALL),
    "sequence_rlhf_optimum": Route(penalised, _optimum, ALL, call=_optimal_sequences),
    "sequence_rlhf_objective": Route(drifted, mpmath.workdps(60)(_objective_of), ALL),
    "sequence_rlhf_gradient": Route(smaller, _gradient, DIFFERENCES),
}
