"""What the caller has told numpy to do about overflow, 1/0 and 0/0 changes no result."""

import numpy as np
import pytest
from numpy import inf, log

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

SURE, RARE, FAIR = [0, 1], [1, 1e-310], [0.5, 0.5]
SURPRISE = 310 * log(10)  # 714, whose exponential is above 1.8e308
EYE = np.eye(2)

CALLS = [
    (lambda: entropy(RARE), 1e-310 * (SURPRISE + 1)),
    (lambda: entropy([SURE, FAIR]), [0, log(2)]),
    (lambda: cross_entropy(SURE, RARE), SURPRISE),
    (lambda: cross_entropy([FAIR, FAIR], [SURE, FAIR]), [inf, log(2)]),
    (lambda: kl_divergence(SURE, RARE), SURPRISE),
    (lambda: kl_divergence([FAIR, FAIR], [SURE, FAIR]), [inf, 0]),
    (lambda: perplexity(SURE, RARE), inf),
    (lambda: perplexity([FAIR, FAIR], [SURE, FAIR]), [inf, 2]),
    (lambda: mutual_information([[0.5, 0], [5e-324, 0.5]]), log(2)),
    (lambda: conditional_kl([FAIR, [0, 0]], [[1, 0], [0, 0]]), inf),
    (lambda: conditional_kl([SURE, [0, 0]], [RARE, [0, 0]]), SURPRISE),
    (lambda: normalize([1e308, 1e308, 5e-324]), [0.5, 0.5, 0]),
    (lambda: smooth(RARE, 1e-310), [1, 2e-310]),
    (lambda: kl_normal([1e200, 0], 1, 0, [1, 1e200]), [inf, 200 * log(10) - 0.5]),
    (lambda: kl_standard_normal(0, [2000, -2000]), [inf, 999.5]),
    (lambda: kl_diagonal_normal([0], [0], [1], [[-2000], [2000]]), [inf, 999.5]),
    (
        lambda: kl_multivariate_normal([1e200, 0], EYE, [0, 0], [EYE, 1e300 * EYE]),
        [inf, 5e99],
    ),
]


@pytest.mark.parametrize(("call", "value"), CALLS)
def test_settings_of_the_caller(call, value):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        result = call()
    np.testing.assert_allclose(result, value, rtol=1e-12)
