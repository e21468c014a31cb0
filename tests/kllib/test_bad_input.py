"""Whatever makes no sense raises ValueError, and the message says what is wrong and where."""

import re

import numpy as np
import pytest

from kllib import (
    conditional_kl,
    cross_entropy,
    entropy,
    kl_diagonal_normal,
    kl_divergence,
    kl_multivariate_normal,
    kl_normal,
    kl_standard_normal,
    mutual_information,
    normalize,
    perplexity,
    smooth,
)

FAIR = [0.5, 0.5]
UNIFORM = [[0.25, 0.25], [0.25, 0.25]]
EYE = [[1.0, 0.0], [0.0, 1.0]]

# What stands in place of a distribution, and what the message must say about it.
NOT_A_DISTRIBUTION = [
    ([0.5, 0.6], "sums to 1.1"),
    ([0.33, 0.33, 0.33], "sums to 0.99"),
    ([0.5, 0.4999], "not to 1 within 1e-06; if these are weights, call kllib.normalize"),
    ([0.5, 0.5 + 2e-6], "sums to 1.000002"),
    ([0, 0], "sums to 0"),
    ([2, 3], "sums to 5"),
    ([1.5, -0.5], "a negative entry: -0.5 at index (1,)"),
    ([1, -1e-300], "a negative entry: -1e-300 at index (1,)"),
    ([0.5, np.nan], "a non-finite entry: nan at index (1,)"),
    ([np.inf, 0.5], "a non-finite entry: inf at index (0,)"),
    ([FAIR, [0.9, 0.2]], "sums to 1.1 at batch index (1,)"),
    ([[FAIR, FAIR], [FAIR, [1, 1]]], "sums to 2 at batch index (1, 1)"),
    ([FAIR, [0.5, np.nan]], "nan at index (1, 1)"),
    ([], "is empty (shape (0,))"),
    ([[], []], "is empty (shape (2, 0))"),
    (np.empty((0, 2)), "is empty (shape (0, 2))"),
    (1.0, "has no axis -1: its shape is ()"),
    (None, "must hold real numbers"),
    ([0.5, None], "must hold real numbers"),
    ("half", "must hold real numbers"),
    (["0.5", "0.5"], "must hold real numbers"),
    ([0.5 + 0j, 0.5], "must hold real numbers, not complex128"),
    ([True, False], "must hold real numbers, not bool"),
    ({0.5: 1}, "must hold real numbers"),
    ([[0.5, 0.5], [1.0]], "is not an array of numbers"),
    (np.array(["2026-01-01"], dtype="M8[D]"), "must hold real numbers"),
    (np.ma.masked_array([0.5, 0.5], [True, False]), "is a masked array"),
    ([FAIR, np.ma.masked_array([0.5, 0.5], [True, False])], "is a masked array, or holds one"),
]

# Functions of one distribution under the name that the message must use.
TAKES_A_DISTRIBUTION = {
    "entropy, p": ("p", entropy),
    "cross_entropy, p": ("p", lambda bad: cross_entropy(bad, FAIR)),
    "cross_entropy, q": ("q", lambda bad: cross_entropy(FAIR, bad)),
    "kl_divergence, p": ("p", lambda bad: kl_divergence(bad, FAIR)),
    "kl_divergence, q": ("q", lambda bad: kl_divergence(FAIR, bad)),
    "perplexity, p": ("p", perplexity),
    "perplexity, q": ("q", lambda bad: perplexity(FAIR, bad)),
    "smooth, p": ("p", lambda bad: smooth(bad, 0.1)),
}


@pytest.mark.parametrize(
    ("place", "bad", "message"),
    [
        (place, bad, message)
        for place in TAKES_A_DISTRIBUTION
        for bad, message in NOT_A_DISTRIBUTION
        if not (place == "perplexity, q" and bad is None)  # where q may be left out
    ],
)
def test_not_a_distribution(place, bad, message):
    name, call = TAKES_A_DISTRIBUTION[place]
    with pytest.raises(ValueError, match=f"^{name} .*{re.escape(message)}"):
        call(bad)


NOT_A_JOINT = [
    ([0.5, 0.5], "must have two axes, one per variable; its shape is (2,)"),
    ([[0.5, 0.5], [0.5, 0.5]], "sums to 2"),
    ([UNIFORM, [[1, 0], [0, 1]]], "sums to 2 at batch index (1,)"),
    ([[0.5, 0.6], [-0.1, 0]], "a negative entry: -0.1 at index (1, 0)"),
    ([[0.5, np.nan], [0.5, 0]], "a non-finite entry: nan at index (0, 1)"),
    ([[]], "is empty (shape (1, 0))"),
    ([[1j, 0]], "must hold real numbers, not complex128"),
]
TAKES_A_JOINT = {
    "joint": mutual_information,
    "joint_p": lambda bad: conditional_kl(bad, UNIFORM),
    "joint_q": lambda bad: conditional_kl(UNIFORM, bad),
}


@pytest.mark.parametrize(("bad", "message"), NOT_A_JOINT)
@pytest.mark.parametrize("name", TAKES_A_JOINT)
def test_not_a_joint_distribution(name, bad, message):
    with pytest.raises(ValueError, match=f"^{name} .*{re.escape(message)}"):
        TAKES_A_JOINT[name](bad)


BASES = [0, 1, -2, 0.5, np.nan, np.inf, "2", "e", True, 2j, [2], [2, 10]]
TAKES_A_BASE = {
    "entropy": lambda base: entropy(FAIR, base=base),
    "cross_entropy": lambda base: cross_entropy(FAIR, FAIR, base=base),
    "kl_divergence": lambda base: kl_divergence(FAIR, FAIR, base=base),
    "perplexity": lambda base: perplexity(FAIR, FAIR, base=base),
    "mutual_information": lambda base: mutual_information(UNIFORM, base=base),
    "conditional_kl": lambda base: conditional_kl(UNIFORM, UNIFORM, base=base),
}


@pytest.mark.parametrize("base", BASES, ids=repr)
@pytest.mark.parametrize("function", TAKES_A_BASE)
def test_base(function, base):
    with pytest.raises(ValueError, match=f"^base must be .*{re.escape(repr(base))}"):
        TAKES_A_BASE[function](base)


TAKES_AN_AXIS = {
    "entropy": lambda axis: entropy(UNIFORM, axis=axis),
    "cross_entropy": lambda axis: cross_entropy([FAIR], [FAIR], axis=axis),
    "kl_divergence": lambda axis: kl_divergence([FAIR], [FAIR], axis=axis),
    "perplexity": lambda axis: perplexity([FAIR], axis=axis),
    "normalize": lambda axis: normalize([FAIR], axis=axis),
    "smooth": lambda axis: smooth([FAIR], 1, axis=axis),
}


@pytest.mark.parametrize("function", TAKES_AN_AXIS)
def test_axis(function):
    for axis, message in [(2, "no axis 2"), (-3, "no axis -3"), (0.5, "axis must be an integer")]:
        with pytest.raises(ValueError, match=message):
            TAKES_AN_AXIS[function](axis)
    for axis in [None, (0, 1), "last"]:
        with pytest.raises(ValueError, match="axis must be an integer"):
            TAKES_AN_AXIS[function](axis)


THIRDS = [1 / 3, 1 / 3, 1 / 3]
# A call, and what its message must say.
SHAPES = [
    (lambda: kl_divergence(FAIR, THIRDS), "lengths differ: p has 2, q has 3"),
    (lambda: cross_entropy(FAIR, [1.0]), "lengths differ: p has 2, q has 1"),
    (lambda: perplexity([1.0], FAIR), "lengths differ: p has 1, q has 2"),
    (
        lambda: kl_divergence([FAIR, FAIR], [FAIR, FAIR, FAIR]),
        "shapes do not broadcast: p has (2,), q has (3,)",
    ),
    (
        lambda: conditional_kl(UNIFORM, [[0.5, 0.5]]),
        "tables differ in shape: joint_p has (2, 2), joint_q has (1, 2)",
    ),
    (
        lambda: conditional_kl([UNIFORM] * 2, [UNIFORM] * 3),
        "shapes do not broadcast: joint_p has (2,), joint_q has (3,)",
    ),
    (lambda: kl_normal([0, 1], 1, [0, 1, 2], 1), "shapes do not broadcast: mu1 has (2,)"),
    (lambda: kl_standard_normal([0, 1], [0, 1, 2]), "shapes do not broadcast: mu has (2,)"),
    (lambda: kl_diagonal_normal([0, 1], [0, 1], [0], [0]), "lengths differ: mean1 has 2"),
    (lambda: kl_diagonal_normal([0, 1], [0], [0, 1], [0, 1]), "lengths differ: mean1 has 2"),
    (lambda: kl_diagonal_normal(0, [0], [0], [0]), "mean1 must be a vector"),
    (lambda: kl_diagonal_normal([0], [0], [0], 0), "log_var2 must be a vector"),
    (
        lambda: kl_diagonal_normal([[0]] * 2, [0], [[0]] * 3, [0]),
        "shapes do not broadcast: mean1 has (2,)",
    ),
    (lambda: kl_multivariate_normal([0], EYE, [0, 0], EYE), "lengths differ: mean1 has 1"),
    (lambda: kl_multivariate_normal([0, 0], [[1]], [0, 0], EYE), "cov1 has 1"),
    (lambda: kl_multivariate_normal(0, [[1]], [0], [[1]]), "mean1 must be a vector"),
    (
        lambda: kl_multivariate_normal([0, 0], EYE[:1], [0, 0], EYE),
        "cov1 must be a square matrix, or a stack; its shape is (1, 2)",
    ),
    (lambda: kl_multivariate_normal([0, 0], EYE, [0, 0], [1, 1]), "cov2 must be a square matrix"),
    (
        lambda: kl_multivariate_normal([[0, 0]] * 2, EYE, [0, 0], [EYE] * 3),
        "shapes do not broadcast: mean1 has (2,)",
    ),
]


@pytest.mark.parametrize(("call", "message"), SHAPES, ids=[message for _, message in SHAPES])
def test_shapes_that_do_not_fit(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


ELSE = [
    (lambda: conditional_kl(UNIFORM, UNIFORM, given=2), "given must be 0 or 1; got 2"),
    (lambda: conditional_kl(UNIFORM, UNIFORM, given=-1), "given must be 0 or 1; got -1"),
    (lambda: conditional_kl(UNIFORM, UNIFORM, given=None), "given must be 0 or 1; got None"),
    (lambda: conditional_kl(UNIFORM, UNIFORM, given="x"), "given must be 0 or 1; got 'x'"),
    (lambda: conditional_kl(UNIFORM, UNIFORM, given=True), "given must be 0 or 1; got True"),
    (lambda: normalize([0, 0]), "weights are all zero"),
    (lambda: normalize([[1, 2], [0, 0]]), "weights are all zero at batch index (1,)"),
    (lambda: normalize([[1, 0], [2, 0]], axis=0), "weights are all zero at batch index (1,)"),
    (lambda: normalize([1, -1, 3]), "weights has a negative entry: -1 at index (1,)"),
    (lambda: normalize([1, np.inf]), "weights has a non-finite entry: inf at index (1,)"),
    (lambda: normalize([]), "weights is empty"),
    (lambda: smooth(FAIR, -0.1), "alpha must not be negative; got -0.1"),
    (lambda: smooth(FAIR, np.nan), "alpha must be finite; got nan"),
    (lambda: smooth(FAIR, np.inf), "alpha must be finite; got inf"),
    (lambda: smooth(FAIR, "1"), "alpha must be a number; got '1'"),
    (lambda: smooth(FAIR, [0.1, 0.2]), "alpha must be a number; got [0.1, 0.2]"),
    (lambda: smooth([3, 0, 1], 1), "p sums to 4"),
]


@pytest.mark.parametrize(("call", "message"), ELSE, ids=[message for _, message in ELSE])
def test_other_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def multivariate(**changes):
    arguments = {"mean1": [0, 0], "cov1": EYE, "mean2": [0, 0], "cov2": EYE, **changes}
    return kl_multivariate_normal(**arguments)


# Every argument of the Gaussian functions that must be a finite real number.
NUMBERS = [
    (kl_normal, {"mu1": 0.0, "sigma1": 1.0, "mu2": 0.0, "sigma2": 1.0}),
    (kl_standard_normal, {"mu": 0.0, "log_var": 0.0}),
    (kl_diagonal_normal, {"mean1": [0.0], "log_var1": [0.0], "mean2": [0.0], "log_var2": [0.0]}),
    (kl_multivariate_normal, {"mean1": [0.0], "cov1": [[1.0]], "mean2": [0.0], "cov2": [[1.0]]}),
]
every_argument = pytest.mark.parametrize(
    ("function", "good", "name"),
    [(function, good, name) for function, good in NUMBERS for name in good],
    ids=[f"{function.__name__}, {name}" for function, good in NUMBERS for name in good],
)
NOT_NUMBERS = [
    (np.nan, "has a non-finite entry: nan"),
    (np.inf, "has a non-finite entry: inf"),
    (-np.inf, "has a non-finite entry: -inf"),
    (1j, "must hold real numbers, not complex128"),
    ("1", "must hold real numbers"),
    (None, "must hold real numbers"),
]


@pytest.mark.parametrize(("bad", "message"), NOT_NUMBERS)
@every_argument
def test_not_a_finite_number(function, good, name, bad, message):
    value = np.full(np.shape(good[name]), bad)
    with pytest.raises(ValueError, match=f"^{name} {re.escape(message)}"):
        function(**{**good, name: value.tolist()})
    with pytest.raises(ValueError, match=f"^{name} is empty"):
        function(**{**good, name: []})


@pytest.mark.parametrize("name", ["sigma1", "sigma2"])
def test_sigma_must_be_positive(name):
    good = {"mu1": 0, "sigma1": 1, "mu2": 0, "sigma2": 1}
    for bad in (0, -1, -0.0, -5e-324):
        with pytest.raises(ValueError, match=f"^{name} has an entry that is not positive"):
            kl_normal(**{**good, name: bad})
    with pytest.raises(ValueError, match=r"not positive: -2 at index \(1, 0\)"):
        kl_normal(**{**good, name: [[1, 2], [-2, 0]]})


@every_argument
def test_each_argument_must_fit_the_others(function, good, name):
    """Two of one argument and three of all others: whichever it is, the message names it."""
    arguments = {other: np.array([value] * 3) for other, value in good.items()}
    arguments[name] = arguments[name][:2]
    with pytest.raises(ValueError, match=rf"^shapes do not broadcast: .*\b{name} has \(2,\)"):
        function(**arguments)


NOT_A_COVARIANCE = [
    ([[0, 0], [0, 1]], "has a variance (diagonal entry) that is not positive: 0 at index (0,)"),
    ([[1, 0], [0, -1]], "has a variance (diagonal entry) that is not positive: -1 at index (1,)"),
    ([[1, 0.5], [0.4, 1]], "has a pair of mirror entries that differ (it is not symmetric): 0.5"),
    ([[1, 1e-5], [0, 1]], "it is not symmetric"),
    ([[1, 2], [2, 1]], "is not positive definite"),
    ([[1, 1], [1, 1]], "is not positive definite"),
    ([[1, -1.0000001], [-1.0000001, 1]], "is not positive definite"),
    ([EYE, [[1, 2], [2, 1]]], "is not positive definite at batch index (1,)"),
    ([[EYE, EYE], [[[1, 2], [2, 1]], EYE]], "is not positive definite at batch index (1, 0)"),
    ([EYE, [[1, 0], [3, 1]]], "it is not symmetric): 0 at index (1, 0, 1)"),
    ([EYE, [[1, 0], [0, -3]]], "not positive: -3 at index (1, 1)"),
]


@pytest.mark.parametrize(("bad", "message"), NOT_A_COVARIANCE)
@pytest.mark.parametrize("name", ["cov1", "cov2"])
def test_not_a_covariance(name, bad, message):
    with pytest.raises(ValueError, match=f"^{name} .*{re.escape(message)}"):
        multivariate(**{name: bad})


def test_scale_does_not_hide_an_indefinite_matrix():
    """Symmetry and definiteness are judged relative to the variances, whatever the units."""
    for units in ([1e-150, 1e-150], [1e150, 1e-150], [1e150, 1e150]):
        both = np.outer(units, units)
        with pytest.raises(ValueError, match="cov2 is not positive definite"):
            multivariate(cov2=np.array([[1, 1.1], [1.1, 1]]) * both)
        with pytest.raises(ValueError, match="cov2 has a pair of mirror entries that differ"):
            multivariate(cov2=np.array([[1, 0.1], [0.2, 1]]) * both)
