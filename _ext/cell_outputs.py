"""Give every figure its alt text and caption, and mark the lines that claims print.

``kllib.plotting.show`` displays a figure as SVG together with its alt text as ``text/plain``. The
page shows the picture only; here its text becomes the ``alt`` attribute. A picture without alt
text, or without a caption cell below it, is a warning, and warnings fail the build.
"""

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What IPython stores as text/plain when nobody wrote an alt text.
NOT_ALT = ("<Figure size", "<IPython", "<matplotlib", "Figure(")
CLAIM_MARK = "✓"


def _is_mime_bundle(node):
    return isinstance(node, nodes.container) and node.get("nb_element") == "mime_bundle"


class DescribeFigures(SphinxTransform):
    """Copy each bundle's text/plain into its image's alt text."""

    default_priority = 500

    def apply(self):
        for bundle in self.document.findall(_is_mime_bundle):
            by_type = {child.get("mime_type", ""): child for child in bundle.children}
            images = [c for mime, c in by_type.items() if mime.startswith("image/")]
            if not images:
                continue
            text = by_type.get("text/plain")
            alt = text.astext().strip() if text is not None else ""
            # IPython stores a bare string in quotes; show() stores the text itself.
            if not alt or alt.startswith(NOT_ALT):
                self._warn(bundle, "a figure has no alt text: draw it with kllib.plotting.show")
            if not isinstance(bundle.parent, nodes.figure):
                self._warn(bundle, "a figure has no caption: add a cell tagged `caption` below it")
            for image in (i for child in images for i in child.findall(nodes.image)):
                image["alt"] = alt

    def _warn(self, node, message):
        cell = node
        while cell is not None and not (
            isinstance(cell, nodes.container) and cell.get("nb_element") == "cell_code"
        ):
            cell = cell.parent
        where = f"code cell number {cell['exec_count']}" if cell is not None else "a cell"
        page = self.env.docname
        logger.warning("%s: %s", where, message, location=page, type="cell_outputs")


class MarkClaims(SphinxTransform):
    """Give the class ``claims`` to printed output whose every line is a claim's record."""

    default_priority = 500

    def apply(self):
        for block in self.document.findall(nodes.literal_block):
            if "output" not in block["classes"]:
                continue
            lines = [line for line in block.astext().splitlines() if line.strip()]
            # A long record continues on indented lines.
            continued = all(line.startswith((CLAIM_MARK, " ")) for line in lines)
            if lines and lines[0].startswith(CLAIM_MARK) and continued:
                block["classes"].append("claims")


def setup(app):
    app.add_transform(DescribeFigures)
    app.add_transform(MarkClaims)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
