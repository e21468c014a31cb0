"""Small repairs to the HTML of solutions, proofs, code folds and the bibliography.

* A solution becomes a native ``<details>``: folded, opened by keyboard or by a search in the page,
  and all that without JavaScript.
* Ids that sphinx-proof and sphinx-exercise repeat on every block are dropped.
* The fold around a cell's code is named by the words that it shows.
* A bibliography entry loses its label (pages cite by author and year) and an ARIA role that the
  standard has since deprecated.
"""

from html import escape

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import solution_node


def visit_solution(self, node):
    title = node.children[0]
    self.body.append(self.starttag(node, "details", CLASS="admonition"))
    self.body.append(f'<summary class="admonition-title">{title.astext()}</summary>\n')
    node.remove(title)


def depart_solution(self, node):
    self.body.append("</details>\n")


def visit_code_fold(self, node):
    self.body.append(f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>')
    self.body.append(f'<span class="collapsed">{escape(node["prompt_show"])}</span>')
    self.body.append(f'<span class="expanded">{escape(node["prompt_hide"])}</span></summary>\n')


def depart_code_fold(self, node):
    self.body.append("</details>\n")


def visit_citation(self, node):
    node.children = [c for c in node.children if not isinstance(c, nodes.label)]
    self.body.append(self.starttag(node, "div", CLASS="citation"))


def depart_citation(self, node):
    self.body.append("</div>\n")


class TidyBlocks(SphinxPostTransform):
    """Drop repeated ids; set the word "Proof." apart."""

    default_priority = 600
    repeated = {"proof-content", "exercise-content", "solution-content", "proof"}

    def run(self, **kwargs):
        for node in self.document.findall(nodes.Element):
            if isinstance(node, (nodes.section, nodes.admonition)):
                if "proof" in node["ids"]:
                    node["classes"].append("proof-body")
                    self._set_apart(next(iter(node.findall(nodes.Text))))
                node["ids"] = [i for i in node["ids"] if i not in self.repeated]

    @staticmethod
    def _set_apart(text):
        word, rest = text[: len("Proof.")], text[len("Proof.") :]
        text.parent.replace(text, [nodes.emphasis("", word), nodes.Text(rest)])


def setup(app):
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
    app.add_node(HideCodeCellNode, override=True, html=(visit_code_fold, depart_code_fold))
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.add_post_transform(TidyBlocks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
