"""Knowledge distillation: a student learns the teacher's whole distribution, softened.

Both distributions are softened with the same temperature T: p_t = softmax(teacher/T) and
p_s = softmax(student/T), along the last axis. (A student left at temperature one would be punished
for being equal to its teacher.) The gradient of their divergence falls like 1/T², so ``scaling``
is part of the loss, by name: "temperature_squared" multiplies by T², as is usual, and "none" does
not.

With ``reduction="mean"`` the loss is the mean over the examples, each of which counts with its
whole divergence. PyTorch's ``kl_div`` calls that "batchmean": what it calls "mean" divides by the
number of classes as well, and is no divergence any more.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kllib._numerics import tilts, validate, validate_numbers, validate_tables
from kllib.distillation.classifier import Classifier, fit_classifier
from kllib.logits import log_softmax

__all__ = ["distillation_gradient", "distillation_loss", "logit_matching_loss", "train_student"]

Array: TypeAlias = NDArray[np.float64]
Result: TypeAlias = np.float64 | Array
Direction: TypeAlias = Literal["forward", "reverse", "jensen_shannon"]
Scaling: TypeAlias = Literal["temperature_squared", "none"]
Reduction: TypeAlias = Literal["mean", "sum", "none"]

_COLDEST, _HOTTEST = 1e-100, 1e100  # so that no square is lost


def distillation_loss(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    *,
    temperature: float,
    scaling: Scaling = "temperature_squared",
    direction: Direction = "forward",
    teacher_share: float = 0.5,
    labels: ArrayLike | None = None,
    soft_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Result:
    """λ T² D(p_t‖p_s) − (1 − λ) log softmax(student)[label], T² and the labels as asked for.

    Parameters
    ----------
    teacher_logits, student_logits : array_like, shape (..., classes)
        One row of logits for each example, in the same shape.
    temperature : float
        T, from 1e-100 to 1e100, of teacher and student.
    scaling : {"temperature_squared", "none"}
        Whether the divergence is multiplied by T².
    direction : {"forward", "reverse", "jensen_shannon"}
        D(p_t‖p_s), which makes the student cover what the teacher thinks possible; D(p_s‖p_t),
        which makes it keep to that; or the generalised Jensen–Shannon divergence
        π D(p_t‖m) + (1 − π) D(p_s‖m) with the mixture m = π p_t + (1 − π) p_s.
    teacher_share : float
        π, strictly between 0 and 1; for "jensen_shannon" alone.
    labels : array_like of int, shape (...), optional
        The true class of each example, for the second term. The student is at temperature one in
        it.
    soft_weight : float
        λ between 0 and 1, the weight of the divergence; 1 − λ is that of the labels. (Which term a
        weight stands on differs between authors, hence the name.)
    reduction : {"mean", "sum", "none"}
        The mean over the examples, their sum, or the loss of each.

    Returns
    -------
    float or ndarray
        In nats, times T² where asked for. Zero when student and teacher are equal and there are no
        labels, at every temperature.

    Raises
    ------
    ValueError
        When logits are not finite, shapes differ, ``labels`` is missing though ``soft_weight``
        is below 1, or another argument makes no sense.

    References
    ----------
    Hinton, Vinyals and Dean (2015), section 2. Agarwal et al. (2024), section 2, for the
    generalised Jensen–Shannon divergence (their β is ``teacher_share``).

    Examples
    --------
    At temperature 1 it is the divergence of the two softmax distributions:

    >>> teacher, student = np.log([[0.6, 0.3, 0.08, 0.02]]), np.log([[0.8, 0.15, 0.03, 0.02]])
    >>> print(round(distillation_loss(teacher, student, temperature=1), 4))
    0.1138
    >>> print(round(distillation_loss(teacher, student, temperature=1, direction="reverse"), 4))
    0.0967

    Warm, it compares logits, and T² keeps it from vanishing:

    >>> print(round(distillation_loss(teacher, student, temperature=1e6), 5))
    0.1306
    >>> print(round(logit_matching_loss(teacher, student), 5))
    0.1306
    """
    tilt, factor, hard = _arguments(
        teacher_logits, student_logits, temperature, scaling, direction, labels, soft_weight
    )
    if direction == "forward":
        divergence = tilts.forward(tilt)
    elif direction == "reverse":
        divergence = tilts.reverse(tilt)
    else:
        divergence = tilts.jensen_shannon(tilt, _share(teacher_share))
    with np.errstate(over="ignore"):
        losses = factor * divergence
    if hard is not None:
        log_student = log_softmax(validate.vectors("student_logits", student_logits))
        surprise = -(hard * log_student).sum(axis=-1)
        soft = soft_weight * losses if soft_weight > 0 else 0.0  # 0·∞ is 0 here
        losses = soft + (1 - soft_weight) * surprise
    return _reduced(losses, reduction)


def distillation_gradient(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    *,
    temperature: float,
    scaling: Scaling = "temperature_squared",
    direction: Direction = "forward",
    teacher_share: float = 0.5,
    labels: ArrayLike | None = None,
    soft_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Array:
    """∂/∂student of `distillation_loss`: (p_s − p_t)·T with T², (p_s − p_t)/T without.

    The other directions have p_s·(g − E_s g) in place of p_s − p_t, with g = log(p_s/p_t) in
    reverse, and (1 − π) log(p_s/m) for the generalised Jensen–Shannon divergence. The labels add
    softmax(student) − one-hot(label).

    Parameters
    ----------
    teacher_logits, student_logits, temperature, scaling, direction, teacher_share, labels
        As in `distillation_loss`.
    soft_weight, reduction
        As in `distillation_loss`. With "mean" the derivatives are those of the mean, divided by the
        number of examples; "sum" and "none" give the same.

    Returns
    -------
    ndarray, shape (..., classes)

    Raises
    ------
    ValueError
        As in `distillation_loss`.

    References
    ----------
    Hinton, Vinyals and Dean (2015), equation (2).

    Examples
    --------
    >>> teacher, student = np.log([[0.75, 0.25]]), np.log([[0.5, 0.5]])
    >>> print(distillation_gradient(teacher, student, temperature=1))
    [[-0.25  0.25]]
    """
    tilt, _, hard = _arguments(
        teacher_logits, student_logits, temperature, scaling, direction, labels, soft_weight
    )
    student = tilts.model(tilt)
    if direction == "forward":
        slope = tilts.gap(tilt)
    elif direction == "reverse":
        slope = tilts.softmax_gradient(student, tilt.log_ratio)
    else:
        share = _share(teacher_share)
        log_to_mixture = tilts.to_mixture(-tilt.log_ratio, share)
        slope = tilts.softmax_gradient(student, -(1 - share) * log_to_mixture)
    temperature = float(temperature)
    gradient = slope * temperature if scaling == "temperature_squared" else slope / temperature
    if hard is not None:
        plain = np.exp(log_softmax(validate.vectors("student_logits", student_logits)))
        gradient = soft_weight * gradient + (1 - soft_weight) * (plain - hard)
    validate_numbers.choice("reduction", reduction, ("mean", "sum", "none"))
    examples = gradient.size // gradient.shape[-1] if reduction == "mean" else 1
    result: Array = gradient / examples
    return result


def logit_matching_loss(
    teacher_logits: ArrayLike, student_logits: ArrayLike, *, reduction: Reduction = "mean"
) -> Result:
    """Σ_k (d_k − mean d)² / (2 classes), d = student − teacher: the limit of T² D(p_t‖p_s), T → ∞.

    Parameters
    ----------
    teacher_logits, student_logits : array_like, shape (..., classes)
    reduction : {"mean", "sum", "none"}
        As in `distillation_loss`.

    Returns
    -------
    float or ndarray
        ``inf`` above 1.8e308.

    Raises
    ------
    ValueError
        When logits are not finite, or shapes differ.

    References
    ----------
    Hinton, Vinyals and Dean (2015), equations (3) and (4), for centred logits.

    Examples
    --------
    >>> print(logit_matching_loss([[5.0, 3.0]], [[0.0, 0.0]]))
    0.5
    """
    teacher, student = _logits(teacher_logits, student_logits)
    difference = tilts.difference(teacher, student)
    centred = difference - (difference / difference.shape[-1]).sum(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        return _reduced((centred**2).mean(axis=-1) / 2, reduction)


def train_student(
    features: ArrayLike,
    teacher_logits: ArrayLike,
    *,
    temperature: float,
    scaling: Scaling = "temperature_squared",
    direction: Direction = "forward",
    teacher_share: float = 0.5,
    labels: ArrayLike | None = None,
    soft_weight: float = 1.0,
    hidden: int = 0,
    weight_decay: float = 0.0,
    max_steps: int = 500,
    rng: np.random.Generator | None = None,
) -> Classifier:
    """A classifier that minimises `distillation_loss` on its features, by L-BFGS on all of them.

    Parameters
    ----------
    features : array_like, shape (examples, inputs)
    teacher_logits : array_like, shape (examples, classes)
        What the teacher says about the same examples.
    temperature, scaling, direction, teacher_share, labels, soft_weight
        As in `distillation_loss`.
    hidden, weight_decay, max_steps, rng
        As in `train_classifier`.

    Returns
    -------
    Classifier
        With ``converged``, as in `fit_classifier`.

    Raises
    ------
    ValueError
        As in `distillation_loss` and `train_classifier`.

    References
    ----------
    Hinton, Vinyals and Dean (2015).

    Examples
    --------
    A student of the same kind as its teacher becomes equal to it; no label was needed:

    >>> from kllib.distillation.classifier import Classifier
    >>> x = np.random.default_rng(0).standard_normal((50, 2))
    >>> teacher = Classifier((np.array([[1.0, -1.0], [0.0, 2.0]]),), (np.array([0.5, -0.5]),))
    >>> student = train_student(x, teacher.logits(x), temperature=2)
    >>> difference = student.logits(x) - teacher.logits(x)  # the same for both classes
    >>> print(np.ptp(difference, axis=1).max() < 1e-3)
    True
    """
    target = validate.vectors("teacher_logits", teacher_logits)

    def loss(logits: Array) -> tuple[float, Array]:
        keywords: dict[str, Any] = {
            "temperature": temperature,
            "scaling": scaling,
            "direction": direction,
            "teacher_share": teacher_share,
            "labels": labels,
            "soft_weight": soft_weight,
        }
        return (
            float(distillation_loss(target, logits, **keywords)),
            distillation_gradient(target, logits, **keywords),
        )

    return fit_classifier(
        loss,
        features,
        classes=target.shape[-1],
        hidden=hidden,
        weight_decay=weight_decay,
        max_steps=max_steps,
        rng=rng,
    )


def _arguments(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    temperature: float,
    scaling: str,
    direction: str,
    labels: ArrayLike | None,
    soft_weight: float,
) -> tuple[tilts.TiltedPair, float, Array | None]:
    """The student as a tilt of the teacher, the factor of the divergence, one-hot labels."""
    teacher, student = _logits(teacher_logits, student_logits)
    temperature = validate_numbers.positive_number("temperature", temperature)
    if not _COLDEST <= temperature <= _HOTTEST:
        raise ValueError(
            f"temperature must be from {_COLDEST:g} to {_HOTTEST:g}; got {temperature!r}"
        )
    with np.errstate(over="ignore", under="ignore"):
        validate_tables.moderate(
            **{
                "teacher_logits/temperature": teacher / temperature,
                "student_logits/temperature": student / temperature,
            }
        )
    validate_numbers.choice("scaling", scaling, ("temperature_squared", "none"))
    validate_numbers.choice("direction", direction, ("forward", "reverse", "jensen_shannon"))
    if validate_numbers.fraction("soft_weight", soft_weight) < 1 and labels is None:
        raise ValueError(f"soft_weight {soft_weight!r} leaves a part to labels, which are missing")
    hard = None
    if labels is not None:
        hard = validate_tables.one_hot("labels", labels, student.shape[:-1], student.shape[-1])
    factor = temperature**2 if scaling == "temperature_squared" else 1.0
    return tilts.between_logits(teacher, student, temperature), factor, hard


def _logits(teacher_logits: ArrayLike, student_logits: ArrayLike) -> tuple[Array, Array]:
    teacher = validate.vectors("teacher_logits", teacher_logits)
    student = validate.vectors("student_logits", student_logits)
    validate_tables.same_shape(teacher_logits=teacher, student_logits=student)
    validate_tables.moderate(teacher_logits=teacher, student_logits=student)
    return teacher, student


def _share(teacher_share: float) -> float:
    share = validate_numbers.fraction("teacher_share", teacher_share)
    if share in (0, 1):
        raise ValueError(f"teacher_share must be strictly between 0 and 1; got {teacher_share!r}")
    return share


def _reduced(losses: Array, reduction: Reduction) -> Result:
    validate_numbers.choice("reduction", reduction, ("mean", "sum", "none"))
    if reduction == "none":
        return tilts.scalar(losses)
    with np.errstate(over="ignore"):
        total: np.float64 = losses.mean() if reduction == "mean" else losses.sum()
    return total
