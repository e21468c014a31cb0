"""The course's figures: one house style, drawn as SVG, never without a description.

The only module of kllib that imports matplotlib. Figures are drawn for a phone: 4.5 inches wide,
so that at 360 pixels the letters are still 11 pixels high, and two panels stand one above the
other. p and q differ in line style or hatching as well as in colour.

The colours have a contrast of at least 3:1 on white, and again after the site's dark mode
(``filter: invert(1) hue-rotate(180deg)``) has turned white into black.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

__all__ = ["BAR_P", "BAR_Q", "COLOURS", "LINE_P", "LINE_Q", "STYLE", "figure", "show"]

#: p is blue and q is orange, everywhere in the course; ``third`` is for a third distribution.
COLOURS: dict[str, str] = {
    "p": "#0072b2",
    "q": "#d55e00",
    "third": "#7b4fa3",
    "ink": "#222222",
    "muted": "#6b6b6b",
}

#: Keywords for ``ax.plot``: ``ax.plot(x, y, **LINE_P, label="p")``.
LINE_P: dict[str, Any] = {"color": COLOURS["p"], "linestyle": "-", "linewidth": 2.5}
LINE_Q: dict[str, Any] = {"color": COLOURS["q"], "linestyle": "--", "linewidth": 2.5}

#: Keywords for ``ax.bar``: p is solid, q is hatched.
BAR_P: dict[str, Any] = {"color": COLOURS["p"], "edgecolor": COLOURS["p"], "linewidth": 1.5}
BAR_Q: dict[str, Any] = {
    "color": "white",
    "edgecolor": COLOURS["q"],
    "linewidth": 1.5,
    "hatch": "///",
}

#: The house style, as matplotlib settings.
STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": COLOURS["ink"],
    "axes.labelcolor": COLOURS["ink"],
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.prop_cycle": cycler(
        color=[COLOURS["p"], COLOURS["q"], COLOURS["third"], COLOURS["muted"]],
        linestyle=["-", "--", "-.", ":"],
    ),
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
    "font.size": 11,
    "xtick.color": COLOURS["ink"],
    "ytick.color": COLOURS["ink"],
    "text.color": COLOURS["ink"],
    "legend.frameon": False,
    "lines.linewidth": 2.5,
    "lines.markersize": 8,
    "hatch.linewidth": 1.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "kllib",
}


def figure(
    panels: int = 1,
    *,
    width: float = 4.5,
    height: float | None = None,
    share_x: bool = False,
) -> tuple[Figure, Any]:
    """Make a figure in the house style.

    The style is set for the session, because matplotlib reads it again at each later call.

    Parameters
    ----------
    panels
        Number of axes, one above the other, so that they stay legible on a phone.
    width, height
        In inches. The height is 3.0 for one panel and 2.6 for each of several, unless given.
    share_x
        Whether the panels share their horizontal axis.

    Returns
    -------
    (fig, ax), or (fig, axes) with a one-dimensional array of axes when there are several panels.

    Raises
    ------
    ValueError
        If there is no panel, or the figure is wider than a phone can show legibly.
    """
    if panels < 1:
        raise ValueError(f"panels must be at least 1, got {panels}")
    if not 2.0 <= width <= 5.5:
        raise ValueError(
            f"width must lie between 2 and 5.5 inches, got {width}: at 360 pixels the letters of a "
            "wider figure are too small. Stack panels instead."
        )
    matplotlib.rcParams.update(STYLE)
    if height is None:
        height = 3.0 if panels == 1 else 2.6 * panels
    # A bare Figure, not pyplot's: nothing to close, and no backend that displays it twice.
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(panels, 1, sharex=share_x)


def show(fig: Figure, *, alt: str) -> None:
    """Display a figure as SVG, with its description for those who do not see it.

    Parameters
    ----------
    fig
        A figure made by :func:`figure`.
    alt
        What the figure shows, in one or more whole sentences. It becomes the image's alternative
        text on the site and the stored text output of the notebook.

    Raises
    ------
    ValueError
        If ``alt`` is not at least one sentence.
    """
    alt = " ".join(alt.split())
    if len(alt.split()) < 5 or alt[-1] not in ".!?":
        raise ValueError(
            f"alt={alt!r}: describe what the figure shows in a whole sentence, ending in a full "
            "stop, for readers who cannot see it"
        )
    from IPython.display import display  # kllib does not depend on IPython

    display({"image/svg+xml": to_svg(fig), "text/plain": alt}, raw=True)  # type: ignore[no-untyped-call]


def to_svg(fig: Figure) -> str:
    """The figure as SVG text, the same bytes each time."""
    with matplotlib.rc_context({"svg.hashsalt": "kllib", "svg.fonttype": "path"}):
        target = io.StringIO()
        fig.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    return target.getvalue()
