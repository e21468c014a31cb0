"""No sentence of the book is taken from the source documents.

The sources themselves are not in this repository. source_shingles.txt holds a short hash of every
run of eight words in them (two letters or more, formulas left out: a formula is nobody's own); a
page that shares a run with them fails. To renew it:

    python tests/book/test_own_words.py SOURCE_FILES > tests/book/source_shingles.txt
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = 8
SHINGLES = Path(__file__).parent / "source_shingles.txt"
PAGES = [
    ROOT / "index.md",
    *sorted((ROOT / "chapters").glob("*.md")),
    *sorted((ROOT / "chapters").glob("*.ipynb")),
    *sorted((ROOT / "solutions").glob("*/*.ipynb")),
]


def runs(text: str) -> list[str]:
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", " . ", text, flags=re.DOTALL)
    words = re.findall(r"[a-z]{2,}", text.lower())
    return [" ".join(words[i : i + RUN]) for i in range(len(words) - RUN + 1)]


def short_hash(run: str) -> str:
    return hashlib.sha256(run.encode()).hexdigest()[:10]


def hashes(text: str) -> set[str]:
    return {short_hash(run) for run in runs(text)}


def read(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.fixture(scope="module")
def sources() -> frozenset[str]:
    return frozenset(SHINGLES.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_eight_words_in_a_row_are_the_sources(path, sources):
    taken = [run for run in runs(read(path)) if short_hash(run) in sources]
    assert not taken, "say it in other words: " + "; ".join(taken)


def test_a_copied_sentence_would_be_noticed(sources):
    sentence = "On Monday, the belt: carried $p(x)$ far more blue glass -- than the model said."
    assert len(hashes(sentence)) == 6
    assert short_hash("the belt carried far more blue glass than") in hashes(sentence)
    assert len(sources) > 5000


if __name__ == "__main__":
    texts = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
    print("\n".join(sorted(set().union(*map(hashes, texts)))))
