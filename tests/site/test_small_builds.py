"""The extensions at work, each in a small Sphinx project of its own."""

import json
import os
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from .conftest import ROOT

URL = "https://github.com/owner/course"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def build(folder, extensions, *, environment=(), **settings):
    """Build with warnings as errors; return the status, what was printed, and the folder."""
    settings = {"extensions": extensions, "nb_execution_mode": "off", **settings}
    lines = [f"{name} = {value!r}" for name, value in settings.items()]
    (folder / "conf.py").write_text("\n".join(lines))
    out = folder / "out"
    options = ["-b", "html", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(folder), str(out)],
        env={
            **{k: v for k, v in os.environ.items() if k != "COURSE_REPOSITORY_URL"},
            "PYTHONPATH": str(ROOT / "_ext"),
            "NO_COLOR": "1",
            **dict(environment),
        },
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr, out


def notebook(folder, *cells):
    (folder / "index.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})
    )


def markdown(cell_id, source, *tags):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {"tags": tags}, "source": source}


def drawing(alt):
    data = {"image/svg+xml": SVG} | ({} if alt is None else {"text/plain": alt})
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    return {
        "cell_type": "code",
        "id": "drawing",
        "metadata": {},
        "source": "show(fig)",
        "execution_count": 1,
        "outputs": [output],
    }


TITLE = markdown("title", "# Title")
CAPTION = markdown("caption", "**Figure.** What to see.", "caption")
FIGURES = ["myst_nb", "sphinx_proof", "sphinx_exercise", "tagged_cells", "cell_outputs"]


def test_a_figure_gets_alt_text_and_caption(tmp_path):
    notebook(tmp_path, TITLE, drawing("A black square."), CAPTION)
    status, said, out = build(tmp_path, FIGURES)
    assert status == 0, said
    figure = BeautifulSoup((out / "index.html").read_text(), "html5lib").figure
    assert figure.img["alt"] == "A black square."
    assert figure.select_one("figcaption .caption-text").get_text() == "What to see."


@pytest.mark.parametrize("alt", [None, "<Figure size 640x480 with 1 Axes>"])
def test_a_figure_without_alt_text_fails_the_build(tmp_path, alt):
    notebook(tmp_path, TITLE, drawing(alt), CAPTION)
    status, said, _ = build(tmp_path, FIGURES)
    assert status != 0
    assert "a figure has no alt text" in said
    assert "code cell number 1" in said


def test_a_figure_without_caption_fails_the_build(tmp_path):
    notebook(tmp_path, TITLE, drawing("A black square."), markdown("text", "Text."))
    status, said, _ = build(tmp_path, FIGURES)
    assert status != 0
    assert "a figure has no caption" in said


def test_a_wrong_tag_fails_the_build_and_names_page_and_cell(tmp_path):
    notebook(tmp_path, TITLE, markdown("gibbs", "No opening.", "theorem"))
    status, said, _ = build(tmp_path, FIGURES)
    assert status != 0
    assert "index" in said and "cell 'gibbs': must open with" in said


MATHS = ["myst_nb", "math_at_build_time"]
WITH_KATEX = {
    "myst_enable_extensions": ["dollarmath"],
    "html_math_renderer": "katex",
    "exclude_patterns": ["node_modules"],
}


def test_a_formula_that_katex_cannot_read_fails_the_build(tmp_path):
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "index.md").write_text("# Title\n\n$\\KL(p)$ and $x^2$\n")
    status, said, out = build(tmp_path, MATHS, **WITH_KATEX)
    assert status != 0
    assert r"KaTeX cannot read '\\KL(p)'" in said
    assert "index.md:3" in said
    assert 'class="katex-html"' in (out / "index.html").read_text()


def test_no_katex_is_told_what_to_do(tmp_path):
    (tmp_path / "index.md").write_text("# Title\n")
    status, said, _ = build(tmp_path, MATHS, **WITH_KATEX)
    assert status != 0
    assert "make setup" in said


REFERENCE = ["myst_parser", "sphinxcontrib.bibtex", "link_targets", "library_index"]
PAGES = {
    "index": "# Title\n\n```{toctree}\nchapter\napi\nhere\nthere\n```",
    "chapter": "# Chapter\n\n[a link](api.md#sample.f)",
    "api": "# Reference\n\n```{library-index} sample\n```",
    "here": "# Here\n\n```{py:function} sample.f(x)\nTwice *x*.\n\nMore.\n```",
    "there": "# There",
}


def build_reference(folder, names=("f",), **changes):
    (folder / "sample.py").write_text(f"__all__ = {list(names)}")
    pages = changes if (folder / "index.md").exists() else PAGES | changes
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
    path = os.pathsep.join([str(ROOT / "_ext"), str(folder)])
    return build(folder, REFERENCE, environment={"PYTHONPATH": path}, bibtex_bibfiles=[])


def hrefs(out, page, selector):
    found = BeautifulSoup((out / f"{page}.html").read_text(), "html5lib").select(selector)
    return [a["href"] for a in found]


def index_line(out):
    page = BeautifulSoup((out / "api.html").read_text(), "html5lib")
    return page.select_one(".library-index dd").get_text().strip()


def test_a_name_is_reached_wherever_it_stands_and_when_it_moves(tmp_path):
    status, said, out = build_reference(tmp_path)
    assert status == 0, said
    assert "here.html#sample.f" in hrefs(out, "chapter", "p a")
    assert hrefs(out, "api", "dl.library-index dt a") == ["here.html#sample.f"]
    assert index_line(out) == "Twice x."
    # Both pages are written anew although their sources are unchanged.
    moved = PAGES["here"].replace("Twice", "Two times")
    status, said, out = build_reference(tmp_path, here="# Here", there=moved)
    assert status == 0, said
    assert "there.html#sample.f" in hrefs(out, "chapter", "p a")
    assert hrefs(out, "api", "dl.library-index dt a") == ["there.html#sample.f"]
    status, said, out = build_reference(tmp_path, there=PAGES["here"])
    assert status == 0, said
    assert index_line(out) == "Twice x."


def test_a_name_that_is_not_there_fails_the_build(tmp_path):
    links = "[a](api.md#sample.f) [b](api.md#sample.nowhere) [c](there.md#sample.f)"
    status, said, _ = build_reference(
        tmp_path,
        names=["f", "forgotten", "mute"],
        chapter=f"# Chapter\n\n{links}",
        there="# There\n\n```{py:function} sample.mute()\n```",
    )
    assert status != 0
    assert "local id not found in doc 'api': 'sample.nowhere'" in said
    assert "local id not found in doc 'there': 'sample.f'" in said
    assert "sample.forgotten has no entry in the reference" in said
    assert "sample.mute has no description" in said
    assert said.count("WARNING") == 4, said


def links_and_text(out):
    page = BeautifulSoup((out / "index.html").read_text(), "html5lib")
    links = page.select(".bd-header-article a[href^=http]")
    return " ".join(a["href"] for a in links), page.article.get_text()


REPOSITORY = ["myst_nb", "sphinx_book_theme", "repository_links"]


def test_links_to_the_repository_are_hidden_while_it_is_unset(tmp_path):
    (tmp_path / "index.md").write_text("# Title\n\n`git clone COURSE_ADDRESS`\n")
    status, said, out = build(tmp_path, REPOSITORY, html_theme="sphinx_book_theme")
    assert status == 0, said
    links, text = links_and_text(out)
    assert links == ""
    assert "git clone ADDRESS-OF-THE-COURSE" in text


def test_links_to_the_repository_are_shown_when_it_is_set(tmp_path):
    notebook(tmp_path, markdown("title", "# Title\n\n`git clone COURSE_ADDRESS`"))
    status, said, out = build(
        tmp_path,
        REPOSITORY,
        html_theme="sphinx_book_theme",
        environment={"COURSE_REPOSITORY_URL": URL + ".git"},
    )
    assert status == 0, said
    links, text = links_and_text(out)
    assert f"{URL}/issues/new" in links
    assert f"{URL}/blob/" in links
    assert "colab.research.google.com/github/owner/course" in links
    assert f"git clone {URL}" in text


def test_punctuation_stays_with_the_formula_before_it(tmp_path):
    """Also where the text after a link reads the same as the text after a formula."""
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "index.md").write_text("# Title\n\nBy [Abe](a.html), $x$, $y$.\n")
    status, said, out = build(
        tmp_path, MATHS, suppress_warnings=["myst.xref_missing"], **WITH_KATEX
    )
    assert status == 0, said
    paragraph = BeautifulSoup((out / "index.html").read_text(), "html5lib").select_one("section p")
    assert paragraph.a.next_sibling == ", "
    marks = [s.contents[-1] for s in paragraph.select(".kept-together")]
    assert marks == [",", "."]


MAP = """```{{idea-map}}
0 0 | 01-one | One
0 1 | 02-two | Two,/then | 01
0 2 | 03-three | Three | 01 {}
```"""


def test_the_map_draws_links_and_arrows(tmp_path):
    (tmp_path / "chapters").mkdir()
    for page in ("01-one", "02-two", "03-three"):
        (tmp_path / f"chapters/{page}.md").write_text(f"---\norphan: true\n---\n# {page}\n")
    (tmp_path / "index.md").write_text("# Home\n\n" + MAP.format("02"))
    status, said, out = build(tmp_path, ["myst_nb", "idea_map"])
    assert status == 0, said
    drawn = BeautifulSoup((out / "index.html").read_text(), "html.parser").select_one(".idea-map")
    assert {a["href"]: a.get_text().strip() for a in drawn.find_all("a")} == {
        "chapters/01-one.html": "1 One",
        "chapters/02-two.html": "2 Two, then",
        "chapters/03-three.html": "3 Three",
    }
    assert len(drawn.select(".arrows path")) == 3


def test_a_map_of_what_is_not_there_fails_the_build(tmp_path):
    (tmp_path / "index.md").write_text("# Home\n\n" + MAP.format("04"))
    status, said, _ = build(tmp_path, ["myst_nb", "idea_map"])
    assert status
    assert "03 builds on 04, which is not on the map" in said
    assert "there is no page chapters/02-two" in said
