"""The words, letter by letter: what a student reads is the product."""

import numpy as np
import pytest
from scipy.special import rel_entr

from kllib import kl_divergence
from kllib.checks import definitions, judge, message, seeds, wrong_functions
from kllib.checks.binding import bind
from kllib.checks.message import WIDTH, layout


def right_kl(p, q):
    return rel_entr(p, q).sum()


def test_a_right_answer(said):
    assert said("kl", "values", right_kl) == ("kl, values: right. 2 points.", "")
    assert said("kl", "zeros", right_kl) == ("kl, zeros: right. 1 point.", "")


def test_swapped_arguments_are_named(said):
    assert said("kl", "values", wrong_functions.swapped)[1] == (
        "kl, values: not right.\n"
        "kl([0.5, 0.5], [0.25, 0.75]) gave 0.1308, expected 0.1438.\n"
        "This is D(q‖p): the arguments are swapped. See chapter 2."
    )


def printed_only(p, q):
    print(right_kl(p, q))


def return_forgotten(p, q):
    total = right_kl(p, q)  # noqa: F841


@pytest.mark.parametrize("answer", [printed_only, return_forgotten])
def test_a_function_without_return_is_told_so(said, answer):
    assert said("kl", "values", answer)[1] == (
        "kl, values: not answered yet. The function returns nothing: end it with return.\n"
        "See chapter 2."
    )


@pytest.mark.parametrize("decimals", [2, 3])
@pytest.mark.parametrize("shorten", [np.round, lambda x, n: np.trunc(x * 10**n) / 10**n])
def test_a_right_answer_cut_short_is_told_so(said, decimals, shorten):
    p, q = definitions.given("twin").values()
    right = np.array([kl_divergence(p, q), kl_divergence(q, p)])
    text = said("twin", "value", shorten(right, decimals), "practice")[1]
    assert "Right as far as it goes, but cut short: give more decimals." in text
    assert "cut short" not in said("twin", "value", shorten(right * 1.1, decimals), "practice")[1]


def test_an_exact_answer_has_no_accuracy(said, monkeypatch):
    assert "[0.6, 0.2] is not the right one." in said("exact", "value", [0.6, 0.2])[1]
    monkeypatch.setenv(seeds.STUDENT_ID, "ada")
    assert "[0.6, 0.2], expected [0.6, 0.1]." in said("exact", "value", [0.6, 0.2])[1]


def test_a_sum_that_is_just_not_1_is_shown_as_such(said):
    text = said("asymmetric", "property", [1e-6, 0.5, 0.5], "practice")[1]
    assert "The probabilities add up to 1.000001, not to 1." in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([None, 0.1], "not a list with entries that are no numbers."),
        ([[0.6, 0.1], [0.2]], "not a list of rows that differ in length."),
        (0.6 + 0.1j, "not a complex number."),
    ],
)
def test_what_is_not_numbers_is_described(said, answer, words):
    text = " ".join(said("exact", "value", answer)[1].split())
    assert f"A list of 2 numbers is asked for, {words}" in text


def test_right_numbers_in_another_shape_are_told_so(said):
    text = said("kl", "values", lambda p, q: [right_kl(p, q)])[1]
    assert text.splitlines()[1:] == [
        "kl([0.5, 0.5], [0.25, 0.75]) gave [0.1438], expected 0.1438.",
        "One number is asked for, without brackets around it. See chapter 2.",
    ]
    flat = said("kl_rows", "batches", lambda p, q: np.ravel(rel_entr(p, q).sum(axis=-1)))[1]
    assert "The numbers are right here, the shape is not: (8,) instead of (2, 4)." in flat


@pytest.mark.parametrize("answer", [np.str_("neither"), np.array("neither"), "Neither."])
def test_a_word_may_come_from_numpy(said, answer):
    assert said("larger", "word", answer)[0] == "larger, word: right. 1 point."


@pytest.mark.parametrize("answer", [None, lambda p, q: None])
def test_no_answer_is_not_a_wrong_answer(said, answer):
    assert said("kl", "values", answer)[1] == "kl, values: not answered yet. See chapter 2."


def test_the_stub_of_stock_nbgrader_is_no_answer(said):
    def kl(p, q):
        raise NotImplementedError

    assert said("kl", "values", kl)[1] == "kl, values: not answered yet. See chapter 2."


def test_an_exception_is_one_line_without_a_traceback(said):
    def kl(p, q):
        return 1 / 0

    assert said("kl", "infinity", kl)[1] == (
        "kl, infinity: not right.\n"
        "kl([0.5, 0.5], [1.0, 0.0]) raised ZeroDivisionError: division by zero;\n"
        "expected inf.\n"
        "See chapter 2."
    )


def test_a_form_other_than_a_list_is_said(said):
    def kl(p, q):
        return rel_entr(p, q).sum() if isinstance(p, list) else 0.5

    assert said("kl", "inputs", kl)[1] == (
        "kl, inputs: not right.\n"
        "kl([0.5, 0.5], [0.25, 0.75]), each a tuple, gave 0.5, expected 0.1438.\n"
        "See chapter 2."
    )


def test_as_many_digits_as_it_takes_to_see_the_difference(said):
    text = said("kl", "values", lambda p, q: right_kl(p, q) + 2e-7)[1]
    assert "gave 0.14384124, expected 0.14384104." in text


def test_a_slip_that_explains_only_some_results_is_not_claimed(said):
    text = said("kl", "zeros", lambda p, q: np.nan if 0 in q else right_kl(p, q))[1]
    assert text == (
        "kl, zeros: not right.\n"
        "kl([0.5, 0.0, 0.5], [0.25, 0.0, 0.75]) gave nan, expected 0.1438. See chapter 2."
    )


def test_of_two_slips_that_agree_both_are_offered():
    item = definitions.ASSIGNMENT["bits"]
    parameters = {"p": [0.75, 0.25], "q": [0.25, 0.75]}  # a mirror pair cannot tell them apart
    verdict = judge.judge_value(item, kl_divergence(**parameters), parameters)
    assert message.wrong(item, "value", verdict, parameters, None) == (
        "bits, value: not right.\n"
        "Your answer 0.5493 is not within 0.1 % of the right one for p = [0.75, 0.25],\n"
        "q = [0.25, 0.75].\n"
        "More than one slip would explain it. Perhaps: This is in nats: divide by ln 2.\n"
        "Perhaps: This is D(q‖p), and in nats: swap the arguments and divide by ln 2.\n"
        "See chapter 2."
    )


def test_practice_never_gives_a_number_away(said):
    p, q = definitions.given("twin").values()
    right = kl_divergence(p, q), kl_divergence(q, p)
    text = said("twin", "value", right[::-1], "practice")[1]
    assert "These are in the wrong order: D(p‖q) comes first." in text
    assert "expected" not in text
    assert f"[{right[0]:.4g}, {right[1]:.4g}]" not in text


def test_feedback_after_grading_shows_the_number(said, monkeypatch):
    monkeypatch.setenv(seeds.STUDENT_ID, "ada")
    p, q = definitions.given("twin").values()
    right = f"[{kl_divergence(p, q):.4g}, {kl_divergence(q, p):.4g}]"
    assert f"expected {right} within 0.1 %" in said("twin", "value", [0.5, 0.5], "ada")[1]


def test_a_word_that_is_no_choice(said):
    assert said("larger", "word", "both")[1] == (
        "larger, word: not right.\n"
        'Choose one of these: "forward", "backward" or "neither". See chapter 2.'
    )
    assert said("larger", "word", ' "Neither." ')[0] == "larger, word: right. 1 point."


def test_another_id_than_the_submissions_is_said(said, monkeypatch):
    monkeypatch.setenv(seeds.STUDENT_ID, "ada")
    text = said("twin", "value", [0.5, 0.5], "bob")[1]
    assert 'this notebook says student_id = "bob", but "ada" handed it in' in " ".join(text.split())


def test_an_unknown_item_is_said_not_raised(said):
    assert said("kll", "values", 1)[1] == "kll, values: definitions has no such item and part."
    assert said("kl", "value", 1)[1] == "kl, value: definitions has no such item and part."


def test_no_sentence_is_cut_by_nbgrader_validate():
    for item in definitions.ASSIGNMENT.items:
        for mistake in item.mistakes:
            assert len(mistake.says) <= WIDTH, mistake.says
            assert mistake.says[-1] in ".?!"


def test_a_sentence_that_fits_into_a_line_is_never_broken():
    sentences = ["A" * 50 + ".", "B" * 50 + ".", "C" * 20 + "."]
    assert layout(sentences) == f"{sentences[0]}\n{sentences[1]} {sentences[2]}"


def test_progress_adds_up(capsys):
    notebook = bind(definitions.ASSIGNMENT)
    notebook.check("kl", "values", right_kl)
    notebook.check("kl", "zeros", wrong_functions.zero_times_infinity)
    notebook.check("nearest", "property", definitions.given("nearest")["p"], "practice")
    capsys.readouterr()
    notebook.progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(None, 1) == [
        "kl",
        "values 2 of 2, zeros 0 of 1, infinity not run, inputs not run",
    ]
    assert lines[-2] == "So far 3 of 27 points. 6 points more by hand: gibbs."
    assert lines[-1].startswith('student_id is still "practice"')


def test_a_notebook_of_another_release_is_told(capsys):
    definitions.release("definitions-1")
    assert capsys.readouterr() == ("", "")
    definitions.release("definitions-0")
    assert 'release "definitions-0"' in capsys.readouterr().err
