"""Notebooks run side by side, once for each state of notebook, library and lock file."""

import json

from bs4 import BeautifulSoup

from .test_small_builds import METADATA, build

EXTENSIONS = [
    *("myst_nb", "sphinx_proof", "sphinx_exercise"),
    *("tagged_cells", "cell_outputs", "fresh_build", "run_notebooks", "run_record"),
]
# Each notebook notes that it ran, and waits until the other has begun.
NOTE = "from pathlib import Path\nPath('{0}.ran').open('a').write('x')\nPath('{0}.on').touch()"
WAIT = (
    "import time\nend = time.monotonic() + 60\n"
    "while not Path('{1}.on').exists():\n    assert time.monotonic() < end\n    time.sleep(0.05)"
)
CLAIM = "print('✓ one = 1 nat  [kllib · by hand]')"


def write_notebook(folder, name, *code):
    cells = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# Page {name}"}]
    for number, source in enumerate(code):
        cell = {"cell_type": "code", "id": f"code-{number}", "source": source}
        tags = {"tags": ["hide-input"]}
        cells.append({**cell, "metadata": tags, "execution_count": None, "outputs": []})
    content = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{name}.ipynb").write_text(json.dumps(content))


def project(folder):
    chapters = folder / "chapters"
    chapters.mkdir()
    (folder / "kllib").mkdir()
    (folder / "kllib" / "discrete.py").write_text("LOG = 'natural'\n")
    (folder / "requirements.lock").write_text("numpy==2.4.6\n")
    toc = "```{toctree}\nchapters/a\nchapters/b\nchapters/status\n```\n"
    (folder / "index.md").write_text("# Title\n\n" + toc)
    (chapters / "status.md").write_text("# Status\n\n```{run-record-table}\n```\n")
    write_notebook(chapters, "a", NOTE.format("a"), WAIT.format("a", "b"), CLAIM)
    write_notebook(chapters, "b", NOTE.format("b"), WAIT.format("b", "a"))
    return chapters


def make(folder):
    status, said, out = build(
        folder,
        EXTENSIONS,
        nb_execution_mode="cache",
        nb_execution_timeout=90,
        include_patterns=["index.md", "chapters/*"],
    )
    assert status == 0, said
    return out


def runs(chapters):
    return [len((chapters / f"{name}.ran").read_text()) for name in "ab"]


def test_notebooks_run_together_and_again_only_when_something_changed(tmp_path):
    chapters = project(tmp_path)
    make(tmp_path)  # they wait for each other: one after the other they would fail
    assert runs(chapters) == [1, 1]
    make(tmp_path)
    assert runs(chapters) == [1, 1]
    (tmp_path / "kllib" / "discrete.py").write_text("LOG = 'binary'\n")
    make(tmp_path)
    assert runs(chapters) == [2, 2]
    (tmp_path / "requirements.lock").write_text("numpy==2.4.7\n")
    make(tmp_path)
    assert runs(chapters) == [3, 3]
    write_notebook(chapters, "b", NOTE.format("b"), "print('changed')")
    make(tmp_path)
    assert runs(chapters) == [3, 4]


def test_a_page_says_what_ran(tmp_path):
    project(tmp_path)
    out = make(tmp_path) / "chapters"
    pages = {p: BeautifulSoup((out / f"{p}.html").read_text(), "html5lib") for p in ("a", "status")}
    record = pages["a"].select_one(".run-record")
    assert "more: 1." in record.get_text() and "numpy" in record.get_text()
    assert record.a["href"] == "status.html"
    rows = [[cell.get_text() for cell in row.select("td")] for row in pages["status"].select("tr")]
    assert [row[:2] for row in rows if row] == [["Page a", "1"], ["Page b", "0"]]
