"""Second routes to kllib.distillation.classifier: finite differences, another optimiser."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.second_routes.route import ORDINARY, Case, Route


def networks() -> Iterator[Case]:
    """Weights, biases and features."""
    rng = np.random.default_rng(150)
    for hidden in (0, 3):
        shapes = [(4, 5)] if hidden == 0 else [(4, hidden), (hidden, 5)]
        weights = tuple(rng.standard_normal(shape) for shape in shapes)
        biases = tuple(rng.standard_normal(shape[1]) for shape in shapes)
        yield Case(f"{hidden} hidden", ORDINARY, (weights, biases, rng.standard_normal((6, 4))))


def _by_loops(weights: Any, biases: Any, features: Any) -> list[list[float]]:
    result = []
    for row in features.tolist():
        for layer, (matrix, bias) in enumerate(zip(weights, biases, strict=True)):
            sums = [
                sum(x * w for x, w in zip(row, column, strict=True)) + b
                for column, b in zip(matrix.T.tolist(), bias.tolist(), strict=True)
            ]
            row = sums if layer == len(weights) - 1 else [np.tanh(x) for x in sums]
        result.append(row)
    return result


def _logits(weights: Any, biases: Any, features: Any) -> Any:
    from kllib.distillation.classifier import Classifier

    return Classifier(weights, biases).logits(features)


class SquaredError:
    """Σ (z − y)² and its derivatives."""

    def __init__(self, target: np.ndarray) -> None:
        self.target = target

    def __call__(self, logits: np.ndarray) -> tuple[float, np.ndarray]:
        gap = logits - self.target
        return float((gap**2).sum()), 2 * gap


def regressions() -> Iterator[Case]:
    """A loss that is quadratic, and features."""
    rng = np.random.default_rng(151)
    for decay in (0.0, 1.0):
        x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
        options = {"classes": 2, "weight_decay": decay}
        yield Case(f"weight decay {decay:g}", ORDINARY, (SquaredError(y), x), options)


def _ridge(loss: SquaredError, features: Any, classes: int, weight_decay: float) -> Any:
    design = np.column_stack([features, np.ones(len(features))])
    penalty = np.diag([weight_decay / 2] * features.shape[1] + [0.0])
    return np.linalg.solve(design.T @ design + penalty, design.T @ loss.target)[:-1]


def labelled() -> Iterator[Case]:
    """Features and labels."""
    rng = np.random.default_rng(152)
    x = rng.standard_normal((60, 3))
    labels = (x @ rng.standard_normal((3, 4)) + rng.gumbel(size=(60, 4))).argmax(axis=1)
    for decay in (0.01, 1.0):
        options = {"classes": 4, "weight_decay": decay}
        yield Case(f"weight decay {decay:g}", ORDINARY, (x, labels), options)


def _newton(features: Any, labels: Any, classes: int, weight_decay: float) -> Any:
    """The zero of the gradient of the penalised likelihood, by Newton's method."""
    n, inputs = features.shape
    design = np.column_stack([features, np.ones(n)])
    decay = np.repeat([weight_decay] * inputs + [0.0], classes)
    theta = np.zeros((inputs + 1) * classes)
    for _ in range(30):
        z = design @ theta.reshape(-1, classes)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        slope = (design.T @ (p - np.eye(classes)[labels]) / n).ravel() + decay * theta
        hessian = np.diag(decay)
        for row, q in zip(design, p, strict=True):
            hessian += np.kron(np.outer(row, row), np.diag(q) - np.outer(q, q)) / n
        theta -= np.linalg.pinv(hessian, rcond=1e-12) @ slope  # a shift of all biases is free
    return theta.reshape(-1, classes)[:-1]


ROUTES = {
    "Classifier": Route(networks, _by_loops, "loops over single numbers", call=_logits),
    # L-BFGS stops when the loss no longer falls: the errors are about the root of its rounding.
    "fit_classifier": Route(
        regressions, _ridge, "normal equations", bound=1e-6, part=lambda model: model.weights[0]
    ),
    "train_classifier": Route(
        labelled, _newton, "Newton's method", bound=1e-5, part=lambda model: model.weights[0]
    ),
}
