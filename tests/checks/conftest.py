"""What the tests of the checks share: a clean environment, and what one check says."""

import pytest

from kllib.checks import seeds
from kllib.checks.definitions import check


@pytest.fixture(autouse=True)
def practising(monkeypatch):
    """Every test starts as a student's own machine does: nobody known, no secret."""
    monkeypatch.delenv(seeds.STUDENT_ID, raising=False)
    monkeypatch.delenv(seeds.GRADING_SEED, raising=False)


@pytest.fixture
def said(capfd):
    """Run one check and return (what it printed as right, what it printed as anything else)."""

    def run(*arguments):
        capfd.readouterr()
        assert check(*arguments) is None
        shown = capfd.readouterr()
        assert bool(shown.out) != bool(shown.err), "exactly one of the two streams is used"
        return shown.out.rstrip("\n"), shown.err.rstrip("\n")

    return run
