r"""Find the numbers that a reader sees in a text.

What is a number, and what is not, is decided here and nowhere else.

Everywhere: decimals, scientific notation (1e-9, 1.3 × 10⁻⁵, $1.3\times10^{-5}$), fractions (3/4, ½,
$\tfrac34$), thousands (1,000, 1 000, $1\,000$) and percentages. A unit nat or bit after a number
belongs to it.

In prose every integer counts as well, with these exceptions:

- what numbers a part of a text: Chapter 2, Figure 1, Theorem 2.6.3, step 1, p. 33, a list's "1.";
- a logarithm's base (base 2), versions (Python 3.11, 3.11.2), ordinals (2nd), names (UTF-8, x1);
- years from 1600 to 2099 in a link's text, in parentheses after nothing but names, or after "in" or
  "since" where a sentence pauses or goes on with "by", "and", "as" or "when".

In mathematics a decimal, or a number with a unit, always counts. An integer or a fraction of
integers counts when it is a whole side of an equation ($n = 12$, $x \approx \tfrac34$) or the
whole formula ($\tfrac12$); elsewhere it is structure: $1 - p$, $\tfrac12 x^2$, $\log_2 x$. A zero
or a one without a unit is always structure there ($\sum_x p(x) = 1$). (That the arithmetic of such
structure is right is checked in formulas.py.)

In code, in backticks or a fence, a decimal counts; anything else counts only if the code has no
name in it, so that backticks hide no number. In printed output everything counts that is not part
of a name.

Numbers written as words are not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

SPACES = "\u00a0\u2009\u202f"
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
GROUP = rf"\d{{1,3}}(?:(?:,|\{{,\}}|\\,|[{SPACES}])\d{{3}})+(?!\d)"
GROUP_IN_PROSE = rf"\d{{1,3}}(?:(?:,|[ {SPACES}])\d{{3}})+(?!\d)"
POWER = r"10(?:\^\{\s*[-−+]?\s*\d+\s*\}|\^\d|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
TIMES_POWER = rf"\s*(?:\\times|\\cdot|×|·)\s*{POWER}"
CONTEXT = 80  # characters that are looked at before and after a number
VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"


def _number_pattern(group: str, tex: bool) -> re.Pattern[str]:
    fraction = (
        r"\\[dtc]?frac\s*(?:\{\s*(?P<top>\d+)\s*\}|(?P<top1>\d))"
        r"\s*(?:\{\s*(?P<bottom>\d+)\s*\}|(?P<bottom1>\d))"
        r"|(?P<above>\d+)/(?P<below>\d+)(?![\d.])"
        rf"|(?P<vulgar>[{VULGAR}])"
    )
    start = r"(?<![\d.])" if tex else r"(?<![\w.])"
    return re.compile(
        rf"{start}(?:{fraction}|(?P<power>{POWER})(?!\d)"
        rf"|(?P<mantissa>(?:{group}|\d+)(?:\.\d+)?|\.\d+)"
        rf"(?P<exponent>\.?[eE][-+−]?\d+(?!\w)|{TIMES_POWER})?)"
    )


PATTERNS = {
    "prose": _number_pattern(GROUP_IN_PROSE, tex=False),
    "code": _number_pattern(r"\d+(?:_\d+)+", tex=False),
    "output": _number_pattern(r"\d{1,3}(?:,\d{3})+(?![\d,])", tex=False),
    "maths": _number_pattern(GROUP, tex=True),
}
UNIT = re.compile(
    r"(?:\s|~|\$|\*|-|\}|\\[ ,;:!]|\\(?:quad|thinspace)\b|\\(?:text|mathrm|textrm|operatorname)\{)*"
    r"(?:(?P<percent>\\?%|per ?cent\b)|(?P<unit>nats?|bits?)\b)"
)
OUTPUT_UNIT = re.compile(r"\s?(?:(?P<percent>%)|(?P<unit>nats?|bits?)\b)")
STRUCTURAL = re.compile(
    r"\b(?:chapters?|sections?|sect?s?\.|§+|figures?|figs?\.|tables?|theorems?|thms?\.|lemmas?|"
    r"propositions?|corollary|corollaries|definitions?|examples?|remarks?|exercises?|"
    r"equations?|eqs?\.|steps?|parts?|pages?|pp?\.|volumes?|vol\.|no\.|appendix|notebooks?|"
    r"bases?|Python|versions?)"
    r"[\s~*]*\(?(?:[\d.]+\)?(?:\s*[,–-]\s*|\s+(?:and|to|or)\s+)\(?)*$",
    re.IGNORECASE,
)
LIST_MARKER = re.compile(r"^[ \t>]*\d+[.)][ \t]", re.MULTILINE)
VERSION = re.compile(r"(?<![\w.])\d+\.\d+(?:\.\d+)+")
NAME = re.compile(r"(?!(?:inf|nan|e)\b)[A-Za-z_]\w*")

OPENS_SIDE = re.compile(r"(?:^|(?<![<>\\])=|≈|\\(?:approx|simeq|doteq|fallingdotseq)\b)[\s&{]*$")
SPACING = r"(?:\s|\\[ ,;:!])*"
CLOSES_SIDE = re.compile(
    SPACING + r"(?:$|[,.;:)\]}&=≈%<>]|\\\\|\\%|\\(?:end|text|mathrm|textrm|quad|qquad|approx|simeq|"
    r"le|ge|leq|geq|lt|gt|neq|ne|implies|iff|Rightarrow|to|big|Big)\b)"
)
MINUS_IS_A_SIGN = {
    "maths": re.compile(
        r"(?:^|[=≈<>(\[{,;:&|]|\\(?:approx|simeq|le|ge|leq|geq|lt|gt|in|quad|qquad|to|,|;|\{))\s*[-−]"
        r"\s*$"
    ),
    "prose": re.compile(r"(?:^|[\s(\[,:|=≈*])[-−]$"),
}


REGIONS = re.compile(
    r"(?P<code>^[ \t]*(?P<fence>`{3,}|~{3,}).*?^[ \t]*(?P=fence)"
    r"|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<maths>(?<!\\)\$\$.+?(?<!\\)\$\$"
    r"|(?<![\\$])\$(?![\s$])(?:[^$\n]|\\\$|\n(?!\s*\n))+?(?<![\\\s])\$(?!\d))"
    r"|(?P<skip>(?<=\])\([^)\s]*(?:\s+\"[^\"]*\")?\)|<https?:[^>\s]*>|^\[[^\]]+\]:\s.*?$)",
    re.DOTALL | re.MULTILINE,
)
LINK_TEXT = re.compile(r"(?<!!)\[([^\[\]]*)\]\(")


@dataclass(frozen=True)
class Token:
    """A number in a text: where it stands, what it says, how precisely."""

    start: int
    end: int
    text: str
    value: Fraction
    step: Fraction  # one unit of its last digit; 0 for a fraction, which is exact
    digits: int  # significant digits
    percent: bool
    unit: str  # "nat", "bit" or ""
    neighbours: tuple[str, str]  # the same number with its last digit one lower and one higher
    parts: tuple[int, ...] = ()  # the numbers of 70/30, which need not mean a quotient

    @cached_property
    def near(self) -> float:
        return float(self.value)

    @cached_property
    def reach(self) -> float:
        """No value further away than this can be rounded to the number."""
        return 0.51 * float(self.step) + 1e-8 * abs(self.near)

    def __str__(self) -> str:
        return f"{self.text} %" if self.percent else self.text

    @property
    def is_digit(self) -> bool:
        """A bare one-digit integer: as a rounding it would say too little."""
        return self.step == 1 and self.digits <= 1


def in_markdown(text: str) -> list[Token]:
    """The numbers of a Markdown text, formulas, tables and code spans included."""
    tokens: list[Token] = []
    link_texts = [match.span(1) for match in LINK_TEXT.finditer(text)]
    for start, end, kind in _regions(text):
        if kind == "maths":
            tokens += _in_maths(text, start, end)
        elif kind == "code":
            tokens += _in_code(text, start, end)
        elif kind == "prose":
            tokens += _in_prose(text, start, end, link_texts)
    return tokens


def formulas(text: str) -> list[str]:
    """The formulas of a Markdown text, without their dollars."""
    return [text[a:b].strip("$") for a, b, kind in _regions(text) if kind == "maths"]


def in_output(text: str) -> list[Token]:
    """The numbers of a printed output."""
    return [_token(text, match, "output") for match in _matches("output", text, 0, len(text))]


def _regions(text: str) -> Iterator[tuple[int, int, str]]:
    here = 0
    for match in REGIONS.finditer(text):
        yield here, match.start(), "prose"
        yield match.start(), match.end(), _kind(match)
        here = match.end()
    yield here, len(text), "prose"


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind in ("code", "maths", "skip") if match[kind] is not None)


def _matches(kind: str, text: str, start: int, end: int) -> Iterator[re.Match[str]]:
    versions = [match.span() for match in VERSION.finditer(text, start, end)]
    for match in PATTERNS[kind].finditer(text, start, end):
        if not any(a <= match.start() < b for a, b in versions):
            yield match


def _in_prose(
    text: str, start: int, end: int, link_texts: list[tuple[int, int]]
) -> Iterator[Token]:
    markers = [match.span() for match in LIST_MARKER.finditer(text)]
    for match in _matches("prose", text, start, end):
        before, after = _around(text, match)
        in_link = any(a <= match.start() < b for a, b in link_texts)
        if (
            any(a <= match.start() < b for a, b in markers)
            or STRUCTURAL.search(before)
            or _is_year(match[0], before, after, in_link)
        ):
            continue
        integer = match[0].isdigit()
        if integer and (re.search(r"[A-Za-z]-$", before) or re.match(r"(?:st|nd|rd|th)\b", after)):
            continue
        yield _token(text, match, "prose")


def _around(text: str, match: re.Match[str]) -> tuple[str, str]:
    start, end = match.span()
    return text[max(0, start - CONTEXT) : start], text[end : end + CONTEXT]


def _is_year(number: str, before: str, after: str, in_link: bool) -> bool:
    if not re.fullmatch(r"1[6-9]\d\d|20\d\d", number):
        return False
    in_parentheses = re.search(r"\((?:[A-Z][\w.-]*[ ,&]*(?:and )?)*$", before)
    return bool(
        in_link
        or (in_parentheses and re.match(r"[a-z]?[),;]", after))
        or (
            re.search(r"\b(?:in|since)\s$", before, re.IGNORECASE)
            and re.match(r"[.,;:)?!]|\s*$|\s+(?:by|and|as|when)\b", after)
        )
    )


def _in_maths(text: str, start: int, end: int) -> Iterator[Token]:
    dollars = 2 if text.startswith("$$", start) else 1
    start, end = start + dollars, end - dollars
    scripts = _scripts(text, start, end)
    for match in _matches("maths", text, start, end):
        token = _token(text, match, "maths")
        decimal = "." in match[0] or (match["exponent"] is not None)
        if not (decimal or token.unit or token.percent):
            if any(a <= match.start() < b for a, b in scripts):
                continue
            if match["mantissa"] and abs(token.value) in (0, 1):
                continue
            before = text[max(start, token.start - CONTEXT) : token.start]
            after = text[match.end() : min(end, match.end() + CONTEXT)]
            if not (OPENS_SIDE.search(before) and CLOSES_SIDE.match(after)):
                continue
        yield token


def _scripts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the formula's subscripts and superscripts stand."""
    spans = []
    for match in re.compile(r"[_^]\s*").finditer(text, start, end):
        here = match.end()
        if here < end and text[here] == "{":
            depth = 0
            while here < end:
                depth += {"{": 1, "}": -1}.get(text[here], 0)
                here += 1
                if depth == 0:
                    break
        else:
            here += 1
        spans.append((match.end(), here))
    return spans


def _in_code(text: str, start: int, end: int) -> Iterator[Token]:
    has_name = NAME.search(text, start, end) is not None
    for match in _matches("code", text, start, end):
        if not has_name or "." in (match["mantissa"] or ""):
            yield _token(text, match, "code")


def _token(text: str, match: re.Match[str], kind: str) -> Token:
    start, end = match.span()
    before, _ = _around(text, match)
    before = before.rpartition("\n\n")[2]
    if kind == "maths":
        before = before.rpartition("$")[2]
    sign = 1
    if MINUS_IS_A_SIGN["maths" if kind == "maths" else "prose"].search(before):
        sign = -1
        start = max(text.rfind("-", 0, start), text.rfind("−", 0, start))
    follows = UNIT.match(text, end) if kind != "output" else OUTPUT_UNIT.match(text, end)
    percent = bool(follows and follows["percent"])
    scale = Fraction(sign, 100 if percent else 1)

    number, step, digits, neighbours = _read(match, kind)
    minus = "-" if sign < 0 else ""
    low, high = neighbours
    return Token(
        start=start,
        end=end,
        text=text[start:end],
        value=number * scale,
        step=step * abs(scale),
        digits=digits,
        percent=percent,
        unit=follows["unit"].rstrip("s") if follows and follows["unit"] else "",
        neighbours=(minus + low, minus + high),
        parts=(int(match["above"]), int(match["below"])) if match["above"] else (),
    )


def _read(match: re.Match[str], kind: str) -> tuple[Fraction, Fraction, int, tuple[str, str]]:
    """Value, unit of the last digit, significant digits, and the two neighbours as text."""
    if match["mantissa"] is None and match["power"] is None:
        if match["vulgar"]:
            value = Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(10)
            top, bottom = value.numerator, value.denominator
        else:
            top = int(match["top"] or match["top1"] or match["above"])
            bottom = int(match["bottom"] or match["bottom1"] or match["below"])
        form = r"\frac{%d}{%d}" if kind == "maths" else "%d/%d"
        neighbours = form % (top - 1, bottom), form % (top + 1, bottom)
        return Fraction(top, bottom or 1), Fraction(0), 0, neighbours

    if match["power"]:
        power = _power(match["power"])
        form = "10^{%d}" if kind == "maths" else "1e%d"
        value = Fraction(10) ** power
        return value, Fraction(0), 1, (form % (power - 1), form % (power + 1))

    mantissa = Decimal(re.sub(r"[^\d.]", "", match["mantissa"]))
    exponent = match["exponent"] or ""
    power = 0
    if exponent:
        plain = re.fullmatch(r"\.?[eE](.*)", exponent)
        power = int(plain[1].replace("−", "-")) if plain else _power(exponent.split("10", 1)[1])
    last = Decimal(1).scaleb(int(mantissa.as_tuple().exponent))
    scale = Fraction(10) ** power
    neighbours = (f"{mantissa - last:f}{exponent}", f"{mantissa + last:f}{exponent}")
    digits = len(str(mantissa).replace(".", "").lstrip("0"))
    return Fraction(mantissa) * scale, Fraction(last) * scale, digits, neighbours


def _power(text: str) -> int:
    text = text.removeprefix("10").translate(SUPERSCRIPTS).replace("−", "-")
    return int(re.sub(r"[^\d-]", "", text))
