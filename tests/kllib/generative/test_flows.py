"""Flows: change of variables, gradients proved by differences, training, divergences unchanged."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from kllib.gaussian import kl_normal
from kllib.generative.flows import (
    MonotoneFlow,
    change_of_variables,
    flow_loss,
    kl_to_flow,
    train_flow,
)
from kllib.mixture import NormalMixture

HUMPS = NormalMixture([0.4, 0.6], [-2, 1.5], [0.5, 0.8])


@st.composite
def flows(draw, most=3):
    k = draw(st.integers(0, most))
    numbers = st.lists(st.floats(-2, 2), min_size=k, max_size=k)
    return MonotoneFlow(
        draw(st.floats(-2, 2)), draw(st.floats(-1, 1)), draw(numbers), draw(numbers), draw(numbers)
    )


# -------------------------------------------------------------------------- change of variables


@pytest.mark.parametrize(
    ("inverse", "derivative", "target"),
    [
        (np.log, np.exp, scipy.stats.lognorm(1.0)),
        (lambda y: (y - 3) / -2, lambda x: -2 + 0 * x, scipy.stats.norm(3, 2)),  # decreasing
        (scipy.stats.norm.ppf, scipy.stats.norm.pdf, scipy.stats.uniform()),  # Φ(X) is uniform
    ],
)
def test_change_of_variables(inverse, derivative, target):
    density = change_of_variables(scipy.stats.norm.logpdf, inverse, derivative)
    y = target.ppf([0.01, 0.2, 0.5, 0.9])
    np.testing.assert_allclose(density(y), target.logpdf(y), rtol=1e-12, atol=1e-12)


def test_an_invertible_map_changes_no_divergence():
    """D of two log-normals is D of the normals they come from: 0.34657 is ½ ln 2 (E3's check)."""
    p, q = scipy.stats.norm(0, 1), scipy.stats.norm(1, 2**0.5)
    p_y, q_y = (change_of_variables(d.logpdf, np.log, np.exp) for d in (p, q))

    def integrand(y):
        return np.exp(p_y(y)) * (p_y(y) - q_y(y))

    ends = np.exp([-12, -3, 0, 3, 12])
    value = sum(
        scipy.integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-11)[0]
        for a, b in zip(ends, ends[1:], strict=False)
    )
    assert value == pytest.approx(kl_normal(0, 1, 1, 2**0.5), rel=1e-9)
    assert round(value, 5) == 0.34657


@given(flows(), st.floats(-1, 1), st.floats(0.5, 2))
def test_a_flow_changes_no_divergence(flow, mu, sigma):
    """D between N(mu, sigma²) and N(0, 1), both sent back through the flow: by quadrature in x."""

    def to_x(log_density):
        return change_of_variables(
            log_density, flow.to_normal, lambda z: np.exp(-flow.log_derivative(flow.from_normal(z)))
        )

    p_x = to_x(scipy.stats.norm(mu, sigma).logpdf)
    ends = flow.from_normal(np.linspace(mu - 9 * sigma, mu + 9 * sigma, 19))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half) + half * nodes
    terms = np.exp(p_x(x)) * (p_x(x) - flow.log_density(x))
    value = (half * terms * weights).sum()
    assert value == pytest.approx(kl_normal(mu, sigma, 0, 1), rel=1e-5, abs=1e-8)


# ------------------------------------------------------------------------------------ the flow


@given(flows(), st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_increasing_and_inverted(flow, points):
    x = np.sort(points)
    z = flow.to_normal(x)
    assert np.all(np.diff(z) >= 0)
    np.testing.assert_allclose(flow.from_normal(z), x, atol=1e-11)
    step = 1e-5
    slope = (flow.to_normal(x + step) - flow.to_normal(x - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(flow.log_derivative(x)), slope, rtol=1e-5)


@given(flows())
def test_density_integrates_to_one(flow):
    ends = flow.from_normal(np.linspace(-9, 9, 37))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half) + half * nodes
    assert (half * np.exp(flow.log_density(x)) * weights).sum() == pytest.approx(1, abs=1e-6)


def test_a_flow_without_steps_is_a_normal():
    flow = MonotoneFlow(-1.5, -np.log(2))  # z = (x − 3)/2
    x = np.array([-1.0, 3.0, 10.0])
    np.testing.assert_allclose(flow.log_density(x), scipy.stats.norm(3, 2).logpdf(x), rtol=1e-14)
    assert flow.from_normal(0.0) == pytest.approx(3, rel=1e-14)
    assert isinstance(flow.log_density(1.0), np.float64)


def test_far_out_nothing_overflows():
    flow = MonotoneFlow(0.0, 0.0, [1.0], [3.0], [0.0])
    assert flow.log_derivative(1e5) == pytest.approx(0, abs=1e-12)
    assert flow.log_density(-1e5) == pytest.approx(-((1e5 + np.e) ** 2) / 2, rel=1e-6)


@pytest.mark.parametrize("slope", [-300, -80, 0, 80, 300])
def test_the_way_back_is_exact_in_flat_and_steep_flows(slope):
    """The straight part may be next to nothing, or all: g(g⁻¹(z)) is z to the last digits."""
    flow = MonotoneFlow(0.0, slope, [0.0], [1.0], [0.0])
    z = np.array([-1.5, -0.5, 0.0, 0.5, 0.999, 1.5])
    np.testing.assert_allclose(flow.to_normal(flow.from_normal(z)), z, rtol=1e-15)


def test_far_out_the_density_is_zero():
    flow = MonotoneFlow(0.0, 300.0, [300.0], [300.0], [1.0])
    assert flow.to_normal(1e300) == np.inf
    assert flow.log_density([1e300, -1e300]).tolist() == [-np.inf, -np.inf]


def test_samples_have_the_density():
    """The share of 20,000 draws in each of ten equally likely cells, by χ² (alarm at 1e-7)."""
    flow = MonotoneFlow(0.3, -0.5, [0.5, -1.0], [1.0, 0.0], [-1.0, 2.0])
    x = flow.sample(np.random.default_rng(0), 20_000)
    edges = flow.from_normal(scipy.stats.norm.ppf(np.arange(1, 10) / 10))
    counts = np.bincount(np.searchsorted(edges, x), minlength=10)
    assert scipy.stats.chisquare(counts).pvalue > 1e-7


# ---------------------------------------------------------------------------------- likelihood


@given(flows(), st.lists(st.floats(-4, 4), min_size=1, max_size=10))
def test_gradient(flow, points):
    """`scipy.optimize.check_grad`: the hand-written gradient against differences."""
    x = np.array(points)
    parameters = np.concatenate(
        [[flow.shift, flow.slope], flow.heights, flow.steepness, flow.centres]
    )
    loss, gradient = flow_loss(parameters, x)
    assert loss == pytest.approx(-flow.log_density(x).mean(), rel=1e-12)
    error = scipy.optimize.check_grad(
        lambda v: flow_loss(v, x)[0], lambda v: flow_loss(v, x)[1], parameters
    )
    assert error < 1e-4 * (1 + np.linalg.norm(gradient))


def test_without_steps_training_finds_mean_and_deviation():
    x = HUMPS.sample(np.random.default_rng(0), 500)
    fit = train_flow(x, 0)
    assert fit.converged
    normal = scipy.stats.norm(x.mean(), x.std())
    np.testing.assert_allclose(fit.flow.log_density(x), normal.logpdf(x), rtol=1e-6)
    assert fit.losses[-1] == pytest.approx(-normal.logpdf(x).mean(), rel=1e-10)


def test_training_approaches_the_data():
    """Maximum likelihood is forward KL: D(data‖flow) falls with the steps, to near nothing."""
    x = HUMPS.sample(np.random.default_rng(1), 2000)
    divergences = []
    for steps in (0, 1, 2):
        fit = train_flow(x, steps)
        assert np.all(np.diff(fit.losses) <= 1e-12)
        assert fit.losses[-1] == pytest.approx(-fit.flow.log_density(x).mean(), rel=1e-10)
        divergences.append(kl_to_flow(HUMPS, fit.flow))
    assert divergences[0] > divergences[1] > 0.2 and divergences[2] < 0.03
    # It covers both humps, and is low between them
    valley, left, right = fit.flow.log_density([-0.4, -2.0, 1.5])
    assert min(left, right) > valley + 1


def test_training_does_not_depend_on_units():
    x = HUMPS.sample(np.random.default_rng(2), 300)
    one, other = train_flow(x, 1), train_flow(1e6 * x + 1e7, 1)
    np.testing.assert_allclose(
        other.flow.log_density(1e6 * x + 1e7) + np.log(1e6), one.flow.log_density(x), atol=1e-3
    )


def test_divergence_to_a_flow():
    """Against `kl_normal` without steps, against scipy's quadrature with, and near zero."""
    truth = NormalMixture([1.0], [1.0], [2.0])
    for mu, sigma in ((1.0, 2.0), (0.0, 1.0), (5.0, 4.0), (1.0, 2.0 + 1e-6)):
        flow = MonotoneFlow(-mu / sigma, -np.log(sigma))
        expected = kl_normal(1.0, 2.0, mu, sigma)
        assert kl_to_flow(truth, flow) == pytest.approx(expected, rel=1e-8, abs=1e-22)
    flow = MonotoneFlow(0.2, -0.4, [0.3, 0.1], [1.5, 0.2], [-0.3, 1.0])

    def integrand(x):
        return np.exp(HUMPS.log_density(x)) * (HUMPS.log_density(x) - flow.log_density(x))

    value, _ = scipy.integrate.quad(
        integrand, -12, 14, points=[-2, -0.3, 1.0, 1.5], epsabs=1e-13, epsrel=1e-11, limit=200
    )
    assert kl_to_flow(HUMPS, flow) == pytest.approx(value, rel=1e-9)


# ---------------------------------------------------------------------------------- bad input

BAD = [
    (lambda: MonotoneFlow(np.nan, 0.0), "shift has a non-finite entry"),
    (lambda: MonotoneFlow(0.0, 0.0, [1.0], [1.0, 2.0], [0.0]), "lengths differ: heights has 1"),
    (lambda: MonotoneFlow(0.0, 0.0, [1.0]), "steepness is empty"),
    (lambda: MonotoneFlow(0.0, 0.0).log_density([np.inf]), "x has a non-finite entry"),
    (lambda: flow_loss([0.0], [1.0]), "parameters must be 2 + 3 K numbers, for K steps; there are"),
    (lambda: flow_loss([0.0] * 4, [1.0]), "there are 4"),
    (lambda: flow_loss([0.0, 0.0], [[1.0]]), "x must be a vector; its shape is (1, 1)"),
    (lambda: train_flow([1.0, 1.0]), "x must hold at least two different numbers"),
    (lambda: train_flow([1.0, np.nan]), "x has a non-finite entry"),
    (lambda: train_flow([1.0, 2.0], -1), "bumps must be a whole number, 0 or above"),
    (lambda: train_flow([1.0, 2.0], max_steps=0), "max_steps must be a whole number, 1 or above"),
    (lambda: train_flow([0.1] * 7), "x must hold at least two different numbers"),
    (lambda: train_flow([1.0, 1.0, 1 + 2.3e-16]), "these are equal but for rounding"),
    (lambda: train_flow([1e-200, 2e-200]), "x must have a standard deviation between 1e-100 and"),
    (lambda: train_flow([1e200, 2e200]), "it is 5e+199: change its unit"),
    (lambda: MonotoneFlow(0, 800), "slope must be at most 300 in size; got 800"),
    (lambda: MonotoneFlow(0, -800), "slope must be at most 300 in size; got -800"),
    (lambda: MonotoneFlow(0, 0, [800], [0], [0]), "heights must be at most 300 in size; got 800"),
    (lambda: MonotoneFlow(0, 0, [0], [-800], [0]), "steepness must be at most 300 in size"),
    (lambda: MonotoneFlow([0, 1], 0), "shift must be a single number; its shape is (2,)"),
    (lambda: MonotoneFlow(0, 0, None, None, None), "heights must hold real numbers, not None"),
    (lambda: MonotoneFlow(0, -300).from_normal(1e300), "z is beyond what the flow reaches"),
    (lambda: flow_loss([0, 800.0], [1, 2]), "slope must be at most 300"),
    (lambda: flow_loss([0, 300.0], [1e100, 2]), "x is so far out that its density is beyond"),
    (lambda: flow_loss([0, 0, 300, 300, 0], [1e-131]), "the gradient is beyond the range of a flo"),
    (lambda: kl_to_flow(HUMPS, None), "flow must be a MonotoneFlow; got NoneType"),
    (lambda: kl_to_flow(None, MonotoneFlow(0, 0)), "p must be a NormalMixture; got NoneType"),
    (lambda: MonotoneFlow(0.0, 0.0).sample(0, 10), "rng must be a numpy.random.Generator"),
    (
        lambda: change_of_variables(np.sin, np.cos, lambda x: 0 * x)(np.ones(2)),
        "derivative must be finite and not zero: the map is not invertible",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)
