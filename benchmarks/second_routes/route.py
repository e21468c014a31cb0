"""What a second route is: inputs, an independent value for each, and how far apart the two are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import mpmath
import numpy as np

#: What is hard about an input.
NEAR, FAR, ROUNDED, ORDINARY = "near-equal", "extreme", "sums off 1e-6", "ordinary"

#: Perturbations that give divergences from about 1e-4 down to 1e-20.
STEPS = [10.0**-k for k in (2, 3, 4, 5, 6, 7, 8, 9, 10)]
TINY, SUBNORMAL = 1e-300, 5e-324
#: Below this a float no longer has its 53 bits, and no relative accuracy can be asked for.
SMALLEST = 2.3e-308
FLOATS_APART = 4 * SUBNORMAL


class Case(NamedTuple):
    """One set of arguments: a name, what is hard about it, and the arguments."""

    name: str
    kind: str
    arguments: tuple[Any, ...]
    options: dict[str, Any] = {}


@dataclass(frozen=True)
class Route:
    """A second route to one function.

    ``truth(*arguments, **options)`` computes the value without kllib: one number (a float or an
    mpmath number), or an array or nested list of them. ``how`` says in a few words which route it
    is. ``part`` picks what is compared from what the function returns, and ``call`` replaces the
    function itself (for a class or a method).
    """

    cases: Callable[[], Iterable[Case]]
    truth: Callable[..., Any]
    how: str
    bound: float = 1e-12
    part: Callable[[Any], Any] | None = None
    call: Callable[..., Any] | None = None
    _truths: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def inputs(self) -> list[Case]:
        """The cases, made once."""
        return list(self.cases())

    def exact(self, case: Case) -> Any:
        """The true value of a case, computed once."""
        if case.name not in self._truths:
            self._truths[case.name] = self.truth(*case.arguments, **case.options)
        return self._truths[case.name]

    def error(self, function: Callable[..., Any] | None, case: Case) -> float:
        """How far ``function`` is from the truth in one case, relative to the truth."""
        call = self.call or function
        assert call, f"{case.name}: kllib has no such function, and the route no call"
        result = call(*case.arguments, **case.options)
        return relative_error(self.part(result) if self.part else result, self.exact(case))

    def failures(
        self, function: Callable[..., Any] | None, bound: float | None = None
    ) -> list[str]:
        """What to print: the cases in which ``function`` misses the bound."""
        found = []
        for case in self.inputs:
            error = self.error(function, case)
            if not error <= (self.bound if bound is None else bound):
                found.append(f"{case.name}: off by {error:.1e}, truth {short(self.exact(case))}")
        return found

    def worst(self, function: Callable[..., Any] | None, kind: str | None = None) -> float:
        """The largest error, over the cases of one kind or of all."""
        cases = (case for case in self.inputs if kind in (None, case.kind))
        return max(self.error(function, case) for case in cases)


def function_of(module: str, name: str) -> Callable[..., Any] | None:
    """The function of kllib, or None where there is none of that name (a route with a ``call``)."""
    found: Callable[..., Any] | None = getattr(import_module(f"kllib.{module}"), name, None)
    return found


def relative_error(value: Any, truth: Any) -> float:
    """The largest |value − truth|, over the largest |truth|; infinite when value is nan.

    An infinite truth must be met exactly. Where the truth is too small to be a normal float, a few
    of the smallest floats apart counts as equal.
    """
    # mpmath numbers are objects to numpy
    truths = np.asarray(truth, dtype=object)
    values = np.asarray(value, dtype=object)
    if truths.shape != values.shape:
        return np.inf
    with mpmath.workdps(60):
        pairs = [
            (_number(v), _number(t)) for v, t in zip(values.ravel(), truths.ravel(), strict=True)
        ]
        if any(mpmath.isnan(v) or mpmath.isnan(t) for v, t in pairs):
            return np.inf
        finite = [(v, t) for v, t in pairs if v != t]
        if not finite:
            return 0.0
        if any(mpmath.isinf(v) or mpmath.isinf(t) for v, t in finite):
            return np.inf
        distance = max(abs(v - t) for v, t in finite)
        largest = max(abs(t) for _, t in pairs if not mpmath.isinf(t))
        if largest < SMALLEST:
            return 0.0 if distance <= FLOATS_APART else np.inf
        return float(distance / largest)


def numbers(values: Any) -> list[mpmath.mpf]:
    """The floats as mpmath numbers, exactly."""
    return [mpmath.mpf(float(x)) for x in np.asarray(values).ravel()]


def shares(values: Any) -> list[mpmath.mpf]:
    """The floats divided by their exact sum."""
    exact = numbers(values)
    total = mpmath.fsum(exact)
    return [x / total for x in exact]


def precise(exact: Callable[..., Any]) -> Callable[..., Any]:
    """At 60 digits, and at 700 where there are few numbers, so that 1 + 1e-300 is not 1."""

    def truth(*arguments: Any, **options: Any) -> Any:
        few = sum(np.size(argument) for argument in arguments) <= 40
        with mpmath.workdps(700 if few else 60):
            return exact(*arguments, **options)

    return truth


def short(truth: Any) -> str:
    """A truth in few digits."""
    array = np.asarray(truth, dtype=object)
    return f"{float(truth):.3g}" if not array.ndim else f"of shape {array.shape}"


def _number(x: Any) -> Any:
    return x if isinstance(x, mpmath.mpf) else mpmath.mpf(float(x))
