"""Distillation: the loss in its directions and scalings, and students of scikit-learn's digits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import log
from scipy.optimize import check_grad
from scipy.special import rel_entr
from sklearn.datasets import load_digits

from kllib.discrete import cross_entropy, kl_divergence
from kllib.distillation.classifier import train_classifier
from kllib.distillation.loss import (
    distillation_gradient,
    distillation_loss,
    logit_matching_loss,
    train_student,
)
from kllib.logits import log_softmax, softmax

DIRECTIONS = ["forward", "reverse", "jensen_shannon"]

# The logits of the source documents' exercise
TEACHER, STUDENT = np.array([[3.0, 1.0, -2.0]]), np.array([[2.0, 0.0, -1.0]])


def logits(seed, examples=5, classes=4):
    return np.random.default_rng(seed).standard_normal((2, examples, classes)) * 2


# ------------------------------------------------------------------ known values


def test_as_printed():
    """The corrected source documents: at T = 3 the divergence is larger than at T = 1."""
    at_one = distillation_loss(TEACHER, STUDENT, temperature=1)
    at_three = distillation_loss(TEACHER, STUDENT, temperature=3, scaling="none")
    assert round(at_one, 5) == 0.0252
    assert round(at_three, 5) == 0.02602
    teacher, student = np.log([[0.6, 0.3, 0.08, 0.02]]), np.log([[0.8, 0.15, 0.03, 0.02]])
    assert round(distillation_loss(teacher, student, temperature=1), 4) == 0.1138
    reverse = distillation_loss(teacher, student, temperature=1, direction="reverse")
    assert round(reverse, 4) == 0.0967


def test_by_hand():
    # (¾, ¼) against (½, ½): ¾ log 3/2 + ¼ log ½, and back ½ log 2/3 + ½ log 2
    teacher, student = np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]])
    options = {"temperature": 1}
    expected = 0.75 * log(1.5) - 0.25 * log(2)
    assert distillation_loss(teacher, student, **options) == pytest.approx(expected, rel=1e-14)
    reverse = distillation_loss(teacher, student, direction="reverse", **options)
    assert reverse == pytest.approx(log(4 / 3) / 2, rel=1e-14)
    # Logits log 9 apart are log 3 apart at temperature 2, so (¾, ¼) again, and T² = 4
    hot = distillation_loss([[log(9), 0]], [[0, 0]], temperature=2)
    assert hot == pytest.approx(4 * expected, rel=1e-14)
    plain = distillation_loss([[log(9), 0]], [[0, 0]], temperature=2, scaling="none")
    assert plain == pytest.approx(expected, rel=1e-14)
    # Gradients: (p_s − p_t)·T and (p_s − p_t)/T
    slope = distillation_gradient([[log(9), 0]], [[0, 0]], temperature=2)
    np.testing.assert_allclose(slope, [[-0.5, 0.5]], rtol=1e-14)
    slope = distillation_gradient([[log(9), 0]], [[0, 0]], temperature=2, scaling="none")
    np.testing.assert_allclose(slope, [[-0.125, 0.125]], rtol=1e-14)


def test_hard_labels_by_hand():
    # λ = 0.7 on the divergence, 0.3 on the surprise of the true class
    soft = distillation_loss(TEACHER, STUDENT, temperature=3, scaling="none")
    surprise = -log_softmax(STUDENT)[0, 0]
    total = distillation_loss(
        TEACHER, STUDENT, temperature=3, scaling="none", labels=[0], soft_weight=0.7
    )
    assert total == pytest.approx(0.7 * soft + 0.3 * surprise, rel=1e-14)
    # All weight on the labels: the teacher and the temperature do not matter
    for temperature in (1, 5):
        hard = distillation_loss(
            TEACHER, STUDENT, temperature=temperature, labels=[0], soft_weight=0
        )
        assert hard == pytest.approx(surprise, rel=1e-14)


def test_a_student_equal_to_its_teacher_has_no_loss_at_any_temperature():
    for temperature in (0.5, 1, 3, 100):
        for direction in DIRECTIONS:
            options = {"temperature": temperature, "direction": direction}
            assert distillation_loss(TEACHER, TEACHER, **options) == 0
            assert (distillation_gradient(TEACHER, TEACHER, **options) == 0).all()
            assert distillation_loss(TEACHER, TEACHER + 7, **options) < 1e-30
    # Left at temperature one, the student would have this loss for being equal (T = 3):
    mistaken = kl_divergence(softmax(TEACHER, 3), softmax(TEACHER))
    assert round(float(mistaken[0]), 4) == 0.3729


# ------------------------------------------------------------------ second routes


@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_against_scipy(temperature):
    teacher, student = logits(1)
    p, q = softmax(teacher, temperature), softmax(student, temperature)
    middle = 0.3 * p + 0.7 * q
    expected = {
        "forward": rel_entr(p, q).sum(axis=1),
        "reverse": rel_entr(q, p).sum(axis=1),
        "jensen_shannon": (0.3 * rel_entr(p, middle) + 0.7 * rel_entr(q, middle)).sum(axis=1),
    }
    for direction, values in expected.items():
        options = {"temperature": temperature, "direction": direction, "teacher_share": 0.3}
        found = distillation_loss(teacher, student, reduction="none", scaling="none", **options)
        np.testing.assert_allclose(found, values, rtol=1e-12)
        scaled = distillation_loss(teacher, student, **options)
        assert scaled == pytest.approx(temperature**2 * values.mean(), rel=1e-12)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("scaling", ["temperature_squared", "none"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradient_by_finite_differences(direction, scaling, reduction):
    teacher, student = logits(2)
    options = {
        "temperature": 2.5,
        "direction": direction,
        "scaling": scaling,
        "reduction": reduction,
        "teacher_share": 0.3,
        "labels": [0, 3, 1, 1, 2],
        "soft_weight": 0.6,
    }
    error = check_grad(
        lambda x: distillation_loss(teacher, x.reshape(5, 4), **options),
        lambda x: distillation_gradient(teacher, x.reshape(5, 4), **options).ravel(),
        student.ravel(),
    )
    assert error < 1e-5


def test_far_apart():
    """Where probabilities underflow, logits still tell how far the student is."""
    far = {"temperature": 1.0}
    teacher, student = [[0.0, -1e4]], [[-2e4, 0.0]]
    assert distillation_loss(teacher, student, **far) == pytest.approx(2e4, rel=1e-14)
    reverse = distillation_loss(teacher, student, direction="reverse", **far)
    assert reverse == pytest.approx(1e4, rel=1e-14)
    js = distillation_loss(teacher, student, direction="jensen_shannon", **far)
    assert js == pytest.approx(log(2), rel=1e-14)
    for direction in DIRECTIONS:
        slope = distillation_gradient(teacher, student, direction=direction, **far)
        assert np.isfinite(slope).all()
    # In reverse there is nothing left to push: the student's own probability has underflowed
    slope = distillation_gradient(teacher, student, direction="reverse", **far)
    assert (slope == 0).all()
    np.testing.assert_allclose(distillation_gradient(teacher, student, **far), [[-1, 1]])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_as_cold_and_as_hot_as_it_may_be(direction):
    """At T → 0 softmax is argmax, and T² D is T times a difference of logits; T → ∞ matches."""
    options = {"direction": direction, "reduction": "none"}
    cold = distillation_loss([[0.0, 1.0]], [[3.0, 1.0]], temperature=1e-100, **options)
    # forward: the student has 1 on the wrong class, 2/T below; reverse: the teacher 1/T below
    expected = {"forward": 2e-100, "reverse": 1e-100, "jensen_shannon": 1e-200 * log(2)}
    assert cold == pytest.approx(expected[direction], rel=1e-13, abs=0)
    slope = distillation_gradient([[0.0, 1.0]], [[3.0, 1.0]], temperature=1e-100, **options)
    pull = 1e-100 if direction == "forward" else 0
    np.testing.assert_allclose(slope, [[pull, -pull]], rtol=1e-14)
    plain = distillation_gradient(
        [[0.0, 1.0]], [[3.0, 1.0]], temperature=1e-100, scaling="none", **options
    )
    np.testing.assert_allclose(plain, slope * 1e200, rtol=1e-14)
    # Hot, and the student near its teacher
    teacher, student = [0.0, 1.0, -2.0], [0.0, 1.0 + 2.0**-40, -2.0]
    share = 0.25 if direction == "jensen_shannon" else 1
    hot = distillation_loss(teacher, student, temperature=1e100, **options)
    assert hot == pytest.approx(share * logit_matching_loss(teacher, student), rel=1e-12, abs=0)


def test_an_outlier_costs_no_digits():
    """An outcome that is impossible for both, or for one, leaves the loss of the others."""
    teacher, student = np.array([0.5, -0.25, 1.0]), np.array([0.5, -0.25 + 2.0**-20, 1.0])
    expected = distillation_loss(teacher, student, temperature=1)
    for far, there in ((-1e6, -5e5), (-5e5, -1e6), (-1e15, -1e3)):
        found = distillation_loss([far, *teacher], [there, *student], temperature=1)
        assert found == pytest.approx(expected, rel=1e-12, abs=0)
    for far in (-800.0, -1e6, -1e12):
        forward = distillation_loss([0.0, far], [0.0, 0.0], temperature=1)
        assert forward == pytest.approx(log(2), rel=1e-14)
        reverse = distillation_loss([0.0, 0.0], [0.0, far], temperature=1, direction="reverse")
        assert reverse == pytest.approx(log(2), rel=1e-14)


def test_beyond_the_range_of_a_float():
    assert logit_matching_loss([[1e200, 0.0]], [[0.0, 0.0]]) == np.inf
    assert logit_matching_loss([4e307, -4e307, 4e307, -4e307], [-4e307, 4e307, 0, 0]) == np.inf
    far = {"temperature": 1e99, "labels": [0], "soft_weight": 0.0}
    # The divergence times T² is above 1.8e308, and does not count
    loss = distillation_loss([[0.0, 1e250]], [[1e250, 0.0]], **far)
    assert loss == 0
    assert distillation_loss([[0.0, 1e250]], [[1e250, 0.0]], temperature=1e99) == np.inf


def test_a_large_shift_costs_no_digits():
    """Logits 1e6 above the teacher's, as floats: the exact loss is that of the exact difference."""
    teacher = [0.1, 0.25, -0.3]
    student = [x + 1e6 for x in (0.10001, 0.25, -0.30002)]
    gaps = [Fraction(b) - Fraction(a) for a, b in zip(teacher, student, strict=True)]
    middle = sum(gaps) / 3
    expected = float(sum((x - middle) ** 2 for x in gaps) / 6)
    assert logit_matching_loss(teacher, student) == pytest.approx(expected, rel=1e-14, abs=0)
    exact = distillation_loss([0, 0, 0], [float(x - middle) for x in gaps], temperature=1e5)
    assert exact == pytest.approx(expected, rel=1e-4, abs=0)
    shift = [float(x - gaps[0]) for x in gaps]  # the same student, near the teacher
    p = softmax(teacher)
    tilted = p * np.expm1(shift)
    second_order = (np.dot(p, np.square(shift)) - tilted.sum() ** 2) / 2
    loss = distillation_loss(teacher, student, temperature=1)
    assert loss == pytest.approx(second_order, rel=1e-4, abs=0)


# ------------------------------------------------------------------ laws


@given(st.integers(0, 10_000), st.sampled_from(DIRECTIONS), st.floats(0.3, 20))
def test_signs_and_shifts(seed, direction, temperature):
    teacher, student = logits(seed)
    options = {"temperature": temperature, "direction": direction}
    loss = distillation_loss(teacher, student, **options)
    assert loss > 0
    shifts = np.random.default_rng(seed).standard_normal((5, 1)) * 10
    shifted = distillation_loss(teacher + shifts, student - shifts, **options)
    assert shifted == pytest.approx(loss, rel=1e-9, abs=0)
    slope = distillation_gradient(teacher, student, **options)
    np.testing.assert_allclose(slope.sum(axis=1), 0, atol=1e-12)


@given(st.integers(0, 10_000))
def test_gradients_are_those_of_matched_logits_when_it_is_hot(seed):
    """T² D → ½ Var(z_s − z_t), and its gradient (z_s − z_t)/N for centred logits; rest like 1/T."""
    teacher, student = (z - z.mean(axis=1, keepdims=True) for z in logits(seed))
    limit = logit_matching_loss(teacher, student)
    for direction, share in (("forward", 1), ("reverse", 1), ("jensen_shannon", 0.3 * 0.7)):
        options = {"direction": direction, "teacher_share": 0.3}
        errors = [
            abs(distillation_loss(teacher, student, temperature=t, **options) / share - limit)
            for t in (1e3, 1e4)
        ]
        assert errors[1] < 1e-3 * limit
        assert errors[1] < 0.2 * errors[0] or errors[1] < 1e-6 * limit
        slope = distillation_gradient(teacher, student, temperature=1e4, **options)
        np.testing.assert_allclose(slope / share, (student - teacher) / 4 / 5, atol=2e-3)


@given(st.integers(0, 10_000))
def test_without_t_squared_the_gradient_falls_like_one_over_t_squared(seed):
    teacher, student = logits(seed)
    sizes = [
        np.abs(distillation_gradient(teacher, student, temperature=t, scaling="none")).max()
        for t in (1e3, 1e4)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(100, rel=0.02)


@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_generalised_jensen_shannon(seed, share):
    teacher, student = logits(seed)
    options = {"temperature": 1.5, "scaling": "none", "reduction": "none"}

    def js(first, second, share):
        return distillation_loss(
            first, second, direction="jensen_shannon", teacher_share=share, **options
        )

    # Symmetric when the shares are exchanged too, and at most the entropy of the shares
    np.testing.assert_allclose(
        js(teacher, student, share), js(student, teacher, 1 - share), rtol=1e-9
    )
    most = -share * log(share) - (1 - share) * log(1 - share)
    assert (js(teacher, student, share) <= most).all()
    # Its limits are the two directions
    forward = distillation_loss(teacher, student, **options)
    np.testing.assert_allclose(js(teacher, student, 1e-9) / 1e-9, forward, rtol=1e-5)
    reverse = distillation_loss(teacher, student, direction="reverse", **options)
    np.testing.assert_allclose(js(teacher, student, 1 - 1e-9) / 1e-9, reverse, rtol=1e-5)


def test_labels_and_one_hot_teachers_agree():
    """A teacher that is sure is a label: D is the label's surprisal under the student."""
    _, student = logits(3)
    labels = np.array([0, 3, 1, 1, 2])
    sure = 1e3 * np.eye(4)[labels]
    soft = distillation_loss(sure, student, temperature=1)
    hard = distillation_loss(sure, student, temperature=1, labels=labels, soft_weight=0)
    assert soft == pytest.approx(hard, rel=1e-12)
    assert hard == pytest.approx(cross_entropy(np.eye(4)[labels], softmax(student)).mean())


def test_mean_is_over_examples_not_over_entries():
    teacher, student = logits(4)
    each = distillation_loss(teacher, student, temperature=2, reduction="none")
    assert each.shape == (5,)
    mean = distillation_loss(teacher, student, temperature=2)
    assert mean == pytest.approx(each.sum() / 5, rel=1e-14)
    assert distillation_loss(teacher, student, temperature=2, reduction="sum") == pytest.approx(
        5 * mean, rel=1e-14
    )
    # The mean over all entries would be a fourth of it, and no divergence
    p, q = softmax(teacher, 2), softmax(student, 2)
    assert 4 * rel_entr(p, q).mean() * 4 == pytest.approx(mean, rel=1e-12)
    # A single example needs no batch
    one = distillation_loss(teacher[0], student[0], temperature=2)
    assert isinstance(one, float)
    assert one == pytest.approx(each[0], rel=1e-15)
    slope = distillation_gradient(teacher[0], student[0], temperature=2, labels=1, soft_weight=0.5)
    assert slope.shape == (4,)


# ------------------------------------------------------------------ students


def test_a_student_of_the_teachers_kind_becomes_its_equal():
    rng = np.random.default_rng(5)
    x, weight = rng.standard_normal((60, 3)), rng.standard_normal((3, 4))
    for direction in DIRECTIONS:
        student = train_student(x, x @ weight, temperature=2, direction=direction)
        np.testing.assert_allclose(softmax(student.logits(x)), softmax(x @ weight), atol=1e-5)


def test_a_small_student_covers_or_seeks():
    """Forward covers both of the teacher's answers, reverse may keep to one of them.

    A student that must give the same answer to all examples (no features), and a teacher that
    gives one of two: the best student in the forward direction is the mean of the teacher, and
    in reverse the normalised geometric mean.
    """
    p = np.array([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.3, 0.3, 0.4]])
    nothing = np.zeros((3, 1))
    forward = train_student(nothing, np.log(p), temperature=1)
    found = softmax(forward.logits(nothing))[0]
    np.testing.assert_allclose(found, p.mean(axis=0), atol=1e-6)
    reverse = train_student(nothing, np.log(p), temperature=1, direction="reverse")
    found = softmax(reverse.logits(nothing))[0]
    geometric = np.exp(np.log(p).mean(axis=0))
    np.testing.assert_allclose(found, geometric / geometric.sum(), atol=1e-6)


@pytest.fixture(scope="module")
def digits():
    """Pictures of 8 by 8, shuffled: 1000 for the teacher, 797 to test on; and a teacher."""
    pictures, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))
    x, y = pictures[order] / 16, labels[order]
    teacher = train_classifier(
        x[:1000], y[:1000], classes=10, hidden=20, weight_decay=1e-3, max_steps=100, rng=rng
    )
    return x[:1000], y[:1000], x[1000:], y[1000:], teacher


SMALL = {"weight_decay": 1e-3, "max_steps": 100}


@pytest.mark.slow
def test_forty_pictures_teach_more_with_the_teachers_probabilities(digits):
    """Softmax regression on 40 pictures: measured 78 % right from labels, 94 % from the teacher."""
    x, y, test_x, test_y, teacher = digits
    assert (teacher.predict(test_x) == test_y).mean() > 0.96
    hard = train_classifier(x[:40], y[:40], classes=10, **SMALL)
    soft = train_student(x[:40], teacher.logits(x[:40]), temperature=3, **SMALL)
    accuracy = [(model.predict(test_x) == test_y).mean() for model in (hard, soft)]
    assert accuracy[0] < 0.85
    assert accuracy[1] > 0.9


@pytest.mark.slow
def test_a_student_learns_a_digit_that_it_has_never_seen(digits):
    """Without a 3 among 300 pictures: measured 85 % of the 3s right at T = 10, none at T = 1.

    What a 3 looks like is in the probabilities that the teacher gives to the class on pictures of
    other digits, and they are too small to count unless softened (as in section 3 of Hinton,
    Vinyals and Dean, 2015).
    """
    x, y, test_x, test_y, teacher = digits
    seen = np.flatnonzero(y != 3)[:300]
    threes = test_x[test_y == 3]
    found = {}
    for temperature in (1, 10):
        student = train_student(x[seen], teacher.logits(x[seen]), temperature=temperature, **SMALL)
        found[temperature] = (student.predict(threes) == 3).mean()
    labels_alone = train_classifier(x[seen], y[seen], classes=10, **SMALL)
    assert (labels_alone.predict(threes) == 3).mean() == 0
    assert found[1] < 0.1
    assert found[10] > 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature must be positive; got 0"),
        ({"temperature": 1e101}, "temperature must be from 1e-100 to 1e+100; got 1e+101"),
        ({"temperature": 1e-170}, "temperature must be from 1e-100 to 1e+100; got 1e-170"),
        ({"temperature": -1}, "temperature must not be negative"),
        ({"scaling": "squared"}, "scaling must be 'temperature_squared' or 'none'"),
        ({"direction": "backward"}, "direction must be 'forward' or 'reverse' or 'jensen_shannon'"),
        ({"reduction": "batchmean"}, "reduction must be 'mean' or 'sum' or 'none'"),
        ({"direction": "jensen_shannon", "teacher_share": 0}, "strictly between 0 and 1; got 0"),
        ({"direction": "jensen_shannon", "teacher_share": 1.0}, "strictly between 0 and 1"),
        ({"soft_weight": 0.5}, "leaves a part to labels, which are missing"),
        ({"soft_weight": 1.5}, "soft_weight must be between 0 and 1"),
        ({"labels": [3]}, "labels must be whole numbers from 0 to 2"),
        ({"labels": [0, 1]}, "labels must have shape (1,)"),
    ],
)
def test_bad_options(options, message):
    for function in (distillation_loss, distillation_gradient):
        with pytest.raises(ValueError) as error:
            function(TEACHER, STUDENT, **{"temperature": 2, **options})
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distillation_loss([[0, 1]], [[0, 1, 2]], temperature=1), "shapes differ"),
        (lambda: distillation_loss([[0, np.inf]], [[0, 1]], temperature=1), "teacher_logits has a"),
        (lambda: distillation_loss([[0, 1e308]], [[0, 1]], temperature=1), "above 4e+307 in size"),
        (
            lambda: distillation_loss([[0, 1e300]], [[0, 1]], temperature=1e-100),
            "teacher_logits/temperature has an entry above 4e+307",
        ),
        (lambda: train_student([[1.0]], [[0.0, 1.0]], temperature=1, hidden=2, rng=0), "rng must"),
        (lambda: distillation_loss(1.0, 2.0, temperature=1), "teacher_logits must be a vector"),
        (lambda: distillation_gradient([[0, 1]], [[0, np.nan]], temperature=1), "student_logits"),
        (lambda: logit_matching_loss([[0, 1]], [0, 1]), "shapes differ"),
        (lambda: logit_matching_loss([[0, 1]], [[0, 1]], reduction="all"), "reduction must be"),
        (lambda: train_student([[1.0]], [[0.0, 1.0]], temperature=0), "temperature must be pos"),
        (lambda: train_student([[1.0], [2.0]], [[0.0, 1.0]], temperature=1), "shapes differ"),
        (lambda: train_student([[1.0]], [[0.0, 1.0]], temperature=1, hidden=2), "needs rng"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
