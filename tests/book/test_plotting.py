"""Figures: one style, a description with each, colours that everybody can tell apart."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from kllib import plotting
from kllib.plotting import BAR_P, BAR_Q, COLOURS, LINE_P, LINE_Q, figure, show, to_svg

ALT = "Two lines start at zero; the dashed one rises faster."

# filter: invert(1) hue-rotate(180deg), as the Filter Effects specification defines it, in sRGB.
HUE_ROTATED = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def in_dark_mode(colour: np.ndarray) -> np.ndarray:
    return np.clip(HUE_ROTATED @ (1 - colour), 0, 1)


def test_contrast_is_computed_as_wcag_says() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)
    np.testing.assert_allclose(in_dark_mode(rgb("#ffffff")), 0, atol=1e-12)
    np.testing.assert_allclose(in_dark_mode(rgb("#000000")), 1, atol=1e-12)


@pytest.mark.parametrize("name", COLOURS)
def test_lines_stand_out_on_white_and_in_dark_mode(name: str) -> None:
    needed = 4.5 if name in {"ink", "muted"} else 3.0  # letters need more than lines
    colour = rgb(COLOURS[name])
    assert contrast(colour, rgb("#ffffff")) >= needed
    assert contrast(in_dark_mode(colour), rgb("#000000")) >= needed


# What a person without red, green or blue cones sees (Machado, Oliveira and Fernandes 2009,
# severity 1, in linear RGB).
COLOUR_BLIND = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("vision", COLOUR_BLIND)
def test_p_and_q_differ_for_every_eye(vision: str) -> None:
    def seen(colour: np.ndarray) -> np.ndarray:
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return np.clip(np.array(COLOUR_BLIND[vision]) @ linear, 0, 1)

    p, q = rgb(COLOURS["p"]), rgb(COLOURS["q"])
    assert np.abs(seen(p) - seen(q)).max() > 0.2
    assert np.abs(seen(in_dark_mode(p)) - seen(in_dark_mode(q))).max() > 0.2


def test_p_and_q_differ_without_colour() -> None:
    assert LINE_P["linestyle"] != LINE_Q["linestyle"]
    assert "hatch" in BAR_Q and "hatch" not in BAR_P
    styles = plotting.STYLE["axes.prop_cycle"].by_key()["linestyle"]
    assert all(one != other for one, other in itertools.combinations(styles, 2))


def test_panels_are_stacked() -> None:
    fig, ax = figure()
    assert tuple(fig.get_size_inches()) == (4.5, 3.0)
    ax.plot([0, 1], [0, 1], **LINE_P)
    fig, axes = figure(2, share_x=True)
    assert axes.shape == (2,)
    fig.draw_without_rendering()
    upper, lower = (ax.get_position() for ax in axes)
    assert upper.x0 == pytest.approx(lower.x0) and upper.y0 > lower.y1
    assert figure(3, height=4.0)[0].get_size_inches()[1] == 4.0


@pytest.mark.parametrize("options", [{"panels": 0}, {"width": 8.0}, {"width": 1.0}])
def test_figures_too_wide_for_a_phone_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        figure(**options)


def test_letters_are_legible_on_a_phone() -> None:
    """At 360 pixels, of which 328 are the text's, no letter is lower than ten pixels."""
    fig, ax = figure(width=4.5)
    ax.set_title("title")
    ax.set_xlabel("x")
    ax.plot([0, 1], [0, 1], label="p")
    legend = ax.legend()
    shrink = 328 / (4.5 * 96)
    for text in (ax.title, ax.xaxis.label, *ax.get_xticklabels(), *legend.get_texts()):
        assert text.get_fontsize() * 96 / 72 * shrink >= 10, text


def drawing() -> str:
    fig, ax = figure()
    ax.plot([0, 1], [0, 1], **LINE_P, label=r"$D(p\|q)$")
    ax.bar([0, 1], [1, 2], **BAR_Q)
    ax.legend()
    return to_svg(fig)


def test_a_figure_is_the_same_bytes_each_time() -> None:
    svg = drawing()
    assert svg == drawing()
    assert "<text" not in svg, "letters are paths: no font is needed"
    assert "dc:date" not in svg and "matplotlib" not in svg.lower().replace('id="matplotlib.', "")


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    shown: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("IPython.display.display", lambda x, **kw: shown.append((x, kw)))
    return shown


def test_show_displays_the_picture_and_its_description(
    displayed: list[tuple[Any, dict[str, Any]]],
) -> None:
    fig, ax = figure()
    ax.plot([0, 1], [0, 1])
    show(fig, alt="Two lines start at zero;\n    the dashed one rises faster.")
    ((bundle, options),) = displayed
    assert bundle["text/plain"] == ALT
    assert "<svg" in bundle["image/svg+xml"]
    assert set(bundle) == {"text/plain", "image/svg+xml"} and options == {"raw": True}


@pytest.mark.parametrize("alt", ["", "  ", "Figure.", "plot of p and q over x", "Two lines."])
def test_a_description_is_a_sentence(alt: str, displayed: list[tuple[Any, dict[str, Any]]]) -> None:
    with pytest.raises(ValueError, match="describe what the figure shows"):
        show(figure()[0], alt=alt)
    assert not displayed


def test_kllib_itself_needs_no_matplotlib() -> None:
    code = "import sys, kllib, kllib.claims; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_pyplot_no_ipython_before_they_are_needed() -> None:
    code = (
        "import sys, kllib.plotting as p; p.figure();"
        "sys.exit('IPython' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
