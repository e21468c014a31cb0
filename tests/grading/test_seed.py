"""The course's secret: made once, kept, never changed in silence."""

import stat

import pytest

from klgrade.seed import FILE, SEED_FILE, grading_seed
from kllib.checks.seeds import GRADING_SEED


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv(GRADING_SEED, raising=False)
    monkeypatch.delenv(SEED_FILE, raising=False)


def test_made_at_the_first_grading_and_kept(tmp_path):
    secret = grading_seed(tmp_path)
    assert len(secret) == 32
    assert grading_seed(tmp_path) == secret == (tmp_path / FILE).read_text().strip()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_another_course_has_another_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert grading_seed(tmp_path / "a") != grading_seed(tmp_path / "b")


def test_the_environment_and_the_named_file_come_first(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").write_text("from the file\n")
    monkeypatch.setenv(SEED_FILE, str(tmp_path / "elsewhere"))
    assert grading_seed(tmp_path) == "from the file"
    monkeypatch.setenv(GRADING_SEED, "from the environment")
    assert grading_seed(tmp_path) == "from the environment"
    assert not (tmp_path / FILE).exists()


def test_an_emptied_file_is_told(tmp_path):
    (tmp_path / FILE).write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        grading_seed(tmp_path)
