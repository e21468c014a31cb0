"""The source-read extension: tagged cells become blocks, wrong tags are told."""

import pytest

from .conftest import load_extension

tagged_cells = load_extension("tagged_cells")


def markdown(source, *tags, cell_id="cell"):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {"tags": [*tags]}, "source": source}


def code(source, *tags, cell_id="code"):
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {"tags": [*tags]},
        "source": source,
        "outputs": [],
        "execution_count": 1,
    }


def rewrite(*cells, stem="02-properties"):
    """The rewritten cells, and the warnings as "cell id: message"."""
    warnings = []
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    result = tagged_cells.rewrite(
        notebook, stem, lambda cell, message: warnings.append(f"{cell['id']}: {message}")
    )
    return result["cells"], warnings


def sources(cells):
    return [cell["source"] for cell in cells]


def test_a_theorem_takes_its_title_and_anchor():
    cells, warnings = rewrite(
        markdown("**Theorem (Gibbs' inequality).** $D \\ge 0$.", "theorem", cell_id="gibbs")
    )
    assert not warnings
    assert sources(cells) == [
        "````{prf:theorem} Gibbs' inequality\n:label: ch02-gibbs\n\n $D \\ge 0$.\n````".replace(
            "\n\n ", "\n\n"
        )
    ]


@pytest.mark.parametrize(
    ("tag", "opening", "directive"),
    [
        ("definition", "Definition (entropy)", "prf:definition"),
        ("theorem", "Lemma", "prf:lemma"),
        ("theorem", "Corollary (bits (base 2))", "prf:corollary"),
        ("example", "Worked example (a coin)", "prf:example"),
        ("remark", "Remark", "prf:remark"),
        ("exercise", "Exercise (two coins)", "exercise"),
    ],
)
def test_openings(tag, opening, directive):
    cells, warnings = rewrite(markdown(f"**{opening}.** Text.", tag))
    assert not warnings
    first, *_, last = cells[0]["source"].splitlines()
    title = opening.partition(" (")[2].removesuffix(")")
    assert first == f"````{{{directive}}} {title}".rstrip()
    assert last == "````"
    assert "**" not in cells[0]["source"]


def test_objectives_and_summary_keep_their_own_title():
    cells, warnings = rewrite(markdown("**After this chapter you can**\n\n- read", "objectives"))
    assert not warnings
    assert cells[0]["source"] == (
        "````{admonition} After this chapter you can\n"
        ":class: objectives\n:name: ch02-cell\n\n- read\n````"
    )


def test_the_fence_is_longer_than_any_inside():
    cells, _ = rewrite(markdown("**Example.**\n\n`````python\n1\n`````", "example"))
    assert cells[0]["source"].startswith("``````{prf:example}")
    assert cells[0]["source"].endswith("\n``````")


def test_a_proof_follows_its_theorem():
    theorem, proof = markdown("**Theorem.** A.", "theorem"), markdown("**Proof.** B.", "proof")
    cells, warnings = rewrite(theorem, proof)
    assert not warnings
    assert cells[1]["source"] == "````{prf:proof}\n\nB.\n````"
    _, warnings = rewrite(theorem, markdown("Text."), proof)
    assert warnings == ["cell: a proof must directly follow its theorem"]


def test_solution_cells_become_one_fold():
    cells, warnings = rewrite(
        markdown("**Exercise (two coins).** Toss.", "exercise", cell_id="coins"),
        markdown("**Solution.** Heads.", "solution"),
        code("print(1)", "solution"),
        markdown("Tails.", "solution"),
        markdown("After."),
    )
    assert not warnings
    assert sources(cells) == [
        "````{exercise} two coins\n:label: ch02-coins\n\nToss.\n````",
        "````{solution-start} ch02-coins\n\n\n````",
        "(ch02-cell)=\n\nHeads.",
        "print(1)",
        "(ch02-cell)=\n\nTails.",
        "```{solution-end}\n```",
        "(ch02-cell)=\n\nAfter.",
    ]
    ids = [cell["id"] for cell in cells]
    assert len(ids) == len({*ids} | {"coins"}) or ids.count("cell") == 3


def test_a_solution_at_the_end_of_the_page_is_closed():
    cells, _ = rewrite(
        markdown("**Exercise.** A.", "exercise"), markdown("**Solution.** B.", "solution")
    )
    assert "solution-end" in cells[-1]["source"]


def test_a_caption_goes_to_the_figure_above():
    cells, warnings = rewrite(
        code("show(fig, alt='A curve.')", "hide-input", cell_id="curve"),
        markdown("**Figure.** The curve rises.", "caption"),
    )
    assert not warnings
    assert len(cells) == 1
    assert cells[0]["metadata"]["mystnb"] == {
        "figure": {"caption": "The curve rises.", "name": "ch02-curve"}
    }


def test_a_figure_inside_a_solution():
    cells, warnings = rewrite(
        markdown("**Exercise.** A.", "exercise"),
        code("show(fig, alt='A')", "solution", cell_id="curve"),
        markdown("**Figure.** Rises.", "caption"),
        markdown("So.", "solution"),
    )
    assert not warnings
    assert [c["id"] for c in cells[2:4]] == ["curve", "cell"]
    assert cells[2]["metadata"]["mystnb"]["figure"]["caption"] == "Rises."


def test_a_link_may_lead_to_any_text():
    cells = [markdown("# Title"), code("1 + 1", "hide-input"), markdown("Text.", "whole-page")]
    rewritten, warnings = rewrite(*cells)
    assert rewritten[:2] == cells[:2]
    assert sources(rewritten[2:]) == ["(ch02-cell)=\n\nText."]
    assert not warnings


def test_the_source_may_be_a_list_of_lines():
    cells, _ = rewrite(markdown(["**Remark.** One\n", "two."], "remark"))
    assert "One\ntwo." in cells[0]["source"]


EXERCISE = markdown("**Exercise.** A.", "exercise", cell_id="ex")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([markdown("**Theorem.** A.", "teorem")], "unknown tag 'teorem'"),
        ([markdown("A.", "theorem")], 'must open with "**Theorem.**"'),
        ([markdown("**Definition.** A.", "theorem")], 'must open with "**Theorem.**"'),
        ([markdown("**Theorem 3.** A.", "theorem")], "must open with"),
        ([markdown("Aims: a, b", "objectives")], "must open in bold"),
        ([markdown("**Solution.** A.", "solution")], "must directly follow its exercise"),
        (
            [EXERCISE, markdown("Text."), markdown("**Solution.** A.", "solution")],
            "must directly follow its exercise",
        ),
        ([EXERCISE, markdown("So.", "solution")], 'must open with "**Solution.**"'),
        ([markdown("**Figure.** A.", "caption")], "must directly follow the code cell"),
        (
            [code("show()"), markdown("Text."), markdown("**Figure.** A.", "caption")],
            "must directly follow the code cell",
        ),
        ([code("show()"), markdown("A.", "caption")], 'must open with "**Figure.**"'),
        ([code("show()"), markdown("**Figure.**", "caption")], "the caption is empty"),
        ([code("1", "theorem")], "belongs on a Markdown cell"),
        ([markdown("**Theorem.** A.", "theorem", "remark")], "several block tags"),
        ([markdown("**Remark.** A.\n\n## B", "remark")], "cannot hold a heading"),
    ],
)
def test_wrong_use_is_told(cells, expected):
    _, warnings = rewrite(*cells)
    assert len(warnings) == 1, warnings
    assert expected in warnings[0]
    assert warnings[0].startswith(f"{cells[-1]['id']}: ")
