"""What a generative adversarial network minimises when its discriminator is the best one.

p is the distribution of the data, the truth, and q that of the generator, the model. On finite
distributions every expectation is exact. With the best discriminator D*(x) = p(x)/(p(x) + q(x)),

- the game's value is 2 JS(p, q) − log 4: what remains for the generator to minimise;
- the non-saturating loss of practice, −E_q log D*, has the gradient of another divergence,
  D(q‖p) − 2 JS(p, q) = 2 D((p + q)/2 ‖ p).

JS is bounded, so that far from the data the first gives hardly a gradient: on disjoint supports
none at all. That explains vanishing gradients; it does not explain mode collapse.

Distributions lie along the last axis; leading axes are a batch, and broadcast. In nats.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import (
    averages,
    fdivergence_terms,
    score_vectors,
    validate,
    validate_numbers,
    validate_tables,
)
from kllib.generative import _discriminator

__all__ = [
    "gan_generator_gradient",
    "gan_value",
    "non_saturating_divergence",
    "optimal_discriminator",
]

Array: TypeAlias = NDArray[np.float64]
#: One distribution gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> Array:
    """D*(x) = p(x)/(p(x) + q(x)): the probability that x is real when half of what comes is.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Data and generator.

    Returns
    -------
    ndarray, shape (..., n)
        ½ where both are zero: such an x never comes, and any value is as good.

    Raises
    ------
    ValueError
        When p or q is not a distribution, or the shapes do not fit.

    References
    ----------
    Goodfellow et al. (2014), Generative adversarial nets, proposition 1.

    Examples
    --------
    >>> print(optimal_discriminator([0.75, 0.25, 0], [0.25, 0.25, 0.5]))
    [0.75 0.5  0.  ]
    """
    p, q = _pair(p, q)
    both = p + q
    result: Array = np.divide(p, both, where=both > 0, out=np.full(both.shape, 0.5))
    return result


def gan_value(p: ArrayLike, q: ArrayLike, discriminator: ArrayLike | None = None) -> Result:
    """V = E_p log D + E_q log(1 − D); with the best discriminator, 2 JS(p, q) − log 4.

    The discriminator maximises V and the generator minimises it. Once the generator is perfect,
    q = p, nothing is left but −log 4.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Data and generator.
    discriminator : array_like, shape (..., n), optional
        The probability, for each x, that it is real; the best discriminator when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Between −log 4 and 0 with the best discriminator; ``-inf`` when a given one is sure, and
        wrong.

    Raises
    ------
    ValueError
        When p or q is not a distribution, the discriminator is not between 0 and 1, or the shapes
        do not fit.

    References
    ----------
    Goodfellow et al. (2014), equation (1) and theorem 1.

    Examples
    --------
    >>> print(round(gan_value([0.5, 0.5], [0.5, 0.5]) / np.log(4), 12), gan_value([1, 0], [0, 1]))
    -1.0 0.0
    """
    p, q = _pair(p, q)
    if discriminator is None:
        log_odds = _discriminator.log_odds(q, p)
        # log D* = −log(1 + q/p) and log(1 − D*) = −log(1 + p/q): no term is positive
        real = averages.expectation(p, np.logaddexp(0, log_odds))
        return 0.0 - (real + averages.expectation(q, np.logaddexp(0, -log_odds)))
    guess = validate_tables.fractions("discriminator", discriminator)
    validate.same_length(p=p, q=q, discriminator=np.atleast_1d(guess))
    with np.errstate(divide="ignore"):
        return averages.expectation(p, np.log(guess)) + averages.expectation(q, np.log1p(-guess))


def non_saturating_divergence(p: ArrayLike, q: ArrayLike) -> Result:
    """D(q‖p) − 2 JS(p, q) = 2 D(m‖p) with m = (p + q)/2, whose gradient practice follows.

    The gradient of −E_q log D* with respect to the generator, D* being held at its best for the
    generator as it is, is the gradient of this divergence. It is a reverse one: infinite when the
    generator makes what the data never are, and mild about what it leaves out.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Data and generator.

    Returns
    -------
    float or ndarray, shape (...)
        Zero when p and q are equal, else positive; ``inf`` where q has an outcome that p rules
        out. The relative error is at most 1e-12 near p = q too.

    Raises
    ------
    ValueError
        When p or q is not a distribution, or the shapes do not fit.

    References
    ----------
    Arjovsky and Bottou (2017), Towards principled methods for training generative adversarial
    networks, theorem 2.5.

    Examples
    --------
    A generator that drops half of the data pays little, and one that adds as much to the data
    pays everything:

    >>> print(round(non_saturating_divergence([0.5, 0.5], [1, 0]), 4))
    0.2616
    >>> print(non_saturating_divergence([1, 0], [0.5, 0.5]))
    inf
    """
    p, q = validate.distribution("p", p), validate.distribution("q", q)
    validate.same_length(p=p, q=q)
    # Where q alone is zero, m = p/2 and 2 (m log(m/p) − m + p) = p (1 − log 2)
    slope = 1 - math.log(2)
    terms = _discriminator.middle_to_p
    return fdivergence_terms.divergence(p, q, terms, at_zero=np.inf, slope=slope)


def gan_generator_gradient(
    p: ArrayLike, q: ArrayLike, scores: ArrayLike, *, saturating: bool
) -> Array:
    """∂/∂θ of the generator's loss E_q f, D* held fixed: Σ q(x) f(x) s(x), s = ∂ log q(x; θ)/∂θ.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Data and generator.
    scores : array_like, shape (..., k, n)
        ``scores[..., i, x]`` is ∂ log q(x; θ)/∂θ_i.
    saturating : bool
        True for the minimax loss, f = log(1 − D*), whose gradient is that of 2 JS(p, q). False for
        the non-saturating one, f = −log D*, whose gradient is that of D(q‖p) − 2 JS(p, q).

    Returns
    -------
    ndarray, shape (..., k)
        Zeros for the minimax loss on disjoint supports: nothing there to learn from.

    Raises
    ------
    ValueError
        When p or q is not a distribution; the shapes do not fit; the scores do not average to
        zero under q; the non-saturating loss is infinite, as q has an outcome that p rules out; or
        saturating is not a truth value.

    References
    ----------
    Arjovsky and Bottou (2017), theorems 2.4 and 2.5. Goodfellow et al. (2014), section 3.

    Examples
    --------
    The data are normal around −4, the generator around θ = 4. The minimax loss hardly notices;
    the other has the gradient of D(q‖p) = (θ + 4)²/2, which is 8.

    >>> x = np.linspace(-10, 10, 201)
    >>> data, generator = (np.exp(-((x - mean) ** 2) / 2) for mean in (-4, 4))
    >>> data, generator, scores = data / data.sum(), generator / generator.sum(), [x - 4]
    >>> print(gan_generator_gradient(data, generator, scores, saturating=True).round(3))
    [0.]
    >>> print(gan_generator_gradient(data, generator, scores, saturating=False).round(2))
    [8.]
    """
    p, q = validate.distribution("p", p), validate.distribution("q", q)
    validate.same_length(p=p, q=q)
    saturating = validate_numbers.flag("saturating", saturating)
    difference, p, q = _discriminator.exact_shares(p, q)
    rows = score_vectors.scores(scores, q)
    rows = rows - np.asarray(averages.expectation(q[..., None, :], rows))[..., None]  # rounding
    # log(2 (1 − D*)) or −log(2 D*): what is constant does not matter, as scores average to zero
    loss = (
        _discriminator.log_twice_share(q, p, -difference)
        if saturating
        else -_discriminator.log_twice_share(p, q, difference)
    )
    wrong = (q > 0) & np.isinf(loss)
    if np.any(wrong):
        index = validate.first(wrong)
        raise ValueError(
            "the non-saturating loss is infinite: q has an outcome that p rules out, at index "
            f"{index}"
        )
    loss = np.where(q > 0, loss, 0.0)
    result: Array = (rows @ (q * loss)[..., None])[..., 0]
    return result


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[Array, Array]:
    """Both, scaled to sum to one."""
    p, q = validate.distribution("p", p), validate.distribution("q", q)
    validate.same_length(p=p, q=q)
    return averages.shares(p), averages.shares(q)
