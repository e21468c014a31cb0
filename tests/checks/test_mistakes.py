"""Every right way is accepted, every named mistake fails and is named: the proof of the grader."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, rel_entr, xlogy

from kllib import conditional_kl, kl_divergence
from kllib.checks import calling, judge, seeds
from kllib.checks.binding import parameters
from kllib.checks.calling import quiet
from kllib.checks.cases import arguments
from kllib.checks.definitions import ASSIGNMENT, given
from kllib.checks.values import read

# Mistaken functions warn on purpose (0 log 0); elsewhere kllib's warnings are errors.
pytestmark = pytest.mark.filterwarnings("ignore")

FUNCTIONS = [item for item in ASSIGNMENT.items if item.is_function]
VALUES = [item for item in ASSIGNMENT.items if not item.is_function]
SECRETS = ["one", "two", "three"]
STUDENTS = ["practice", "ada", "bob", "grace", "zoë", "20271234", "slips-01", "slips-13"]

PAIRS = [(item, mistake) for item in FUNCTIONS for mistake in item.mistakes]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("item", "mistake"), PAIRS, ids=[f"{i.name}-{m.answer.__name__}" for i, m in PAIRS]
)
def test_a_mistaken_function_fails_and_is_named(item, mistake, secret, monkeypatch):
    monkeypatch.setenv(seeds.GRADING_SEED, secret)
    verdicts = {part: judge.judge_function(item, part, mistake.answer) for part in item.parts}
    wrong = {part: v.mistakes for part, v in verdicts.items() if v.state != "right"}
    assert wrong, "no part notices it"
    assert set(wrong.values()) == {(mistake.says,)}


@pytest.mark.parametrize(
    ("item", "mistake"),
    [(item, mistake) for item, mistake in PAIRS if mistake.variants],
    ids=lambda x: getattr(x, "name", None) or x.answer.__name__,
)
def test_every_variant_fails_and_is_named(item, mistake):
    for variant in mistake.variants:
        verdicts = [judge.judge_function(item, part, variant) for part in item.parts]
        assert {v.mistakes for v in verdicts if v.state != "right"} == {(mistake.says,)}


@pytest.mark.parametrize("item", VALUES, ids=lambda item: item.name)
@pytest.mark.parametrize("student", STUDENTS)
def test_a_mistaken_value_fails_and_is_named(item, student):
    drawn = parameters(ASSIGNMENT, item, student)
    for mistake in item.mistakes:
        for made in mistake.answers:
            verdict = judge.judge_value(item, made(**drawn), drawn)
            assert (verdict.state, verdict.mistakes) == ("wrong", (mistake.says,))


@pytest.mark.parametrize("item", VALUES, ids=lambda item: item.name)
def test_the_oracles_own_value_is_right(item):
    for student in STUDENTS:
        drawn = parameters(ASSIGNMENT, item, student)
        assert judge.judge_value(item, item.oracle(**drawn), drawn).state == "right"


def test_how_many_mistakes_are_named():
    assert all(len(item.mistakes) >= 6 for item in FUNCTIONS)
    assert all(len(item.mistakes) >= 6 for item in VALUES if not item.choices)
    for item in ASSIGNMENT.items:
        if item.choices:  # every wrong word has its sentence
            named = {mistake.answer() for mistake in item.mistakes}
            assert named == set(item.choices) - {item.oracle()}
        assert len({mistake.answer for mistake in item.mistakes}) == len(item.mistakes)


# ---- right ways, as different people write them ----------------------------------------------


def loop(p, q):
    total = 0.0
    for a, b in zip(p, q, strict=True):
        if a > 0:
            total += a * math.log(a / b) if b > 0 else math.inf
    return total


def vectorised(p, q):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0).sum()


def difference_of_logs(p, q):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(p * (np.log(p) - np.log(q)))


def in_log_space(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p, log_q = np.log(p), np.log(q)
        log_p, log_q = log_p - logsumexp(log_p), log_q - logsumexp(log_q)
        return np.sum(np.where(np.isneginf(log_p), 0, np.exp(log_p) * (log_p - log_q)))


def cross_entropy_minus_entropy(p, q):
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return -xlogy(p, q).sum() + xlogy(p, p).sum()


def exactly_added(p, q):
    return math.fsum(rel_entr(p, q))


def float32_result(p, q):
    return np.float32(rel_entr(p, q).sum())


RIGHT_KL = [
    loop,
    vectorised,
    difference_of_logs,
    in_log_space,
    cross_entropy_minus_entropy,
    exactly_added,
    float32_result,
    stats.entropy,
]


@pytest.mark.parametrize("function", RIGHT_KL, ids=lambda f: f.__name__)
@pytest.mark.parametrize("secret", SECRETS)
def test_every_right_way_is_accepted(function, secret, monkeypatch):
    monkeypatch.setenv(seeds.GRADING_SEED, secret)
    for part in ASSIGNMENT["kl"].parts:
        assert judge.judge_function(ASSIGNMENT["kl"], part, function).state == "right", part


def chain_difference(P, Q):
    """The conditional term as what the marginal leaves of the whole."""
    whole = rel_entr(P, Q).sum()
    return whole - rel_entr(np.sum(P, axis=1), np.sum(Q, axis=1)).sum()


def by_loops(P, Q):
    total = 0.0
    for row_p, row_q in zip(P, Q, strict=True):
        if sum(row_p) > 0:
            total += sum(row_p) * loop(
                [a / sum(row_p) for a in row_p], [b / sum(row_q) for b in row_q]
            )
    return total


@pytest.mark.parametrize("function", [chain_difference, by_loops])
@pytest.mark.parametrize("secret", SECRETS)
def test_right_ways_to_condition_are_accepted(function, secret, monkeypatch):
    monkeypatch.setenv(seeds.GRADING_SEED, secret)
    for part in ASSIGNMENT["conditional_kl"].parts:
        verdict = judge.judge_function(ASSIGNMENT["conditional_kl"], part, function)
        assert verdict.state == "right", part


def test_right_ways_to_do_rows_are_accepted():
    item = ASSIGNMENT["kl_rows"]
    for function in (
        lambda p, q: rel_entr(p, q).sum(axis=-1),
        lambda p, q: rel_entr(p, q).sum(axis=-1).tolist(),
        lambda p, q: stats.entropy(*np.broadcast_arrays(p, q), axis=-1),
        np.vectorize(loop, signature="(n),(n)->()"),
    ):
        for part in item.parts:
            assert judge.judge_function(item, part, function).state == "right"


def test_any_lopsided_pair_will_do():
    item, drawn = ASSIGNMENT["asymmetric"], given("asymmetric", "ada")
    p = drawn["p"]
    for k in range(3):
        q = [0.001] * 3
        q[k] = 0.998
        gap = abs(kl_divergence(p, q) - kl_divergence(q, p))
        state = judge.judge_value(item, np.array(q), drawn).state
        assert state == ("right" if gap >= 0.5 else "wrong")


# ---- the gap between right and wrong ---------------------------------------------------------


def excess(item, function, cases):
    """The largest error of a function over the cases, in units of the tolerance."""
    worst = 0.0
    for case in cases:
        outcome = calling.call(function, arguments(case))
        expected = read(item.oracle(*case.args))
        if outcome.raised or getattr(outcome.value, "shape", None) != expected.shape:
            return math.inf
        if np.array_equal(outcome.value, expected, equal_nan=True):
            continue
        if not (np.isfinite(outcome.value).all() and np.isfinite(expected).all()):
            return math.inf
        tolerance = item.rtol * np.abs(expected) + item.slack(*case.args)
        worst = max(worst, float(np.max(np.abs(outcome.value - expected) / tolerance)))
    return worst


@pytest.mark.parametrize("item", FUNCTIONS, ids=lambda item: item.name)
def test_nothing_lies_near_the_tolerance(item, monkeypatch):
    right = {"kl": [f for f in RIGHT_KL if f is not float32_result]}.get(item.name, [item.oracle])
    for secret in SECRETS:
        monkeypatch.setenv(seeds.GRADING_SEED, secret)
        with quiet():
            for part in item.parts:
                cases = judge.cases_of(item, part)
                for function in right:
                    assert excess(item, function, cases) < 0.1, (part, function)
                for mistake in item.mistakes:
                    off = excess(item, mistake.answer, cases)
                    assert off < 0.1 or off > 50, (part, mistake.says, off)


def test_no_value_lies_near_the_tolerance():
    for item in VALUES:
        if item.choices or item.accepts is not None:
            continue
        for student in STUDENTS:
            drawn = parameters(ASSIGNMENT, item, student)
            expected = np.asarray(item.oracle(**drawn))
            tolerance = item.rtol * np.abs(expected) + item.slack(**drawn)
            for mistake in item.mistakes:
                off = np.abs(np.asarray(mistake.answer(**drawn)) - expected)
                with np.errstate(divide="ignore", invalid="ignore"):
                    assert np.nanmax(off / tolerance) > 5, (item.name, student, mistake.says)


# ---- the sources' own numbers, as corrected --------------------------------------------------


def test_the_numbers_in_the_text():
    p, q, uniform = [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25] * 4
    assert kl_divergence(p, q) == pytest.approx(0.6 * math.log(2) + 0.1 * math.log(1.5), rel=1e-12)
    assert kl_divergence(p, q) == pytest.approx(0.456435, abs=5e-7)
    assert kl_divergence(q, p) == pytest.approx(kl_divergence(p, q), rel=1e-12)
    assert round(float(kl_divergence(p, uniform)), 4) == 0.1064
    assert round(float(kl_divergence(uniform, p)), 4) == 0.1218
    assert kl_divergence([0.25, 0.25, 0.5], [0.5, 0.25, 0.25], base=2) == pytest.approx(0.25)
    P, Q = [[0.4, 0.1], [0.1, 0.4]], [[0.25] * 2] * 2
    assert conditional_kl(P, Q) == pytest.approx(0.192745, abs=5e-7)
