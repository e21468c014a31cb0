"""Say under each notebook's page when it ran, how long, with what, and how many claims it proved.

The directive ``run-record-table`` on a Markdown page lists all of them.
"""

import functools
import platform
from datetime import datetime
from importlib.metadata import version

from cell_outputs import CLAIM_MARK
from docutils import nodes
from docutils.parsers.rst import Directive
from myst_nb.sphinx_ import NbMetadataCollector

PACKAGES = ("numpy", "scipy", "matplotlib")
STATUS_PAGE = "chapters/status"


class run_record_table(nodes.General, nodes.Element):
    """Stands where the table will be, once every page has been read."""


class RunRecordTable(Directive):
    def run(self):
        return [run_record_table()]


@functools.cache  # said on every page
def _versions():
    named = [f"{name} {version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *named])


def _record(env, docname):
    """When, how long, and how many claims; None for a page that ran nothing."""
    data = NbMetadataCollector.get_doc_data(env).get(docname, {})
    run = data.get("exec_data")
    if not run or not run["succeeded"]:
        return None
    when = datetime.fromtimestamp(run["mtime"])
    return f"{when:%Y-%m-%d}", run["runtime"], data.get("claims", 0)


def _count_claims(app, doctree):
    lines = (
        line
        for block in doctree.findall(nodes.literal_block)
        if "claims" in block["classes"]
        for line in block.astext().splitlines()
    )
    count = sum(line.startswith(CLAIM_MARK) for line in lines)
    NbMetadataCollector.set_doc_data(app.env, app.env.docname, "claims", count)


def _link(app, docname, target, text):
    address = app.builder.get_relative_uri(docname, target)
    return nodes.reference("", text, internal=True, refuri=address)


def _write(app, doctree, docname):
    for place in list(doctree.findall(run_record_table)):
        place.replace_self(_table(app, docname))
    record = _record(app.env, docname)
    if record is None:
        return
    when, seconds, claims = record
    proved = f"claims proved by two routes or more: {claims}"
    note = nodes.paragraph(classes=["run-record"])
    note += nodes.Text(f"This page ran on {when} in {seconds:.0f} s with {_versions()}; {proved}. ")
    if STATUS_PAGE in app.env.found_docs:
        note += _link(app, docname, STATUS_PAGE, "All pages")
        note += nodes.Text(".")
    (doctree.next_node(nodes.section) or doctree).append(note)


def _table(app, docname):
    titles = app.env.titles
    rows = []
    for page in sorted(app.env.found_docs):
        if (record := _record(app.env, page)) is not None:
            when, seconds, claims = record
            cell = nodes.paragraph("", "", _link(app, docname, page, titles[page].astext()))
            rows.append([cell, *map(_cell, (str(claims), f"{seconds:.1f}", when))])
    head = [_cell(text) for text in ("page", "claims", "seconds", "ran on")]
    table = nodes.table("", classes=["colwidths-auto"])
    group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in head], cols=len(head))
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *map(_row, rows))
    table += group
    return [table, nodes.paragraph("", f"With {_versions()}.")]


def _cell(text):
    return nodes.paragraph("", text)


def _row(cells):
    return nodes.row("", *[nodes.entry("", cell) for cell in cells])


def _pages_with_tables(app, env):
    """The table's page is written anew whenever some other page was."""
    return [STATUS_PAGE] if STATUS_PAGE in env.found_docs else []


def setup(app):
    app.add_node(run_record_table)
    app.add_directive("run-record-table", RunRecordTable)
    app.connect("doctree-read", _count_claims)
    app.connect("env-updated", _pages_with_tables)
    app.connect("doctree-resolved", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
