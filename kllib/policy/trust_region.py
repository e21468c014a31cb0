"""Trust region policy optimisation (TRPO): a natural-gradient step whose divergence is bounded.

The divergence is D(π_old‖π): the policy that acted comes first and is fixed for the step. (The
penalty of RLHF is another one, D(π‖π_ref), to a reference that stays the same during the whole
training; see `policy`.)

A softmax policy is a table of logits: one row for each state, one column for each action. With
``features`` (one row for each state) the logits are ``features @ parameters``, and states share
parameters. ``state_weights`` says how often the old policy meets each state. It need not sum to
one: for a `token_model` it is `prefix_probabilities`, and the divergence that of whole sequences.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import averages, tilts, validate, validate_numbers, validate_tables
from kllib.logits import kl_from_logits, softmax
from kllib.policy import _ranges

__all__ = [
    "ConjugateGradientResult",
    "TRPOStep",
    "conjugate_gradient",
    "fisher_vector_product",
    "trpo_step",
]

Array: TypeAlias = NDArray[np.float64]

# Halvings from the largest float to below one: a policy can be so sure that it takes that many
_MOST_BACKTRACKS = 1100
# Of a gradient, in units of the advantages: probabilities have underflowed
_NOTHING = 1e-290


class ConjugateGradientResult(NamedTuple):
    """The solution of A x = b, and how near it is.

    Attributes
    ----------
    solution : ndarray
        x.
    residual : float
        |b − A x|/|b|, as the recursion has it; 0 for b = 0.
    converged : bool
        Whether the residual is within the tolerance.
    """

    solution: Array
    residual: float
    converged: bool


class TRPOStep(NamedTuple):
    """One step of TRPO, and how it was found.

    Attributes
    ----------
    parameters : ndarray
        The new parameters; the old ones when no step was accepted, as where nothing is to gain or
        the policy is so sure that probabilities underflow.
    direction : ndarray
        x with F x = g, the natural gradient.
    step_size : float
        The first one tried, sqrt(2 max_kl / xᵀFx).
    backtracks : int
        How often the step was halved; -1 when no step was accepted.
    kl : float
        D(π_old‖π_new), exactly, weighted by the states; at most max_kl.
    improvement : float
        The gain of the surrogate objective, above zero when a step was accepted.
    converged : bool
        Whether conjugate gradients came to the direction within their tolerance. When not, it is
        still a direction of ascent.
    """

    parameters: Array
    direction: Array
    step_size: float
    backtracks: int
    kl: float
    improvement: float
    converged: bool


def fisher_vector_product(
    parameters: ArrayLike,
    vector: ArrayLike,
    *,
    features: ArrayLike | None = None,
    state_weights: ArrayLike | None = None,
) -> Array:
    """F v = Φᵀ [d·π·(Φv − E_π Φv)], without ever forming the Fisher matrix F.

    F is the Hessian of Σ_s d(s) D(π_old(·|s)‖π(·|s)) at π = π_old, so that a small step v has the
    divergence vᵀFv/2.

    Parameters
    ----------
    parameters, vector : array_like, shape (states, actions) or (features, actions)
        Where F is taken, and what it is applied to.
    features : array_like, shape (states, features), optional
        Φ: the logits are ``features @ parameters``. When left out the parameters are the logits.
    state_weights : array_like, shape (states,), optional
        d(s), how often each state is met; equal shares when left out.

    Returns
    -------
    ndarray, the shape of ``parameters``

    Raises
    ------
    ValueError
        When an argument is not a table of finite numbers up to 1e150 in size, or the shapes do not
        fit.

    References
    ----------
    Schulman et al. (2015), appendix C.

    Examples
    --------
    For one state F is diag(π) − ππᵀ:

    >>> pi = np.array([0.5, 0.25, 0.25])
    >>> v = np.array([1.0, 2.0, 4.0])
    >>> print(fisher_vector_product([np.log(pi)], [v]).round(12))
    [[-0.5  0.   0.5]]
    >>> print(pi * v - pi * (pi @ v))
    [-0.5  0.   0.5]
    """
    theta = validate_tables.table("parameters", parameters)
    direction = validate_tables.table("vector", vector)
    validate_tables.same_shape(parameters=theta, vector=direction)
    _ranges.bounded(parameters=theta, vector=direction)
    phi = _features(features, theta)
    logits = _logits(theta, phi)
    weights = validate_tables.row_weights("state_weights", state_weights, len(logits))
    _ranges.bounded(logits=logits, vector=direction, state_weights=weights)
    return _fisher(logits, direction, phi, weights)


def conjugate_gradient(
    matrix: Callable[[Array], Array],
    target: ArrayLike,
    *,
    tolerance: float = 1e-10,
    max_steps: int | None = None,
) -> ConjugateGradientResult:
    """x with A x = b, from products A v alone; A symmetric, and vᵀAv ≥ 0.

    A may be singular, as a Fisher matrix of logits is, when b is in its range.

    Parameters
    ----------
    matrix : callable
        The function v ↦ A v.
    target : array_like
        b, of any shape; x has the same.
    tolerance : float
        Stops when |b − A x| ≤ tolerance·|b|; positive.
    max_steps : int, optional
        Stops after as many products; twice the size of b when left out.

    Returns
    -------
    ConjugateGradientResult
        Its ``solution`` has the shape of ``target``. It is the best so far, and ``converged`` is
        False, when ``max_steps`` products were not enough.

    Raises
    ------
    ValueError
        When ``matrix`` is not a function, ``target`` is not finite, a product shows that A is not
        of that kind or b not in its range, or another argument makes no sense.

    References
    ----------
    Hestenes and Stiefel (1952).

    Examples
    --------
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> print(conjugate_gradient(lambda v: A @ v, A @ [2, -1]).solution.round(12))
    [ 2. -1.]
    """
    if not callable(matrix):
        raise ValueError("matrix must be a function, v ↦ A v; for an array A: lambda v: A @ v")
    b = validate.real_array("target", target)
    unit = float(np.abs(b).max()) or 1.0  # so that squares neither overflow nor underflow
    tolerance = validate_numbers.positive_number("tolerance", tolerance)
    most = 2 * b.size if max_steps is None else max_steps
    x, residual = np.zeros_like(b), b / unit
    direction, square = residual, float((residual * residual).sum())
    first = square
    enough = tolerance**2 * first
    for _ in range(validate_numbers.whole_number("max_steps", most, 1)):
        if square <= enough:
            break
        product = validate.real_array("a product of the matrix", matrix(direction))
        validate_tables.same_shape(target=b, **{"a product of the matrix": product})
        curvature = float((direction * product).sum())
        if not curvature > 0:
            raise ValueError("the target is not in the range of a matrix with vᵀAv ≥ 0")
        length = square / curvature
        if not length < _ranges.LARGEST**2:
            raise ValueError("the solution is beyond the range of a float")
        x = x + length * direction
        residual = residual - length * product
        before, square = square, float((residual * residual).sum())
        direction = residual + square / before * direction
    residual_share = float(np.sqrt(square / first)) if first > 0 else 0.0
    with np.errstate(over="ignore"):
        solution = unit * x
    if not np.isfinite(solution).all():
        raise ValueError("the solution is beyond the range of a float")
    return ConjugateGradientResult(solution, residual_share, square <= enough)


def trpo_step(
    parameters: ArrayLike,
    advantages: ArrayLike,
    *,
    max_kl: float,
    features: ArrayLike | None = None,
    state_weights: ArrayLike | None = None,
    damping: float = 0.0,
) -> TRPOStep:
    """One step of trust region policy optimisation, every expectation exact.

    Maximises Σ_s d(s) Σ_a π(a|s) A(s, a) subject to Σ_s d(s) D(π_old(·|s)‖π(·|s)) ≤ max_kl:
    conjugate gradients solve F x = g, the first step tried is sqrt(2 max_kl/xᵀFx)·x, which would
    be right if the divergence were quadratic, and it is halved until the divergence itself is at
    most max_kl and the objective has grown.

    Parameters
    ----------
    parameters : array_like, shape (states, actions) or (features, actions)
        The parameters of the old policy.
    advantages : array_like, shape (states, actions)
        A(s, a) of every action under the old policy.
    max_kl : float
        The largest divergence D(π_old‖π) allowed, δ in the paper; positive.
    features : array_like, shape (states, features), optional
        The logits are ``features @ parameters``; when left out the parameters are the logits.
    state_weights : array_like, shape (states,), optional
        d(s), how often the old policy meets each state; equal shares when left out.
    damping : float
        Added to the diagonal of F for the direction alone, not negative.

    Returns
    -------
    TRPOStep

    Raises
    ------
    ValueError
        When an argument is not a table of finite numbers up to 1e150 in size, the shapes do not
        fit, or a number makes no sense.

    References
    ----------
    Schulman et al. (2015), section 6 and appendix C.

    Examples
    --------
    >>> step = trpo_step([[0.0, 0.0]], [[1.0, -1.0]], max_kl=0.02)
    >>> print(step.parameters.round(3), step.kl <= 0.02)
    [[ 0.2 -0.2]] True

    The divergence uses up nearly all that it may:

    >>> print(round(step.kl, 4))
    0.0199
    """
    old = validate_tables.table("parameters", parameters)
    _ranges.bounded(parameters=old)
    phi = _features(features, old)
    logits = _logits(old, phi)
    gain = validate_tables.table("advantages", advantages)
    validate_tables.same_shape(logits=logits, advantages=gain)
    weights = validate_tables.row_weights("state_weights", state_weights, len(logits))
    max_kl = validate_numbers.positive_number("max_kl", max_kl)
    damping = validate.non_negative_number("damping", damping)
    _ranges.bounded(logits=logits, advantages=gain, state_weights=weights)
    _ranges.bounded(max_kl=max_kl, damping=damping)
    gain = gain - averages.expectation(softmax(logits), gain)[:, None]  # E_π_old A = 0

    def improved(new: Array) -> float:  # Σ d·(π − π_old)·A
        moved = tilts.gap(tilts.between_logits(logits, new, 1.0))
        return float(weights @ (moved * gain).sum(axis=-1))

    slope = weights[:, None] * tilts.softmax_gradient(softmax(logits), gain)
    slope = _to_parameters(slope, phi)
    stay = TRPOStep(old.copy(), np.zeros_like(old), 0.0, -1, 0.0, 0.0, True)
    if np.abs(slope).max() <= _NOTHING * np.abs(gain).max():  # nothing to gain
        return stay
    direction, _, converged = conjugate_gradient(
        lambda v: _fisher(logits, v, phi, weights) + damping * v, slope
    )
    stay = stay._replace(direction=direction, converged=converged)
    length = float(np.abs(direction).max())
    unit = direction / length
    curvature = float((unit * _fisher(logits, unit, phi, weights)).sum())
    if not curvature > 0:  # a policy so sure that its divergence underflows
        return stay
    step_size = float(np.sqrt(2 * max_kl) / np.sqrt(curvature)) / length
    for backtracks in range(_MOST_BACKTRACKS):
        with np.errstate(over="ignore", invalid="ignore"):
            parameters = old + step_size * 0.5**backtracks * direction
            new = _logits(parameters, phi)
        if not np.abs(new).max() <= _ranges.LARGEST:
            continue
        kl = float(weights @ np.asarray(kl_from_logits(logits, new)))
        improvement = improved(new)
        if kl <= max_kl and improvement > 0:
            return TRPOStep(
                parameters, direction, step_size, backtracks, kl, improvement, converged
            )
    return stay._replace(step_size=step_size)


def _fisher(logits: Array, vector: Array, features: Array | None, weights: Array) -> Array:
    # (diag(π) − ππᵀ) v is the gradient of Σ π·v.
    moved = tilts.softmax_gradient(softmax(logits), _logits(vector, features))
    return _to_parameters(weights[:, None] * moved, features)


def _logits(parameters: Array, features: Array | None) -> Array:
    return parameters if features is None else features @ parameters


def _to_parameters(gradient: Array, features: Array | None) -> Array:
    """The chain rule: from a gradient by the logits to one by the parameters."""
    return gradient if features is None else features.T @ gradient


def _features(features: ArrayLike | None, parameters: Array) -> Array | None:
    if features is None:
        return None
    phi = validate_tables.table("features", features)
    _ranges.bounded(features=phi)
    if phi.shape[1] != len(parameters):
        raise ValueError(
            f"features must have a column for each row of parameters: {phi.shape[1]} columns, "
            f"{len(parameters)} rows"
        )
    return phi
