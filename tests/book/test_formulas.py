"""The arithmetic inside formulas."""

from __future__ import annotations

import pytest

from tools.published_numbers.formulas import faults

INPUTS = (0.7, 0.3, 0.5, 0.25, 8.5)


def is_declared(value: float) -> bool:
    return any(abs(value - each) < 1e-9 for each in INPUTS)


@pytest.mark.parametrize(
    "formula",
    [
        r"\ln 2 \approx 0.693",
        r"D = 0.7\ln\frac{0.7}{0.5} + 0.3\ln\tfrac{0.3}{0.5} = 0.08228\text{ nats}",
        r"\tfrac3{10}\ln 4+\tfrac1{10}\ln\tfrac32=\tfrac35\ln 2+\tfrac1{10}\ln\tfrac32",
        r"\begin{aligned} D &= 0.7\ln\left(\frac{0.7}{0.5}\right) \\ &\quad + 0.3\ln 0.6"
        r" \\ &= 0.0823 \end{aligned}",
        r"2^{10} = 1024",
        r"2^{-3} = \tfrac18 = 12.5\%",
        r"\log_2 8 = 3,\quad \log_2 1000 \approx 9.97",
        r"\sqrt{2\pi} = 2.5066",
        r"e^{-1} = 0.3679",
        r"1.3\times 10^{-5} = 0.000013",
        r"1{,}000 = 10^3",
        r"0.1{,}0",
        r"[0.7 + 0.3]\cdot 2 = 2",
        r"-\ln(1 - 0.5) = \ln 2 \le 1 \implies 3",
        r"0.0823/\ln 2 = 0.1187",  # 0.0823 is rounded, and so is the quotient
        r"\ln 2\text{ nats} = 1\text{ bit}",
        r"x = 1, y = 2; z = 3",
        r"p = (0.7, 0.3) = q",
        r"D(p\Vert q) = 2\ln p = 3",
        r"a = 7 + 1.5",  # no neighbour, but an input
        r"\frac{1}{0} = 3",
        r"2 < 3 = 3",
    ],
)
def test_right_arithmetic_and_symbols_pass(formula: str) -> None:
    assert list(faults(formula, is_declared)) == []


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (r"\ln 2 \approx 0.694", "is 0.693147, but 0.694 is 0.694: do the arithmetic again"),
        (r"D = \ln 3 = 0.6931\text{ nats}", r"\ln 3 is 1.09861, but 0.6931 is 0.6931"),
        (r"0.7\ln\frac{0.7}{0.5} + 0.3\ln\tfrac{0.3}{0.5} = 0.0823 = 0.0872", "but 0.0872"),
        (r"0.7\ln\frac{0.5}{0.7} + 0.3\ln\tfrac{0.3}{0.5} = 0.0823", "do the arithmetic again"),
        (r"\tfrac3{10}\ln 4=\tfrac35\ln 3", "do the arithmetic again"),
        (r"\begin{aligned} D &= \ln 2 \\ &= 0.7 \end{aligned}", r"\ln 2 is 0.693147, but 0.7"),
        (r"\begin{aligned} D &= 2 \\ &\quad + 3 \\ &= 6 \end{aligned}", "2 + 3 is 5, but 6 is 6"),
        (r"2^{10} = 1025", "but 1025"),
        (r"\tfrac18 = 12\%", "do the arithmetic again"),
        (r"0.0823/\ln 2 = 0.1197", "do the arithmetic again"),
        (r"D = \tfrac35\ln 2", "which is no input and no claim of this section"),
        (r"a = 7 + 1.6", "prove it with claim(...)"),
    ],
)
def test_wrong_arithmetic_is_told(formula: str, message: str) -> None:
    (fault,) = faults(formula, is_declared)
    assert message in fault
