"""Who the student is, and the three seeds.

=========  ======================================================  ======================
seed       draws                                                   who knows it
=========  ======================================================  ======================
release    each student's parameters, with the student's id        everybody
practice   the cases that a notebook's checks show                 everybody
grading    further, hidden cases, when work is graded              the instructor
=========  ======================================================  ======================

The release seed is the assignment's ``release``, stamped in the notebook. Without a grading
seed, as on a student's machine, there are no hidden cases, only the practice ones.
Seeds are words; SHA-256 turns them into numbers, the same on every machine.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata

import numpy as np

from kllib.checks.values import described

#: Set by the grading step to the id of whoever handed the notebook in.
STUDENT_ID = "KLLIB_STUDENT_ID"
#: Set by the grading step to the instructor's secret.
GRADING_SEED = "KLLIB_GRADING_SEED"

#: The id a notebook starts with; its parameters are for practice.
PRACTICE = "practice"


def generator(*words: str) -> np.random.Generator:
    """A random generator that depends on the words and on nothing else."""
    # The length of each word goes in as well, so that ("ab", "c") differs from ("a", "bc").
    text = "".join(f"{len(word)}:{word}" for word in words)
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()))


def clean_id(student_id: object) -> str:
    """The id as text: outer blanks dropped, accents in one form.

    Raises
    ------
    ValueError
        If it is not a string (or a whole number), or empty.
    """
    if type(student_id) not in (str, int):
        raise ValueError(f'student_id should be text such as "ada", not {described(student_id)}')
    text = unicodedata.normalize("NFC", str(student_id)).strip()
    if not text:
        raise ValueError('student_id is empty: write your own id, such as "ada"')
    return text


def submitted_by() -> str | None:
    """The id of whoever handed this notebook in, or None when it is not being graded."""
    student_id = os.environ.get(STUDENT_ID, "")
    return clean_id(student_id) if student_id.strip() else None


def student(notebook_says: object = None) -> str:
    """Whose parameters count: the submission's author, else the notebook's word for it."""
    if (known := submitted_by()) is not None:
        return known
    return PRACTICE if notebook_says is None else clean_id(notebook_says)


def grading_seed() -> str | None:
    """The secret that draws hidden cases, or None outside grading."""
    return os.environ.get(GRADING_SEED) or None
