"""Normalising flows on the line: a density made by bending another one, and fitted to data.

When y = f(x) with f smooth and strictly monotone, p_Y(y) = p_X(x)/|f′(x)|. A flow turns this into
a model: choose z = g(x) and let z be standard normal; then log p(x) = log N(z; 0, 1) + log g′(x),
exactly. Fitted by maximum likelihood it minimises D(data‖flow), the forward divergence, which must
cover the data. And D(p_X‖q_X) = D(p_Y‖q_Y): an invertible map changes no divergence.

The map here is a straight line plus K smooth steps, each of which rises and so keeps g increasing:

    g(x) = shift + exp(slope) x + Σ_j exp(height_j) tanh(exp(steepness_j) (x − centre_j)).

In nats, per observation.
"""

import math
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from kllib._numerics import (
    elementwise,
    mixture_integrals,
    validate,
    validate_numbers,
    validate_tables,
)
from kllib._numerics.validate import Array
from kllib.mixture import NormalMixture

__all__ = [
    "FlowFit",
    "MonotoneFlow",
    "change_of_variables",
    "flow_loss",
    "kl_to_flow",
    "train_flow",
]

Density = Callable[[Array], Array]

# A step may be this many times as steep as the data are wide; without a limit the likelihood has
# no maximum, since a step of no height and endless steepness fits a single observation.
_STEEPEST = 20.0
# The logarithms in a flow are at most so large, and the exponentials' squares still floats.
_LARGEST_LOG = 300.0
_LARGEST_LOSS = 1e300
# Training looks for logarithms up to this, in units in which the data have deviation 1: e⁻⁶⁰ is
# nothing. With data of a deviation between the bounds below, what it finds stays in the range.
_LARGEST_TRAINED = 60.0
_LARGEST_SPREAD = 1e100


def change_of_variables(
    log_density: Density, inverse: Callable[[Array], Array], derivative: Callable[[Array], Array]
) -> Density:
    """log p_Y(y) = log p_X(x) − log|f′(x)| at x = f⁻¹(y), as a function of y.

    Parameters
    ----------
    log_density : callable
        log p_X.
    inverse : callable
        f⁻¹, from y to x.
    derivative : callable
        f′, at x; positive throughout or negative throughout.

    Returns
    -------
    callable
        log p_Y, for numbers or arrays.

    Raises
    ------
    ValueError
        By the function returned, where f′ is zero or not finite: the map is not invertible there.

    References
    ----------
    Papamakarios et al. (2021), Normalizing flows for probabilistic modeling and inference,
    section 2.1.

    Examples
    --------
    e to the power of a standard normal variable is log-normal:

    >>> log_normal = lambda x: -(x**2) / 2 - math.log(2 * math.pi) / 2
    >>> density = change_of_variables(log_normal, np.log, np.exp)
    >>> print(math.isclose(np.exp(density(1.0)), 1 / math.sqrt(2 * math.pi)))
    True
    """

    def log_density_of_y(y: Array) -> Array:
        x = inverse(y)
        slope = np.asarray(derivative(x))
        if not np.all(np.isfinite(slope)) or np.any(slope == 0):
            raise ValueError("derivative must be finite and not zero: the map is not invertible")
        return log_density(x) - np.log(np.abs(slope))

    return log_density_of_y


@dataclass(frozen=True, eq=False, init=False)
class MonotoneFlow:
    """The increasing map g(x) = shift + e^slope x + Σ_j e^height_j tanh(e^steepness_j (x − c_j)).

    Parameters
    ----------
    shift, slope : float
        Of the straight part; ``slope`` is the logarithm of the real one. Logarithms lie between
        −300 and 300.
    heights, steepness, centres : array_like, shape (K,), optional
        Of the K steps; ``heights`` and ``steepness`` are logarithms. None, when left out.

    Raises
    ------
    ValueError
        When a number is not finite, a logarithm is above 300 in size, or the lengths differ.

    References
    ----------
    Papamakarios et al. (2021), Normalizing flows for probabilistic modeling and inference.

    Examples
    --------
    >>> flow = MonotoneFlow(0.0, 0.0, [0.0], [1.0], [0.5])
    >>> print(flow.from_normal(flow.to_normal([-1.0, 0.5, 2.0])).round(12))
    [-1.   0.5  2. ]
    """

    shift: float
    slope: float
    heights: Array
    steepness: Array
    centres: Array

    def __init__(
        self,
        shift: float,
        slope: float,
        heights: ArrayLike = (),
        steepness: ArrayLike = (),
        centres: ArrayLike = (),
    ) -> None:
        steps = {"heights": heights, "steepness": steepness, "centres": centres}
        if all(isinstance(value, Sized) and len(value) == 0 for value in steps.values()):
            fields = dict.fromkeys(steps, np.empty(0))
        else:
            fields = {name: validate_tables.vector(name, v) for name, v in steps.items()}
            validate.same_length(**fields)
            for name in ("heights", "steepness"):
                _require_moderate(name, fields[name])
        number = validate_numbers.finite_number("shift", shift)
        object.__setattr__(self, "shift", number)
        number = validate_numbers.finite_number("slope", slope, _LARGEST_LOG)
        object.__setattr__(self, "slope", number)
        for name, array in fields.items():
            frozen = array.copy()
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)

    def to_normal(self, x: ArrayLike) -> Array:
        """g(x), which is standard normal when x has this flow's density."""
        x = validate.real_array("x", x)
        steps = np.exp(self.heights) * np.tanh(self._inner(x))
        with np.errstate(over="ignore"):  # far out g is infinite, and its density zero
            result: Array = self.shift + math.exp(self.slope) * x + steps.sum(axis=-1)
        return result

    def log_derivative(self, x: ArrayLike) -> Array:
        """log g′(x)."""
        x = validate.real_array("x", x)
        # log sech² u, without overflow
        log_sech = 2 * (math.log(2) - np.logaddexp(self._inner(x), -self._inner(x)))
        terms = self.heights + self.steepness + log_sech
        result: Array = np.logaddexp(self.slope, np.logaddexp.reduce(terms, axis=-1))
        return result

    def log_density(self, x: ArrayLike) -> Array:
        """log p(x) = log N(g(x); 0, 1) + log g′(x)."""
        z = self.to_normal(x)
        square = elementwise.square(np.asarray(z))
        result: Array = -(square + math.log(2 * math.pi)) / 2 + self.log_derivative(x)
        return result

    def from_normal(self, z: ArrayLike) -> Array:
        """The x with g(x) = z, by bisection until no float lies in between."""
        z = validate.real_array("z", z)
        # All steps together add at most their heights to the straight part.
        reach = 1.001 * (np.exp(self.heights).sum() + np.abs(z - self.shift))
        with np.errstate(over="ignore"):
            high = np.minimum(reach / math.exp(self.slope), np.finfo(float).max)
        low = -high
        while True:
            middle: Array = low / 2 + high / 2
            if np.all((middle <= low) | (middle >= high)):
                break
            below = self.to_normal(middle) < z
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        if np.any(np.abs(middle) >= np.nextafter(np.finfo(float).max, 0.0)):
            raise ValueError("z is beyond what the flow reaches within the range of a float")
        return middle

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """``size`` independent draws: standard normal ones, sent back through the map."""
        size = validate_numbers.whole_number("size", size)
        return self.from_normal(validate_numbers.generator(rng).standard_normal(size))

    def _inner(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            result: Array = np.exp(self.steepness) * (x[..., None] - self.centres)
        return result


class FlowFit(NamedTuple):
    """A trained flow.

    Attributes
    ----------
    flow : MonotoneFlow
        The flow.
    losses : ndarray
        The mean of −log p(x), in nats, at the start and after each step; never rises.
    converged : bool
        Whether the gradient has vanished; if not, the steps were used up.
    """

    flow: MonotoneFlow
    losses: Array
    converged: bool


def flow_loss(parameters: ArrayLike, x: ArrayLike) -> tuple[float, Array]:
    """The mean of −log p(x) = g(x)²/2 + log(2π)/2 − log g′(x), and its gradient.

    It is the cross-entropy of data and flow: D(data‖flow), but for the entropy of the data.

    Parameters
    ----------
    parameters : array_like, shape (2 + 3 K,)
        shift, slope, then K heights, K values of steepness and K centres, as in `MonotoneFlow`.
    x : array_like, shape (n,)
        The observations.

    Returns
    -------
    loss : float
        In nats per observation.
    gradient : ndarray, shape (2 + 3 K,)
        Its derivatives in the parameters.

    Raises
    ------
    ValueError
        When an argument is not a vector of finite numbers, or the number of parameters is not
        2 + 3 K.

    References
    ----------
    Papamakarios et al. (2021), section 2.3.1. Rezende and Mohamed (2015), for the name.

    Examples
    --------
    Without steps the flow is a normal distribution, and the best one has mean and spread of x:

    >>> loss, gradient = flow_loss([0.0, 0.0], [-1.0, 1.0])
    >>> print(round(loss - math.log(2 * math.pi * math.e) / 2, 12), gradient)
    0.0 [0. 0.]
    """
    x = validate_tables.vector("x", x)
    flow = _flow(validate_tables.vector("parameters", parameters))
    z, log_slope = flow.to_normal(x), flow.log_derivative(x)
    loss = np.mean(elementwise.square(z) / 2 - log_slope) + math.log(2 * math.pi) / 2
    if not loss < _LARGEST_LOSS:
        raise ValueError("x is so far out that its density is beyond the range of a float")

    with np.errstate(over="ignore", invalid="ignore"):
        gradient = _loss_gradient(flow, x, z, log_slope)
    if not np.isfinite(gradient).all():
        raise ValueError("parameters are so large that the gradient is beyond the range of a float")
    return float(loss), gradient


def _loss_gradient(flow: MonotoneFlow, x: Array, z: Array, log_slope: Array) -> Array:
    """The mean of z ∂g/∂parameter − (∂g′/∂parameter)/g′."""
    rise, height, steep = math.exp(flow.slope), np.exp(flow.heights), np.exp(flow.steepness)
    u = steep * (x[:, None] - flow.centres)
    tanh = np.tanh(u)
    bell = height * (1 - tanh * tanh)  # height · sech²
    ones, zeros = np.ones((x.size, 1)), np.zeros((x.size, 1))
    # Derivatives of g and of g′ in shift, slope, heights, steepness and centres
    d_map = [ones, rise * x[:, None], height * tanh, u * bell, -steep * bell]
    bend = steep * bell
    d_slope = [zeros, rise * ones, bend, bend * (1 - 2 * u * tanh), 2 * steep * bend * tanh]
    result: Array = (z @ np.hstack(d_map) - np.exp(-log_slope) @ np.hstack(d_slope)) / x.size
    return result


def train_flow(x: ArrayLike, bumps: int = 2, *, max_steps: int = 2000) -> FlowFit:
    """Fit a `MonotoneFlow` to observations by maximum likelihood, that is by D(data‖flow).

    From a normal distribution of the data's mean and spread, with the bumps small and spread over
    the data, downhill by a quasi-Newton method (L-BFGS). It ends in a local optimum. Few data do
    not bear many bumps: nothing keeps the slope between them, and so the density's tails, in check.

    Parameters
    ----------
    x : array_like, shape (n,)
        The observations, not all equal.
    bumps : int
        K, the number of smooth steps in g, not negative. Where g is steep the density is high, and
        a mode wants one of its own; with 0 the flow is a normal distribution.
    max_steps : int
        Stop after so many steps of the descent in any case.

    Returns
    -------
    FlowFit

    Raises
    ------
    ValueError
        When x is not a vector of finite numbers, all are equal but for rounding, or their standard
        deviation is not between 1e-100 and 1e100.

    References
    ----------
    Rezende and Mohamed (2015), Variational inference with normalizing flows. Papamakarios et al.
    (2021), section 2.3.1.

    Examples
    --------
    >>> x = np.concatenate([np.linspace(-3, -1, 50), np.linspace(1, 3, 50)])
    >>> fit = train_flow(x)
    >>> print(bool(fit.flow.log_density(2.0) > fit.flow.log_density(0.0)))
    True
    """
    from scipy.optimize import minimize

    x = validate_tables.vector("x", x)
    count = validate_numbers.whole_number("bumps", bumps, 0)
    max_steps = validate_numbers.whole_number("max_steps", max_steps)
    mean, spread = _mean_and_spread(x)
    standard = (x - mean) / spread
    centres = np.quantile(standard, (np.arange(count) + 0.5) / max(count, 1))
    start = np.concatenate([[0.0, 0.0], np.full(count, -1.0), np.zeros(count), centres])
    losses, free = [flow_loss(start, standard)[0]], (None, None)
    found = minimize(
        flow_loss,
        start,
        args=(standard,),
        jac=True,
        method="L-BFGS-B",
        bounds=[free]
        + [(-_LARGEST_TRAINED, _LARGEST_TRAINED)] * (1 + count)
        + [(-_LARGEST_TRAINED, math.log(_STEEPEST))] * count
        + [free] * count,
        callback=lambda parameters: losses.append(flow_loss(parameters, standard)[0]),
        options={"maxiter": max_steps, "maxfun": 10 * max_steps, "ftol": 1e-13},
    )
    return FlowFit(
        _unscaled(_flow(found.x), mean, spread),
        np.array(losses) + math.log(spread),
        bool(found.success),
    )


def kl_to_flow(p: NormalMixture, flow: MonotoneFlow) -> float:
    """D(p‖flow) = ∫ p(x) log(p(x)/p_flow(x)) dx for a mixture of normals p, by quadrature.

    Parameters
    ----------
    p : NormalMixture
        The truth, from which the data came.
    flow : MonotoneFlow
        The model.

    Returns
    -------
    float
        In nats, within 1e-10·D + 1e-15·(1 + m)·√D, where m is the largest of p's means over its
        standard deviation.

    Raises
    ------
    ValueError
        When a component is too narrow for quadrature, or p or flow is not of its kind.

    References
    ----------
    Papamakarios et al. (2021), section 2.3.1.

    Examples
    --------
    A flow without steps is a normal distribution:

    >>> from kllib.gaussian import kl_normal
    >>> flow = MonotoneFlow(-0.5, math.log(0.5))  # z = (x − 1)/2
    >>> print(math.isclose(kl_to_flow(NormalMixture([1], [0], [1]), flow), kl_normal(0, 1, 1, 2)))
    True
    """
    p = validate_numbers.instance("p", p, NormalMixture)
    flow = validate_numbers.instance("flow", flow, MonotoneFlow)

    def integrand(x: Array) -> Array:
        log_p, log_q = np.asarray(p.log_density(x)), flow.log_density(x)
        return mixture_integrals.alpha_gap(log_p, log_q, 1.0)[None]

    # Panels that resolve p, each step of the flow, and the flow's tails
    widths = np.exp(-np.append(flow.steepness, flow.slope))
    means = np.concatenate([p.means, flow.centres, [float(flow.from_normal(0.0))]])
    sigmas = np.concatenate([p.sigmas, widths])
    value = float(mixture_integrals.integrate(integrand, means, sigmas)[0])
    # The integrand is p log(p/q) − p + q: what of q lies beyond the panels is missing
    ends = mixture_integrals.panel_edges(means, sigmas)[[0, -1]]
    below, above = flow.to_normal(ends) * [1, -1]
    return value + float(ndtr(below) + ndtr(above))


def _flow(parameters: Array) -> MonotoneFlow:
    count, rest = divmod(parameters.size - 2, 3)
    if rest or count < 0:
        raise ValueError(
            f"parameters must be 2 + 3 K numbers, for K steps; there are {parameters.size}"
        )
    heights, steepness, centres = parameters[2:].reshape(3, count)
    return MonotoneFlow(float(parameters[0]), float(parameters[1]), heights, steepness, centres)


def _unscaled(flow: MonotoneFlow, mean: float, spread: float) -> MonotoneFlow:
    """The flow of x for a flow of (x − mean)/spread."""
    return MonotoneFlow(
        flow.shift - math.exp(flow.slope) * mean / spread,
        flow.slope - math.log(spread),
        flow.heights,
        flow.steepness - math.log(spread),
        mean + spread * flow.centres,
    )


def _require_moderate(name: str, logarithms: Array) -> None:
    largest = float(np.abs(logarithms).max())
    if largest > _LARGEST_LOG:
        raise ValueError(f"{name} must be at most {_LARGEST_LOG:g} in size; got {largest:g}")


def _mean_and_spread(x: Array) -> tuple[float, float]:
    if x.min() == x.max():
        raise ValueError("x must hold at least two different numbers")
    unit = float(np.abs(x).max())
    scaled = x / unit
    mean, spread = float(scaled.mean()), float(scaled.std())
    if spread <= 4 * np.finfo(float).eps:
        raise ValueError("x must hold different numbers: these are equal but for rounding")
    if not 1 / _LARGEST_SPREAD <= unit * spread <= _LARGEST_SPREAD:
        raise ValueError(
            f"x must have a standard deviation between {1 / _LARGEST_SPREAD:g} and "
            f"{_LARGEST_SPREAD:g}; it is {unit * spread:.3g}: change its unit"
        )
    return unit * mean, unit * spread
