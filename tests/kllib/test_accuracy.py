"""Every public function against a second, independent route, to the bound it states.

The inputs and the routes are those of ``benchmarks/second_routes``, which
``python -m benchmarks.accuracy`` tabulates; closed forms are held to 1e-12.
"""

from importlib import import_module

import mpmath
import numpy as np
import pytest

import kllib
from benchmarks.second_routes import MODULES, exempt, gaussian, routes
from benchmarks.second_routes.route import NEAR, Route, function_of, precise, relative_error

DIVERGENCES = {
    *(("discrete", name) for name in ("kl_divergence", "mutual_information", "conditional_kl")),
    *(("gaussian", name) for name in routes("gaussian")),
}
EVERY = [(module, name) for module in MODULES for name in routes(module)]
IDS = [f"{module}.{name}" for module, name in EVERY]


def test_every_public_name_has_a_second_route():
    for module in MODULES:
        public = set(import_module(f"kllib.{module}").__all__)
        # "function, part" is a further route, to another part of what the function returns.
        proved = {name.split(",")[0] for name in routes(module)}
        assert public == proved | set(exempt(module)), module
        assert not proved & set(exempt(module)), module
    named = {name.split(",")[0] for module in MODULES for name in routes(module)}
    assert named | {name for module in MODULES for name in exempt(module)} == set(kllib.__all__)


@pytest.mark.slow  # a minute and a half of exact arithmetic
@pytest.mark.parametrize(("module", "name"), EVERY, ids=IDS)
def test_second_route(module, name):
    route = routes(module)[name]
    names = [case.name for case in route.inputs]
    assert names and len(set(names)) == len(names)
    assert route.failures(function_of(module, name)) == []
    # A route that cannot fail would prove nothing
    assert relative_error(np.nan, route.exact(route.inputs[0])) == np.inf
    if (module, name) in DIVERGENCES:
        assert_near_equal_inputs_reach_from_1e_4_to_1e_20(route)


def assert_near_equal_inputs_reach_from_1e_4_to_1e_20(route):
    truths = [float(route.exact(case)) for case in route.inputs if case.kind == NEAR]
    assert min(truths) < 1.1e-20
    assert max(truths) > 1e-5
    # Evenly between: no gap of more than two decades and a bit.
    assert np.diff(np.log10(sorted(truths))).max() < 2.3


def test_the_inputs_are_hard():
    """The textbook sum fails on them: a guard against measuring on easy cases."""
    route = routes("discrete")["kl_divergence"]
    cases = [case for case in route.inputs if case.kind == NEAR]
    errors = [route.error(lambda p, q: np.sum(p * np.log(p / q)), case) for case in cases]
    assert sum(error > 1e-12 for error in errors) > 0.8 * len(cases)
    assert max(errors) > 100


def test_the_comparison_itself():
    with mpmath.workdps(60):
        assert relative_error(1.0, mpmath.mpf(1)) == 0
        assert relative_error(1.1, 1) == pytest.approx(0.1)
        assert relative_error([1.0, 2.0], [1, 4]) == 0.5
        assert relative_error(np.inf, mpmath.inf) == 0
        assert relative_error([np.inf, 1.0], [mpmath.inf, 1]) == 0
        for value, truth in [(np.nan, 1), (1, np.nan), (np.inf, 1), (1, np.inf), ([1.0], 1)]:
            assert relative_error(value, truth) == np.inf
        assert relative_error(1e-323, mpmath.mpf("9e-324")) == 0  # neighbouring floats
        assert relative_error(1e-310, mpmath.mpf("2e-310")) == np.inf
        assert relative_error(1e-300, 0) == np.inf


def test_references_agree_with_textbook_values():
    """The exact formulas themselves, on values known from elsewhere."""
    coin = [[0.5, 0.5], [0.25, 0.75]]
    table = [[0.5, 0.0], [0.0, 0.5]]
    # ½ [(2 + 2/4) − 2 − ln(3/4) + (1 + 1/4)]
    plane = ([1, 0], [[2, 1], [1, 2]], [0, 1], [[1, 0], [0, 4]])
    known = [
        ("discrete", "kl_divergence", coin, np.log(4 / 3) / 2),
        ("discrete", "cross_entropy", coin, np.log(16 / 3) / 2),
        ("discrete", "perplexity", coin, (16 / 3) ** 0.5),
        ("discrete", "entropy", ([0.25] * 4,), np.log(4)),
        ("discrete", "mutual_information", (table,), np.log(2)),
        ("discrete", "conditional_kl", (table, np.full((2, 2), 0.25)), np.log(2)),
        ("gaussian", "kl_normal", (3, 2, 1, 2), 0.5),
        ("gaussian", "kl_standard_normal", (2, 0), 2),
        ("gaussian", "kl_diagonal_normal", ([3, 0], [0, 1], [1, 0], [0, 1]), 2),
        ("gaussian", "kl_multivariate_normal", plane, (1.75 - np.log(0.75)) / 2),
    ]
    for module, name, arguments, value in known:
        assert float(routes(module)[name].truth(*arguments)) == pytest.approx(value, rel=1e-15)


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
    def cases():
        drawn = gaussian.multivariate_normals(condition, seed=int(np.log10(condition)))
        return [case for case in drawn if "d=40" not in case.name]

    truth = gaussian.ROUTES["kl_multivariate_normal"].truth
    route = Route(cases, truth, "mpmath", bound)
    assert route.failures(kllib.kl_multivariate_normal) == []


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
    truth = precise(lambda u: d * (mpmath.mpf(u) - mpmath.log(1 + mpmath.mpf(u))) / 2)(change)
    assert relative_error(value, truth) < 1e-12
