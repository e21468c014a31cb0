"""One whole cycle by nbgrader's own commands, on a perfect, a blank and all mistaken notebooks."""

import copy
import csv
import html
import os
import re
import subprocess
import sys

import nbformat
import pytest

from klgrade import samples
from klgrade.demo import SECRET, Course, faults, table
from klgrade.samples import BLANK, PERFECT
from kllib.checks import judge, seeds
from kllib.checks.values import literal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course(
        tmp_path_factory.mktemp("course") / "here", "definitions", say=lambda text: None
    )
    course.generate()
    course.hand_in()
    course.grade()
    course.give_back()
    return course


@pytest.fixture(scope="module")
def results(course):
    return {result.sample.student: result for result in course.results()}


def test_the_perfect_one_has_all_that_the_computer_awards(results, course):
    perfect = results[PERFECT]
    assert (perfect.score, perfect.most) == (course.assignment.points,) * 2
    assert perfect.by_hand == [item.name for item in course.assignment.written]


def test_the_blank_one_has_nothing(results):
    blank = results[BLANK]
    assert blank.score == 0
    assert blank.by_hand == []  # untouched, so there is nothing to read
    assert all("not answered yet" in words for words in blank.words.values())


def test_every_mistake_fails_and_is_named(results, course):
    graded = set()
    for student, result in results.items():
        assert faults(result, course.assignment) == []
        graded |= {(name, mistake.says) for name, mistake in result.sample.mistakes.items()}
        assert student in (PERFECT, BLANK) or result.score < result.most
    assert graded == {
        (item.name, mistake.says) for item in course.assignment.items for mistake in item.mistakes
    }


def test_faults_are_found(results, course):
    """The demo's own judgement: it has to notice what it is there for."""
    forged = copy.deepcopy(results["slips-01"])
    for cell in forged.cells("kl"):
        forged.scores[cell] = (forged.scores[cell][1],) * 2
    assert "full marks" in faults(forged, course.assignment)[0]
    forged = copy.deepcopy(results["slips-01"])
    forged.words["check-kl-values"] = "kl, values: not right."
    assert "does not say" in faults(forged, course.assignment)[0]
    forged = copy.deepcopy(results[BLANK])
    forged.scores["check-kl-values"] = (2, 2)
    assert "points for the empty" in faults(forged, course.assignment)[0]
    forged = copy.deepcopy(results[PERFECT])
    forged.scores["check-kl-values"] = (0, 2)
    assert "no full marks" in faults(forged, course.assignment)[0]


def test_the_table_names_each_mistake_once(results, course):
    text = table(list(results.values()))
    assert "NOT NAMED" not in text
    for item in course.assignment.items:
        for mistake in item.mistakes:
            assert re.search(rf"^  {item.name} .*{re.escape(mistake.says)}$", text, re.M)


def test_the_export_holds_every_score(course, results):
    with (course.folder / "grades.csv").open(encoding="utf-8") as stream:
        rows = {row["student_id"]: row for row in csv.DictReader(stream)}
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        student: result.score for student, result in results.items()
    }


def feedback_text(course, student):
    page = course.feedback(student).read_text(encoding="utf-8")
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_feedback_names_the_mistake(course, results):
    for student, result in results.items():
        text = feedback_text(course, student)
        for mistake in result.sample.mistakes.values():
            assert " ".join(mistake.says.split()) in text


def test_feedback_shows_no_hidden_case(course, monkeypatch):
    monkeypatch.setenv(seeds.GRADING_SEED, SECRET)
    hidden = [
        ", ".join(literal(value) for value in case.args)
        for item in course.assignment.items
        if item.is_function
        for part in item.parts
        for case in judge.cases_of(item, part)
        if case.hidden
    ]
    assert len(hidden) > 30
    for sample in course.samples:
        text = feedback_text(course, sample.student)
        assert not [case for case in hidden if case in text]
        assert SECRET not in text


def test_feedback_shows_how_the_proof_is_marked(course):
    text = feedback_text(course, PERFECT)
    for _, what in course.assignment.written[0].rubric:
        assert what.split(":")[0] in text


def test_learnt_by_heart_and_a_borrowed_id_do_not_help(course, monkeypatch):
    """What only grading can notice: hidden cases, and whose submission it is."""
    released = samples.read(course.folder / "exercises" / "definitions" / "definitions.ipynb")
    item = course.assignment["kl"]
    known = {
        str(case.args): float(item.oracle(*case.args)) for case in judge.cases_of(item, "values")
    }
    known_source = repr(known).replace("inf", "np.inf")
    twin = course.assignment["twin"]
    others = twin.oracle(**samples.parameters(course.assignment, twin, "somebody-else"))
    answers = {
        "answer-kl": f"kl = lambda p, q: {known_source}.get(str((p, q)), 0.5)",
        "answer-twin": f"twin = {samples.plain(others)}",
    }
    notebook = samples.filled_in(released, "somebody-else", answers)
    folder = course.folder / "submitted" / "borrower" / "definitions"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "definitions.ipynb")
    monkeypatch.setattr(course, "secret", None)  # the first grading makes one then
    course.nbgrader("autograde", "definitions", "--student=borrower")
    assert len((course.folder / ".grading-seed").read_text(encoding="utf-8").strip()) == 32
    graded = samples.read(
        course.folder / "autograded" / "borrower" / "definitions" / "definitions.ipynb"
    )
    words = {cell.id: cell.outputs for cell in graded.cells if cell.cell_type == "code"}
    by_heart, borrowed = words["check-kl-values"][0], words["check-twin-value"][0]
    assert by_heart.name == "stderr" and "hidden case" in by_heart.text
    assert borrowed.name == "stderr"
    assert '"borrower" handed it in' in " ".join(borrowed.text.split())


def validate(path):
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", path.name],
        cwd=path.parent,
        env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"},
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.parametrize("student", [PERFECT, BLANK, "slips-01"])
def test_validate_on_the_students_own_machine(course, tmp_path, student):
    sample = next(sample for sample in course.samples if sample.student == student)
    path = tmp_path / "definitions.ipynb"
    nbformat.write(sample.notebook, path)
    said = validate(path)
    if student == PERFECT:
        assert "Success! Your notebook passes all the tests." in said
        return
    cells = sum(len(item.parts) for item in course.assignment.items)
    if student == BLANK:
        assert f"FAILED ON {cells + 1} CELL(S)" in said  # the proof is missing as well
        assert said.count("not answered yet") == cells
        return
    for mistake in sample.mistakes.values():
        assert mistake.says in said
