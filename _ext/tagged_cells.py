"""Turn tagged Markdown cells into theorem, exercise, solution and figure blocks.

A notebook is read in JupyterLab, on GitHub and on this site, so it holds plain Markdown only: a
theorem is a Markdown cell with the cell tag ``theorem`` that opens in bold, "**Theorem (Gibbs'
inequality).** ...". This extension rewrites such cells when Sphinx reads the page (the file is
never touched). What the tags mean is told in CONTRIBUTING.md. A tag used wrongly is a warning,
and warnings fail the build.
"""

import json
import re
from pathlib import PurePosixPath

from sphinx.util import logging

logger = logging.getLogger(__name__)

# tag -> the words that may open the cell, and the sphinx-proof directive of each.
NUMBERED = {
    "definition": {"Definition": "definition"},
    "theorem": {
        "Theorem": "theorem",
        "Lemma": "lemma",
        "Proposition": "proposition",
        "Corollary": "corollary",
    },
    "example": {"Example": "example", "Worked example": "example"},
    "remark": {"Remark": "remark"},
}
FREE_TITLE = {"objectives", "summary"}
MARKDOWN_TAGS = {*NUMBERED, *FREE_TITLE, "proof", "exercise", "solution", "caption"}
# Tags that mean something elsewhere: to MyST-NB, and to the number test (tests/book).
OTHER_TAGS = {"hide-input", "hide-output", "hide-cell", "remove-cell", "whole-page"}

OPENING = re.compile(
    r"\*\*(?P<word>[^*(]+?)\s*(?:\((?P<title>.*?)\))?\s*[.:]?\*\*[ \t]*(?=\n|\S|$)"
)
HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)


def _text(cell):
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _tags(cell):
    return list(cell.get("metadata", {}).get("tags", []))


def _block(directive, argument, body, **options):
    """A MyST directive whose fence is longer than any fence inside it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=3)
    fence = "`" * (longest + 1)
    head = f"{fence}{{{directive}}}" + (f" {argument}" if argument else "")
    option_lines = [f":{name}: {value}" for name, value in options.items() if value]
    return "\n".join([head, *option_lines, "", body.strip("\n"), fence])


def _markdown_cell(cell_id, source):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


class _Page:
    """One notebook on its way from tagged cells to blocks."""

    def __init__(self, stem, warn):
        number = re.match(r"(\d+)-", stem)
        self.prefix = f"ch{number[1]}-" if number else f"{stem}-"
        self.warn = warn
        self.cells = []
        self.last_exercise = None  # label of the exercise that a solution may follow
        self.open_solution = False
        self.previous = None  # (kind, cell) of the cell right above, in the notebook

    def label(self, cell):
        return self.prefix + str(cell.get("id", ""))

    def opening(self, cell, words):
        """Split "**Word (title).** body"; the title may be missing. None if malformed."""
        text = _text(cell).lstrip()
        match = OPENING.match(text)
        if not match or match["word"].strip() not in words:
            expected = " or ".join(f'"**{word}.**" / "**{word} (title).**"' for word in words)
            self.warn(cell, f"must open with {expected}")
            return None
        return match["word"].strip(), (match["title"] or "").strip(), text[match.end() :]

    def close_solution(self):
        if self.open_solution:
            end_id = f"solution-end-{len(self.cells)}"
            self.cells.append(_markdown_cell(end_id, "```{solution-end}\n```"))
            self.open_solution = False

    def add(self, cell):
        tags = _tags(cell)
        for tag in tags:
            if tag not in MARKDOWN_TAGS | OTHER_TAGS:
                self.warn(cell, f"unknown tag {tag!r}")
        kinds = [tag for tag in tags if tag in MARKDOWN_TAGS]
        if len(kinds) > 1:
            self.warn(cell, f"has several block tags: {', '.join(kinds)}")
        kind = kinds[0] if kinds else None
        is_code = cell["cell_type"] == "code"
        if is_code and kind not in (None, "solution"):
            self.warn(cell, f"tag {kind!r} belongs on a Markdown cell")
            kind = None
        if not is_code and kind and HEADING.search(_text(cell)):
            self.warn(cell, f"a {kind} cell cannot hold a heading")
            kind = None

        if kind == "solution":
            self.add_solution(cell, is_code)
        elif kind == "caption":  # also inside a solution, so it does not close one
            self.add_caption(cell)
        else:
            self.close_solution()
            self.last_exercise = None
            source = self.block(kind, cell) if kind else None
            if source is None:
                self.cells.append(cell if is_code else self.with_anchor(cell))
            else:
                self.cells.append({**cell, "source": source})
        self.previous = (kind, cell)

    def with_anchor(self, cell):
        """The cell under a target of its own, as blocks have one: a link may lead to any cell."""
        if _text(cell).startswith("# "):  # the page's title: a link to the page leads there
            return cell
        return {**cell, "source": f"({self.label(cell)})=\n\n{_text(cell)}"}

    def block(self, kind, cell):
        if kind in FREE_TITLE:
            match = re.match(r"\s*\*\*(.+?)\*\*[ \t]*", _text(cell))
            if not match:
                self.warn(cell, 'must open in bold, for example "**What you will learn.**"')
                return None
            body = _text(cell)[match.end() :]
            options = {"class": kind, "name": self.label(cell)}
            return _block("admonition", match[1].rstrip(".:"), body, **options)

        words = NUMBERED.get(kind, {kind.capitalize(): kind})
        parts = self.opening(cell, words)
        if parts is None:
            return None
        word, title, body = parts
        if kind == "proof":
            if self.previous is None or self.previous[0] not in ("theorem", "proof"):
                self.warn(cell, "a proof must directly follow its theorem")
            if title:
                body = f"*({title})* {body.lstrip()}"
            return _block("prf:proof", "", body.lstrip())
        if kind == "exercise":
            self.last_exercise = self.label(cell)
            return _block("exercise", title, body, label=self.label(cell))
        return _block(f"prf:{words[word]}", title, body, label=self.label(cell))

    def add_solution(self, cell, is_code):
        if not self.open_solution and self.last_exercise is None:
            self.warn(cell, "a solution must directly follow its exercise")
            self.cells.append(cell)
            return
        if not self.open_solution:
            start = _block("solution-start", self.last_exercise, "")
            self.cells.append(_markdown_cell(f"solution-start-{len(self.cells)}", start))
            self.open_solution = True
            if not is_code:
                parts = self.opening(cell, ("Solution",))
                if parts is not None:
                    _, title, body = parts
                    cell = {**cell, "source": f"*({title})* {body}" if title else body.lstrip()}
        self.cells.append(cell if is_code else self.with_anchor(cell))

    def add_caption(self, cell):
        """Hand the caption to the figure right above: MyST-NB makes the numbered figure."""
        above = self.previous[1] if self.previous else None
        parts = self.opening(cell, ("Figure",))
        if above is None or above["cell_type"] != "code":
            self.warn(cell, "a caption must directly follow the code cell that draws its figure")
            self.cells.append(cell)
            return
        if parts is None:
            return
        _, title, body = parts
        caption = f"{title}. {body.lstrip()}" if title else body.lstrip()
        if not caption.strip():
            self.warn(cell, "the caption is empty")
            return
        figure = {"caption": caption, "name": self.label(above)}
        metadata = {**above["metadata"], "mystnb": {"figure": figure}}
        self.cells[-1] = {**above, "metadata": metadata}


def rewrite(notebook, stem, warn):
    """Return the notebook with its tagged cells made into blocks.

    ``warn(cell, message)`` is called for each tag that is used wrongly.
    """
    page = _Page(stem, warn)
    for cell in notebook["cells"]:
        page.add(cell)
    page.close_solution()
    return {**notebook, "cells": page.cells}


def _on_source_read(app, docname, source):
    path = app.env.doc2path(docname)
    if not path.endswith(".ipynb"):
        return

    def warn(cell, message):
        where = cell.get("id", "?")
        logger.warning("cell %r: %s", where, message, location=docname, type="tagged_cells")

    notebook = json.loads(source[0])
    source[0] = json.dumps(rewrite(notebook, PurePosixPath(docname).name, warn))


def setup(app):
    app.connect("source-read", _on_source_read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
