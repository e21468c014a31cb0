"""The ledger: what the chapters publish, and how each number is proved.

    python -m tools.ledger [--json] [NOTEBOOK ...]

For each chapter: how many numbers a reader sees, how many of them are inputs, quotations and
claims, and every claim with its value and its routes. It is read from the stored notebooks, whose
outputs hold one record per claim (kllib/claims.py).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tools.published_numbers.page import Page, read_page

ROOT = Path(__file__).resolve().parent.parent


def entry(page: Page) -> dict[str, Any]:
    """One chapter's part of the ledger."""
    published = [values for *_, values in page.published()]
    return {
        "page": page.name,
        "numbers": len(published),
        "inputs": sum(any(not value.is_claim for value in values) for values in published),
        "claimed": sum(bool(values) and all(v.is_claim for v in values) for values in published),
        "unproved": sum(not values for values in published),
        "claims": [
            {
                "section": section.title,
                "name": record.name,
                "values": list(record.texts),
                "unit": record.unit,
                "digits": record.digits,
                "routes": list(record.routes),
            }
            for section in page.sections
            for record in section.records
        ],
    }


def as_text(chapter: dict[str, Any]) -> str:
    claims = chapter["claims"]
    lines = [
        f"{chapter['page']}: {chapter['numbers']} numbers published "
        f"({chapter['claimed']} from claims, {chapter['inputs']} inputs, "
        f"{chapter['unproved']} unproved); {len(claims)} claims, each by two or more routes",
    ]
    for claim in claims:
        value = ", ".join(claim["values"])
        lines.append(f"  {claim['name']} = {value} {claim['unit']}".rstrip())
        lines.append(f"    {' · '.join(claim['routes'])}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What the chapters publish, and how it is proved.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all chapters, unless named")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted((ROOT / "chapters").glob("*.ipynb"))
    chapters = [entry(read_page(path)) for path in paths]
    if options.json:
        print(json.dumps(chapters, ensure_ascii=False, indent=1))
    else:
        print("\n\n".join(map(as_text, chapters)))
    return 1 if any(chapter["unproved"] for chapter in chapters) else 0


if __name__ == "__main__":
    raise SystemExit(main())
