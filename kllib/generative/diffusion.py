"""Diffusion: noise added to data in small steps, all of them normal, so that all is known exactly.

One step is q(x_t|x_{t−1}) = N(√(1 − β_t) x_{t−1}, β_t), for t = 1, ..., T. How a model takes the
noise off again, and what bounds its likelihood, is in `denoising`.

``betas[t − 1]`` is β_t, α_t = 1 − β_t, and ᾱ_t is the product of the first t of them. x_t is a
number; independent coordinates are treated one by one. Relative errors are at most 1e-12, also
where all betas are tiny.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import validate, validate_numbers
from kllib._numerics.validate import Array
from kllib.generative._diffusion_steps import schedule, steps_back

__all__ = [
    "NormalMoments",
    "diffusion_marginal",
    "diffusion_posterior",
    "linear_variance_schedule",
]


class NormalMoments(NamedTuple):
    """Mean and variance of normal distributions, element by element.

    Attributes
    ----------
    mean, variance : float or ndarray
        Of one shape.
    """

    mean: Array | np.float64
    variance: Array | np.float64


def linear_variance_schedule(steps: int, first: float = 1e-4, last: float = 0.02) -> Array:
    """β_1, ..., β_T in equal steps from first to last.

    Parameters
    ----------
    steps : int
        T, at least 1; 1000 in the reference, with the first and last given here.
    first, last : float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (steps,)

    Raises
    ------
    ValueError
        When steps is not a whole number above 0, or first or last is not between 0 and 1.

    References
    ----------
    Ho, Jain and Abbeel (2020), Denoising diffusion probabilistic models, section 4.

    Examples
    --------
    After a thousand steps hardly anything of x_0 is left:

    >>> mean, variance = diffusion_marginal(1.0, linear_variance_schedule(1000), 1000)
    >>> print(round(mean, 4), round(variance, 5))
    0.0064 0.99996
    """
    count = validate_numbers.whole_number("steps", steps)
    first, last = (
        validate_numbers.between_zero_and_one(name, value)
        for name, value in (("first", first), ("last", last))
    )
    return np.linspace(first, last, count)


def diffusion_marginal(x0: ArrayLike, betas: ArrayLike, t: int) -> NormalMoments:
    """q(x_t|x_0) = N(√ᾱ_t x_0, 1 − ᾱ_t): all the noise of t steps, added at once.

    Parameters
    ----------
    x0 : array_like
        Where the process starts.
    betas : array_like, shape (T,)
        The variance schedule.
    t : int
        From 0 (no noise) to T.

    Returns
    -------
    NormalMoments
        The mean has the shape of x0; the variance is one number.

    Raises
    ------
    ValueError
        When x0 is not finite, a β is not between 0 and 1, or t is not between 0 and T.

    References
    ----------
    Ho, Jain and Abbeel (2020), equation (4).

    Examples
    --------
    >>> print(diffusion_marginal([0.0, 2.0], [0.5, 0.5], 2))
    NormalMoments(mean=array([0., 1.]), variance=np.float64(0.75))
    """
    betas, x0 = schedule(betas), validate.real_array("x0", x0)
    log_kept = np.concatenate([[0.0], np.cumsum(np.log1p(-betas))])[_time(t, 0, betas.size)]
    return NormalMoments(_number(np.exp(log_kept / 2) * x0), -np.expm1(log_kept))


def diffusion_posterior(x0: ArrayLike, xt: ArrayLike, betas: ArrayLike, t: int) -> NormalMoments:
    """q(x_{t−1}|x_t, x_0): mean [√ᾱ_{t−1} β_t x_0 + √α_t (1 − ᾱ_{t−1}) x_t]/(1 − ᾱ_t).

    Its variance is β̃_t = β_t (1 − ᾱ_{t−1})/(1 − ᾱ_t). It is normal because the noising is linear;
    q(x_{t−1}|x_t), without x_0, is normal only when the data are.

    Parameters
    ----------
    x0, xt : array_like
        The values conditioned on; they broadcast.
    betas : array_like, shape (T,)
        The variance schedule.
    t : int
        From 1 (where it is x_0 itself, with variance 0) to T.

    Returns
    -------
    NormalMoments

    Raises
    ------
    ValueError
        When x0 or xt is not finite or they do not broadcast, a β is not between 0 and 1, or t is
        not between 1 and T.

    References
    ----------
    Ho, Jain and Abbeel (2020), equations (6) and (7).

    Examples
    --------
    >>> print(diffusion_posterior(3.0, 0.0, [0.5, 0.5], 1))
    NormalMoments(mean=np.float64(3.0), variance=np.float64(0.0))
    """
    betas = schedule(betas)
    x0, xt = validate.real_array("x0", x0), validate.real_array("xt", xt)
    validate.broadcastable(x0=x0, xt=xt)
    step, i = steps_back(betas), _time(t, 1, betas.size) - 1
    return NormalMoments(_number(step.start[i] * x0 + step.here[i] * xt), step.variance[i])


def _time(t: int, first: int, last: int) -> int:
    number = validate_numbers.whole_number("t", t, first)
    if number > last:
        raise ValueError(f"t must be at most {last}, the number of betas; got {t}")
    return number


def _number(value: Array) -> Array | np.float64:
    array = np.asarray(value)
    return array if array.ndim else np.float64(array)
