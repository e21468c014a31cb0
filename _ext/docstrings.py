"""Docstrings are written to be read with ``help()``; make reStructuredText agree with them.

D(p(y|x)‖q(y|x)) is a formula there, while reStructuredText would take the bars for a
substitution, so bars are escaped, except in examples and in ``code``. A name of the library in
single backquotes becomes a link to its entry. The types of a class's attributes are words
("ndarray, shape (bins,)"), while napoleon would link each: they are shown as fields.
"""

import re

import kllib

BAR = re.compile(r"``[^`]*``|\|")
NAME = re.compile(r"(?<![`:])`(\w+)`(?![`_])")


def escape_bars(lines):
    """The lines with every bar escaped that stands outside code."""
    escaped, in_example = [], False
    for line in lines:
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            line = BAR.sub(lambda match: r"\|" if match[0] == "|" else match[0], line)
        escaped.append(line)
    return escaped


def link_names(lines):
    """The lines with every `name` of the library turned into a link to its entry."""

    def link(match):
        name = match[1]
        return f":py:obj:`{name} <kllib.{name}>`" if name in kllib.__all__ else match[0]

    return [NAME.sub(link, line) for line in lines]


def attributes_as_fields(lines):
    """The lines with the heading of a section of attributes changed to "Fields"."""
    renamed = list(lines)
    for n, (line, below) in enumerate(zip(lines, lines[1:], strict=False)):
        if line == "Attributes" and below == "----------":
            renamed[n : n + 2] = ["Fields", "------"]
    return renamed


def _process(app, what, name, obj, options, lines):
    lines[:] = attributes_as_fields(link_names(escape_bars(lines)))


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=400)  # before napoleon
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
