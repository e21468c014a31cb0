"""``{library-index}``: the public names of the modules that follow, each with one line and a link.

    ```{library-index} kllib
    ```

The names come from a module's ``__all__`` (without one: all that it defines in public), the line is
the first of the name's entry, wherever in the reference that stands. A name without an entry is a
warning, and warnings fail the build.
"""

import importlib

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)


class library_index(nodes.Element):
    """Holds the place of an index until every page has been read."""


def public_names(module):
    """The public names of a module, each with the module's before it."""
    loaded = importlib.import_module(module)
    defined_here = (
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    )
    return [f"{module}.{name}" for name in getattr(loaded, "__all__", defined_here)]


def alphabetical(name):
    return name.rpartition(".")[2].casefold(), name


class LibraryIndex(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        modules = self.arguments[0].split()
        placeholder = library_index(names=[n for m in modules for n in public_names(m)])
        self.set_source_info(placeholder)
        self.env.note_reread()  # an entry on another page may have changed
        return [placeholder]


class FillIndex(SphinxPostTransform):
    """Put the list in its place: a definition list of links and first lines."""

    default_priority = 5

    def run(self, **kwargs):
        self.first_lines = {}
        for placeholder in list(self.document.findall(library_index)):
            names = sorted(placeholder["names"], key=alphabetical)
            items = [item for name in names for item in self.item(name, placeholder)]
            placeholder.replace_self(nodes.definition_list("", *items, classes=["library-index"]))

    def item(self, name, placeholder):
        entry = self.env.get_domain("py").objects.get(name)
        line = entry and self.lines_of(entry.docname).get(entry.node_id)
        if line is None:
            what = "has no entry in the reference" if entry is None else "has no description"
            logger.warning("%s %s", name, what, location=placeholder, type="library_index")
            return
        shown = nodes.literal("", name.removeprefix("kllib."))
        link = make_refnode(
            self.app.builder, self.env.docname, entry.docname, entry.node_id, shown, name
        )
        words = nodes.paragraph("", "", *(child.deepcopy() for child in line.children))
        for reference in words.findall(addnodes.pending_xref):
            reference["refdoc"] = self.env.docname
        term, definition = nodes.term("", "", link), nodes.definition("", words)
        yield nodes.definition_list_item("", term, definition)

    def lines_of(self, docname):
        """The first paragraph of each entry of a page, by the entry's anchor."""
        if docname not in self.first_lines:
            self.first_lines[docname] = {
                anchor: signature.parent[-1].next_node(nodes.paragraph)
                for signature in self.env.get_doctree(docname).findall(addnodes.desc_signature)
                for anchor in signature["ids"]
            }
        return self.first_lines[docname]


def setup(app):
    app.add_node(library_index)
    app.add_directive("library-index", LibraryIndex)
    app.add_post_transform(FillIndex)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
