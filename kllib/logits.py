"""Softmax distributions from their logits, without leaving log space.

Conventions, the same in every function:

- Logits z give the distribution p = exp z / Σ exp z along ``axis``; a constant added to all of them
  changes nothing. The other axes are a batch, and broadcast. One distribution gives a float (or a
  vector), a batch an array.
- A logit may be -inf, which makes an outcome impossible, but not all of them; nan and +inf raise
  ``ValueError`` with where they stand.
- ``kl_from_logits(p, q)`` is D(first‖second), the expectation under the first, in nats unless
  ``base=`` says otherwise. The logits of D are natural ones (of base e) whatever the base of D.
- float32 and float16 logits are taken as they are and computed with in float64. Divergence and
  cross-entropy of finite logits allocate nothing of the size of the input.
- Accuracy: the value meant is that for exactly the floats given. The relative error is at most
  1e-12, near p = q included (down to D = 1e-20), unless the docstring says otherwise.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import logit_sums, validate
from kllib._numerics.extended import logits as _checked
from kllib._numerics.rows import by_rows

__all__ = [
    "cross_entropy_from_logits",
    "kl_from_logits",
    "log_softmax",
    "log_sum_exp",
    "softmax",
]

Array: TypeAlias = NDArray[np.float64]
#: One distribution gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array


def softmax(logits: ArrayLike, temperature: float = 1.0, *, axis: int = -1) -> Array:
    """The distribution exp(z/τ) / Σ exp(z/τ) of the logits z at temperature τ.

    Parameters
    ----------
    logits : array_like, shape (..., n)
        Finite or -inf, along ``axis``.
    temperature : float
        τ > 0. Small ones favour the largest logit, large ones make all possible outcomes alike.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    ndarray, shape (..., n)
        Probabilities that sum to one along ``axis``.

    Raises
    ------
    ValueError
        When a logit is nan or +inf, all logits of a distribution are -inf, the temperature is not
        positive and finite, or ``axis`` makes no sense.

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, equation (1):
    the temperature.

    Examples
    --------
    A difference of log 3 between logits is a ratio of 3 between probabilities; at half the
    temperature the ratio is squared:

    >>> print(softmax([np.log(3), 0]))
    [0.75 0.25]
    >>> print(softmax([np.log(3), 0], temperature=0.5))
    [0.9 0.1]
    """
    weights = _shifted(logits, temperature, axis)
    with np.errstate(under="ignore"):
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
    return np.moveaxis(weights, -1, axis)


def log_softmax(logits: ArrayLike, temperature: float = 1.0, *, axis: int = -1) -> Array:
    """The log probabilities z/τ − log Σ exp(z/τ), also of outcomes too rare for `softmax`.

    Parameters
    ----------
    logits : array_like, shape (..., n)
        Finite or -inf, along ``axis``.
    temperature : float
        τ > 0.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    ndarray, shape (..., n)
        At most 0; -inf below -1.8e308. The logarithm of a probability near one has full relative
        accuracy too.

    Raises
    ------
    ValueError
        When a logit is nan or +inf, all logits of a distribution are -inf, the temperature is not
        positive and finite, or ``axis`` makes no sense.

    References
    ----------
    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions,
    IMA J. Numer. Anal. 41.

    Examples
    --------
    >>> print(log_softmax([0, -1000]))
    [    0. -1000.]
    """
    shifted = _shifted(logits, temperature, axis)
    shifted -= _log_of_sum(shifted)
    return np.moveaxis(shifted, -1, axis)


def log_sum_exp(logits: ArrayLike, *, axis: int = -1) -> Result:
    """log Σ exp z, the normaliser of softmax, in a way that neither overflows nor underflows.

    Parameters
    ----------
    logits : array_like, shape (..., n)
        Finite or -inf, along ``axis``.
    axis : int
        The axis along which to sum.

    Returns
    -------
    float or ndarray, shape (...)
        The relative error is at most 1e-12 where Σ exp z is not within 1e-3 of one. There the
        result is near 0, a difference of log Σ exp(z − max z) and −max z, and its error is at most
        1e-15 times the larger of them (and 1).

    Raises
    ------
    ValueError
        When a logit is nan or +inf, all logits of a distribution are -inf, or ``axis`` makes no
        sense.

    References
    ----------
    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions,
    IMA J. Numer. Anal. 41.

    Examples
    --------
    >>> print(log_sum_exp([1000, 1000]) == 1000 + np.log(2))
    True
    """
    array = _checked("logits", logits, axis)
    top = array.max(axis=-1).astype(np.float64)
    result: Result = top + _log_of_sum(_shifted(array, 1.0, -1))[..., 0]
    return result


def kl_from_logits(
    p_logits: ArrayLike, q_logits: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """D(p‖q) = Σ p (log p − log q) for p = softmax(p_logits) and q = softmax(q_logits).

    Parameters
    ----------
    p_logits, q_logits : array_like, shape (..., n)
        Logits of the truth and of the model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm of D, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        ``inf`` where q_logits has -inf for an outcome for which p_logits has not, be it ever so
        rare, and above 1.8e308.

    Raises
    ------
    ValueError
        When a logit is nan or +inf, all logits of a distribution are -inf, the shapes do not fit,
        or ``axis`` or ``base`` makes no sense.

    Notes
    -----
    With v = log q − log p this is Σ p (eᵛ − 1 − v), which has no negative term; what the logs of
    the two normalisers are off by enters at second order only. It takes one exponential for each
    outcome where p is near q, and two elsewhere.

    References
    ----------
    Kullback and Leibler (1951). The sum without negative terms: Schulman (2020), Approximating KL
    divergence (the estimator k3).

    Examples
    --------
    The logarithm of the arithmetic over the geometric mean of 3 and 1:

    >>> print(round(kl_from_logits([0, 0], [np.log(3), 0]), 12), round(np.log(2 / 3**0.5), 12))
    0.143841036226 0.143841036226
    >>> print(kl_from_logits([1000, 0], [0, 1000]))
    1000.0
    >>> print(kl_from_logits([0, 0], [0, -np.inf]), kl_from_logits([0, -np.inf], [0, 0], base=2))
    inf 1.0
    """
    unit = validate.log_of_base(base)
    p, q = _pair(p_logits, q_logits, axis)
    return by_rows(logit_sums.divergence, p, q) / unit


def cross_entropy_from_logits(
    p_logits: ArrayLike, q_logits: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """H(p, q) = −Σ p log q for p = softmax(p_logits) and q = softmax(q_logits).

    For a label k instead of p it is −log q(k): minus the k-th entry of `log_softmax`, or logits
    that are -inf but for the k-th.

    Parameters
    ----------
    p_logits, q_logits : array_like, shape (..., n)
        Logits of the truth and of the model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm of H, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        At least the entropy of p; ``inf`` where q_logits has -inf for an outcome for which p_logits
        has not.

    Raises
    ------
    ValueError
        When a logit is nan or +inf, all logits of a distribution are -inf, the shapes do not fit,
        or ``axis`` or ``base`` makes no sense.

    References
    ----------
    Cover and Thomas (2006), Theorem 5.4.3: the expected length of a code made for q.

    Examples
    --------
    >>> print(cross_entropy_from_logits([0, 0], [0, 0], base=2))
    1.0
    >>> print(cross_entropy_from_logits([0, -np.inf], [2, 1]) == -log_softmax([2, 1])[0])
    True
    """
    unit = validate.log_of_base(base)
    p, q = _pair(p_logits, q_logits, axis)
    return by_rows(logit_sums.cross_entropy, p, q) / unit


def _pair(p_logits: ArrayLike, q_logits: ArrayLike, axis: int) -> tuple[Array, Array]:
    p, q = _checked("p_logits", p_logits, axis), _checked("q_logits", q_logits, axis)
    validate.same_length(p_logits=p, q_logits=q)
    return p, q


def _shifted(logits: ArrayLike, temperature: float, axis: int) -> Array:
    """(z − max z)/τ along the last axis, in a new array."""
    scale = validate.positive("temperature", temperature)
    if scale.ndim:
        raise ValueError(f"temperature must be one number; got an array of shape {scale.shape}")
    array = _checked("logits", logits, axis)
    with np.errstate(over="ignore", under="ignore"):
        # By halves: the distance of two floats may be beyond the range of one.
        result: Array = np.multiply(array, 0.5, dtype=np.float64)
        result -= result.max(axis=-1, keepdims=True)
        result /= scale
        result *= 2
    return result


def _log_of_sum(shifted: Array) -> Array:
    """log Σ exp of numbers the largest of which is 0; near 0 with full relative accuracy."""
    with np.errstate(under="ignore"):
        weights = np.exp(shifted)
        place = shifted.argmax(axis=-1, keepdims=True)
        np.put_along_axis(weights, place, 0.0, axis=-1)
        result: Array = np.log1p(weights.sum(axis=-1, keepdims=True))
    return result
