"""Lay out the browser test's screenshots for a person to look through: one HTML page.

Run by ``make test`` after the browser test; a long page is cut into columns. Open
``_build/screenshots/index.html``.
"""

from html import escape
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "_build" / "screenshots"
SHOWN_WIDTH = 220  # of a column, in pixels
SHOWN_HEIGHT = 900
STYLE = """
body { font: 14px sans-serif; margin: 1rem; background: #888; }
h2 { position: sticky; left: 0; font-size: 1rem; }
.page { display: flex; gap: 6px; width: max-content; margin-bottom: 1.5rem; }
.page a { display: block; background-repeat: no-repeat; }
"""


def columns(path: Path) -> str:
    """The screenshot in columns, each a link to the whole."""
    with Image.open(path) as image:
        width, height = image.size
    shown = height * SHOWN_WIDTH / width
    parts = []
    for top in range(0, int(shown) + 1, SHOWN_HEIGHT):
        style = (
            f"width: {SHOWN_WIDTH}px; height: {min(SHOWN_HEIGHT, shown - top):.0f}px; "
            f"background-size: {SHOWN_WIDTH}px; background-position: 0 -{top}px; "
            f"background-image: url('{escape(path.name)}')"
        )
        label = escape(f"{path.stem}, from {top / shown:.0%}")
        parts.append(f'<a href="{escape(path.name)}" aria-label="{label}" style="{style}"></a>')
    return "".join(parts)


def main() -> None:
    """Write the page, and say where it is."""
    shots = sorted(FOLDER.glob("*.jpg"))
    if not shots:
        raise SystemExit(f"no screenshots in {FOLDER}: run `make test` first")
    body = "\n".join(
        f'<h2>{escape(path.stem)}</h2><div class="page">{columns(path)}</div>' for path in shots
    )
    head = f'<meta charset="utf-8"><title>Screenshots</title><style>{STYLE}</style>'
    page = FOLDER / "index.html"
    page.write_text(f'<!doctype html><html lang="en">{head}{body}</html>', encoding="utf-8")
    print(f"{len(shots)} screenshots to look through: {page.relative_to(FOLDER.parents[1])}")


if __name__ == "__main__":
    main()
