"""The information bottleneck: a short description T of X that keeps what X says about Y."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kllib._numerics import averages, kl_sums, mutual_information_sums, validate, validate_numbers
from kllib._numerics.validate import Array

#: A smaller probability, times that of the likeliest cluster, could be too small for a float.
SMALLEST = 1e-300

__all__ = ["BottleneckResult", "bottleneck_curve", "information_bottleneck"]


@dataclass(frozen=True)
class BottleneckResult:
    """A compressed representation T of X.

    Attributes
    ----------
    encoder : ndarray, shape (m, clusters)
        p(t|x), a distribution in each row.
    decoder : ndarray, shape (clusters, n)
        p(y|t); a row of zeros for a cluster that no x uses.
    complexity : float
        I(X; T), in nats: what the representation costs.
    relevance : float
        I(T; Y), in nats: what it tells about Y. At most I(X; Y).
    objective : float
        I(X; T) − β I(T; Y).
    history : ndarray
        The objective at the start and after each step; up to rounding it never increases.
    converged : bool
        Whether the last step lowered the objective by no more than the tolerance.
    """

    encoder: Array
    decoder: Array
    complexity: float
    relevance: float
    objective: float
    history: Array
    converged: bool


def information_bottleneck(
    joint: ArrayLike,
    beta: float,
    clusters: int,
    *,
    restarts: int = 10,
    max_steps: int = 1000,
    tolerance: float = 1e-12,
    rng: np.random.Generator,
) -> BottleneckResult:
    """min over p(t|x) of I(X; T) − β I(T; Y), by p(t|x) ∝ p(t) exp(−β D(p(y|x)‖p(y|t))).

    β multiplies what is kept about Y, the opposite of the β of a β-VAE.

    Parameters
    ----------
    joint : array_like, shape (m, n)
        p(x, y); each x must have some probability.
    beta : float
        β, positive. At 1 and below the best T tells nothing, whatever the joint distribution.
    clusters : int
        How many values T may take; m are enough for any β.
    restarts : int
        From how many random encoders to start; the lowest objective is returned.
    max_steps : int
        At most how many steps from each.
    tolerance : float
        Stop when a step lowers the objective by no more than this, in nats.
    rng : numpy.random.Generator
        Where the first encoders come from.

    Returns
    -------
    BottleneckResult
        A local optimum: the objective is not convex, and more restarts may find a lower one.

    Raises
    ------
    ValueError
        When joint is not a joint distribution, an x has no probability, an entry is positive but
        below 1e-300, or a number makes no sense.

    Notes
    -----
    Each step minimises the functional over one of p(t|x), p(t) and p(y|t) with the others fixed,
    so that it never increases (but for rounding): the algorithm of Blahut and Arimoto with the
    divergence as distortion, except that the distortion moves too.

    References
    ----------
    Tishby, Pereira and Bialek (1999), The information bottleneck method, 37th Allerton Conference.

    Examples
    --------
    Four values of x, of which two pairs say the same about y: two clusters lose nothing.

    >>> joint = np.array([[0.2, 0.05], [0.2, 0.05], [0.05, 0.2], [0.05, 0.2]])
    >>> result = information_bottleneck(joint, 50, 2, rng=np.random.default_rng(0))
    >>> print(result.encoder.round(6))
    [[1. 0.]
     [1. 0.]
     [0. 1.]
     [0. 1.]]
    >>> from kllib.discrete import mutual_information
    >>> print(round(result.relevance, 6), round(mutual_information(joint), 6))
    0.192745 0.192745
    """
    table = _table(joint)
    beta = validate_numbers.positive_number("beta", beta)
    clusters = validate_numbers.whole_number("clusters", clusters)
    restarts = validate_numbers.whole_number("restarts", restarts)
    max_steps = validate_numbers.whole_number("max_steps", max_steps)
    tolerance = validate.non_negative_number("tolerance", tolerance)
    rng = validate_numbers.generator(rng)
    starts = rng.dirichlet(np.ones(clusters), size=(restarts, len(table)))
    found = [_descend(table, beta, start, max_steps, tolerance) for start in starts]
    return min(found, key=lambda result: result.objective)


def bottleneck_curve(
    joint: ArrayLike,
    betas: Sequence[float],
    clusters: int,
    *,
    restarts: int = 10,
    rng: np.random.Generator,
) -> Array:
    """The points (I(X; T), I(T; Y)) for each β: what relevance costs.

    Parameters
    ----------
    joint : array_like, shape (m, n)
        p(x, y).
    betas : sequence of float
        The values of β, each positive; 1/β is the slope of the curve at its point.
    clusters : int
        How many values T may take.
    restarts : int
        From how many random encoders to start, for each β.
    rng : numpy.random.Generator
        Where the first encoders come from.

    Returns
    -------
    ndarray, shape (len(betas), 2)
        Complexity and relevance, in nats; the curve of all T is concave, with relevance at most
        complexity (data processing).

    Raises
    ------
    ValueError
        As `information_bottleneck`.

    References
    ----------
    Tishby, Pereira and Bialek (1999), The information bottleneck method, 37th Allerton Conference.

    Examples
    --------
    >>> joint = np.array([[0.4, 0.1], [0.1, 0.4]])
    >>> curve = bottleneck_curve(joint, [0.5, 1e6], 2, rng=np.random.default_rng(0))
    >>> print(curve.round(6) + 0.0)
    [[0.       0.      ]
     [0.693147 0.192745]]
    """
    results = [
        information_bottleneck(joint, beta, clusters, restarts=restarts, rng=rng) for beta in betas
    ]
    return np.array([(result.complexity, result.relevance) for result in results]).reshape(-1, 2)


def _descend(
    joint: Array, beta: float, encoder: Array, max_steps: int, tolerance: float
) -> BottleneckResult:
    p_x = joint.sum(axis=1)
    history = [_objective(joint, encoder, beta)]
    converged = False
    for _ in range(max_steps):
        p_t, decoder = p_x @ encoder, _decoder(joint, encoder)
        distortion = kl_sums.relative_entropy(joint[:, None, :], decoder)
        # Only differences between clusters matter; the nearest in use keeps its weight.
        nearest = np.where(p_t > 0, distortion, np.inf).min(axis=1, keepdims=True)
        with np.errstate(over="ignore"):
            encoder = averages.shares(p_t * np.exp(-beta * (distortion - nearest)))
        history.append(_objective(joint, encoder, beta))
        if history[-2] - history[-1] <= tolerance:
            converged = True
            break
    decoder = _decoder(joint, encoder)
    complexity, relevance = _informations(joint, encoder)
    return BottleneckResult(
        encoder, decoder, complexity, relevance, history[-1], np.array(history), converged
    )


def _decoder(joint: Array, encoder: Array) -> Array:
    """p(y|t); zeros for a cluster of no probability."""
    together = encoder.T @ joint
    p_t = together.sum(axis=1, keepdims=True)
    decoder: Array = np.divide(together, p_t, out=np.zeros_like(together), where=p_t > 0)
    return decoder


def _informations(joint: Array, encoder: Array) -> tuple[float, float]:
    x_and_t, t_and_y = joint.sum(axis=1)[:, None] * encoder, encoder.T @ joint
    of_table = mutual_information_sums.dependence
    return float(of_table(x_and_t)), float(of_table(t_and_y))


def _objective(joint: Array, encoder: Array, beta: float) -> float:
    complexity, relevance = _informations(joint, encoder)
    return complexity - beta * relevance


def _table(joint: ArrayLike) -> Array:
    table = validate.joint_distribution("joint", joint)
    if table.ndim != 2:
        raise ValueError(f"joint must be one table; its shape is {table.shape}")
    empty = ~table.any(axis=1)
    if empty.any():
        raise ValueError(f"joint gives no probability to x = {int(np.argmax(empty))}: drop the row")
    tiny = (table > 0) & (table < SMALLEST)
    if tiny.any():
        index = validate.first(tiny)
        raise ValueError(
            f"joint has an entry below {SMALLEST:g} at index {index}: {table[index]:.6g}; "
            "drop the row, or set it to zero"
        )
    return averages.shares(table.ravel()).reshape(table.shape)
