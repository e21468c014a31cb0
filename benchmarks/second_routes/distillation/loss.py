"""Second routes to kllib.distillation: mpmath, the definitions and their differences."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import mpmath
import numpy as np

from benchmarks.second_routes.policy.rlhf import DIFFERENCES, SUM, derivatives, divergence, softmax
from benchmarks.second_routes.route import FAR, NEAR, ORDINARY, STEPS, Case, Route, numbers, precise

mpf = mpmath.mpf
DIRECTIONS = ("forward", "reverse", "jensen_shannon")


def logits() -> Iterator[Case]:
    """Teacher, student, and the options."""
    rng = np.random.default_rng(140)
    for direction, temperature in product(DIRECTIONS, (0.5, 1.0, 3.0, 1e3)):
        options = {"direction": direction, "temperature": temperature}
        name = f"{direction}, T={temperature:g}"
        for n in (2, 3, 10):
            teacher, noise = 3 * rng.standard_normal(n), rng.standard_normal(n)
            for step in STEPS:
                student = teacher + step * temperature * noise
                yield Case(f"{name}, n={n}, {step:g} apart", NEAR, (teacher, student), options)
            shifted = teacher + 1e6 + 1e-4 * noise
            yield Case(f"{name}, n={n}, shifted by 1e6", NEAR, (teacher, shifted), options)
            yield Case(f"{name}, n={n}", ORDINARY, (teacher, 3 * noise), options)
        far = ([0.0, 300.0, -300.0], [0.0, -300.0, 300.0])
        yield Case(f"{name}, opposite", FAR, far, options)
        outlier = ([-1e6, 0.0, 0.3, 0.1], [-5e5, 0.0, 0.3 + 1e-6, 0.1])
        yield Case(f"{name}, an impossible class", FAR, outlier, options)
        cold = ([-1.4e4 * temperature, 4.1e4, 1.4e5], [1e-4 * temperature, -9.0, 0.0])
        yield Case(f"{name}, a sure teacher", FAR, cold, options)
        halved = ([0.0, -1e6], [0.0, 1e-3])
        yield Case(f"{name}, one class of two", FAR, halved, options)
        beyond = ([0.0, 1e4, -1e4], [0.0, -2e4, 3e4])
        yield Case(f"{name}, far beyond the smallest float", FAR, beyond, options)
    for share in (1e-10, 0.1, 0.9, 1 - 1e-10):
        options = {"direction": "jensen_shannon", "temperature": 2.0, "teacher_share": share}
        yield Case(f"Jensen–Shannon, share {share:g}", FAR, (teacher, 3 * noise), options)
        near = (teacher, teacher + 1e-6 * noise)
        yield Case(f"Jensen–Shannon, share {share:g}, near", NEAR, near, options)
    yield from batches()


def batches() -> Iterator[Case]:
    """Several examples, with labels and every reduction."""
    rng = np.random.default_rng(141)
    teacher, student = 3 * rng.standard_normal((2, 3, 4))
    for direction, reduction in product(DIRECTIONS, ("mean", "sum", "none")):
        options = {
            "direction": direction,
            "reduction": reduction,
            "temperature": 3.0,
            "scaling": "none",
            "labels": [0, 3, 1],
            "soft_weight": 0.7,
        }
        yield Case(f"{direction}, {reduction}", ORDINARY, (teacher, student), options)


def _example(
    teacher: list[mpf], student: list[mpf], label: int | None, options: dict[str, Any]
) -> mpf:
    temperature, share = mpf(options["temperature"]), mpf(options.get("teacher_share", 0.5))
    p, q = softmax(teacher, temperature), softmax(student, temperature)
    middle = [share * a + (1 - share) * b for a, b in zip(p, q, strict=True)]
    loss = {
        "forward": lambda: divergence(p, q),
        "reverse": lambda: divergence(q, p),
        "jensen_shannon": lambda: (
            share * divergence(p, middle) + (1 - share) * divergence(q, middle)
        ),
    }[options["direction"]]()
    if options.get("scaling") != "none":
        loss *= temperature**2
    if label is None:
        return loss
    weight = mpf(options["soft_weight"])
    return weight * loss - (1 - weight) * mpmath.log(softmax(student)[label])


def _losses(teacher: Any, students: Any, options: dict[str, Any]) -> list[mpf]:
    labels = options.get("labels") or [None] * len(students)
    rows = zip(np.atleast_2d(teacher), students, labels, strict=True)
    return [_example(numbers(t), list(s), label, options) for t, s, label in rows]


def _loss(teacher: Any, student: Any, **options: Any) -> Any:
    losses = _losses(teacher, [numbers(row) for row in np.atleast_2d(student)], options)
    if options.get("reduction") == "none":
        return losses
    total = mpmath.fsum(losses)
    return total if options.get("reduction") == "sum" else total / len(losses)


@mpmath.workdps(90)  # a student 1e-10 from the teacher, and steps of 1e-30
def _gradient(teacher: Any, student: Any, **options: Any) -> Any:
    columns = np.shape(student)[-1]

    def total(x: list[mpf]) -> mpf:
        rows = [x[i : i + columns] for i in range(0, len(x), columns)]
        losses = _losses(teacher, rows, options)
        divisor = 1 if options.get("reduction") in ("sum", "none") else len(losses)
        return mpmath.fsum(losses) / divisor

    return np.array(derivatives(total, np.ravel(student))).reshape(np.shape(student)).tolist()


def differentiable() -> Iterator[Case]:
    """Those without probabilities far below the step of the differences."""
    return (case for case in logits() if case.kind != FAR and np.size(case.arguments[0]) < 13)


def matched() -> Iterator[Case]:
    """Teacher and student."""
    rng = np.random.default_rng(142)
    for n in (2, 3, 100):
        teacher, noise = 3 * rng.standard_normal((2, n))
        for shift, step in product((0.0, 1e6), (1.0, 1e-5, 1e-10)):
            student = teacher + shift + step * noise
            if shift == 0 or step > 1e-10:
                yield Case(f"n={n}, {step:g} apart, shift {shift:g}", NEAR, (teacher, student))


def _matching(teacher: Any, student: Any) -> mpf:
    gaps = [b - a for a, b in zip(numbers(teacher), numbers(student), strict=True)]
    middle = mpmath.fsum(gaps) / len(gaps)
    return mpmath.fsum((x - middle) ** 2 for x in gaps) / len(gaps) / 2


def teachers() -> Iterator[Case]:
    """Features and the logits of a teacher of the student's own kind."""
    rng = np.random.default_rng(143)
    for direction in DIRECTIONS:
        x = rng.standard_normal((30, 3))
        target = x @ rng.standard_normal((3, 4)) + rng.standard_normal(4)
        options = {"temperature": 2.0, "direction": direction}
        yield Case(direction, ORDINARY, (x, target), options)


def _taught(features: Any, teacher_logits: Any, **_: Any) -> Any:
    from scipy.special import softmax as scipy_softmax

    return scipy_softmax(teacher_logits, axis=1)


def _says(features: Any, teacher_logits: Any, **options: Any) -> Any:
    from kllib.distillation.loss import train_student
    from kllib.logits import softmax as kllib_softmax

    return kllib_softmax(train_student(features, teacher_logits, **options).logits(features))


ROUTES = {
    "distillation_loss": Route(logits, precise(_loss), SUM),
    "distillation_gradient": Route(differentiable, _gradient, DIFFERENCES),
    "logit_matching_loss": Route(matched, precise(_matching), SUM),
    # L-BFGS stops when the loss, near 1e-14 of its start, no longer falls: errors are its root.
    "train_student": Route(
        teachers, _taught, "a teacher that the student can equal", bound=1e-5, call=_says
    ),
}
