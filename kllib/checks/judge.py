"""Right, wrong or unanswered, and which mistake explains a wrong answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import numpy as np

from kllib.checks import seeds
from kllib.checks.calling import Outcome, call, quiet, silence, words_of
from kllib.checks.cases import arguments
from kllib.checks.closed import closed
from kllib.checks.item import Case, Item
from kllib.checks.values import Numbers, Unreadable, alike, article, described, read, word


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one part of one item; :mod:`kllib.checks.message` says it."""

    state: str  # "right", "wrong" or "unanswered"
    case: Case | None = None  # the first case that failed
    outcome: Outcome | None = None  # what the student's answer led to
    expected: Numbers | str | None = None
    amiss: str = ""  # which property is missing, or what the answer should be instead
    mistakes: tuple[str, ...] = ()  # each alone explains everything that came back


RIGHT = Verdict("right")
UNANSWERED = Verdict("unanswered")

NO_RETURN = "The function returns nothing: end it with return."


def cases_of(item: Item, part: str) -> list[Case]:
    """The cases of a part: the practice ones, then, when grading, the hidden ones."""
    assert item.cases is not None
    shown = list(item.cases(seeds.generator("practice", item.name)))
    hidden: list[Case] = []
    if (secret := seeds.grading_seed()) is not None:
        drawn = item.cases(seeds.generator("grading", secret, item.name))
        known = [(case.args, case.form) for case in shown]
        hidden = [
            replace(case, hidden=True) for case in drawn if (case.args, case.form) not in known
        ]
    return [case for case in (*shown, *hidden) if case.part == part]


def judge_function(item: Item, part: str, function: object) -> Verdict:
    """Try a student's function on the cases of one part."""
    if function is None:
        return UNANSWERED
    if not callable(function):
        return Verdict("wrong", amiss=f"{item.name} should be a function, not {_kind(function)}.")
    cases = cases_of(item, part)
    outcomes, printed = _try(function, cases, item.closed)
    if outcomes[0].empty:
        begun = not outcomes[0].raised and (printed or _has_own_variables(function))
        return replace(UNANSWERED, amiss=NO_RETURN) if begun else UNANSWERED
    with quiet():
        expected = [_expected(item, case) for case in cases]
        tolerances = [item.slack(*case.args) for case in cases]

        def same(a: Outcome, b: Outcome, number: int) -> bool:
            return _same(a, b, item.rtol, tolerances[number])

        wrong = [
            number
            for number, outcome in enumerate(outcomes)
            if not same(outcome, Outcome(expected[number]), number)
        ]
        if not wrong:
            return RIGHT
        # A shown case explains more than a hidden one, so it is the one to speak of.
        first = wrong[0]
        names = _explanations(item, cases, outcomes, same)
        amiss = ""
        if not names and not cases[first].hidden:
            amiss = _only_the_shape(outcomes[first].value, expected[first], item.rtol)
    return Verdict("wrong", cases[first], outcomes[first], expected[first], amiss, names)


def judge_value(item: Item, answer: object, parameters: dict[str, Any]) -> Verdict:
    """Compare a student's number, numbers or word with the right one."""
    if answer is None:
        return UNANSWERED
    with silence():
        got = read(answer)
    with quiet():
        expected = read(item.oracle(**parameters))
        assert not isinstance(expected, Unreadable)
        outcome = Outcome(got)
        if item.choices:
            return _judge_word(item, answer, outcome, expected)
        if not isinstance(got, np.ndarray):
            assert isinstance(expected, np.ndarray)
            what = got.what if isinstance(got, Unreadable) else described(got)
            return Verdict("wrong", amiss=f"{_asked_for(expected)} is asked for, not {what}.")
        if item.accepts is not None:
            amiss = item.accepts(got, **parameters)
            right = not amiss
        else:
            amiss = ""
            right = _same(outcome, Outcome(expected), item.rtol, item.slack(**parameters))
        if right:
            return RIGHT
        names = tuple(
            dict.fromkeys(
                mistake.says
                for mistake in item.mistakes
                for made in mistake.answers
                if _same(outcome, Outcome(read(made(**parameters))), item.rtol, 0.0)
            )
        )
        if not names and not amiss and isinstance(expected, np.ndarray):
            amiss = _cut_short(got, expected)
    return Verdict("wrong", None, outcome, expected, amiss, names)


def _cut_short(got: Numbers, expected: Numbers) -> str:
    """Says so if the answer is the right one with too few decimals, rounded or cut off."""
    if got.shape != expected.shape or not alike(got, expected, 0.05, 0.0):
        return ""
    for decimals in (1, 2, 3, 4):
        shift = 10.0**decimals
        for shortened in (np.round(expected, decimals), np.trunc(expected * shift) / shift):
            if np.allclose(got, shortened, rtol=0, atol=1e-12):
                return "Right as far as it goes, but cut short: give more decimals."
    return ""


def _only_the_shape(got: object, expected: object, rtol: float) -> str:
    """Says so if the numbers are the right ones, but stand in another shape."""
    if not (isinstance(got, np.ndarray) and isinstance(expected, np.ndarray)):
        return ""
    if got.shape == expected.shape or not alike(got.ravel(), expected.ravel(), rtol, 1e-12):
        return ""
    if not expected.ndim:
        return "One number is asked for, without brackets around it."
    return f"The numbers are right here, the shape is not: {got.shape} instead of {expected.shape}."


def _has_own_variables(function: Callable[..., Any]) -> bool:
    """Whether somebody began to write it: the released stub only assigns to its parameters."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and code.co_nlocals > code.co_argcount


def _judge_word(item: Item, answer: object, outcome: Outcome, expected: object) -> Verdict:
    *others, last = [f'"{choice}"' for choice in item.choices]
    choices = f"{', '.join(others)} or {last}"
    if not isinstance(outcome.value, str):
        what = _kind(answer)
        return Verdict("wrong", amiss=f"One word is asked for, {choices}, not {what}.")
    chosen = word(outcome.value)
    if chosen == expected:
        return RIGHT
    if chosen not in item.choices:
        return Verdict("wrong", amiss=f"Choose one of these: {choices}.")
    names = tuple(mistake.says for mistake in item.mistakes if mistake.answer() == chosen)
    return Verdict("wrong", None, outcome, mistakes=names)


def _asked_for(expected: Numbers) -> str:
    return f"A list of {expected.size} numbers" if expected.ndim else "One number"


def _kind(answer: object) -> str:
    if type(answer) in (list, tuple):
        return article(type(answer).__name__)
    return "a number" if type(answer) in (int, float) else described(answer)


def _try(
    function: Callable[..., Any], cases: Sequence[Case], names: Sequence[str]
) -> tuple[list[Outcome], bool]:
    """What each call led to, and whether anything was printed."""
    outcomes: list[Outcome] = []
    with silence() as printed, closed(names):
        for case in cases:
            outcome = call(function, arguments(case))
            outcomes.append(outcome)
            if outcome.too_slow or (len(outcomes) == 1 and outcome.empty):
                # One endless loop is enough waiting, and a stub needs no second look.
                outcomes += [outcome] * (len(cases) - len(outcomes))
                break
    return outcomes, printed.used


def _expected(item: Item, case: Case) -> Numbers | str:
    value = read(item.oracle(*case.args))
    assert not isinstance(value, Unreadable)
    return value


def _same(a: Outcome, b: Outcome, rtol: float, atol: float) -> bool:
    if a.raised or b.raised:
        return (a.raised, a.words) == (b.raised, b.words)
    if isinstance(a.value, np.ndarray) and isinstance(b.value, np.ndarray):
        return alike(a.value, b.value, rtol, atol)
    return isinstance(a.value, str) and isinstance(b.value, str) and a.value == b.value


def _explanations(
    item: Item,
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    same: Callable[[Outcome, Outcome, int], bool],
) -> tuple[str, ...]:
    """The mistakes that give, case by case, exactly what the student's function gave."""
    if any(outcome.too_slow for outcome in outcomes):
        return ()
    found: dict[str, None] = {}
    for mistake in item.mistakes:
        if any(
            all(
                same(outcome, _mistaken(made, case), number)
                for number, (case, outcome) in enumerate(zip(cases, outcomes, strict=True))
            )
            for made in mistake.answers
        ):
            found[mistake.says] = None
    return tuple(found)


def _mistaken(answer: Callable[..., Any], case: Case) -> Outcome:
    try:
        return Outcome(read(answer(*arguments(case))))
    except Exception as error:
        return Outcome(raised=type(error).__name__, words=words_of(error))
