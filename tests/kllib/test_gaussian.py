"""Normal distributions: known values with their derivation, second routes, shapes, extremes."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from numpy import inf, log

from kllib import kl_diagonal_normal, kl_multivariate_normal, kl_normal, kl_standard_normal

RNG = np.random.default_rng(4)

# mu1, sigma1, mu2, sigma2, D, and how it is found by hand: ½ [r² − 1 − ln r² + (Δμ/σ2)²]
KNOWN = [
    (0, 1, 0, 1, 0),
    # Half the squared distance in standard deviations
    (3, 2, 1, 2, 0.5),
    (0, 1, 1, 1, 0.5),
    # Variance 2: ½ (2 − 1 − ln 2 + 1), and back: ½ (½ − 1 + ln 2 + ½)
    (1, 2**0.5, 0, 1, 1 - log(2) / 2),
    (0, 1, 1, 2**0.5, log(2) / 2),
    # Standard deviation 2: ½ (4 − 1 − ln 4 + 1), and back: ½ (¼ − 1 + ln 4 + ¼)
    (1, 2, 0, 1, 2 - log(2)),
    (0, 1, 1, 2, log(2) - 0.25),
    # A scale e times as large: ½ (e² − 3), and back: ½ (e⁻² + 1)
    (0, np.e, 0, 1, (np.e**2 - 3) / 2),
    (0, 1, 0, np.e, (np.e**-2 + 1) / 2),
]

# The same as printed decimals, from the corrected source documents.
PRINTED = [
    ((1, 2**0.5, 0, 1), 0.6534),
    ((0, 1, 1, 2**0.5), 0.3466),
    ((1, 2, 0, 1), 1.3069),
    ((0, 1, 1, 2), 0.4431),
    ((0, 0.61, 0, 1), 0.1803),
    ((2, 0.61, 0, 1), 2.1803),
]


@pytest.mark.parametrize(("mu1", "sigma1", "mu2", "sigma2", "value"), KNOWN)
def test_by_hand(mu1, sigma1, mu2, sigma2, value):
    assert kl_normal(mu1, sigma1, mu2, sigma2) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("arguments", "value"), PRINTED)
def test_as_printed(arguments, value):
    assert round(kl_normal(*arguments), 4) == value


def test_standard_normal_by_hand():
    # ½ (e⁻¹ − 1 + 1), with μ = 2 two more; ½ (e − 1 − 1)
    assert kl_standard_normal(0, -1) == pytest.approx(np.exp(-1) / 2, rel=1e-15)
    assert kl_standard_normal(2, -1) == pytest.approx(np.exp(-1) / 2 + 2, rel=1e-15)
    assert kl_standard_normal(0, 1) == pytest.approx((np.e - 2) / 2, rel=1e-15)
    # As printed in the corrected source documents
    printed = {(0, -1): 0.1839, (2, -1): 2.1839, (0, 1): 0.3591, (2, -0.5): 2.0533}
    for (mu, log_var), value in printed.items():
        assert round(kl_standard_normal(mu, log_var), 4) == value


def test_multivariate_by_hand():
    # ½ [(2 + 2/4) − 2 − ln(3/4) + (1 + 1/4)]
    value = kl_multivariate_normal([1, 0], [[2, 1], [1, 2]], [0, 1], [[1, 0], [0, 4]])
    assert value == pytest.approx((1.75 - log(0.75)) / 2, rel=1e-15)
    # Correlation alone: tr = 2, det = 1 − ρ²; this is the mutual information −½ ln(1 − ρ²)
    rho = 0.6
    value = kl_multivariate_normal([0, 0], [[1, rho], [rho, 1]], [0, 0], np.eye(2))
    assert value == pytest.approx(-log(1 - rho**2) / 2, rel=1e-14)
    # Back: Σ2⁻¹ has 1/(1 − ρ²) on its diagonal
    value = kl_multivariate_normal([0, 0], np.eye(2), [0, 0], [[1, rho], [rho, 1]])
    expected = (2 / (1 - rho**2) - 2 + log(1 - rho**2)) / 2
    assert value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "arguments",
    [(0, 1, 1, 2), (1, 0.5, -1, 1.5), (3, 2, 2.9, 2.1), (-1, 0.1, 0.2, 0.4), (0, 5, 1, 1)],
)
def test_quadrature(arguments):
    mu1, sigma1, mu2, sigma2 = arguments
    p, q = scipy.stats.norm(mu1, sigma1), scipy.stats.norm(mu2, sigma2)

    def integrand(x):
        return p.pdf(x) * (p.logpdf(x) - q.logpdf(x))

    ends = mu1 - 12 * sigma1, mu1 + 12 * sigma1
    value, _ = scipy.integrate.quad(integrand, *ends, points=[mu1], epsabs=0, epsrel=1e-11)
    assert kl_normal(*arguments) == pytest.approx(value, rel=1e-9)


def random_covariance(d, batch=()):
    root = RNG.standard_normal((*batch, d, d))
    return root @ np.swapaxes(root, -1, -2) + 0.1 * np.eye(d)


def test_monte_carlo():
    """The mean log ratio over draws from the truth, within five standard errors."""
    d = 3
    mean1, mean2 = RNG.standard_normal((2, d))
    cov1, cov2 = random_covariance(d, (2,))
    p = scipy.stats.multivariate_normal(mean1, cov1)
    q = scipy.stats.multivariate_normal(mean2, cov2)
    x = p.rvs(400_000, random_state=RNG)
    ratios = p.logpdf(x) - q.logpdf(x)
    error = ratios.std() / np.sqrt(ratios.size)
    value = kl_multivariate_normal(mean1, cov1, mean2, cov2)
    assert error < 0.01 * value
    assert abs(ratios.mean() - value) < 5 * error


def test_linear_algebra_as_printed():
    """The formula with an inverse and two determinants, away from equality."""
    for d in (1, 2, 5, 20):
        mean1, mean2 = RNG.standard_normal((2, d))
        cov1, cov2 = random_covariance(d, (2,))
        inverse, shift = np.linalg.inv(cov2), mean2 - mean1
        log_det = np.linalg.slogdet(cov2)[1] - np.linalg.slogdet(cov1)[1]
        expected = (np.trace(inverse @ cov1) + shift @ inverse @ shift - d + log_det) / 2
        assert kl_multivariate_normal(mean1, cov1, mean2, cov2) == pytest.approx(expected, rel=1e-9)


def test_the_four_functions_agree():
    m1, m2, v1, v2 = RNG.standard_normal((4, 5))
    each = kl_normal(m1, np.exp(v1 / 2), m2, np.exp(v2 / 2))
    assert kl_diagonal_normal(m1, v1, m2, v2) == pytest.approx(each.sum(), rel=1e-13)
    diagonals = np.diag(np.exp(v1)), np.diag(np.exp(v2))
    value = kl_multivariate_normal(m1, diagonals[0], m2, diagonals[1])
    assert value == pytest.approx(each.sum(), rel=1e-13)
    np.testing.assert_allclose(
        kl_standard_normal(m1, v1), kl_normal(m1, np.exp(v1 / 2), 0, 1), rtol=1e-13
    )
    zero = np.zeros(5)
    summed = kl_standard_normal(m1, v1).sum()
    assert kl_diagonal_normal(m1, v1, zero, zero) == pytest.approx(summed, rel=1e-13)
    assert kl_multivariate_normal([m1[0]], [[2.0]], [m2[0]], [[3.0]]) == pytest.approx(
        kl_normal(m1[0], 2**0.5, m2[0], 3**0.5), rel=1e-13
    )


def test_the_near_and_the_far_way_agree_where_they_meet():
    """The sum over eigenvalues for ratios from 0.1 to 11, trace and determinants beyond."""
    for ratio in (10.9, 10.9999999, 11, 11.0000001, 11.1, 0.101, 0.1, 0.099):
        value = kl_multivariate_normal([0.0], [[ratio]], [0.0], [[1.0]])
        assert value == pytest.approx((ratio - 1 - log(ratio)) / 2, rel=1e-13, abs=0)


def test_batches():
    mean1, mean2 = RNG.standard_normal((2, 3, 4, 2))
    cov1, cov2 = random_covariance(2, (2, 3, 4))
    values = kl_multivariate_normal(mean1, cov1, mean2, cov2)
    assert values.shape == (3, 4)
    for i in np.ndindex(3, 4):
        expected = kl_multivariate_normal(mean1[i], cov1[i], mean2[i], cov2[i])
        assert values[i] == pytest.approx(expected, rel=1e-14)
    shared = kl_multivariate_normal(mean1, cov1[0, 0], mean2[0, 0], cov2[:, :1])
    assert shared.shape == (3, 4)
    expected = kl_multivariate_normal(mean1[2, 1], cov1[0, 0], mean2[0, 0], cov2[2, 0])
    assert shared[2, 1] == pytest.approx(expected, rel=1e-14)
    # A shared mean and a batch of covariances, and the other way round
    assert kl_multivariate_normal([0, 0], cov1, [0, 0], np.eye(2)).shape == (3, 4)
    assert kl_multivariate_normal(mean1, np.eye(2), [0, 0], np.eye(2)).shape == (3, 4)

    log_var1, log_var2 = RNG.standard_normal((2, 4, 2))
    values = kl_diagonal_normal(mean1, log_var1, mean2, log_var2)
    assert values.shape == (3, 4)
    expected = kl_diagonal_normal(mean1[2, 1], log_var1[1], mean2[2, 1], log_var2[1])
    assert values[2, 1] == pytest.approx(expected, rel=1e-14)

    assert kl_normal(mean1, 1, 0, [1, 2]).shape == (3, 4, 2)
    assert kl_normal(mean1, 1, 0, [1, 2])[0, 1, 1] == kl_normal(mean1[0, 1, 1], 1, 0, 2)
    assert kl_standard_normal(mean1, log_var1).shape == (3, 4, 2)  # nothing is summed


def test_numbers_give_a_float():
    values = [
        kl_normal(0, 1, 0, 1),
        kl_standard_normal(0, 0),
        kl_diagonal_normal([0], [0], [0], [0]),
        kl_multivariate_normal([0], [[1]], [0], [[1]]),
    ]
    assert all(isinstance(value, np.float64) and value == 0 for value in values)


def test_kinds_of_input():
    cov = np.asfortranarray([[2.0, 1.0], [1.0, 3.0]])
    mean = np.array([1.0, 9.0, 2.0])[::2]
    mean.flags.writeable = cov.flags.writeable = False
    expected = kl_multivariate_normal([1, 2], [[2, 1], [1, 3]], [0, 0], [[1, 0], [0, 1]])
    value = kl_multivariate_normal(mean, cov, np.zeros(2, np.float32), np.eye(2, dtype=int))
    assert value == expected
    assert kl_normal(1, np.float32(0.5), 0, 1) == kl_normal(1, 0.5, 0, 1)


def test_a_covariance_rounded_in_float32_is_symmetric_enough():
    cov = random_covariance(4)
    rounded = cov.copy()
    rounded[0, 3] *= 1 + 1e-7
    zero = np.zeros(4)
    assert kl_multivariate_normal(zero, rounded, zero, cov) == 0  # the lower triangle counts


@pytest.mark.parametrize("unit", [1e-150, 1e-100, 1e100, 1e150])
def test_units_do_not_matter(unit):
    one = kl_normal(1.5, 0.75, -1, 2)
    assert kl_normal(1.5 * unit, 0.75 * unit, -1 * unit, 2 * unit) == pytest.approx(
        one, rel=1e-14, abs=0
    )
    cov1, cov2 = random_covariance(3, (2,))
    mean1, mean2 = RNG.standard_normal((2, 3))
    one = kl_multivariate_normal(mean1, cov1, mean2, cov2)
    scale = unit**2 if abs(np.log10(unit)) < 150 else unit**1.9
    value = kl_multivariate_normal(
        mean1 * scale**0.5, cov1 * scale, mean2 * scale**0.5, cov2 * scale
    )
    assert value == pytest.approx(one, rel=1e-12, abs=0)
    # A unit of its own for every variable
    units = np.array([unit, 1, 1 / unit])
    both = np.outer(units, units)
    value = kl_multivariate_normal(mean1 * units, cov1 * both, mean2 * units, cov2 * both)
    assert value == pytest.approx(one, rel=1e-12, abs=0)


# Above the largest float, 1.8e308, the nearest thing to return is inf; below it, the value.
BEYOND_RANGE = [
    (kl_normal, (0, 1e160, 0, 1)),
    (kl_normal, (1e160, 1, 0, 1)),
    (kl_normal, (0, 1, 0, 1e-160)),
    (kl_normal, (0, 1e308, 0, 5e-324)),
    (kl_standard_normal, (0, 710)),
    (kl_standard_normal, (1e155, 0)),
    (kl_diagonal_normal, ([0, 0], [0, 710], [0, 0], [0, 0])),
    (kl_diagonal_normal, ([1], [0], [0], [-1e5])),
    (kl_diagonal_normal, ([0], [1e308], [0], [-1e308])),
    (kl_multivariate_normal, ([1e160], [[1]], [0], [[1]])),
    (kl_multivariate_normal, ([1e200, 0], np.eye(2), [0, 0], np.eye(2) * 1e-300)),
    (kl_multivariate_normal, ([1.7e308, 0], np.eye(2), [-1.7e308, 0], np.eye(2))),
    (kl_multivariate_normal, ([0, 0], np.eye(2) * 1e300, [0, 0], np.eye(2) * 1e-300)),
]


@pytest.mark.parametrize(("function", "arguments"), BEYOND_RANGE)
def test_beyond_the_range_of_a_float(function, arguments):
    assert function(*arguments) == inf


def test_large_but_within_range():
    assert kl_normal(0, 1e150, 0, 1) == pytest.approx(0.5e300, rel=1e-14)
    assert kl_normal(0, 1, 0, 1e150) == pytest.approx(150 * log(10) - 0.5, rel=1e-14)
    assert kl_normal(1.7e308, 1e300, -1.7e308, 1e300) == pytest.approx(0.5 * 3.4e8**2, rel=1e-14)
    assert kl_standard_normal(0, -1e300) == pytest.approx(0.5e300, rel=1e-14)
    # No overflow hides in a term that is zero
    assert kl_diagonal_normal([1], [-1e4], [1], [-1e4]) == 0
    assert kl_diagonal_normal([0], [-2000], [0], [-2001]) == pytest.approx(
        (np.e - 2) / 2, rel=1e-14
    )
    assert kl_multivariate_normal([1e200], [[1e-300]], [1e200], [[1e-300]]) == 0
    value = kl_diagonal_normal([1e-300], [-2000], [0], [-2000])  # ½ (1e-300 e¹⁰⁰⁰)²
    assert value == pytest.approx(np.exp(2000 - 600 * log(10)) / 2, rel=1e-12)
    value = kl_multivariate_normal([0, 0], np.eye(2) * 1e-200, [0, 0], np.eye(2) * 1e100)
    assert value == pytest.approx(300 * log(10) - 1, rel=1e-14)


def test_one_infinite_entry_leaves_the_others_alone():
    values = kl_multivariate_normal([[1e160], [1]], [[1.0]], [0], [[1.0]])
    assert values[0] == inf
    assert values[1] == pytest.approx(0.5)
    values = kl_multivariate_normal(
        [0], [[[1e300]], [[2.0]], [[1.0]]], [0], [[[1e-300]], [[1.0]], [[1.0]]]
    )
    assert values.tolist() == [inf, pytest.approx((1 - log(2)) / 2), 0]
