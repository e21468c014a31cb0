"""Let a plain Markdown link reach a bibliography entry, an API name or a cell.

``bibliography.md#cover2006`` and ``02-x.ipynb#ch02-gibbs`` (any cell of a notebook, by its id) are
real anchors of those pages, but MyST knows headings only and would call them missing.
``api.md#kllib.kl_divergence`` leads to the page of the reference on which the name stands, so that
whoever writes the link need not know which. A key that does not exist stays a warning, so it fails
the build.
"""

from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

REFERENCE = "api"  # the page that answers for every name of the library


def _targets(env):
    """All targets but headings: page, name in a link, anchor."""
    for citation in env.get_domain("cite").citations:
        yield citation.bibliography_key.docname, citation.key, citation.citation_id
    for name, entry in env.get_domain("py").objects.items():
        yield entry.docname, name, entry.node_id
    for name, (docname, anchor) in env.get_domain("std").anonlabels.items():
        if docname in env.found_docs:
            yield docname, name, anchor
    for registry in ("proof_list", "sphinx_exercise_registry"):
        for label, block in getattr(env, registry, {}).items():
            yield block["docname"], label, label


def _add_targets(app, env):
    targets = set(_targets(env))
    for docname, name, anchor in targets:
        slugs = env.metadata[docname].setdefault("myst_slugs", {})
        slugs.setdefault(name, (0, anchor, name))
    moved = targets != getattr(env, "link_targets", targets)
    env.link_targets = targets
    return env.found_docs if moved else []  # any page may have a link to what has moved


class FollowNames(SphinxPostTransform):
    """Lead a link to a name through the reference's front page to the page where it stands."""

    default_priority = 8  # before MyST resolves its links

    def run(self, **kwargs):
        objects = self.env.get_domain("py").objects
        for link in self.document.findall(addnodes.pending_xref):
            is_page = (link["reftype"], link.get("refdomain")) == ("myst", "doc")
            if is_page and link["reftarget"].rpartition("/")[2] == REFERENCE:
                entry = objects.get(link["reftargetid"])
                link["reftarget"] = entry.docname if entry else link["reftarget"]


def setup(app):
    app.connect("env-updated", _add_targets, priority=900)  # after the bibliography
    app.add_post_transform(FollowNames)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
