"""Second routes to kllib.policy.dpo: mpmath, the definitions and their differences."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import DIFFERENCES, SUM, derivatives, optimum
from benchmarks.second_routes.route import FAR, ORDINARY, Case, Route, numbers, precise, shares

mpf = mpmath.mpf


def pairs() -> Iterator[Case]:
    """Log probabilities of pairs of answers, with every option."""
    rng = np.random.default_rng(92)
    for scale, beta in product((1e-8, 1.0, 30.0), (0.01, 0.5, 5.0)):
        chosen, rejected = -rng.exponential(size=(2, 6)) * scale
        arguments = (chosen, rejected, *(-rng.exponential(size=(2, 6)) * scale), beta)
        for smoothing, reduction in ((0.0, "mean"), (0.1, "sum"), (0.3, "none")):
            options = {"label_smoothing": smoothing, "reduction": reduction}
            name = f"scale {scale:g}, beta {beta:g}, smoothing {smoothing:g}, {reduction}"
            yield Case(name, ORDINARY, arguments, options)
    yield Case("a pair long settled", FAR, (0.0, -700.0, -1.0, -1.0, 1.0))
    yield Case("a pair the wrong way round", FAR, (-700.0, 0.0, -1.0, -1.0, 1.0))


def undecided() -> Iterator[Case]:
    """Those whose gradient is not below the step of the differences."""
    return (case for case in pairs() if case.kind == ORDINARY)


def _losses(policy: list[mpf], reference: list[mpf], beta: mpf, smoothing: Any) -> list[mpf]:
    """``policy`` holds all the chosen answers, then all the rejected; so does ``reference``."""
    n, e = len(policy) // 2, mpf(smoothing)
    gains = [beta * (a - b) for a, b in zip(policy, reference, strict=True)]
    h = [a - b for a, b in zip(gains[:n], gains[n:], strict=True)]

    def nll(x: mpf) -> mpf:
        return mpmath.log(1 + mpmath.exp(-x))

    return [(1 - e) * nll(x) + e * nll(-x) for x in h]


def _dpo_loss(*arguments: Any, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    *logs, beta = arguments
    chosen, rejected, *reference = map(numbers, logs)
    losses = _losses(chosen + rejected, sum(reference, []), mpf(beta), label_smoothing)
    if reduction == "none":
        return losses
    total = mpmath.fsum(losses)
    return total / len(losses) if reduction == "mean" else total


def _dpo_gradient(*arguments: Any, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    chosen, rejected, *logs, beta = arguments
    reference = sum(map(numbers, logs), [])

    def total(policy: list[mpf]) -> mpf:
        losses = _losses(policy, reference, mpf(beta), label_smoothing)
        return mpmath.fsum(losses) / (len(losses) if reduction == "mean" else 1)

    both = np.concatenate([np.atleast_1d(chosen), np.atleast_1d(rejected)])
    return np.array(derivatives(total, both)).reshape(2, *np.shape(chosen)).tolist()


def tables() -> Iterator[Case]:
    """logits, reference, preference, β, and sometimes weights of the pairs."""
    rng = np.random.default_rng(93)
    for m, beta in product((2, 3, 6), (0.1, 1.0, 10.0)):
        upper = np.triu(rng.uniform(size=(m, m)), 1)
        preference = upper + np.tril(1 - upper.T, -1) + np.eye(m) / 2
        arguments = (rng.standard_normal(m), rng.dirichlet(np.ones(m)), preference, beta)
        yield Case(f"m={m}, beta {beta:g}", ORDINARY, arguments)
        options = {"pair_weights": rng.exponential(size=(m, m))}
        yield Case(f"m={m}, beta {beta:g}, weighted", ORDINARY, arguments, options)


def _expected_loss(z: Any, reference: Any, preference: Any, beta: Any, weights: Any) -> mpf:
    m, exact = len(z), shares(reference)
    w = np.ones((m, m)) if weights is None else np.asarray(weights)
    parts, total = [], mpf(0)
    for i in range(m):
        for j in range(i + 1, m):
            shown = mpf(float(w[i, j])) + mpf(float(w[j, i]))
            gap = z[i] - z[j] - mpmath.log(exact[i] / exact[j])
            chance = 1 / (1 + mpmath.exp(-mpf(beta) * gap))
            first, second = mpf(float(preference[i, j])), mpf(float(preference[j, i]))
            parts.append(-shown * (first * mpmath.log(chance) + second * mpmath.log(1 - chance)))
            total += shown
    return mpmath.fsum(parts) / total


def _expected(z: Any, *arguments: Any, pair_weights: Any = None) -> mpf:
    return _expected_loss(numbers(z), *arguments, pair_weights)


def _expected_gradient(z: Any, *arguments: Any, pair_weights: Any = None) -> list[mpf]:
    return derivatives(lambda x: _expected_loss(x, *arguments, pair_weights), z)


def preferred() -> Iterator[Case]:
    """reference, the Bradley–Terry preferences of a reward, β, and that reward for the truth."""
    rng = np.random.default_rng(94)
    for m, beta in product((2, 5, 20), (0.1, 1.0, 10.0)):
        reference, reward = rng.dirichlet(np.ones(m)), rng.standard_normal(m)
        preference = 1 / (1 + np.exp(reward - reward[:, None]))
        yield Case(f"m={m}, beta {beta:g}", ORDINARY, (reference, preference, beta))


def _recovered(reference: Any, preference: Any, beta: float) -> list[mpf]:
    # The reward, from the log odds of the preferences over the first answer.
    reward = [mpmath.log(mpf(x) / (1 - mpf(x))) for x in np.asarray(preference)[:, 0].tolist()]
    return optimum(reference, reward, beta)


ROUTES = {
    "dpo_loss": Route(pairs, precise(_dpo_loss), SUM),
    "dpo_gradient": Route(undecided, mpmath.workdps(60)(_dpo_gradient), DIFFERENCES),
    "expected_dpo_loss": Route(tables, precise(_expected), SUM),
    "expected_dpo_gradient": Route(tables, mpmath.workdps(60)(_expected_gradient), DIFFERENCES),
    # The gradient is driven below 1e-7, and the policy is off by the error of the reward over β.
    "fit_dpo": Route(
        preferred, precise(_recovered), "the RLHF optimum, in closed form", bound=1e-5
    ),
}
EXEMPT = {"DPOGradient": "a result type; both its fields are compared in dpo_gradient"}
