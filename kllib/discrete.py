"""Entropy, cross-entropy, Kullback–Leibler divergence and their kin for finite distributions.

Conventions, the same in every function:

- ``kl_divergence(p, q)`` is D(p‖q): the expectation is under the **first** argument, the truth;
  the second is the model.
- Nats unless ``base=`` says otherwise (``base=2`` for bits).
- A distribution lies along ``axis``, a joint distribution of two variables along the last two
  axes; the other axes are a batch, and broadcast. One distribution gives a float, a batch an array.
- ``0 log 0`` is 0, and a true infinity is returned as ``inf``. Nothing is clipped or smoothed.
- Probabilities must be real, finite, non-negative, and sum to one within 1e-6. That admits
  probabilities rounded in float32 and rejects 0.33, 0.33, 0.33. Anything else raises ``ValueError``
  with what is wrong and where.
- Accuracy: the relative error is at most 1e-12, near p = q included (down to a divergence of
  1e-20). A sum is never exactly one in floating point, and at 1e-20 that matters: the exact value
  meant is that of ``p/Σp`` and ``q/Σq``. ``python -m benchmarks.accuracy`` measures it.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, cross_entropy_sums, kl_sums, mutual_information_sums, validate

__all__ = [
    "conditional_kl",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "mutual_information",
    "normalize",
    "perplexity",
    "smooth",
]

Array: TypeAlias = NDArray[np.float64]
#: One distribution gives a float, a batch an array.
Result: TypeAlias = np.float64 | Array


def entropy(p: ArrayLike, *, axis: int = -1, base: float | None = None) -> Result:
    """The Shannon entropy H(p) = −Σ p log p: the mean surprise of an outcome drawn from p.

    Parameters
    ----------
    p : array_like, shape (..., n)
        Probabilities along ``axis``.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and log n.

    Raises
    ------
    ValueError
        When p is not a distribution, or ``axis`` or ``base`` makes no sense.

    References
    ----------
    Shannon (1948), section 6. Cover and Thomas (2006), section 2.1.

    Examples
    --------
    The entropy of the uniform distribution is log n: eight equal outcomes, three bits.

    >>> print(entropy(np.full(8, 1 / 8), base=2))
    3.0
    """
    unit = validate.log_of_base(base)
    p = validate.rows("p", p, axis)
    result = cross_entropy_sums.compare(p, p)
    validate.are_distributions(result.valid, result.totals, p=p)
    return result.cross_entropy / unit


def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """The cross-entropy H(p, q) = −Σ p log q: the mean surprise of who believes q when p is true.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        At least H(p); ``inf`` where q gives no probability to an outcome that p can produce.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Cover and Thomas (2006), Theorem 5.4.3: the expected length of a code made for q.

    Examples
    --------
    Cross-entropy is entropy plus divergence, H(p, q) = H(p) + D(p‖q):

    >>> p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    >>> print(cross_entropy(p, q, base=2))
    1.75
    >>> print(entropy(p, base=2) + kl_divergence(p, q, base=2))
    1.75
    """
    unit = validate.log_of_base(base)
    p, q = _pair(p, q, axis)
    result = cross_entropy_sums.compare(p, q)
    validate.are_distributions(result.valid, result.totals, p=p, q=q)
    return result.cross_entropy / unit


def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None
) -> Result:
    """The Kullback–Leibler divergence D(p‖q) = Σ p log(p/q), the expectation under p.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Zero when p and q are equal, else positive; ``inf`` where q gives no probability to an
        outcome that p can produce. The relative error is at most 1e-12 down to D = 1e-20.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    Notes
    -----
    The textbook sum adds terms of both signs, which cancel to nothing when p is near q. There the
    sum computed is Σ p φ((q − p)/p) with φ(u) = u − log(1 + u), which has no negative term. Either
    is computed in blocks, in less than a mebibyte of memory whatever the length.

    References
    ----------
    Kullback and Leibler (1951). Cover and Thomas (2006), section 2.3.

    Examples
    --------
    Coding a fair coin as if it came up heads a quarter of the time, and the other way round:

    >>> print(round(kl_divergence([0.5, 0.5], [0.25, 0.75], base=2), 4))
    0.2075
    >>> print(round(kl_divergence([0.25, 0.75], [0.5, 0.5], base=2), 4))
    0.1887

    Against the uniform distribution the divergence is what the entropy lacks, log n − H(p):

    >>> print(2 - entropy([0.5, 0.25, 0.25, 0], base=2))
    0.5
    >>> print(kl_divergence([0.5, 0.25, 0.25, 0], [0.25] * 4, base=2))
    0.5
    >>> print(kl_divergence([0.25] * 4, [0.5, 0.25, 0.25, 0]))
    inf
    """
    unit = validate.log_of_base(base)
    p, q = _pair(p, q, axis)
    result = kl_sums.compare(p, q)
    validate.are_distributions(result.valid, result.totals, p=p, q=q)
    return result.divergence / unit


def perplexity(
    p: ArrayLike, q: ArrayLike | None = None, *, axis: int = -1, base: float | None = None
) -> Result:
    """The perplexity exp H(p, q) of the model q on the truth p; exp H(p) when q is left out.

    As many equally likely outcomes would surprise as much.

    Parameters
    ----------
    p, q : array_like, shape (..., n)
        Truth and model, along ``axis``; the other axes broadcast.
    axis : int
        The axis along which a distribution lies.
    base : float, optional
        Accepted so that it can be called like the other functions. It changes nothing: base to
        the power of the entropy in that base is the same number for every base.

    Returns
    -------
    float or ndarray, shape (...)
        At least 1; ``inf`` where the cross-entropy is, or where the result is above 1.8e308.

    Raises
    ------
    ValueError
        When p or q is not a distribution, their shapes do not fit, or ``axis`` or ``base`` makes
        no sense.

    References
    ----------
    Jelinek, Mercer, Bahl and Baker (1977), Perplexity, a measure of the difficulty of speech
    recognition tasks, J. Acoust. Soc. Am. 62, S63.

    Examples
    --------
    The perplexity of a model exceeds the best one possible by the factor exp D(p‖q):

    >>> p, q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]
    >>> print(round(perplexity(p, q), 10))
    3.363585661
    >>> print(round(perplexity(p) * np.exp(kl_divergence(p, q)), 10))
    3.363585661
    """
    validate.log_of_base(base)
    nats = entropy(p, axis=axis) if q is None else cross_entropy(p, q, axis=axis)
    with np.errstate(over="ignore"):
        result: Result = np.exp(nats)
    return result


def mutual_information(joint: ArrayLike, *, base: float | None = None) -> Result:
    """The mutual information I(X; Y) = D(p(x, y) ‖ p(x) p(y)) of a joint distribution.

    Parameters
    ----------
    joint : array_like, shape (..., m, n)
        ``joint[..., x, y]`` is p(x, y); all m·n entries together sum to one.
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        Zero when X and Y are independent, else positive and finite. Marginals of a stored joint
        are never its exact factors, so independent variables give about 1e-33, seldom 0.

    Raises
    ------
    ValueError
        When joint is not a joint distribution, or ``base`` makes no sense.

    References
    ----------
    Cover and Thomas (2006), sections 2.3 and 2.4.

    Examples
    --------
    What X tells about itself is its entropy, I(X; X) = H(X):

    >>> print(mutual_information([[0.5, 0, 0], [0, 0.25, 0], [0, 0, 0.25]], base=2))
    1.5
    >>> print(entropy([0.5, 0.25, 0.25], base=2))
    1.5
    """
    unit = validate.log_of_base(base)
    joint = validate.joint_distribution("joint", joint)
    return mutual_information_sums.dependence(joint) / unit


def conditional_kl(
    joint_p: ArrayLike, joint_q: ArrayLike, *, given: int = 0, base: float | None = None
) -> Result:
    """The conditional divergence Σ_x p(x) D(p(·|x) ‖ q(·|x)), weighted by p's own marginal.

    Parameters
    ----------
    joint_p, joint_q : array_like, shape (..., m, n)
        Truth and model, two joint distributions over the last two axes; the others broadcast.
    given : {0, 1}
        Which of the two variables is conditioned on: 0 for the first (the rows), which gives
        D(p(y|x) ‖ q(y|x)), or 1 for the second (the columns), which gives D(p(x|y) ‖ q(x|y)).
    base : float, optional
        Base of the logarithm, above 1; nats when left out.

    Returns
    -------
    float or ndarray, shape (...)
        A condition that p never meets counts for nothing. ``inf`` where p meets one under which
        q rules an outcome of p out, or which q itself never meets (q's conditional distribution
        does not exist there, and infinity keeps the chain rule true).

    Raises
    ------
    ValueError
        When an argument is not a joint distribution, the shapes do not fit, or ``given`` or
        ``base`` makes no sense.

    References
    ----------
    Cover and Thomas (2006), section 2.5; the chain rule is Theorem 2.5.3.

    Examples
    --------
    The chain rule, D(p(x, y)‖q(x, y)) = D(p(x)‖q(x)) + D(p(y|x)‖q(y|x)):

    >>> p, q = np.array([[0.25, 0.25], [0.5, 0.0]]), np.full((2, 2), 0.25)
    >>> print(kl_divergence(p.ravel(), q.ravel(), base=2))
    0.5
    >>> print(kl_divergence(p.sum(axis=1), q.sum(axis=1)), conditional_kl(p, q, base=2))
    0.0 0.5
    """
    unit = validate.log_of_base(base)
    given = validate.one_of("given", given, (0, 1))
    p = validate.joint_distribution("joint_p", joint_p)
    q = validate.joint_distribution("joint_q", joint_q)
    validate.same_table(joint_p=p, joint_q=q)
    if given == 1:
        p, q = averages.transposed(p), averages.transposed(q)
    return averages.expectation(p.sum(axis=-1), kl_sums.relative_entropy(p, q)) / unit


def normalize(weights: ArrayLike, *, axis: int = -1) -> Array:
    """The distribution proportional to the weights, w / Σw.

    Parameters
    ----------
    weights : array_like, shape (..., n)
        Finite and non-negative, not all zero along ``axis``; counts, for example.
    axis : int
        The axis along which to sum to one.

    Returns
    -------
    ndarray, shape (..., n)

    Raises
    ------
    ValueError
        When a weight is negative or not finite, all are zero, or ``axis`` makes no sense.

    Examples
    --------
    >>> print(normalize([2, 1, 1]))
    [0.5  0.25 0.25]
    """
    array = validate.weights("weights", weights, axis)
    validate.some_positive("weights", array)
    return np.moveaxis(averages.shares(array), -1, axis)


def smooth(p: ArrayLike, alpha: float, *, axis: int = -1) -> Array:
    """Add-alpha smoothing, (p + alpha) / (1 + n·alpha): no outcome of n is left impossible.

    The same as mixing p with the uniform distribution, in the proportions 1 : n·alpha.

    Parameters
    ----------
    p : array_like, shape (..., n)
        Probabilities along ``axis``. To smooth counts, add to the counts and call `normalize`:
        ``normalize(counts + 1)`` is Laplace's rule.
    alpha : float
        What is added to each probability, not negative.
    axis : int
        The axis along which a distribution lies.

    Returns
    -------
    ndarray, shape (..., n)
        A distribution whose every entry is at least alpha / (1 + n·alpha).

    Raises
    ------
    ValueError
        When p is not a distribution, alpha is negative or not finite, or ``axis`` makes no sense.

    Examples
    --------
    >>> print(smooth([1, 0, 0], 0.5))
    [0.6 0.2 0.2]
    """
    amount = validate.non_negative_number("alpha", alpha)
    array = validate.distribution("p", p, axis)
    return np.moveaxis(averages.shares(averages.shares(array) + amount), -1, axis)


def _pair(p: ArrayLike, q: ArrayLike, axis: int) -> tuple[Array, Array]:
    """Rows that fit each other; `validate.are_distributions` is to check their entries."""
    p, q = validate.rows("p", p, axis), validate.rows("q", q, axis)
    if p.shape != q.shape:
        try:
            validate.same_length(p=p, q=q)
        except ValueError:
            # What is no distribution is told first: that explains a wrong shape, not the reverse.
            validate.distribution("p", p), validate.distribution("q", q)
            raise
    return p, q
