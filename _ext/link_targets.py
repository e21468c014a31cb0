"""Let a plain Markdown link reach a bibliography entry, an API name or a tagged block.

``bibliography.md#cover2006``, ``api.md#kllib.kl_divergence`` and ``02-x.ipynb#ch02-gibbs`` are
real anchors of those pages, but MyST knows headings only and would call them missing. A key that
does not exist stays a warning, so it fails the build.
"""


def _add_targets(app, env):
    def add(docname, name, anchor):
        slugs = env.metadata[docname].setdefault("myst_slugs", {})
        slugs.setdefault(name, (0, anchor, name))

    for citation in env.get_domain("cite").citations:
        add(citation.bibliography_key.docname, citation.key, citation.citation_id)
    for name, entry in env.get_domain("py").objects.items():
        add(entry.docname, name, entry.node_id)
    for registry in ("proof_list", "sphinx_exercise_registry"):
        for label, block in getattr(env, registry, {}).items():
            add(block["docname"], label, label)


def setup(app):
    app.connect("env-updated", _add_targets, priority=900)  # after the bibliography
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
