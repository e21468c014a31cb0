"""The small classifier: gradients against finite differences, training against scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from kllib.distillation.classifier import Classifier, fit_classifier, train_classifier
from kllib.logits import softmax


def data(seed=0, examples=40, inputs=3, classes=4):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((examples, inputs))
    noise = rng.gumbel(size=(examples, classes))
    return x, (x @ rng.standard_normal((inputs, classes)) + noise).argmax(axis=1)


def network(hidden, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(3, 4)] if hidden == 0 else [(3, hidden), (hidden, 4)]
    return Classifier(
        tuple(rng.standard_normal(shape) for shape in shapes),
        tuple(rng.standard_normal(shape[1]) for shape in shapes),
    )


def test_by_hand():
    # tanh(0) = 0 and tanh(1·2 − 2) = 0, so the hidden layer says nothing and the biases decide
    model = Classifier(
        (np.array([[0.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])),
        (np.array([0.0, -2.0]), np.array([0.5, 0.25])),
    )
    np.testing.assert_allclose(model.logits([[2.0]]), [[0.5, 0.25]], rtol=1e-15)
    # At x = 3 the second hidden unit is tanh 1
    expected = np.array([0.5, 0.25]) + np.tanh(1) * np.array([3, 4])
    np.testing.assert_allclose(model.logits([[3.0]]), [expected], rtol=1e-15)
    assert model.predict([[2.0], [3.0]]).tolist() == [0, 1]


@pytest.mark.parametrize("hidden", [0, 5])
def test_gradient_by_finite_differences(hidden):
    model, (x, _) = network(hidden), data()
    pull = np.random.default_rng(1).standard_normal((40, 4))
    found = model.gradient(x, pull)
    for kind in ("weights", "biases"):
        for layer, array in enumerate(getattr(model, kind)):

            def loss(values, kind=kind, layer=layer, shape=array.shape):
                arrays = {"weights": list(model.weights), "biases": list(model.biases)}
                arrays[kind][layer] = values.reshape(shape)
                moved = Classifier(tuple(arrays["weights"]), tuple(arrays["biases"]))
                return (moved.logits(x) * pull).sum()

            slope = approx_fprime(array.ravel(), loss, 1e-6)
            derivative = getattr(found, kind)[layer]
            assert derivative.shape == array.shape
            np.testing.assert_allclose(derivative.ravel(), slope, rtol=1e-4, atol=1e-4)


def test_softmax_regression_as_scikit_learn_has_it():
    """Its penalty is Σ W²/2 per C, and its loss a sum over the examples."""
    x, y = data(2, examples=200)
    ours = train_classifier(x, y, classes=4, weight_decay=0.01)
    theirs = LogisticRegression(C=1 / (0.01 * 200), tol=1e-10, max_iter=2000).fit(x, y)
    np.testing.assert_allclose(
        softmax(ours.logits(x)), theirs.predict_proba(x), rtol=1e-3, atol=1e-5
    )
    assert (ours.predict(x) == theirs.predict(x)).all()


def test_a_hidden_layer_learns_what_regression_cannot():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = [0, 1, 1, 0]  # exclusive or
    rng = np.random.default_rng(3)
    assert (train_classifier(x, y, classes=2, hidden=8, rng=rng).predict(x) == y).all()
    flat = train_classifier(x, y, classes=2)
    np.testing.assert_allclose(softmax(flat.logits(x)), 0.5, atol=1e-6)


def test_the_same_seed_gives_the_same_network():
    x, y = data(4)
    models = [
        train_classifier(x, y, classes=4, hidden=3, max_steps=20, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    assert (models[0].weights[0] == models[1].weights[0]).all()
    assert not (models[0].weights[0] == models[2].weights[0]).all()


def test_weight_decay_shrinks_the_weights_and_not_the_biases():
    x, y = data(5)
    sizes = [
        np.abs(train_classifier(x, y, classes=4, weight_decay=decay).weights[0]).sum()
        for decay in (0.001, 0.1, 10)
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    heavy = train_classifier(x, y, classes=4, weight_decay=1e6)
    frequencies = np.bincount(y, minlength=4) / len(y)
    np.testing.assert_allclose(softmax(heavy.biases[0]), frequencies, atol=1e-5)


def test_it_stops_after_max_steps():
    x, y = data(6)

    def distance(steps):
        far = train_classifier(x, y, classes=4, weight_decay=0.01).weights[0]
        return np.abs(
            train_classifier(x, y, classes=4, weight_decay=0.01, max_steps=steps).weights[0] - far
        ).max()

    assert distance(2) > 10 * distance(50)


def test_it_says_whether_it_has_converged():
    x, y = data(6)
    options = {"classes": 4, "weight_decay": 0.01}
    assert train_classifier(x, y, **options).converged is True
    assert train_classifier(x, y, max_steps=2, **options).converged is False
    assert network(0).converged is None


def test_a_classifier_equals_itself_alone():
    """Arrays have no single truth value, so == compares no parameters."""
    model = network(3)
    assert model == model
    assert model != network(3)
    assert len({model, network(3)}) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_classifier([[1.0]], [0], classes="2"), "classes must be a whole number"),
        (lambda: train_classifier([[1.0]], [0], classes=2.5), "classes must be a whole number"),
        (
            lambda: train_classifier([[1.0]], [0], classes=2, hidden=3, rng=0),
            "rng must be a numpy.random.Generator; got int",
        ),
        (
            lambda: train_classifier([[1e200], [-1e200]], [0, 1], classes=2),
            "logits leave the range of floats",
        ),
        (lambda: fit_classifier(3, [[1.0]], classes=2), "loss must be a function"),
        (lambda: fit_classifier(lambda z: 3, [[1.0]], classes=2), "loss must return a pair"),
        (lambda: fit_classifier(lambda z: ("a", z), [[1.0]], classes=2), "loss must hold real"),
        (lambda: fit_classifier(lambda z: (np.nan, z), [[1.0]], classes=2), "loss has a non-fin"),
        (lambda: Classifier((), ()).logits([[1.0]]), "must have as many biases as weights"),
        (lambda: Classifier((np.eye(2),), ()).logits([[1.0]]), "must have as many biases as"),
        (
            lambda: Classifier((np.eye(2), np.eye(3)), (np.zeros(2), np.zeros(3))),
            "weights must be matrices, each with a row for each column of the one before",
        ),
        (lambda: network(0).logits([1.0, 2, 3]), "features must be a table with two axes"),
        (lambda: network(0).logits([[1.0, 2]]), "features must have 3 columns"),
        (lambda: network(0).gradient([[1.0, 2, 3]], [[1.0]]), "shapes differ"),
        (lambda: train_classifier([[1.0]], [2], classes=2), "whole numbers from 0 to 1"),
        (lambda: train_classifier([[1.0]], [0.5], classes=2), "whole numbers from 0 to 1"),
        (lambda: train_classifier([[1.0]], [0, 1], classes=2), "labels must have shape (1,)"),
        (lambda: train_classifier([[np.nan]], [0], classes=2), "features has a non-finite entry"),
        (
            lambda: train_classifier([[1.0]], [0], classes=1),
            "classes must be a whole number, 2 or above",
        ),
        (lambda: train_classifier([[1.0]], [0], classes=2, hidden=3), "a hidden layer needs rng"),
        (
            lambda: train_classifier([[1.0]], [0], classes=2, hidden=-1),
            "hidden must be a whole number, 0 or above",
        ),
        (
            lambda: fit_classifier(lambda z: (0, z), [[1.0]], classes=2, weight_decay=-1),
            "weight_decay must not be negative",
        ),
        (
            lambda: fit_classifier(lambda z: (0, z), [[1.0]], classes=2, max_steps=0),
            "max_steps must be a whole number, 1 or above",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
