"""EM as alternating projections: monotone, its bound and gap, and two outside routes to its end."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from kllib.discrete import kl_divergence, normalize
from kllib.geometry.em import em_e_step, em_elbo, em_m_step, em_normal_mixture
from kllib.mixture import NormalMixture

START = NormalMixture([0.5, 0.5], [-1, 1], [1, 1])


def two_humps(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.3, rng.normal(-2, 0.6, n), rng.normal(1.5, 1.0, n))


def log_joint(x, mixture):
    """log w_z + log N(x; μ_z, σ_z²), written out."""
    z = (np.asarray(x)[:, None] - mixture.means) / mixture.sigmas
    return np.log(mixture.weights) - z**2 / 2 - np.log(mixture.sigmas * np.sqrt(2 * np.pi))


# --------------------------------------------------------------------------------- known values


def test_one_step_by_hand():
    """Symmetric data and start: r(1|x) = 1/(1 + e^(−2x)), and the M-step's weighted moments."""
    x = np.array([-2.0, -1.0, 1.0, 2.0])
    r = em_e_step(x, START)
    right = 1 / (1 + np.exp(-2 * x))
    np.testing.assert_allclose(r, np.column_stack([1 - right, right]), rtol=1e-13)
    fit = em_m_step(x, r)
    mean = (right @ x) / right.sum()
    np.testing.assert_allclose(fit.weights, [0.5, 0.5], rtol=1e-14)
    np.testing.assert_allclose(fit.means, [-mean, mean], rtol=1e-13)
    variance = right @ (x - mean) ** 2 / right.sum()
    np.testing.assert_allclose(fit.sigmas, np.sqrt([variance, variance]), rtol=1e-13)


def test_one_component_is_done_in_one_step():
    """Without anything hidden the M-projection is maximum likelihood: mean and deviation of x."""
    x = two_humps()
    fit = em_normal_mixture(x, NormalMixture([1.0], [0.0], [1.0]))
    assert fit.mixture.means[0] == pytest.approx(x.mean(), rel=1e-13)
    assert fit.mixture.sigmas[0] == pytest.approx(x.std(), rel=1e-13)
    assert fit.converged and len(fit.elbo) == 2  # the second step has nothing to gain
    best = -x.size * (np.log(2 * np.pi * x.var()) + 1) / 2
    assert fit.log_likelihood[-1] == pytest.approx(best, rel=1e-13)


# ------------------------------------------------------------------------------- second routes


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed):
    """The same data and start: scikit-learn's EM, not regularised, ends there too."""
    x = two_humps(seed=seed)
    fit = em_normal_mixture(x, START, tolerance=1e-13)
    other = GaussianMixture(
        2,
        weights_init=[0.5, 0.5],
        means_init=[[-1.0], [1.0]],
        precisions_init=[[[1.0]], [[1.0]]],
        tol=1e-13,
        max_iter=10_000,
        reg_covar=0.0,
    ).fit(x[:, None])
    assert fit.converged
    np.testing.assert_allclose(fit.mixture.weights, other.weights_, atol=1e-5)
    np.testing.assert_allclose(fit.mixture.means, other.means_[:, 0], atol=1e-5)
    np.testing.assert_allclose(fit.mixture.sigmas**2, other.covariances_[:, 0, 0], atol=1e-5)
    assert fit.log_likelihood[-1] == pytest.approx(other.score(x[:, None]) * x.size, abs=1e-8)
    r = em_e_step(x, fit.mixture)
    np.testing.assert_allclose(r, other.predict_proba(x[:, None]), atol=1e-5)


def test_against_direct_optimisation():
    """scipy maximises the log-likelihood itself, from where EM ended and from beside it."""
    x = two_humps()
    fit = em_normal_mixture(x, START, tolerance=1e-14)

    def loss(parameters):
        odds, mean1, mean2, log1, log2 = parameters
        weights = np.array([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))])
        model = NormalMixture(weights, [mean1, mean2], np.exp([log1, log2]))
        return -np.logaddexp.reduce(log_joint(x, model), axis=1).sum()

    w, m, s = fit.mixture.weights, fit.mixture.means, np.log(fit.mixture.sigmas)
    end = np.array([np.log(w[1] / w[0]), *m, *s])
    found = scipy.optimize.minimize(loss, end + [0.1, 0.2, -0.1, 0.05, -0.05], tol=1e-9)
    np.testing.assert_allclose(found.x, end, atol=1e-4)
    assert -found.fun == pytest.approx(fit.log_likelihood[-1], abs=1e-7)
    # ... and the gradient at EM's end vanishes
    slope = scipy.optimize.approx_fprime(end, loss, 1e-6)
    np.testing.assert_allclose(slope, 0, atol=1e-2)


def test_m_step_against_optimisation():
    """Minimising −Σ r log p(x, z) numerically over means and scales gives the weighted moments."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    r = rng.dirichlet([1, 1], size=30)
    fit = em_m_step(x, r)

    def loss(parameters):
        model = NormalMixture(fit.weights, parameters[:2], np.exp(parameters[2:]))
        return -(r * log_joint(x, model)).sum()

    found = scipy.optimize.minimize(loss, np.zeros(4), tol=1e-9)
    np.testing.assert_allclose(found.x[:2], fit.means, atol=1e-5)
    np.testing.assert_allclose(np.exp(found.x[2:]), fit.sigmas, atol=1e-5)


def test_the_m_step_is_the_m_projection():
    """It minimises D(completed data‖model): any other parameters are further away."""
    rng = np.random.default_rng(2)
    x, r = rng.normal(size=40), rng.dirichlet([1, 2], size=40)
    best = em_elbo(x, r, em_m_step(x, r))
    for _ in range(50):
        fit = em_m_step(x, r)
        weights = normalize(fit.weights * np.exp(0.1 * rng.normal(size=2)))
        means = fit.means + 0.1 * rng.normal(size=2)
        sigmas = fit.sigmas * np.exp(0.1 * rng.normal(size=2))
        assert em_elbo(x, r, NormalMixture(weights, means, sigmas)) <= best


# -------------------------------------------------------------------------------------- laws


# Observations on a grid, as every instrument gives them: two are equal or at least 1/64 apart, so
# that what the laws move and scale keeps its spread. Of 0 and 1.1e-14, one added, nothing is left.
X = st.lists(st.integers(-640, 640).map(lambda i: i / 64), min_size=5, max_size=30).map(np.array)


@st.composite
def cases(draw):
    x = draw(X)
    k = draw(st.integers(1, 3))
    weights = normalize(draw(st.lists(st.floats(0.1, 1), min_size=k, max_size=k)))
    means = draw(st.lists(st.floats(-10, 10), min_size=k, max_size=k))
    sigmas = draw(st.lists(st.floats(0.5, 5), min_size=k, max_size=k))
    return x, NormalMixture(weights, means, sigmas)


def ran(x, start, **options):
    """EM's history; a start that shrinks onto a point is another law's business.

    So is one that is about to: below a hundredth of the grid a component has one grid point left,
    and its mean, rounded by 1e-15, may be any share of its width away from there.
    """
    try:
        fit = em_normal_mixture(x, start, **options)
    except ValueError as error:
        assume("has shrunk" not in str(error) and "without any" not in str(error))
        raise
    assume(fit.mixture.sigmas.min() > 1e-4)
    return fit


@given(cases())
def test_monotone(case):
    """The log-likelihood never falls, and each bound lies between its neighbours."""
    x, start = case
    fit = ran(x, start, max_steps=10)
    slack = 1e-9 * (1 + np.abs(fit.log_likelihood[1:]))
    assert np.all(np.diff(fit.log_likelihood) >= -slack)
    assert np.all(fit.elbo <= fit.log_likelihood[1:] + slack)
    assert np.all(fit.elbo >= fit.log_likelihood[:-1] - slack)
    assert np.all(fit.gap >= 0)
    np.testing.assert_allclose(fit.elbo + fit.gap, fit.log_likelihood[1:], rtol=1e-9, atol=1e-9)


@given(cases(), st.data())
def test_the_gap_is_an_identity_for_every_r(case, data):
    """Σ log p(x) = ELBO + Σ D(r‖posterior), whatever r: the E-step alone closes the gap."""
    x, model = case
    k = model.weights.size
    weights = st.lists(st.floats(0.01, 1), min_size=k, max_size=k)
    r = np.array([normalize(data.draw(weights)) for _ in x])
    evidence = np.logaddexp.reduce(log_joint(x, model), axis=1).sum()
    posterior = em_e_step(x, model)
    gap = np.sum(kl_divergence(r, posterior))
    assert em_elbo(x, r, model) + gap == pytest.approx(evidence, rel=1e-9, abs=1e-9)
    assert em_elbo(x, r, model) <= evidence + 1e-9 * abs(evidence)
    assert em_elbo(x, posterior, model) == pytest.approx(evidence, rel=1e-10, abs=1e-10)
    written_out = (r * (log_joint(x, model) - np.log(r))).sum()
    assert em_elbo(x, r, model) == pytest.approx(written_out, rel=1e-10, abs=1e-10)


@given(cases(), st.integers(-20, 20), st.integers(-3, 3))
def test_units_and_order_of_the_data_do_not_matter(case, quarters, power):
    """Moved by quarters and multiplied by powers of two, the data are not rounded at all."""
    x, start = case
    shift, scale = quarters / 4, 2.0**power
    fit = ran(x, start, max_steps=5)
    moved = NormalMixture(start.weights, scale * start.means + shift, scale * start.sigmas)
    other = ran((scale * x + shift)[::-1], moved, max_steps=5)
    steps = min(len(fit.elbo), len(other.elbo))
    log_scale = x.size * np.log(scale)
    np.testing.assert_allclose(
        other.log_likelihood[: steps + 1] + log_scale,
        fit.log_likelihood[: steps + 1],
        rtol=1e-6,
        atol=1e-6,
    )


def test_what_begins_alike_stays_alike():
    """Two equal components are a saddle that EM does not leave."""
    fit = em_normal_mixture(two_humps(), NormalMixture([0.5, 0.5], [0, 0], [1, 1]))
    assert fit.mixture.means[0] == pytest.approx(fit.mixture.means[1], rel=1e-12)
    assert fit.log_likelihood[-1] < em_normal_mixture(two_humps(), START).log_likelihood[-1] - 10


def test_steps_used_up():
    fit = em_normal_mixture(two_humps(), START, max_steps=3)
    assert not fit.converged
    assert len(fit.elbo) == len(fit.gap) == 3 and len(fit.log_likelihood) == 4


def test_a_component_of_weight_zero():
    """It is never responsible; asked to be, it makes the bound −∞; and no M-step can fit it."""
    model = NormalMixture([1.0, 0.0], [0, 1], [1, 1])
    assert em_e_step([0.5], model).tolist() == [[1, 0]]
    assert em_elbo([0.5], [[0.5, 0.5]], model) == -np.inf
    assert np.isfinite(em_elbo([0.5], [[1, 0]], model))
    with pytest.raises(ValueError, match="leave component 1 without any observation"):
        em_normal_mixture([0.0, 1.0], model)


def test_far_out_data_underflow_nowhere():
    fit = em_normal_mixture([-1e6, -1e6 + 1, 1e6, 1e6 + 1], START, max_steps=50)
    np.testing.assert_allclose(fit.mixture.means, [-1e6 + 0.5, 1e6 + 0.5], rtol=1e-12)
    assert np.isfinite(fit.log_likelihood).all()


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1.0, 1e17, 1e200, 1e307])
def test_components_of_different_sizes(unit):
    """What is small beside the other component is no single point, whatever the units."""
    fit = em_m_step([0, 1, 2, unit, 3 * unit], [[1, 0]] * 3 + [[0, 1]] * 2)
    np.testing.assert_allclose(fit.means, [1, 2 * unit], rtol=1e-14)
    np.testing.assert_allclose(fit.sigmas, [np.sqrt(2 / 3), unit], rtol=1e-14)
    fit = em_m_step(unit * np.array([1.0, 2.0, 3.0]), [[1.0]] * 3)
    np.testing.assert_allclose(fit.means, 2 * unit, rtol=1e-14)
    np.testing.assert_allclose(fit.sigmas, unit * np.sqrt(2 / 3), rtol=1e-14)


def test_far_from_the_origin():
    """Neighbouring observations at 1e15, where the mean itself has no more than an eighth."""
    fit = em_m_step(1e15 + np.array([0, 1, 2, 4]), [[1.0]] * 4)
    assert fit.means[0] == 1e15 + 1.75
    assert fit.sigmas[0] == pytest.approx(np.sqrt(35) / 4, rel=1e-14)


def test_a_component_that_shrinks_onto_zero():
    """Around zero floats resolve every width: bound and gap still add up to the log-likelihood."""
    start = NormalMixture([0.5, 0.5], [0, 0], [1, 0.5])
    fit = em_normal_mixture([0, 0, 1, 2, 1e-305], start, max_steps=30)
    assert fit.mixture.sigmas.min() < 1e-300
    np.testing.assert_allclose(fit.elbo + fit.gap, fit.log_likelihood[1:], rtol=1e-9)


def test_repeated_observations():
    """Each twice is each once, at twice the log-likelihood."""
    x = two_humps(50)
    once, twice = em_normal_mixture(x, START), em_normal_mixture(np.repeat(x, 2), START)
    np.testing.assert_allclose(twice.mixture.means, once.mixture.means, rtol=1e-6)
    assert twice.log_likelihood[-1] == pytest.approx(2 * once.log_likelihood[-1], rel=1e-9)


# ---------------------------------------------------------------------------------- bad input

BAD = [
    (lambda: em_e_step([[0.0]], START), "x must be a vector; its shape is (1, 1)"),
    (lambda: em_e_step(1.0, START), "x must be a vector"),
    (lambda: em_e_step([np.nan], START), "x has a non-finite entry"),
    (lambda: em_m_step([0, 1], [[0.5, 0.5]]), "one row for each of the 2 observations"),
    (lambda: em_m_step([0, 1], [0.5, 0.5]), "one row for each of the 2 observations"),
    (lambda: em_m_step([0, 1], [[0.5, 0.6]] * 2), "responsibilities sums to 1.1"),
    (lambda: em_m_step([0, 1], [[1, 0], [1, 0]]), "leave component 1 without any observation"),
    (lambda: em_m_step([0, 1, 2, 5], [[1, 0]] * 3 + [[0, 1]]), "component 1 has shrunk onto a"),
    (lambda: em_m_step([0.1] * 3, [[1.0]] * 3), "component 0 has shrunk onto a"),
    (lambda: em_m_step([0.0] * 3, [[1.0]] * 3), "component 0 has shrunk onto a"),
    (lambda: em_e_step([0, 1], None), "mixture must be a NormalMixture; got NoneType"),
    (lambda: em_elbo([0, 1], [[0.5, 0.5]] * 2, None), "mixture must be a NormalMixture; got None"),
    (lambda: em_normal_mixture([0, 1], None), "start must be a NormalMixture; got NoneType"),
    (lambda: em_elbo([0, 1], [[1.0], [1.0]], START), "lengths differ: responsibilities has 1"),
    (lambda: em_normal_mixture([0, 1], START, tolerance=-1), "tolerance must not be negative"),
    (lambda: em_normal_mixture([0, 1], START, max_steps=0), "max_steps must be a whole number"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value)


def test_a_component_that_shrinks_onto_one_point_is_refused():
    """On the way EM itself finds out: one observation far from the rest, and a narrow start."""
    x = np.append(np.linspace(-1, 1, 20), 50.0)
    with pytest.raises(ValueError, match="likelihood grows without bound"):
        em_normal_mixture(x, NormalMixture([0.5, 0.5], [0, 50], [1, 0.5]))
