"""Every public function to a relative error of 1e-12, against mpmath at 60 digits or more.

The inputs are those of ``benchmarks/hard_inputs.py``, which ``benchmarks/accuracy.py`` tabulates.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import kllib

_PATH = Path(__file__).parents[2] / "benchmarks" / "hard_inputs.py"
_spec = importlib.util.spec_from_file_location("hard_inputs", _PATH)
hard_inputs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hard_inputs)

NO_REFERENCE_NEEDED = {"normalize", "smooth"}  # exact to rounding; see test_discrete.py
FLOATS_APART = 4 * 5e-324


def failures(function, cases, bound=1e-12):
    """What to print: the cases in which the function misses the bound."""
    found = []
    for case in cases:
        truth = case.truth(function)
        value = getattr(kllib, function)(*case.arguments)
        if truth < hard_inputs.SMALLEST:  # a subnormal result: right to a few of its own units
            if abs(value - float(truth)) > FLOATS_APART:
                found.append(f"{case.name}: {value} for {float(truth)}")
        elif (error := hard_inputs.relative_error(value, truth)) > bound:
            found.append(f"{case.name}: off by {error:.1e} at {float(truth):.3g}")
    return found


def test_every_public_function_has_hard_inputs():
    assert set(kllib.__all__) == set(hard_inputs.CASES) | NO_REFERENCE_NEEDED


@pytest.mark.parametrize("function", hard_inputs.CASES)
def test_case_names_are_unique(function):
    names = [case.name for case in hard_inputs.CASES[function]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("function", hard_inputs.CASES)
def test_relative_error(function):
    assert failures(function, hard_inputs.CASES[function]) == []


DIVERGENCES = set(hard_inputs.CASES) - {"entropy", "cross_entropy", "perplexity"}


@pytest.mark.parametrize("function", sorted(DIVERGENCES))
def test_near_equal_inputs_reach_from_1e_4_to_1e_20(function):
    cases = hard_inputs.CASES[function]
    truths = [float(c.truth(function)) for c in cases if c.kind == hard_inputs.NEAR]
    assert min(truths) < 1.1e-20
    assert max(truths) > 1e-5
    # Evenly between: no gap of more than two decades and a bit.
    assert np.diff(np.log10(sorted(truths))).max() < 2.3


def test_the_inputs_are_hard():
    """The textbook sum fails on them: a guard against measuring on easy cases."""
    cases = [c for c in hard_inputs.CASES["kl_divergence"] if c.kind == hard_inputs.NEAR]
    errors = []
    for case in cases:
        p, q = case.arguments
        errors.append(
            hard_inputs.relative_error(np.sum(p * np.log(p / q)), case.truth("kl_divergence"))
        )
    assert sum(error > 1e-12 for error in errors) > 0.8 * len(cases)
    assert max(errors) > 100


def test_references_agree_with_textbook_values():
    """The exact formulas themselves, on values known from elsewhere."""
    exact = hard_inputs.exact
    coin = [[0.5, 0.5], [0.25, 0.75]]
    assert float(exact("kl_divergence", *coin)) == pytest.approx(np.log(4 / 3) / 2, rel=1e-15)
    assert float(exact("cross_entropy", *coin)) == pytest.approx(np.log(16 / 3) / 2, rel=1e-15)
    assert float(exact("perplexity", *coin)) == pytest.approx((16 / 3) ** 0.5, rel=1e-15)
    assert float(exact("entropy", [0.25] * 4)) == pytest.approx(np.log(4), rel=1e-15)
    table = [[0.5, 0.0], [0.0, 0.5]]
    assert float(exact("mutual_information", table)) == pytest.approx(np.log(2), rel=1e-15)
    model = np.full((2, 2), 0.25)
    assert float(exact("conditional_kl", table, model)) == pytest.approx(np.log(2), rel=1e-15)
    assert float(exact("kl_normal", 3, 2, 1, 2)) == 0.5
    assert float(exact("kl_standard_normal", 2, 0)) == 2
    assert float(exact("kl_diagonal_normal", [3, 0], [0, 1], [1, 0], [0, 1])) == 2
    plane = ([1, 0], [[2, 1], [1, 2]], [0, 1], [[1, 0], [0, 4]])
    # ½ [(2 + 2/4) − 2 − ln(3/4) + (1 + 1/4)]
    by_hand = (1.75 - np.log(0.75)) / 2
    assert float(exact("kl_multivariate_normal", *plane)) == pytest.approx(by_hand, rel=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 100_003])
def test_equal_distributions_give_exactly_zero(n):
    rng = np.random.default_rng(n)
    p = rng.dirichlet(np.ones(n))
    assert kllib.kl_divergence(p, p.copy()) == 0
    off = p * (1 + 9e-7)
    assert kllib.kl_divergence(off, off.copy()) == 0
    joint = rng.dirichlet(np.ones(2 * n)).reshape(2, n)
    assert kllib.conditional_kl(joint, joint.copy()) == 0
    assert kllib.conditional_kl(joint, joint.copy(), given=1) == 0


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-3, 1, 1e3, 1e150, 1e300])
def test_equal_normals_give_exactly_zero(scale):
    rng = np.random.default_rng(7)
    mean, sigma = scale * rng.standard_normal(5), scale * rng.uniform(0.1, 10, 5)
    assert not kllib.kl_normal(mean, sigma, mean, sigma).any()
    log_var = 2 * np.log(sigma)
    assert kllib.kl_diagonal_normal(mean, log_var, mean, log_var) == 0
    root = rng.standard_normal((5, 5))
    cov = root @ root.T * scale
    assert kllib.kl_multivariate_normal(mean, cov, mean, cov) == 0


def test_independent_variables_have_no_mutual_information():
    dyadic = np.outer([0.5, 0.25, 0.25], [0.125, 0.875])  # no rounding
    assert kllib.mutual_information(dyadic) == 0
    rng = np.random.default_rng(8)
    rounded = np.outer(rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(40)))
    assert 0 <= kllib.mutual_information(rounded) < 1e-31


# The stated bound beyond a condition number of 1e3.
@pytest.mark.parametrize(
    ("condition", "bound"), [(1e4, 1e-12), (1e6, 1e-12), (1e8, 1e-12), (1e12, 1e-9)]
)
def test_multivariate_bound_by_condition_number(condition, bound):
    cases = [
        case
        for case in hard_inputs.multivariate_normals(condition, seed=int(np.log10(condition)))
        if "d=40" not in case.name
    ]
    name = "kl_multivariate_normal"
    fresh = [case._replace(name=f"{condition:g}: {case.name}") for case in cases]
    assert failures(name, fresh, bound) == []


@pytest.mark.parametrize("change", [2.0**-7, 2.0**-20, 2.0**-33, 1.0, 15.0])
def test_multivariate_in_many_dimensions(change):
    """Σ1 = (1 + change) Σ2 without rounding: d equal eigenvalues, D = d/2 φ(change)."""
    d = 200
    basis = np.eye(d) - np.full((d, d), 2 / d)  # a Householder reflection
    cov = basis * np.logspace(0, 3, d) @ basis.T
    # Few enough bits that the product with 1 + change is exact
    bits = 50 + min(0, int(np.log2(change))) - 10
    cov = np.round((cov + cov.T) * 2.0 ** (bits - 1)) / 2.0**bits
    zero = np.zeros(d)
    value = kllib.kl_multivariate_normal(zero, cov * (1 + change), zero, cov)
    mpmath = hard_inputs.mpmath
    with mpmath.workdps(60):
        truth = d * (mpmath.mpf(change) - mpmath.log(1 + mpmath.mpf(change))) / 2
    assert hard_inputs.relative_error(value, truth) < 1e-12
