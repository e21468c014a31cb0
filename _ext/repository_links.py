"""One setting, the repository's address, switches the links that need it.

The address stands in ``_config.yml`` (``repository: url:``); the environment variable
``COURSE_REPOSITORY_URL`` overrides it, so that a deployment need not edit a file. While it is
unset, no launch, source or report-an-error link is shown. In Markdown pages ``COURSE_ADDRESS``
stands for it.
"""

import os

UNSET = "ADDRESS-OF-THE-COURSE"


def _configure(app, config):
    options = config.html_theme_options
    url = os.environ.get("COURSE_REPOSITORY_URL") or options.get("repository_url") or ""
    url = url.rstrip("/").removesuffix(".git")
    config.course_address = url
    options["repository_url"] = url
    for button in ("use_repository_button", "use_issues_button", "use_source_button"):
        options[button] = bool(url)
    on_github = url.startswith("https://github.com/")
    options["launch_buttons"] = (
        {"colab_url": "https://colab.research.google.com"} if on_github else {}
    )


def _fill_in(app, docname, source):
    source[0] = source[0].replace("COURSE_ADDRESS", app.config.course_address or UNSET)


def setup(app):
    app.add_config_value("course_address", "", "env", [str])
    app.connect("config-inited", _configure)
    app.connect("source-read", _fill_in)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
