"""A small classifier, softmax regression or one hidden layer, with gradients written by hand.

`distillation` trains teachers and students with it. Training is full-batch L-BFGS: there is no
learning rate to choose, and the same data and seed give the same network.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import validate, validate_numbers, validate_tables
from kllib.logits import log_softmax

__all__ = ["Classifier", "fit_classifier", "train_classifier"]

Array: TypeAlias = NDArray[np.float64]

_MOST_UNITS = 2**20


@dataclass(frozen=True, eq=False)
class Classifier:
    """logits = tanh(x W₁ + b₁) W₂ + b₂; with one layer, x W₁ + b₁.

    Attributes
    ----------
    weights : tuple of ndarray, shapes (inputs, hidden) and (hidden, classes)
        One matrix for each layer.
    biases : tuple of ndarray, shapes (hidden,) and (classes,)
        One vector for each layer.
    converged : bool or None
        Of a trained classifier, whether the descent came to its end before ``max_steps``; None
        when it was not trained.

    Examples
    --------
    >>> regression = Classifier((np.array([[1.0, -1.0]]),), (np.array([0.0, 3.0]),))
    >>> print(regression.logits([[2.0]]), regression.predict([[2.0], [1.0]]))
    [[2. 1.]] [0 1]
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    converged: bool | None = None

    def __post_init__(self) -> None:
        shapes = [np.shape(matrix) for matrix in self.weights]
        if not 0 < len(shapes) == len(self.biases):
            raise ValueError("a Classifier must have as many biases as weights, and some")
        joined = zip(shapes, shapes[1:], strict=False)
        if any(len(s) != 2 for s in shapes) or any(a[1] != b[0] for a, b in joined):
            raise ValueError(
                "weights must be matrices, each with a row for each column of the one before; "
                f"their shapes are {shapes}"
            )
        if [np.shape(bias) for bias in self.biases] != [shape[1:] for shape in shapes]:
            raise ValueError("biases must be vectors, as long as their weights have columns")

    def logits(self, features: ArrayLike) -> Array:
        """One row of logits for each row of features."""
        return self._layers(features)[-1]

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """The class of the largest logit, for each row of features."""
        best: NDArray[np.int64] = self.logits(features).argmax(axis=-1)
        return best

    def gradient(self, features: ArrayLike, logit_gradient: ArrayLike) -> "Classifier":
        """The derivatives of a loss by all parameters, from those by the logits.

        Parameters
        ----------
        features : array_like, shape (examples, inputs)
        logit_gradient : array_like, shape (examples, classes)
            ∂L/∂logits at these features.

        Returns
        -------
        Classifier
            ∂L/∂W and ∂L/∂b in the places of ``weights`` and ``biases``.
        """
        *inputs, logits = self._layers(features)
        back = validate_tables.table("logit_gradient", logit_gradient)
        validate_tables.same_shape(logits=logits, logit_gradient=back)
        weights, biases = [], []
        for layer in reversed(range(len(inputs))):
            weights.append(inputs[layer].T @ back)
            biases.append(back.sum(axis=0))
            if layer > 0:
                back = (back @ self.weights[layer].T) * (
                    1 - inputs[layer] ** 2
                )  # tanh' = 1 − tanh²
        return Classifier(tuple(weights[::-1]), tuple(biases[::-1]))

    def _layers(self, features: ArrayLike) -> list[Array]:
        """The features, the hidden values if there are any, and the logits."""
        x = validate_tables.table("features", features)
        if x.shape[1] != len(self.weights[0]):
            raise ValueError(
                f"features must have {len(self.weights[0])} columns; their shape is {x.shape}"
            )
        layers = [x]
        with np.errstate(over="ignore", invalid="ignore"):
            for matrix, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
                layers.append(np.tanh(layers[-1] @ matrix + bias))
            layers.append(layers[-1] @ self.weights[-1] + self.biases[-1])
        if not np.isfinite(layers[-1]).all():
            raise ValueError("logits leave the range of floats: features or weights are too large")
        return layers


def fit_classifier(
    loss: Callable[[Array], tuple[float, Array]],
    features: ArrayLike,
    *,
    classes: int,
    hidden: int = 0,
    weight_decay: float = 0.0,
    max_steps: int = 500,
    rng: np.random.Generator | None = None,
) -> Classifier:
    """The classifier that minimises loss(logits) + (weight_decay/2) Σ W², by L-BFGS.

    Parameters
    ----------
    loss : callable
        Takes the logits of all examples, shape (examples, classes), and returns the loss and its
        derivatives by the logits, in the same shape.
    features : array_like, shape (examples, inputs)
    classes : int
        The number of classes, at least 2.
    hidden : int
        The number of hidden units; 0 for softmax regression, which is convex for a convex loss.
    weight_decay : float
        Not negative; biases are free of it.
    max_steps : int
        Where L-BFGS stops if it has not converged before.
    rng : numpy.random.Generator, optional
        Draws the weights that a hidden layer starts with, which needs one; softmax regression
        starts at zero.

    Returns
    -------
    Classifier
        Its ``converged`` says whether L-BFGS found a minimum, or stopped before.

    Raises
    ------
    ValueError
        When ``features`` is not a table of finite numbers, a hidden layer has no ``rng``, the
        logits leave the range of floats (with features of 1e200, say), or another argument makes no
        sense.

    References
    ----------
    Liu and Nocedal (1989) for L-BFGS.

    Examples
    --------
    The loss can be anything that has a gradient; squared error makes it linear regression:

    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> y = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 0.0]])
    >>> line = fit_classifier(lambda z: (((z - y) ** 2).sum(), 2 * (z - y)), x, classes=2)
    >>> print(line.weights[0].round(4) + 0.0, line.biases[0].round(4) + 0.0)
    [[2. 0.]] [1. 0.]
    """
    from scipy.optimize import minimize

    if not callable(loss):
        raise ValueError(f"loss must be a function of the logits; got {loss!r}")
    x = validate_tables.table("features", features)
    decay = validate.non_negative_number("weight_decay", weight_decay)
    steps = validate_numbers.whole_number("max_steps", max_steps, 1)
    start = _initial(x.shape[1], hidden, classes, rng)

    def penalised(parameters: Array) -> tuple[float, Array]:
        model = _unpacked(parameters, start)
        result = loss(model.logits(x))
        if not (isinstance(result, tuple) and len(result) == 2):
            raise ValueError(f"loss must return a pair, itself and its gradient; got {result!r}")
        value = validate.real_array("loss", result[0]).item()
        gradient = model.gradient(x, result[1])
        with np.errstate(over="ignore"):
            penalty = decay / 2 * sum(float((w**2).sum()) for w in model.weights)
        weights = zip(gradient.weights, model.weights, strict=True)
        gradient = Classifier(tuple(g + decay * w for g, w in weights), gradient.biases)
        return value + penalty, _packed(gradient)

    options = {"maxiter": steps, "maxfun": 10 * steps, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(penalised, _packed(start), jac=True, method="L-BFGS-B", options=options)
    return replace(_unpacked(found.x, start), converged=bool(found.success))


def train_classifier(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    classes: int,
    hidden: int = 0,
    weight_decay: float = 0.0,
    max_steps: int = 500,
    rng: np.random.Generator | None = None,
) -> Classifier:
    """The classifier that minimises the mean of −log softmax(logits)[label]: maximum likelihood.

    Parameters
    ----------
    features : array_like, shape (examples, inputs)
    labels : array_like of int, shape (examples,)
        Classes, counted from 0.
    classes, hidden, weight_decay, max_steps, rng
        As in `fit_classifier`.

    Returns
    -------
    Classifier
        With ``converged``, as in `fit_classifier`. Classes that a line separates have no most
        likely finite weights: without weight decay they grow until the loss is next to nothing.

    Raises
    ------
    ValueError
        When a label is not a class, or as in `fit_classifier`.

    References
    ----------
    Bishop (2006), section 4.3.4.

    Examples
    --------
    With no features that help, it finds the frequencies of the classes:

    >>> model = train_classifier(np.zeros((4, 1)), [0, 1, 1, 1], classes=2)
    >>> print(np.exp(log_softmax(model.logits([[0.0]]))).round(6))
    [[0.25 0.75]]
    """
    x = validate_tables.table("features", features)
    classes = validate_numbers.whole_number("classes", classes, 2, _MOST_UNITS)
    target = validate_tables.one_hot("labels", labels, (len(x),), classes)

    def loss(logits: Array) -> tuple[float, Array]:
        log_model = log_softmax(logits)
        value = -float((target * log_model).sum()) / len(x)
        return value, (np.exp(log_model) - target) / len(x)

    return fit_classifier(
        loss,
        x,
        classes=classes,
        hidden=hidden,
        weight_decay=weight_decay,
        max_steps=max_steps,
        rng=rng,
    )


def _initial(inputs: int, hidden: int, classes: int, rng: np.random.Generator | None) -> Classifier:
    """Zeros for softmax regression; else random weights of the size that keeps values near one."""
    hidden = validate_numbers.whole_number("hidden", hidden, 0, _MOST_UNITS)
    classes = validate_numbers.whole_number("classes", classes, 2, _MOST_UNITS)
    if hidden == 0:
        return Classifier((np.zeros((inputs, classes)),), (np.zeros(classes),))
    if rng is None:
        raise ValueError("a hidden layer needs rng, a numpy.random.Generator, to start from")
    rng = validate_numbers.generator(rng)
    first = rng.standard_normal((inputs, hidden)) / np.sqrt(inputs)
    second = rng.standard_normal((hidden, classes)) / np.sqrt(hidden)
    return Classifier((first, second), (np.zeros(hidden), np.zeros(classes)))


def _packed(model: Classifier) -> Array:
    """All parameters in one vector."""
    return np.concatenate([array.ravel() for array in (*model.weights, *model.biases)])


def _unpacked(parameters: Array, like: Classifier) -> Classifier:
    """The inverse of `_packed`, in the shapes of ``like``."""
    shapes = [array.shape for array in (*like.weights, *like.biases)]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    parts = np.split(parameters, ends[:-1])
    arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    layers = len(like.weights)
    return Classifier(tuple(arrays[:layers]), tuple(arrays[layers:]))
