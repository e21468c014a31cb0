"""Whose numbers, which cases: fixed by words alone, on every machine."""

import os
import subprocess
import sys

import pytest

from kllib.checks import definitions, judge, seeds
from kllib.checks.definitions import ASSIGNMENT, given

TWIN_OF_ADA = {"p": [0.5, 0.35, 0.05, 0.1], "q": [0.25, 0.25, 0.25, 0.25]}
CHAIN_TWIN_OF_ADA = {"P": [[0.3, 0.05], [0.15, 0.5]], "Q": [[0.35, 0.25], [0.1, 0.3]]}
PERSONAL = [item.name for item in ASSIGNMENT.items if item.given is not None]


def test_pinned_numbers():
    """A change here changes every student's numbers: give the assignment a new release then."""
    assert given("twin", "ada") == TWIN_OF_ADA
    assert given("chain_twin", "ada") == CHAIN_TWIN_OF_ADA
    assert given("bits", "practice") == {"p": [0.375, 0.25, 0.375], "q": [0.75, 0.125, 0.125]}


@pytest.mark.parametrize("name", PERSONAL)
def test_students_differ_and_each_one_stays(name):
    drawn = [given(name, f"student-{number}") for number in range(40)]
    assert drawn == [given(name, f"student-{number}") for number in range(40)]
    assert len({str(parameters) for parameters in drawn}) > 5


def test_plain_numbers_only():
    def plain(value):
        if isinstance(value, list):
            return all(plain(entry) for entry in value)
        return type(value) is float

    for name in PERSONAL:
        assert all(plain(value) for value in given(name, "ada").values())


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_no_hash_seed_reaches_them(hash_seed):
    code = "from kllib.checks.definitions import given; print(given('twin', 'ada'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(given("twin", "ada"))


def test_the_words_do_not_run_together():
    first, second = seeds.generator("ab", "c"), seeds.generator("a", "bc")
    assert first.integers(2**60) != second.integers(2**60)


def test_blanks_and_accents_do_not_make_another_student():
    assert given("twin", " zoë ") == given("twin", "zoe\u0308")
    assert given("twin", 12345) == given("twin", "12345")


def test_the_submissions_id_wins(monkeypatch):
    own = given("twin", "bob")
    monkeypatch.setenv(seeds.STUDENT_ID, "ada")
    assert given("twin", "bob") == given("twin", "ada") == TWIN_OF_ADA != own


def test_practice_shows_every_case():
    for item in ASSIGNMENT.items:
        if item.is_function:
            for part in item.parts:
                cases = judge.cases_of(item, part)
                assert cases and not any(case.hidden for case in cases)
                assert cases == judge.cases_of(item, part)


def test_the_grading_seed_draws_hidden_ones(monkeypatch):
    item = ASSIGNMENT["kl"]
    shown = judge.cases_of(item, "values")
    drawn = {}
    for secret in ("one", "two"):
        monkeypatch.setenv(seeds.GRADING_SEED, secret)
        cases = judge.cases_of(item, "values")
        assert cases[: len(shown)] == shown
        drawn[secret] = [case for case in cases if case.hidden]
        assert len(drawn[secret]) >= 3
    assert {str(case.args) for case in drawn["one"]}.isdisjoint(
        str(case.args) for case in drawn["two"]
    )


def test_learning_the_shown_cases_by_heart_does_not_help(said, monkeypatch):
    from kllib.checks.values import shown as as_text

    item = ASSIGNMENT["kl"]
    known = {str(case.args): item.oracle(*case.args) for case in judge.cases_of(item, "values")}
    by_heart = lambda p, q: float(known.get(str((p, q)), 0.5))  # noqa: E731
    assert said("kl", "values", by_heart)[0]
    monkeypatch.setenv(seeds.GRADING_SEED, "secret")
    text = said("kl", "values", by_heart)[1]
    assert " ".join(text.split()) == (
        "kl, values: not right. It fails on a hidden case: an ordinary pair. See chapter 2."
    )
    hidden = [case for case in judge.cases_of(item, "values") if case.hidden]
    assert not any(as_text(item.oracle(*case.args)) in text for case in hidden)


def test_an_exception_on_a_hidden_case_does_not_show_it(said, monkeypatch):
    item = ASSIGNMENT["kl"]
    known = {str(case.args) for case in judge.cases_of(item, "values")}

    def talkative(p, q):
        if str((p, q)) in known:
            return definitions.rel_entr(p, q).sum()
        print(p, q)
        raise ValueError(f"what is {p}?")

    monkeypatch.setenv(seeds.GRADING_SEED, "secret")
    text = said("kl", "values", talkative)[1]
    assert "hidden case" in text and "what is" not in text and "[" not in text
