"""Second routes to kllib.policy.token_model: mpmath, every sequence written out."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import mean, softmax
from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, STEPS, Case, Route

mpf = mpmath.mpf
Tokens = tuple[int, ...]

SIZES = [(2, 1), (2, 3), (3, 3), (5, 2)]


def rows(vocabulary: int, horizon: int) -> int:
    """How many prefixes there are."""
    return sum(vocabulary**t for t in range(horizon))


def conditionals(logits: Any) -> dict[Tokens, list[mpf]]:
    """The distribution of the next token after each prefix, prefixes as tuples of tokens."""
    table, vocabulary, found = np.asarray(logits), np.shape(logits)[1], {}
    prefixes: list[Tokens] = [()]
    for row in table:
        prefix = prefixes.pop(0)
        found[prefix] = softmax(list(row))
        prefixes += [(*prefix, token) for token in range(vocabulary)]
    return found


def sequences(model: dict[Tokens, list[mpf]]) -> list[Tokens]:
    """All sequences, in alphabetical order."""
    horizon = max(map(len, model)) + 1
    return list(product(range(len(model[()])), repeat=horizon))


def probability(model: dict[Tokens, list[mpf]], tokens: Tokens) -> mpf:
    """The product over the tokens."""
    return mpmath.fprod(model[tokens[:t]][token] for t, token in enumerate(tokens))


def sizes() -> Iterator[Case]:
    """Vocabulary and horizon."""
    return (Case(f"V={v}, H={h}", ORDINARY, (v, h)) for v, h in SIZES)


def models() -> Iterator[Case]:
    """Tables of logits."""
    rng = np.random.default_rng(120)
    for (v, h), spread in product(SIZES, (0.1, 3.0, 50.0)):
        logits = spread * rng.standard_normal((rows(v, h), v))
        yield Case(f"V={v}, H={h}, logits of {spread:g}", ORDINARY, (logits,))


def pairs() -> Iterator[Case]:
    """Two tables of logits."""
    rng = np.random.default_rng(121)
    for v, h in SIZES:
        p, q = 2 * rng.standard_normal((2, rows(v, h), v))
        yield Case(f"V={v}, H={h}", FAR, (p, q))
        for step in STEPS:
            yield Case(f"V={v}, H={h}, {step:g} apart", NEAR, (p, p + step * q))


@mpmath.workdps(60)
def _prefix_probabilities(logits: Any) -> list[mpf]:
    model = conditionals(logits)
    return [probability(model, prefix) for prefix in model]


@mpmath.workdps(60)
def _log_probabilities(logits: Any) -> list[mpf]:
    model = conditionals(logits)
    return [mpmath.log(probability(model, y)) for y in sequences(model)]


@mpmath.workdps(60)
def _sequence_kl(p_logits: Any, q_logits: Any) -> mpf:
    p, q = conditionals(p_logits), conditionals(q_logits)
    total = mpf(0)
    for y in sequences(p):
        total += probability(p, y) * mpmath.log(probability(p, y) / probability(q, y))
    return total


@mpmath.workdps(60)
def _token_kl(p_logits: Any, q_logits: Any) -> list[mpf]:
    """How much the divergence of the first t tokens grows with t."""
    v, horizon, table = np.shape(p_logits)[1], 0, len(p_logits)
    sums = [mpf(0)]
    while rows(v, horizon) < table:
        horizon += 1
        shorter = rows(v, horizon)
        sums.append(_sequence_kl(p_logits[:shorter], q_logits[:shorter]))
    return [after - before for before, after in zip(sums, sums[1:], strict=False)]


def estimated() -> Iterator[Case]:
    """Two tables and an estimator."""
    beyond = Case("ratios beyond the range", FAR, ([[0.0, -720.0]], [[0.0, 0.0]]))
    for case in (*pairs(), beyond):
        for name in ("k1", "k2", "k3"):
            yield Case(f"{case.name}, {name}", case.kind, (*case.arguments, name))


@mpmath.workdps(60)
def _moments(p_logits: Any, q_logits: Any, estimator: str) -> list[mpf]:
    p, q = conditionals(p_logits), conditionals(q_logits)

    def k(rho: mpf) -> mpf:
        return {
            "k1": -mpmath.log(rho),
            "k2": mpmath.log(rho) ** 2 / 2,
            "k3": rho - 1 - mpmath.log(rho),
        }[estimator]

    chances = [probability(p, y) for y in sequences(p)]
    values = [
        mpmath.fsum(k(q[y[:t]][a] / p[y[:t]][a]) for t, a in enumerate(y)) for y in sequences(p)
    ]
    first = mean(chances, values)
    return [first, mpmath.sqrt(mean(chances, [(x - first) ** 2 for x in values]))]


def _sequences(vocabulary: int, horizon: int) -> list[list[int]]:
    return [list(y) for y in product(range(vocabulary), repeat=horizon)]


ALL = "mpmath, 60 digits: every sequence written out"
ROUTES = {
    "token_sequences": Route(sizes, _sequences, "itertools.product"),
    "prefix_probabilities": Route(models, _prefix_probabilities, ALL),
    "sequence_log_probabilities": Route(models, _log_probabilities, ALL),
    "token_kl": Route(pairs, _token_kl, ALL),
    "sequence_kl": Route(pairs, _sequence_kl, ALL),
    "token_kl_estimator_moments": Route(estimated, _moments, ALL),
}
EXEMPT = {"KLEstimatorMoments": "a result type, compared in token_kl_estimator_moments"}
