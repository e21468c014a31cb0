"""Read a notebook as its reader does, section by section, and check every number in it.

A section goes from one ``##`` heading to the next. Its numbers must be inputs (``given``,
``quoted``) or claims of its own code cells. What stands before the first ``##``, and cells tagged
``objectives``, ``summary`` or ``whole-page`` (a whole section, if the cell opens one), may use
those of the whole page.

A number is right when a declared value rounds to it. So that rounding proves something, the
value's first significant digit must survive it; a bare one-digit integer and a fraction must be
exact; a number followed by "nats" or "bits" must not come from a claim in the other unit; and no
number may have more digits than its claim proves.
The lines that ``claim`` prints are the ledger, not something published.
"""

from __future__ import annotations

import ast
import copy
import io
import json
import math
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from kllib.claims import MAX_DIGITS, Record, read_records, without_records
from tools.published_numbers import formulas, tokens
from tools.published_numbers.source import Source
from tools.published_numbers.tokens import Token

WHOLE_PAGE_TAGS = {"objectives", "summary", "whole-page"}
HEADING = re.compile(r"^##[ \t]+(?P<title>.+?)[ \t#]*$", re.MULTILINE)
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
INFINITE = re.compile(r"∞|\\infty|\binf(?:init[ey]\w*)?\b", re.IGNORECASE)
EXACT = Fraction(1, 10**9)


@dataclass(frozen=True)
class Declared:
    """A value that a section may publish."""

    label: str
    value: float
    unit: str = ""
    digits: int = MAX_DIGITS
    is_claim: bool = False

    def __str__(self) -> str:
        return f"{self.value:.{self.digits}g}{' ' + self.unit if self.unit else ''} ({self.label})"

    @cached_property
    def fraction(self) -> Fraction:
        """The value as it is written, without the dust of binary numbers."""
        return Fraction(repr(self.value))

    @cached_property
    def first_digit(self) -> Fraction:
        """The unit of its first significant digit."""
        return Fraction(10) ** math.floor(math.log10(abs(self.value))) if self.value else EXACT

    def objection(self, token: Token) -> str | None:
        """Why this value is not what the token publishes; an empty text says: it is far off."""
        if not math.isfinite(self.value):
            return ""
        if not token.percent and abs(self.value - token.near) > token.reach:
            return ""  # far off, cheaply
        # A claim whose unit is % is compared as it is written.
        scale = 100 if token.percent and self.unit.startswith("%") else 1
        value, aim = self.fraction, token.value * scale
        exact = abs(value - aim) <= EXACT * abs(value)
        if not (2 * abs(value - aim) <= token.step * scale if token.step else exact):
            return ""
        mine = self.unit.split(" ")[0].rstrip("s")
        if token.unit and mine in {"nat", "bit"} and mine != token.unit:
            return f"it is given in {token.unit}s, but {self.label} is in {mine}s"
        if self.is_claim and (token.digits or MAX_DIGITS) > self.digits:
            return f"only {self.digits} digit(s) of {self.label} are proved"
        if not exact and (token.is_digit or token.step * scale > self.first_digit):
            return f"{self} would be rounded to less than its first digit: write more digits"
        return None


@dataclass(frozen=True)
class Passage:
    """A text that the reader sees, and where in the notebook it stands."""

    kind: str
    text: str
    cell: int
    place: tuple[Any, ...] = ()  # the keys below the cell
    offset: int = 0  # where the passage starts in that text
    whole_page: bool = False

    @cached_property
    def tokens(self) -> list[Token]:
        reads_markdown = self.kind not in {"output", "comment"}
        return tokens.in_markdown(self.text) if reads_markdown else tokens.in_output(self.text)

    @cached_property
    def formulas(self) -> list[str]:
        reads_markdown = self.kind not in {"output", "comment"}
        return tokens.formulas(self.text) if reads_markdown else []

    def with_number(self, token: Token, text: str) -> Passage:
        return replace(self, text=self.text[: token.start] + text + self.text[token.end :])

    def around(self, token: Token) -> str:
        start = max(self.text.rfind("\n", 0, token.start) + 1, token.start - 60)
        end = self.text.find("\n", token.end)
        end = min(len(self.text) if end < 0 else end, token.end + 60)
        excerpt = " ".join(self.text[start:end].split())
        return f"{'…' if start else ''}{excerpt}{'…' if end < len(self.text) else ''}"


@dataclass
class Section:
    title: str
    whole_page: bool = False
    passages: list[Passage] = field(default_factory=list)
    inputs: list[Declared] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    @cached_property
    def claims(self) -> list[Declared]:
        return [
            Declared(f"claim '{r.name}'", value, r.unit, r.digits, is_claim=True)
            for r in self.records
            for value in r.values
        ]

    @cached_property
    def declared(self) -> list[Declared]:
        return self.inputs + self.claims


@dataclass
class Page:
    name: str
    notebook: dict[str, Any]
    sections: list[Section] = field(default_factory=list)
    section_of_cell: dict[int, int] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)  # the names written in the code
    faults: list[str] = field(default_factory=list)  # of form, found while reading

    # --- what is wrong ---

    def failures(self) -> list[str]:
        """Every number that is neither an input nor a claim of its section."""
        return [
            message
            for section in self.sections
            for passage in section.passages
            for message in self.failures_in(passage, section)
        ]

    def failures_in(self, passage: Passage, section: Section) -> Iterator[str]:
        declared = self.in_scope(passage, section)
        for token in unmatched(passage, declared):
            yield self._explain(token, passage, section, declared)
        for formula in passage.formulas:
            for fault in formulas.faults(formula, lambda x: _is_declared(x, declared)):
                yield (
                    f"{self.name}, section “{section.title}”, {passage.kind} (cell "
                    f"{passage.cell + 1}), a formula: {fault}.\n"
                    f"  where: {' '.join(formula.split())}"
                )

    def in_scope(self, passage: Passage, section: Section) -> list[Declared]:
        if passage.whole_page or section.whole_page:
            return [value for each in self.sections for value in each.declared]
        return section.declared

    def _explain(
        self, token: Token, passage: Passage, section: Section, declared: list[Declared]
    ) -> str:
        lines = [
            f"{self.name}, section “{section.title}”, {passage.kind} (cell {passage.cell + 1}): "
            f"{token} is no input and no claim of this section.",
            f"  where: {passage.around(token)}",
        ]
        objections = [reason for value in declared if (reason := value.objection(token))]
        elsewhere = [
            f"{value}, declared in “{other.title}”"
            for other in self.sections
            if other is not section
            for value in other.declared
            if value.objection(token) is None
        ]
        finite = [value for value in declared if math.isfinite(value.value)]
        nearest = sorted(finite, key=lambda value: abs(value.value - float(token.value)))[:3]
        if objections:
            lines.append(f"  but: {objections[0]}")
        if elsewhere:
            lines.append(f"  it is {elsewhere[0]}: declare it in this section too")
        if nearest:
            lines.append(f"  nearest here: {'; '.join(map(str, nearest))}")
        else:
            lines.append("  this section declares no number")
        lines.append(
            "  to do: correct the number; or declare it with given(...) if you chose it, with "
            "quoted(..., source=...) if somebody else published it; or prove it with claim(...)."
        )
        if token.is_digit:
            lines.append("  (is it part of a formula? then write the formula between dollars)")
        return "\n".join(lines)

    # --- what is published ---

    def published(self) -> Iterator[tuple[Section, Passage, Token, list[Declared]]]:
        """Every number with the values that it publishes."""
        for section in self.sections:
            for passage in section.passages:
                declared = self.in_scope(passage, section)
                for token in passage.tokens:
                    yield section, passage, token, publishers(token, declared)

    def unpublished_claims(self) -> list[str]:
        shown = {value.label for *_, values in self.published() for value in values}
        missing = []
        for section in self.sections:
            visible = " ".join(passage.text for passage in section.passages)
            for record in section.records:
                infinite = math.inf in map(abs, record.values) and INFINITE.search(visible)
                if f"claim '{record.name}'" not in shown and not infinite:
                    missing.append(
                        f"{self.name}, section “{section.title}”: nothing on the page publishes "
                        f"claim '{record.name}' = {', '.join(record.texts)} {record.unit}".rstrip()
                        + ". Say the number to the reader, or delete the claim."
                    )
        return missing

    # --- and if it were wrong ---

    def unnoticed_errors(self) -> tuple[list[str], int]:
        """Change the last digit of each published claim, up and down.

        Returns a message for each change after which the page would still be right, and the number
        of changes that were tried.
        """
        unnoticed, tried = [], 0
        for section, passage, token, values in self.published():
            if not values or not all(value.is_claim for value in values):
                continue  # nothing can prove an input wrong
            declared = self.in_scope(passage, section)
            for wrong in token.neighbours:
                tried += 1
                changed = passage.with_number(token, wrong)
                if len(unmatched(changed, declared)) > len(unmatched(passage, declared)):
                    continue
                new = [each for each in changed.tokens if each.start == token.start]
                matches = publishers(new[0], declared) if new else []
                why = f"{wrong} is also {matches[0]}" if matches else "it would pass for structure"
                unnoticed.append(
                    f"{self.name}, section “{section.title}”, {passage.kind} "
                    f"(cell {passage.cell + 1}): {token}, which is {values[0]}, can become {wrong} "
                    f"and nothing fails.\n  where: {passage.around(token)}\n  why: {why}\n"
                    "  to do: two values of this section are one last digit apart: publish one "
                    "more digit, write the unit (nats, bits) after it, or split the section."
                )
        return unnoticed, tried

    def with_number(self, passage: Passage, token: Token, text: str) -> Page:
        """The same page, read again after one number was replaced in its notebook."""
        notebook = copy.deepcopy(self.notebook)
        holder: Any = notebook["cells"][passage.cell]
        for key in passage.place[:-1]:
            holder = holder[key]
        old, start = holder[passage.place[-1]], passage.offset
        holder[passage.place[-1]] = old[: start + token.start] + text + old[start + token.end :]
        return read_notebook(notebook, self.name)


def _is_declared(value: float, declared: list[Declared]) -> bool:
    """Whether it is a declared value itself, not merely a rounding of one."""
    return any(abs(value - each.value) <= 1e-9 * abs(value) for each in declared)


def unmatched(passage: Passage, declared: list[Declared]) -> list[Token]:
    """The numbers of a passage that no declared value accounts for."""
    return [token for token in passage.tokens if not publishers(token, declared)]


def publishers(token: Token, declared: list[Declared]) -> list[Declared]:
    """The declared values that the token is a rounding of."""
    found = [value for value in declared if value.objection(token) is None]
    if found or not token.parts:
        return found
    # 70/30 as odds: both numbers are declared, as they are or as percentages.
    parts = [
        [v for v in declared if math.isfinite(v.value) and v.value in (part, part / 100)]
        for part in token.parts
    ]
    return [value for part in parts for value in part] if all(parts) else []


# --- reading --------------------------------------------------------------------------------------


def read_page(path: Path) -> Page:
    return read_notebook(json.loads(path.read_text(encoding="utf-8")), path.stem)


def read_notebook(notebook: dict[str, Any], name: str) -> Page:
    notebook = _joined(notebook)
    page = Page(name, notebook, [Section("(lead)", whole_page=True)])
    source = Source()
    for index, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            _read_markdown(page, index, cell)
        elif cell["cell_type"] == "code":
            _read_code(page, index, cell, source)
        page.section_of_cell[index] = len(page.sections) - 1
    for name_ in sorted({claim for claim in page.claims if page.claims.count(claim) > 1}):
        page.faults.append(f"{page.name}: two claims are called '{name_}'; give each its own name")
    return page


def _joined(notebook: dict[str, Any]) -> dict[str, Any]:
    """A copy in which every text is one string; JSON may hold it as a list of lines."""

    def join(value: Any) -> Any:
        return "".join(value) if isinstance(value, list) else value

    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        cell["source"] = join(cell["source"])
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = join(output["text"])
            for mime in output.get("data", {}):
                output["data"][mime] = join(output["data"][mime])
    return notebook


def _tags(cell: dict[str, Any]) -> set[str]:
    return set(cell.get("metadata", {}).get("tags", []))


def _read_markdown(page: Page, index: int, cell: dict[str, Any]) -> None:
    text, tags = cell["source"], _tags(cell)
    fences = [match.span() for match in FENCE.finditer(text)]
    headings = [
        match
        for match in HEADING.finditer(text)
        if not any(a <= match.start() < b for a, b in fences)
    ]
    cuts = [0, *(match.start() for match in headings), len(text)]
    for number, (start, end) in enumerate(zip(cuts, cuts[1:], strict=False)):
        whole_page = bool(tags & WHOLE_PAGE_TAGS)
        if number:
            page.sections.append(Section(headings[number - 1]["title"], whole_page))
        part = text[start:end]
        if part.strip():
            kind = "caption" if "caption" in tags else "text"
            page.sections[-1].passages.append(
                Passage(kind, part, index, ("source",), start, whole_page)
            )


def _read_code(page: Page, index: int, cell: dict[str, Any], source: Source) -> None:
    section, where = page.sections[-1], f"{page.name}, cell {index + 1}"
    code = cell["source"]
    source.read(code)
    page.faults += [f"{where}: {fault}" for fault in source.faults]
    page.claims += source.claims
    section.inputs += [Declared(each.label, each.value) for each in source.inputs]
    whole_page = bool(_tags(cell) & WHOLE_PAGE_TAGS)
    for offset, comment in _comments(code):
        section.passages.append(Passage("comment", comment, index, ("source",), offset, whole_page))

    records: list[Record] = []
    for number, output in enumerate(cell.get("outputs", [])):
        if output["output_type"] == "stream":
            records += read_records(output["text"])
            text = without_records(output["text"])
            place: tuple[Any, ...] = ("outputs", number, "text")
            section.passages.append(Passage("output", text, index, place, 0, whole_page))
        for mime, text in output.get("data", {}).items():
            if mime.startswith("text/"):
                kind = "output"
                if output["output_type"] == "display_data":
                    kind = "alt text" if mime == "text/plain" else "text"
                place = ("outputs", number, "data", mime)
                section.passages.append(Passage(kind, text, index, place, 0, whole_page))
        if output["output_type"] == "execute_result" and _ends_with_claim(code):
            page.faults.append(
                f"{where}: the claim's value is shown a second time, with every digit. Assign it: "
                "name = claim(...)"
            )
    section.records += records
    found = [record.name for record in records]
    if sorted(found) != sorted(source.claims):
        page.faults.append(
            f"{where}: the code claims {source.claims}, the stored output proves {found}. Run the "
            "notebook again (tools/format_notebooks.py --run), and print nothing on a claim's line."
        )


def _comments(code: str) -> Iterator[tuple[int, str]]:
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield starts[token.start[0] - 1] + token.start[1], token.string


def _ends_with_claim(code: str) -> bool:
    body = ast.parse(code).body
    return bool(
        body
        and isinstance(body[-1], ast.Expr)
        and isinstance(body[-1].value, ast.Call)
        and isinstance(body[-1].value.func, ast.Name)
        and body[-1].value.func.id == "claim"
    )
