"""Second routes to kllib.policy: mpmath at 60 digits, derivatives by differences at 60 digits."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.route import (
    FAR,
    NEAR,
    ORDINARY,
    STEPS,
    TINY,
    Case,
    Route,
    numbers,
    precise,
    shares,
)

mpf = mpmath.mpf


def softmax(logits: Sequence[Any], temperature: Any = 1) -> list[mpf]:
    """exp(z/T)/Σ exp(z/T)."""
    exps = [mpmath.exp(mpf(z) / temperature) for z in logits]
    total = mpmath.fsum(exps)
    return [x / total for x in exps]


def divergence(p: Sequence[mpf], q: Sequence[mpf]) -> mpf:
    """Σ p log(p/q), infinite where q alone is 0."""
    pairs = [(a, b) for a, b in zip(p, q, strict=True) if a]
    if any(b == 0 for _, b in pairs):
        return mpf("inf")
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)


def mean(p: Sequence[mpf], values: Sequence[mpf]) -> mpf:
    """Σ p·values."""
    return mpmath.fsum(a * b for a, b in zip(p, values, strict=True))


def derivatives(f: Callable[[list[mpf]], mpf], point: Sequence[Any]) -> list[mpf]:
    """The gradient, by central differences so fine that a third of the digits are right."""
    x, h = numbers(point), mpf(10) ** -(mpmath.mp.dps // 3)
    result = []
    for i in range(len(x)):
        up, down = ([*x[:i], x[i] + step, *x[i + 1 :]] for step in (h, -h))
        result.append((f(up) - f(down)) / (2 * h))
    return result


def prompts() -> Iterator[Case]:
    """reference, reward, beta: from a policy that hardly moves to one on a single answer."""
    rng = np.random.default_rng(70)
    for m in (2, 3, 10, 1000):
        reference, reward = rng.dirichlet(np.ones(m)), rng.exponential(size=m)
        for step in STEPS:
            yield Case(f"m={m}, beta {1 / step:g}", NEAR, (reference, reward, 1 / step))
        for beta in (1e-3, 1e-2, 0.1, 0.5, 1.0, 3.0):
            yield Case(f"m={m}, beta {beta:g}", FAR, (reference, reward, beta))
    off = reference * (1 + 8e-7)
    yield Case("sum off by 8e-7", FAR, (off, reward, 2.0))
    for scale in (1e-150, 1e148):
        yield Case(f"rewards of {scale:g}", FAR, (reference, scale * reward, 0.7 * scale))
    yield Case("rewards near 1e6", FAR, (reference, 1e6 + reward, 0.7))
    yield Case("a reference of 1e-300", FAR, ([1.0, TINY], [0.0, 700.0], 1.0))
    yield Case("a reference of 1e-300, not reached", FAR, ([1.0, TINY], [1.0, 300.0], 1.0))
    yield Case("an impossible answer", FAR, ([0.5, 0.5, 0.0], [1.0, 2.0, 3.0], 0.5))
    yield Case("nearly one answer", FAR, ([1.0, 1e-20], [1.0, 2.0], 0.5))
    yield Case("one answer", FAR, ([1.0], [2.5], 0.5))
    yield Case("equal rewards", FAR, ([0.25, 0.75], [2.5, 2.5], 0.5))


def optimum(reference: Any, reward: Any, beta: Any) -> list[mpf]:
    """π_ref exp(r/β)/Z."""
    pairs = zip(shares(reference), numbers(reward), strict=True)
    weights = [a * mpmath.exp(r / mpf(beta)) for a, r in pairs]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def _value(reference: Any, reward: Any, beta: Any) -> mpf:
    pairs = zip(shares(reference), numbers(reward), strict=True)
    return mpf(beta) * mpmath.log(mpmath.fsum(a * mpmath.exp(r / mpf(beta)) for a, r in pairs))


def _optimum_kl(reference: Any, reward: Any, beta: Any) -> mpf:
    return divergence(optimum(reference, reward, beta), shares(reference))


def _optimum_reward(reference: Any, reward: Any, beta: Any) -> mpf:
    return mean(optimum(reference, reward, beta), numbers(reward))


def judged() -> Iterator[Case]:
    """policy, reference, reward, beta; without reward it is the divergence alone."""
    rng = np.random.default_rng(71)
    for m in (2, 10, 1000):
        reference, noise = rng.dirichlet(np.ones(m)), rng.standard_normal(m)
        for step in STEPS:
            policy = reference * (1 + step * (noise - noise.mean()) / np.abs(noise).max())
            arguments = (policy / policy.sum(), reference, np.zeros(m), 0.5)
            yield Case(f"m={m}, {step:g} apart, no reward", NEAR, arguments)
        policy, reward = rng.dirichlet(np.ones(m)), 10 + rng.exponential(size=m)
        yield Case(f"m={m}", ORDINARY, (policy, reference, reward, 0.5))
        yield Case(f"m={m}, rewards of 1e148", FAR, (policy, reference, 1e148 * reward, 0.5e148))
    yield Case("ruled out", FAR, ([0.5, 0.5], [1.0, 0.0], [1.0, 2.0], 0.5))


def objective(policy: Sequence[mpf], reference: Sequence[mpf], reward: Any, beta: Any) -> mpf:
    """E_π r − β D(π‖π_ref)."""
    return mean(policy, numbers(reward)) - mpf(beta) * divergence(policy, reference)


def logit_cases() -> Iterator[Case]:
    """logits, reference, reward, beta."""
    rng = np.random.default_rng(72)
    for m in (2, 3, 8):
        for spread in (0.1, 1.0, 30.0):
            logits, reward = spread * rng.standard_normal(m), rng.exponential(size=m)
            reference = rng.dirichlet(np.ones(m))
            for beta in (0.01, 1.0, 100.0):
                name = f"m={m}, logits of {spread:g}, beta {beta:g}"
                yield Case(name, ORDINARY, (logits, reference, reward, beta))
    arguments = ([1.0, 2.0, -1.0], [1.0, TINY, 1e-10], [1.0, 2.0, 3.0], 0.5)
    yield Case("a reference of 1e-300", FAR, arguments)


def _gradient(logits: Any, reference: Any, reward: Any, beta: Any) -> list[mpf]:
    exact = shares(reference)
    return derivatives(lambda z: objective(softmax(z), exact, reward, beta), logits)


def budgets() -> Iterator[Case]:
    """reference, reward, and the divergence allowed."""
    rng = np.random.default_rng(73)
    for m in (2, 5, 10):
        reference, reward = rng.dirichlet(np.ones(m)), 1 + rng.exponential(size=m)
        for kl in (1e-12, 1e-6, 1e-3, 0.1, 0.3):
            yield Case(f"m={m}, {kl:g} nats", ORDINARY, (reference, reward, kl))
        yield Case(f"m={m}, more than there is", FAR, (reference, reward, 1e3))
        yield Case(f"m={m}, none", FAR, (reference, reward, 0.0))


@mpmath.workdps(40)
def _reward_at_kl(reference: Any, reward: Any, kl: float) -> mpf:
    gains, exact = numbers(reward), shares(reference)
    best = max(gains)
    top = mpmath.fsum(a for a, r in zip(exact, gains, strict=True) if r == best)
    if mpf(kl) >= -mpmath.log(top):
        return best
    low, high = mpf(10) ** -12, mpf(10) ** 12  # bisection of 1/β by its logarithm
    for _ in range(90):
        middle = mpmath.sqrt(low * high)
        if _optimum_kl(reference, reward, 1 / middle) < mpf(kl):
            low = middle
        else:
            high = middle
    return _optimum_reward(reference, reward, 1 / low)


def _reward_on_frontier(*arguments: Any) -> Any:
    from kllib.policy.rlhf import kl_reward_frontier

    return kl_reward_frontier(*arguments).reward


SUM, DIFFERENCES = "mpmath, 60 digits: the definition", "mpmath, 60 digits: central differences"
ROUTES = {
    "rlhf_optimum": Route(prompts, precise(optimum), SUM),
    "rlhf_value": Route(prompts, precise(_value), SUM),
    "rlhf_objective": Route(
        judged, precise(lambda p, q, *rest: objective(shares(p), shares(q), *rest)), SUM
    ),
    "rlhf_gradient": Route(logit_cases, precise(_gradient), DIFFERENCES),
    "kl_reward_frontier": Route(prompts, precise(_optimum_kl), SUM, part=lambda f: f.kl),
    "kl_reward_frontier, reward": Route(
        prompts, precise(_optimum_reward), SUM, call=_reward_on_frontier
    ),
    "frontier_at_kl": Route(
        budgets, _reward_at_kl, "mpmath, 40 digits: bisection", part=lambda f: f.reward
    ),
}
EXEMPT = {"KLRewardFrontier": "a result type; its fields are compared in kl_reward_frontier"}
