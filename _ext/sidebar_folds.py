"""Name the buttons of the sidebar that fold and unfold the pages below a page.

The theme draws them as an arrow alone, which says nothing to a screen reader.
"""


def name_folds(contents):
    """Give each button a name, from the link that it stands beside."""
    for button in contents.select("li > details > summary"):
        page = button.find_parent("li").find("a", class_="reference")
        button["aria-label"] = f"Pages below “{page.get_text().strip()}”"
    return contents


def _wrap(app, pagename, templatename, context, doctree):
    generate = context["generate_toctree_html"]

    def generate_with_names(*args, **kwargs):
        contents = generate(*args, **kwargs)
        return name_folds(contents) if hasattr(contents, "select") else contents

    context["generate_toctree_html"] = generate_with_names


def setup(app):
    app.connect("html-page-context", _wrap, priority=900)  # after the theme
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
