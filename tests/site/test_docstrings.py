"""Docstrings on their way into the reference."""

import pytest

from .conftest import load_extension

docstrings = load_extension("docstrings")


def test_bars_are_escaped_outside_code_and_examples():
    lines = ["D(p(y|x)‖q)", "``a | b``", ">>> a | b", "1|2", "", "|x|"]
    assert docstrings.escape_bars(lines) == [
        r"D(p(y\|x)‖q)",
        "``a | b``",
        ">>> a | b",
        "1|2",
        "",
        r"\|x\|",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("As `softmax` does.", "As :py:obj:`softmax <kllib.softmax>` does."),
        ("``softmax``", "``softmax``"),
        ("`numpy`", "`numpy`"),
        (":math:`softmax`", ":math:`softmax`"),
        (
            "`entropy`, `entropy`",
            ":py:obj:`entropy <kllib.entropy>`, :py:obj:`entropy <kllib.entropy>`",
        ),
    ],
)
def test_names_of_the_library_become_links(line, expected):
    assert docstrings.link_names([line]) == [expected]


def test_attributes_are_called_fields():
    lines = ["Attributes", "----------", "name : str", "Attributes"]
    renamed = ["Fields", "------", "name : str", "Attributes"]
    assert docstrings.attributes_as_fields(lines) == renamed
