"""The chart of histograms: what is dashed, what is full, and that names cannot do harm."""

from xml.etree import ElementTree as ET

import numpy as np

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.workflow.dvh.chart import dvh_svg
from isoguide.workflow.structure_colours import COLOURS

SVG = "{http://www.w3.org/2000/svg}"


def histogram(name: str, middle_gy: float, *, target: bool = False) -> DoseVolumeHistogram:
    return DoseVolumeHistogram(name, target, np.linspace(middle_gy - 1.0, middle_gy + 1.0, 50), np.ones(50))


def drawn(svg: str) -> ET.Element:
    framed = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return ET.fromstring(framed)  # noqa: S314 - our own text


def test_the_plan_is_dashed_and_the_day_full_in_the_same_colour() -> None:
    planned = [histogram("Lung", 12.0), histogram("PTV", 60.0, target=True)]
    day = [histogram("Lung", 14.0), histogram("PTV", 58.0, target=True)]
    root = drawn(dvh_svg(planned, day, {"Lung": "#123456"}, prescription_gy=60.0))
    styles = [line.attrib["style"] for line in root.iter(f"{SVG}polyline")]
    assert ["dasharray" in style for style in styles] == [True, True, False, False]
    assert ["#123456" in style for style in styles] == [True, False, True, False]
    assert COLOURS["s1"].on_paper in styles[1]
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words[-4:] == ["planned", "today", "PTV", "Lung"]
    assert "prescribed 60 Gy" in words


def test_one_dose_alone_is_drawn_full() -> None:
    root = drawn(dvh_svg([histogram("PTV", 60.0)]))
    (line,) = root.iter(f"{SVG}polyline")
    assert "dasharray" not in line.attrib["style"]
    points = np.array([[float(value) for value in pair.split(",")] for pair in line.attrib["points"].split()])
    # From 100 % at the top left down to 0 % at the bottom, never back up.
    assert (np.diff(points[:, 0]) >= 0.0).all()
    assert (np.diff(points[:, 1]) >= 0.0).all()
    assert "planned" not in [text.text for text in root.iter(f"{SVG}text")]


def test_names_are_escaped_and_cut() -> None:
    svg = dvh_svg([histogram("<script>alert(1)</script> of a long name", 10.0)])
    assert "<script>" not in svg
    assert "…" in svg
