"""A second, independent route to every public function of kllib, and the inputs it is tried on.

One file for each module of kllib, at the same place. Each has ``ROUTES``, by function, and, where a
function has no number to compare, ``EXEMPT``, which says what proves it instead.
"""

from importlib import import_module
from pathlib import Path

from benchmarks.second_routes.route import Route

_FOLDER = Path(__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(_FOLDER).with_suffix("").parts)
    for path in _FOLDER.rglob("*.py")
    if path.stem not in ("__init__", "route")
)


def routes(module: str) -> dict[str, Route]:
    """The second routes to the functions of one module of kllib."""
    found: dict[str, Route] = import_module(f"{__name__}.{module}").ROUTES
    return found


def exempt(module: str) -> dict[str, str]:
    """The names without a number to compare, and what proves them instead."""
    found: dict[str, str] = getattr(import_module(f"{__name__}.{module}"), "EXEMPT", {})
    return found
