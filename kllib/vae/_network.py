"""Layers with hand-written gradients, and the Adam optimiser. Private."""

from typing import NamedTuple

import numpy as np

from kllib._numerics.validate import Array


class Layer(NamedTuple):
    """x ↦ x weight + bias, for rows x; weight has shape (inputs, outputs)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        result: Array = x @ self.weight + self.bias
        return result

    def gradient(self, x: Array, d_output: Array) -> "Layer":
        """The gradient by weight and bias, given the input and the gradient by the output."""
        return Layer(x.T @ d_output, d_output.sum(axis=0))

    def back(self, d_output: Array) -> Array:
        """The gradient by the input, given the gradient by the output."""
        result: Array = d_output @ self.weight.T
        return result


def random_layer(rng: np.random.Generator, inputs: int, outputs: int) -> Layer:
    """Weights of variance 1/inputs, which keeps the scale of its inputs; biases zero."""
    return Layer(rng.standard_normal((inputs, outputs)) / np.sqrt(inputs), np.zeros(outputs))


def tanh_back(output: Array, d_output: Array) -> Array:
    """The gradient by the input of tanh, given its output: tanh' = 1 − tanh²."""
    result: Array = d_output * (1 - output * output)
    return result


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), for a vector of parameters."""

    def __init__(self, size: int) -> None:
        self.mean, self.square, self.steps = np.zeros(size), np.zeros(size), 0

    def step(self, gradient: Array, learning_rate: float) -> Array:
        """What to add to the parameters."""
        self.steps += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient * gradient
        mean = self.mean / (1 - 0.9**self.steps)
        square = self.square / (1 - 0.999**self.steps)
        result: Array = -learning_rate * mean / (np.sqrt(square) + 1e-8)
        return result
