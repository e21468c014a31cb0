"""The number test itself, on small notebooks: right ones pass, each kind of error is told."""

from __future__ import annotations

from typing import Any

import pytest

from tools.ledger import as_text, entry
from tools.published_numbers.page import Page, read_notebook

CODE = """p, q = given(p=[0.7, 0.3], q=[0.5, 0.5])
extra = claim(
    "coin, extra cost",
    kllib=lambda: kl_divergence(p, q),
    written_out=lambda: 0.7 * log(0.7 / 0.5) + 0.3 * log(0.3 / 0.5),
    unit="nats",
)"""
RECORD = "✓ coin, extra cost = 0.08228287851 nats  [kllib · written out]\n"
ALT = "Two bars, 0.7 and 0.3 high."
PROSE = "Heads come up in 70 % of the throws. The wrong code costs 0.0823 nats."
TABLE = "| side | share |\n|---|---|\n| heads | 0.7 |\n| tails | 30 % |"
MATHS = "$$D(p\\|q) = 0.7\\log\\tfrac{0.7}{0.5} + 0.3\\log\\tfrac{0.3}{0.5} \\approx 0.08228$$"
CAPTION = "**Figure.** The shares 0.7 and 0.3."
PRINTED = "0.7 0.3\n"


def markdown(text: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": text}


def code(source: str, *outputs: dict[str, Any], tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source.splitlines(keepends=True),  # notebooks may store lists of lines
        "outputs": list(outputs),
    }


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def displayed(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def result(text: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}}


def page(**changes: Any) -> Page:
    """A good page, or the same with some of its texts changed."""
    text = {
        "lead": "# A coin\n\nA wrong code costs 0.0823 nats.",
        "prose": PROSE,
        "table": TABLE,
        "maths": MATHS,
        "caption": CAPTION,
        "alt": ALT,
        "printed": PRINTED,
        "code": CODE,
        "record": RECORD,
        "other": "Nothing is counted here.",
        "summary": "Remember 0.082 nats.",
    } | changes
    cells = [
        markdown(text["lead"]),
        markdown(f"## The coin\n\n{text['prose']}"),
        code(text["code"], stream(text["record"])),
        markdown(text["table"]),
        markdown(text["maths"]),
        code("show(fig, alt=alt)", displayed(text["alt"]), tags=("hide-input",)),
        markdown(text["caption"], "caption"),
        code("print(*p)", stream(text["printed"])),
        markdown(f"## Elsewhere\n\n{text['other']}"),
        markdown(text["summary"], "summary"),
    ]
    return read_notebook({"cells": cells}, "a-page")


def test_a_right_page_passes() -> None:
    good = page()
    assert good.failures() == [] and good.faults == [] and good.unpublished_claims() == []
    assert good.unnoticed_errors() == ([], 8), "four places, up and down"


@pytest.mark.parametrize(
    ("where", "right", "wrong", "kind"),
    [
        ("prose", "0.0823", "0.0832", "text"),
        ("prose", "70 %", "71 %", "text"),
        ("prose", "in 70 %", "in 7 of 10, that is 70 %", "text"),
        ("prose", "the throws", "the 12 throws", "text"),
        ("prose", "costs 0.0823 nats", "costs 3 nats", "text"),
        ("prose", "costs 0.0823 nats", "costs 0.0823 bits", "text"),
        ("prose", "costs 0.0823", "costs 0.08228287850", "text"),
        ("prose", "costs 0.0823", "costs −0.0823", "text"),
        ("prose", "costs 0.0823", "costs 0", "text"),
        ("table", "0.7 |", "0.8 |", "text"),
        ("table", "30 %", "20 %", "text"),
        ("maths", "0.3\\log", "0.4\\log", "text"),
        ("maths", "0.08228", "0.08229", "text"),
        ("maths", "\\approx 0.08228", "= \\tfrac18", "text"),
        ("maths", "\\tfrac{0.7}{0.5}", "\\tfrac{0.5}{0.7}", "text"),
        ("prose", "costs 0.0823", "costs $\\tfrac35\\ln 2 = 0.0823$", "text"),
        ("caption", "0.3", "0.4", "caption"),
        ("alt", "0.7", "0.6", "alt text"),
        ("printed", "0.3", "0.31", "output"),
        ("code", "written_out=", "# about 0.09\n    written_out=", "comment"),
        ("lead", "0.0823", "0.0833", "text"),
        ("summary", "0.082 ", "0.083 ", "text"),
        ("other", "Nothing", "0.0823 nats", "text"),
    ],
)
def test_a_wrong_number_fails_and_the_message_helps(
    where: str, right: str, wrong: str, kind: str
) -> None:
    text = {
        "prose": PROSE,
        "table": TABLE,
        "maths": MATHS,
        "caption": CAPTION,
        "alt": ALT,
        "printed": PRINTED,
        "code": CODE,
        "lead": "A wrong code costs 0.0823 nats.",
        "summary": "Remember 0.082 nats.",
        "other": "Nothing is counted here.",
    }[where]
    assert right in text
    failures = page(**{where: text.replace(right, wrong, 1)}).failures()
    assert failures
    for message in failures:
        section = {"lead": "(lead)", "other": "Elsewhere", "summary": "Elsewhere"}.get(where)
        assert f"a-page, section “{section or 'The coin'}”, {kind} (cell " in message
        if "a formula:" in message:
            assert "do the arithmetic again" in message
            continue
        assert "is no input and no claim of this section" in message
        assert "declare it with given(...)" in message
        assert "prove it with claim(...)" in message


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"prose": "It costs 0.0823 bits."}, "given in bits, but claim 'coin, extra cost' is in n"),
        ({"other": "It costs 0.0823."}, "declared in “The coin”: declare it in this section too"),
        ({"prose": "It costs 0.0832 nats."}, "nearest here: 0.08228287851 nats (claim 'coin, ext"),
        ({"prose": "It costs 0.1 nats."}, "rounded to less than its first digit"),
        ({"other": "It costs 5 nats."}, "this section declares no number"),
    ],
)
def test_the_message_says_why(changes: dict[str, str], hint: str) -> None:
    (message,) = page(**changes).failures()
    assert hint in message


def test_no_more_digits_than_are_proved() -> None:
    rough = "✓ coin, extra cost ≈ 0.082 nats  [kllib · monte carlo]\n"
    options = {"maths": "", "lead": "", "record": rough}
    assert page(prose="It costs 0.082 nats.", **options).failures() == []
    (message,) = page(prose="It costs 0.0820 nats.", **options).failures()
    assert "only 2 digit(s) of claim 'coin, extra cost' are proved" in message


def test_a_section_cell_tagged_whole_page_may_use_every_claim() -> None:
    cells = [
        markdown("## The coin\n\n0.0823 nats"),
        code(CODE, stream(RECORD)),
        markdown("## Summary", "whole-page"),
        markdown("It was 0.0823 nats for 70 %."),
    ]
    assert read_notebook({"cells": cells}, "x").failures() == []
    cells[2] = markdown("## Summary")
    assert len(read_notebook({"cells": cells}, "x").failures()) == 2


def test_a_heading_within_a_cell_starts_a_section() -> None:
    cells = [code(CODE, stream(RECORD)), markdown("# T\n\n## One\n\ntext\n\n## Two\n\n0.0823 nats")]
    found = read_notebook({"cells": cells}, "x")
    assert [section.title for section in found.sections] == ["(lead)", "One", "Two"]
    (message,) = found.failures()
    assert "section “Two”" in message
    fenced = markdown("```\n## no heading\n```")
    assert len(read_notebook({"cells": [fenced]}, "x").sections) == 1


def test_a_claim_that_nobody_publishes_is_reported() -> None:
    (message,) = page(prose="", maths="", lead="", summary="").unpublished_claims()
    assert "nothing on the page publishes claim 'coin, extra cost' = 0.08228287851 nats" in message
    infinite = RECORD.replace("0.08228287851", "inf")
    options: dict[str, Any] = {"maths": "", "lead": "", "summary": "", "record": infinite}
    assert page(prose="The cost is infinite.", **options).unpublished_claims() == []
    assert page(prose="The cost is finite.", **options).unpublished_claims()


def test_two_values_one_last_digit_apart_are_told() -> None:
    near = RECORD.replace("0.08228287851 nats", "[0.0823, 0.0824] nats")
    unnoticed, _ = page(record=near, maths="", lead="", summary="").unnoticed_errors()
    (message,) = unnoticed
    assert "0.0823, which is 0.0823 nats (claim 'coin, extra cost'), can become 0.0824" in message
    assert "0.0824 is also 0.0824 nats" in message and "publish one more digit" in message


def test_a_number_that_would_pass_for_structure_is_told() -> None:
    two = RECORD.replace("0.08228287851", "2")
    changes = {"prose": "", "lead": "", "summary": "", "record": two}
    unnoticed, _ = page(maths="$n = 2$", **changes).unnoticed_errors()
    assert len(unnoticed) == 1 and "it would pass for structure" in unnoticed[0]
    assert page(maths="$n = 2$ nats", **changes).unnoticed_errors() == ([], 2)


def test_every_changed_digit_fails_in_the_notebook_itself() -> None:
    """What unnoticed_errors() finds by passage is what a fresh reading of the page finds."""
    good, changed = page(), 0
    for _, passage, token, values in good.published():
        if values[0].is_claim:
            for wrong in token.neighbours:
                message = good.with_number(passage, token, wrong).failures()[0]
                assert f"(cell {passage.cell + 1}): {wrong} is no input" in message
                changed += 1
    assert changed == 8


# --- form ---


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = given(p=1 - 0.7)", "given(1 - 0.7): an input is a literal"),
        ("x = given(p=[0.5, y])", "an input is a literal"),
        ("x = given(**inputs)", "an input is a literal"),
        ("x = given(0.5)", "given(...) takes names"),
        ("x = quoted(0.4)", 'needs source="..."'),
        ("x = quoted(0.4 + 1, source='a book')", "an input is a literal"),
        ("x = claim(f'{n}', a=f, b=g)", "starts with its name, a string literal"),
        ("x = claim('n', **routes)", "write its routes out"),
        ("x = claim('n', kllib=f, b=lambda: 0.0823)", "route 'b' computes nothing"),
        ("x = claim('n', kllib=f, b=lambda: -0.0823)", "route 'b' computes nothing"),
        ("x = claim('n', kllib=f, b=lambda: [0.1, 0.2])", "route 'b' computes nothing"),
        ("x = claim('n', kllib=f, b=lambda: known)", "route 'b' computes nothing"),
        (
            "from kllib import kl_divergence as d\ny = d(p, q)\nz = 2 * y\n"
            "x = claim('n', kllib=lambda: d(p, q), b=lambda: z / 2)",
            "route 'b' uses z, which kllib made",
        ),
        (
            "import kllib\nfor k in kllib.entropy(p): pass\n"
            "x = claim('n', kllib=lambda: kllib.entropy(p), b=lambda: k * 1)",
            "route 'b' uses k, which kllib made",
        ),
    ],
)
def test_what_proves_nothing_is_a_fault(source: str, fault: str) -> None:
    name = "✓ n = 1  [a · b]\n" if "claim('n'" in source else ""
    found = read_notebook({"cells": [code(source, stream(name))]}, "x").faults
    assert len(found) == 1 and fault in found[0] and found[0].startswith("x, cell 1: ")


@pytest.mark.parametrize(
    "source",
    [
        "x = given(third=1 / 3, n=10_000, table=[[0.1, -2], [3, 4e-5]])",
        "x = quoted(0.4, source='a book')",
        "from kllib.claims import claim\nfrom kllib.plotting import COLOURS\n"
        "c = COLOURS\nx = claim('n', a=lambda: f(p), b=lambda: 0.5 * 2 + len(c))",
        "from kllib import entropy\nh = claim('n', kllib=lambda: entropy(p), b=lambda: f(p))\n"
        "y = h + 1",
        "from kllib import entropy\ny = entropy(p)\ny = f(p)\nx = claim('n', a=g, b=lambda: y + 1)",
    ],
)
def test_what_is_well_formed_is_no_fault(source: str) -> None:
    record = "✓ n = 1  [a · b]\n" if "claim('n'" in source else ""
    assert read_notebook({"cells": [code(source, stream(record))]}, "x").faults == []


def test_a_claim_without_its_record_is_a_fault() -> None:
    (fault,) = page(record="").faults
    assert "the code claims ['coin, extra cost'], the stored output proves []" in fault
    assert "Run the notebook again" in fault


def test_a_claim_shown_twice_is_a_fault() -> None:
    cell = code(CODE.split("\n", 1)[1][8:], stream(RECORD), result("0.08228287850505182"))
    found = read_notebook({"cells": [cell]}, "x")
    assert "shown a second time" in found.faults[0] and "Assign it" in found.faults[0]
    assert len(found.failures()) == 1


def test_two_claims_of_one_name_are_a_fault() -> None:
    cells = [code(CODE, stream(RECORD)), code(CODE, stream(RECORD))]
    (fault,) = read_notebook({"cells": cells}, "x").faults
    assert "two claims are called 'coin, extra cost'" in fault


# --- ledger ---


def test_the_ledger_counts_numbers_and_lists_claims() -> None:
    found = entry(page())
    assert (found["numbers"], found["claimed"], found["unproved"]) == (19, 4, 0)
    assert found["inputs"] == 15
    (claim,) = found["claims"]
    assert claim["routes"] == ["kllib", "written out"] and claim["values"] == ["0.08228287851"]
    assert "coin, extra cost = 0.08228287851 nats\n    kllib · written out" in as_text(found)
    assert entry(page(prose="It costs 0.9 nats."))["unproved"] == 1
