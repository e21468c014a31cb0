"""What counts as a number, and what it says."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tools.published_numbers.tokens import Token, in_markdown, in_output


def texts(tokens: list[Token]) -> list[str]:
    return [str(token) for token in tokens]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs 0.0823 nats.", ["0.0823"]),
        ("At 25 % or 25% or $25\\,\\%$ or $25$ %.", ["25 %", "25 %", "25 %", "25 %"]),
        ("7 per cent, 8 percent", ["7 %", "8 %"]),
        (
            "1,000 draws, 1 000 draws, $1{,}000$, $1\\,000$",
            ["1,000", "1 000", "1{,}000", "1\\,000"],
        ),
        ("three times 3, so 12.", ["3", "12"]),
        ("a 6-sided die", ["6"]),
        ("0.1–0.3, 2-3, −0.5, (-4)", ["0.1", "0.3", "2", "3", "−0.5", "-4"]),
        ("odds of 3:1", ["3", "1"]),
        ("3/4 of ½", ["3/4", "½"]),
        ("1.3 × 10⁻⁵ or 1e-9", ["1.3 × 10⁻⁵", "1e-9"]),
        ("| 0.5 | 12 | 30% |", ["0.5", "12", "30 %"]),
        ("![twelve is 12](x.svg)", ["12"]),
        ("**0.5** and *7*", ["0.5", "7"]),
        ("# The 3 ways", ["3"]),
        ("We draw 2000 times.", ["2000"]),
        ("In 2000 draws we see 5.", ["2000", "5"]),
    ],
)
def test_numbers_of_prose(text: str, found: list[str]) -> None:
    assert texts(in_markdown(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "Chapter 2, Section 3.1, Figures 1 and 2, Theorem 2.6.3, Exercises 3–5, pp. 85–90, step 1.",
        "see equation (4), Eq. 7, Table 2 and Appendix 3",
        "1. one\n2. two\n  3) three",
        "the logarithm to base 2",
        "Python 3.11, numpy 2.1.3, version 4",
        "UTF-8, GPT-2, x1, H0, the 2nd and 3rd",
        "[Cover and Thomas (2006)](bibliography.md#cover2006)",
        "(Shannon, 1948), (Kullback and Leibler 1951), (2006)",
        "In 1951, Kullback wrote it; since 1948 by Shannon.",
        "<https://example.org/2/3.5>",
        "[a](02-definition.ipynb#part-3)",
        "`kl_divergence(p, q, base=2)` and `range(3)`",
        "```python\nx = 3\n```",
    ],
)
def test_structure_in_prose(text: str) -> None:
    assert texts(in_markdown(text)) == []


@pytest.mark.parametrize(
    ("maths", "found"),
    [
        ("0.7\\log\\frac{0.7}{0.5}", ["0.7", "0.7", "0.5"]),
        ("n = 12", ["12"]),
        ("n \\approx 12, m", ["12"]),
        ("12", ["12"]),
        ("12 = 2 \\cdot 6", ["12"]),
        ("\\tfrac12", ["\\tfrac12"]),
        ("D &= \\frac{3}{4} \\\\ E", ["\\frac{3}{4}"]),
        ("x = -3", ["-3"]),
        ("x = -0.3", ["-0.3"]),
        ("1-0.3", ["0.3"]),
        ("x = 1.3\\times10^{-5}", ["1.3\\times10^{-5}"]),
        ("x = 10^{-5}", ["10^{-5}"]),
        ("H \\le 2\\text{ bits}", ["2"]),
        ("H = 1\\ \\text{bit}", ["1"]),
        ("x^{0.5}", ["0.5"]),
        ("\\ln0.5", ["0.5"]),
        ("\\log_2 8 = 3", ["3"]),
        ("(0.7, 0.3)", ["0.7", "0.3"]),
        # structure
        ("1 - p", []),
        ("\\tfrac12 x^2", []),
        ("= \\tfrac12 (a + b)", []),
        ("= 2\\log x", []),
        ("\\sum_x p(x) = 1", []),
        ("D(p\\|p) = 0", []),
        ("\\sum_{i = 2}^{10} x_i^3", []),
        ("n \\ge 2", []),
        ("2^{10} x", []),
        ("\\{1, \\dots, 6\\}", []),
    ],
)
def test_numbers_of_mathematics(maths: str, found: list[str]) -> None:
    assert texts(in_markdown(f"So ${maths}$ holds.")) == found
    assert texts(in_markdown(f"So\n\n$$\n{maths}\n$$\n\nholds.")) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("`0.0823`", ["0.0823"]),
        ("`12`", ["12"]),
        ("`[2, 3]`", ["2", "3"]),
        ("`= 1e-9`", ["1e-9"]),
        ("`kl([0.7, 3], 2)`", ["0.7"]),
        ("`D = 0.5`", ["0.5"]),
        ("```\np = 0.7\n```", ["0.7"]),
    ],
)
def test_code_hides_no_number(code: str, found: list[str]) -> None:
    assert texts(in_markdown(code)) == found


def test_numbers_of_output() -> None:
    printed = "array([0.7, 1.e-05, 2.])\nD = -3 (25.0%) 1,000 float64 x1 inf [1 20]"
    assert texts(in_output(printed)) == ["0.7", "1.e-05", "2", "-3", "25.0 %", "1,000", "1", "20"]


@pytest.mark.parametrize(
    ("text", "value", "step", "digits", "unit"),
    [
        ("0.0823 nats", "0.0823", "0.0001", 3, "nat"),
        ("1.0 bits", "1", "0.1", 2, "bit"),
        ("a 2-bit code", "2", "1", 1, "bit"),
        ("$0.5$ nats", "0.5", "0.1", 1, "nat"),
        ("$0.5\\,\\text{bits}$", "0.5", "0.1", 1, "bit"),
        ("12.5 %", "0.125", "0.001", 3, ""),
        ("1,000", "1000", "1", 4, ""),
        ("1.30e-9", "1.30e-9", "1e-11", 3, ""),
        ("1.3 × 10⁻⁵", "1.3e-5", "1e-6", 2, ""),
        ("−0.50", "-0.5", "0.01", 2, ""),
        ("3/4", "0.75", "0", 0, ""),
        ("$\\tfrac14$", "0.25", "0", 0, ""),
        ("bitter 3 bitten", "3", "1", 1, ""),
    ],
)
def test_what_a_number_says(text: str, value: str, step: str, digits: int, unit: str) -> None:
    (token,) = in_markdown(text)
    assert (token.value, token.step) == (Fraction(value), Fraction(step))
    assert (token.digits, token.unit) == (digits, unit)


@pytest.mark.parametrize(
    ("text", "neighbours"),
    [
        ("0.0823", ("0.0822", "0.0824")),
        ("0.10", ("0.09", "0.11")),
        ("−0.50", ("-0.49", "-0.51")),
        ("1,000", ("999", "1001")),
        ("25 %", ("24", "26")),
        ("1.3 × 10⁻⁵", ("1.2 × 10⁻⁵", "1.4 × 10⁻⁵")),
        ("3/4", ("2/4", "4/4")),
        ("$\\tfrac34$", ("\\frac{2}{4}", "\\frac{4}{4}")),
        ("$x = 10^{-5}$", ("10^{-6}", "10^{-4}")),
    ],
)
def test_the_neighbours_of_a_number(text: str, neighbours: tuple[str, str]) -> None:
    (token,) = in_markdown(text)
    assert token.neighbours == neighbours
    for wrong in neighbours:
        (changed,) = in_markdown(text[: token.start] + wrong + text[token.end :])
        assert changed.value != token.value and changed.percent == token.percent
