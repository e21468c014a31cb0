"""The page for students quotes what a check says; here the checks say it."""

import re

from scipy.special import rel_entr

from kllib import kl_divergence
from kllib.checks.definitions import check

from .conftest import ROOT

PAGE = ROOT / "chapters" / "doing-the-exercises.md"


def said(capfd, *answer):
    check(*answer)
    out, err = capfd.readouterr()
    return (out + err).strip()


def blank(p, q): ...


def test_the_page_quotes_the_checks_word_for_word(capfd):
    quoted = re.findall(r"```text\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    spoken = [
        said(capfd, "kl", "values", lambda p, q: rel_entr(p, q).sum()),
        said(capfd, "kl", "values", blank),
        said(capfd, "kl", "values", lambda p, q: rel_entr(q, p).sum()),
        said(capfd, "twin", "value", [0.1, 0.2], "practice"),
        said(capfd, "kl", "values", lambda p, q: kl_divergence(p, q)),
    ]
    assert quoted == spoken
