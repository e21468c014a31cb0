"""``{idea-map}``: which chapter builds on which, drawn; each box is a link.

    ```{idea-map}
    2 0 | 01-what-kl-divergence-measures | What it/measures
    2 1 | 02-definition-and-properties | Definition,/properties | 01
    ```

Each line puts a chapter at a column and a row, both counted from 0, and says after the title (a
slash breaks it) on which chapters it builds. A page or a number that is not there is a warning.
"""

from html import escape

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

FOLDER = "chapters/"
CELL_WIDTH, CELL_HEIGHT = 112, 84  # of the grid, in units of the drawing
BOX_WIDTH, BOX_HEIGHT = 98, 48
LINE = 15  # from one line of a title to the next


class idea_map(nodes.General, nodes.Element):
    """Stands where the map will be, once every page has been read."""


class IdeaMap(SphinxDirective):
    has_content = True

    def run(self):
        chapters = {}
        for line in self.content:
            place, page, title, *before = (part.strip() for part in line.split("|"))
            column, row = map(float, place.split())
            number = page.partition("-")[0]
            numbers = before[0].split() if before else []
            chapters[number] = {
                "page": FOLDER + page,
                "title": title.split("/"),
                "middle": ((column + 0.5) * CELL_WIDTH, (row + 0.5) * CELL_HEIGHT),
                "before": numbers,
            }
        for number, chapter in chapters.items():
            for other in {*chapter["before"]} - {*chapters}:
                logger.warning(f"idea-map: {number} builds on {other}, which is not on the map")
            if chapter["page"] not in self.env.found_docs:
                logger.warning(f"idea-map: there is no page {chapter['page']}")
        return [idea_map(chapters=chapters)]


def _arrow(start, end):
    """From box to box: from below to above, or in a row from side to side."""
    (x0, y0), (x1, y1) = start, end
    if y0 == y1:
        side = BOX_WIDTH / 2 if x1 > x0 else -BOX_WIDTH / 2
        return f"M{x0 + side:g} {y0:g}L{x1 - side:g} {y1:g}"
    y0, y1 = y0 + BOX_HEIGHT / 2, y1 - BOX_HEIGHT / 2
    gap = CELL_HEIGHT - BOX_HEIGHT
    if x0 == x1 and y1 - y0 > CELL_HEIGHT:  # past a box of the same column, in the lane beside it
        lane = x0 + CELL_WIDTH / 2
        out = f"C{x0:g} {y0 + gap * 0.8:g} {lane:g} {y0 + gap * 0.2:g} {lane:g} {y0 + gap:g}"
        back = f"C{lane:g} {y1 - gap * 0.2:g} {x1:g} {y1 - gap * 0.8:g} {x1:g} {y1:g}"
        return f"M{x0:g} {y0:g}{out}V{y1 - gap:g}{back}"
    bend = (y1 - y0) / 2
    return f"M{x0:g} {y0:g}C{x0:g} {y0 + bend:g} {x1:g} {y1 - bend:g} {x1:g} {y1:g}"


def _box(number, chapter, address):
    x, y = chapter["middle"]
    lines = [f"{int(number)}", *chapter["title"]]
    top = y - (len(lines) - 1) * LINE / 2 + LINE / 3
    text = "".join(
        f'<tspan x="{x:g}" y="{top + i * LINE:g}">{escape(line)} </tspan>'
        for i, line in enumerate(lines)
    )
    return (
        f'<a href="{escape(address)}">'
        f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y - BOX_HEIGHT / 2:g}" width="{BOX_WIDTH}" '
        f'height="{BOX_HEIGHT}" rx="6"/><text>{text}</text></a>'
    )


def draw(chapters, address_of):
    """The map as SVG; ``address_of`` gives the address of a page."""
    middles = [chapter["middle"] for chapter in chapters.values()]
    width = max(x for x, _ in middles) + CELL_WIDTH / 2
    height = max(y for _, y in middles) + CELL_HEIGHT / 2
    arrows = "".join(
        f'<path d="{_arrow(chapters[other]["middle"], chapter["middle"])}"/>'
        for chapter in chapters.values()
        for other in chapter["before"]
        if other in chapters
    )
    boxes = "".join(
        _box(number, chapter, address_of(chapter["page"])) for number, chapter in chapters.items()
    )
    head = '<marker id="idea-map-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    head += 'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    return (
        '<div class="idea-map" tabindex="0" role="region" aria-label="Map of the chapters">'
        f'<svg viewBox="0 0 {width:g} {height:g}" xmlns="http://www.w3.org/2000/svg">'
        f'<defs>{head}</defs><g class="arrows">{arrows}</g>{boxes}</svg></div>'
    )


def _write(app, doctree, docname):
    for node in list(doctree.findall(idea_map)):
        drawing = draw(node["chapters"], lambda page: app.builder.get_relative_uri(docname, page))
        node.replace_self(nodes.raw("", drawing, format="html"))


def setup(app):
    app.add_directive("idea-map", IdeaMap)
    app.add_node(idea_map)
    app.connect("doctree-resolved", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
