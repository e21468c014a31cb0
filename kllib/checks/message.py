"""The words of a check: what was tried, what came back, what it was, where to read."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from kllib.checks.calling import SECONDS, Outcome
from kllib.checks.closed import MESSAGE
from kllib.checks.item import Case, Item
from kllib.checks.judge import Verdict
from kllib.checks.values import Numbers, Unreadable, literal, shown, shown_apart

#: `nbgrader validate` cuts lines off beyond this.
WIDTH = 80

#: A blank at which no line is broken.
GLUE = "\N{NO-BREAK SPACE}"


def right(item: Item, part: str) -> str:
    return layout([f"{item.name}, {part}: right.", f"{points(item.parts[part])}."])


def unanswered(item: Item, part: str, verdict: Verdict) -> str:
    begun = [verdict.amiss] if verdict.amiss else []
    return layout([f"{item.name}, {part}: not answered yet.", *begun, where_to_read(item)])


def wrong(
    item: Item, part: str, verdict: Verdict, parameters: dict[str, Any], graded_as: str | None
) -> str:
    """``graded_as`` is the submission's author, or None while practising."""
    sentences = [f"{item.name}, {part}: not right."]
    if verdict.case is not None and verdict.outcome is not None:
        sentences.append(tried(item, verdict.case, verdict.outcome, verdict.expected))
    else:
        sentences += came_in(item, verdict, parameters, graded_as)
    if verdict.amiss:
        sentences.append(verdict.amiss)
    sentences += named(verdict.mistakes)
    sentences.append(where_to_read(item))
    return layout(sentences)


def tried(item: Item, case: Case, outcome: Outcome, expected: Numbers | str | None) -> str:
    """A function's failure on one case; a hidden case shows only which property it tests."""
    if case.hidden:
        return f"It fails on a hidden case: {case.kind}."
    call = glued(f"{item.name}({', '.join(literal(value) for value in case.args)})")
    if case.form != "list":
        call += f", each {'an' if case.form[0] in 'aeiou' else 'a'} {case.form},"
    if outcome.too_slow:
        return f"{call} ran for more than {SECONDS:g} seconds: an endless loop?"
    if MESSAGE in outcome.words:
        return f"{call} used {outcome.words}."
    assert isinstance(expected, np.ndarray)
    if outcome.raised:
        words = f": {outcome.words.rstrip('.')}" if outcome.words else ""
        return f"{call} raised {outcome.raised}{words}; expected{GLUE}{glued(shown(expected))}."
    got, wanted = gave(outcome.value, expected)
    return f"{call} gave {glued(got)}, expected{GLUE}{glued(wanted)}."


def gave(value: Numbers | str | Unreadable | None, expected: Numbers) -> tuple[str, str]:
    if isinstance(value, np.ndarray):
        if value.size <= 12:
            return shown_apart(value, expected)
        return f"an array of shape {value.shape}", shown(expected)
    if isinstance(value, Unreadable):
        return value.what, shown(expected)
    return (f"the text {value[:40]!r}" if value is not None else "None"), shown(expected)


def came_in(
    item: Item, verdict: Verdict, parameters: dict[str, Any], graded_as: str | None
) -> list[str]:
    """A value's failure. While practising the right one is not given away."""
    if verdict.outcome is None or verdict.expected is None:
        return []
    value = verdict.outcome.value
    assert isinstance(value, np.ndarray) and isinstance(verdict.expected, np.ndarray)
    for_these = ""
    if parameters:
        listed = ", ".join(
            glued(f"{name} = {literal(number)}") for name, number in parameters.items()
        )
        for_these = f" for {listed}"
    many = value.size > 12
    got = f"an array of shape {value.shape}" if many else glued(shown(value))
    if item.accepts is not None:
        return [f"Your answer is {got}{for_these}."]
    if value.shape != verdict.expected.shape:
        size = verdict.expected.size
        asked = f"a list of {size} numbers" if verdict.expected.ndim else "one number"
        return [f"Your answer is {got}, but the question asks for {asked}."]
    # Where the numbers are exact ones, an accuracy would read like a joke.
    accuracy = f" within {100 * item.rtol:g} %" if item.rtol >= 1e-4 else ""
    if graded_as is None:
        near = f"{accuracy} of" if accuracy else ""
        return [f"Your answer {got} is not{near} the right one{for_these}."]
    got, wanted = (got, shown(verdict.expected)) if many else shown_apart(value, verdict.expected)
    return [f"Your answer is {got}, expected {wanted}{accuracy}{for_these}."]


def named(mistakes: tuple[str, ...]) -> list[str]:
    """One mistake is stated; of several it is said that it may be any."""
    if len(mistakes) <= 1:
        return list(mistakes)
    return ["More than one slip would explain it.", *(f"Perhaps: {says}" for says in mistakes)]


def another_id(notebook_says: str, author: str) -> str:
    return (
        f'Note: this notebook says student_id = "{notebook_says}", but "{author}" handed it in: '
        f'the numbers of "{author}" count.'
    )


def points(number: float) -> str:
    return f"{number:g} point{'' if number == 1 else 's'}"


def where_to_read(item: Item) -> str:
    return f"See chapter {item.chapter}."


def layout(sentences: list[str]) -> str:
    """Sentences in lines of at most 80 columns; none is broken that fits into a line."""
    lines: list[str] = []
    open_line = False
    for sentence in sentences:
        if open_line and len(lines[-1]) + 1 + len(sentence) <= WIDTH:
            lines[-1] += f" {sentence}"
            continue
        parts = textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
        lines += parts
        open_line = len(parts) == 1  # after a sentence of several lines the next one starts afresh
    return "\n".join(lines).replace(GLUE, " ")


def glued(text: str) -> str:
    """The text in one piece when lines are broken, unless it is long."""
    return text.replace(" ", GLUE) if len(text) <= 60 else text
