"""What Hypothesis draws: the same for a law in every run, whatever else the process has loaded."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEFORE_AND_AFTER = """
from hypothesis import given, settings, strategies as st

def drawn():
    examples = []

    @given(st.floats(-10, 10), st.integers(-1000, 1000))
    def law(x, k):
        examples.append((x, k))

    law()
    assert len(examples) == settings().max_examples
    return examples

before = drawn()
import kllib.checks
print(before == drawn())
"""
AS_IT_COMES = """
from hypothesis import settings

settings.register_profile("plain", derandomize=True, database=None, deadline=None)
settings.load_profile("plain")
"""


def same_before_and_after(start):
    done = subprocess.run(
        [sys.executable, "-c", start + BEFORE_AND_AFTER],
        env=os.environ | {"COURSE_HYPOTHESIS": "course"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout == "True\n"


def test_the_same_whatever_is_loaded():
    """In a worker that begins with a law, and in one that runs it after other files' tests."""
    assert same_before_and_after("import conftest")


def test_conftest_is_needed_for_that():
    """Left alone, Hypothesis uses kllib's constants. Once this fails, conftest's line may go."""
    assert not same_before_and_after(AS_IT_COMES)
