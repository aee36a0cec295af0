import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from isoguide.plan import PatientPosition
from isoguide.registration.result import Alternative, RegionResidual, Verdict
from isoguide.workflow.report_html import report_html

VOID = {"meta", "br", "img", "link", "hr"}


class Reader(HTMLParser):
    """Collects text and attributes, and checks that every tag is closed."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.attributes, self.open, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def words(page):
    return " ".join(" ".join(read(page).text).split())


@pytest.fixture(scope="module")
def page(alignment):
    return report_html(alignment)


def test_the_page_needs_no_network(page):
    reader = read(page)

    for name, value in reader.attributes:
        if name in {"src", "href", "xlink:href", "action", "data"}:
            assert value.startswith("data:image/png;base64,")
    assert not re.search(r"url\(|@import|<script|<link|<iframe", page)
    assert not re.search(r"https?://", page)
    assert (
        "default-src 'none'" in dict(reader.attributes).values()
        or "default-src &#x27;none" in page
        or ("default-src 'none'" in page)
    )


def test_identifiers_are_escaped(page, patient):
    assert "<b>Sons</b>" not in page
    assert "Small Patient & <b>Sons</b>, ID T-1" in words(page)


def test_the_correction_stands_there_in_numbers_and_words(page, alignment):
    text = words(page)

    for name in ("lateral", "longitudinal", "vertical", "pitch", "roll", "yaw"):
        value = getattr(alignment.correction, f"{name}_{'mm' if name[0] in 'lv' else 'deg'}")
        assert f"{name.capitalize()} {value:+.1f}".replace("-", "−") in text
    assert "the patient's" in text
    assert "ACCEPT" in text


def test_both_phases_are_shown_in_three_planes_in_two_ways(page):
    assert page.count('class="picture"') == 4 * 3 + 3  # and the residual map
    text = words(page)
    assert "After the correction" in text
    assert "Before: as the patient lies now" in text
    assert "50 mm" in text


def test_everything_a_physicist_looks_for_is_there(page, alignment):
    text = words(page)

    for expected in (
        "plan EXAMPLE",
        "patient position HFS",
        "born 1950-01-01",
        "Quality of the match",
        "Residual map",
        "Planning from daily",
        "Not a medical device",
        alignment.planning.content_sha256,
        alignment.daily.series.series_instance_uid,
        alignment.registration.algorithm,
    ):
        assert expected in text


def test_a_match_that_needs_review_says_why(alignment):
    doubtful = replace(alignment, verdict=Verdict.REVIEW, reasons=("<only> 40 % overlap",))

    text = words(report_html(doubtful))

    assert "REVIEW" in text
    assert "<only> 40 % overlap" in text


def test_no_answer_shows_no_numbers_and_no_picture_of_after(unavailable):
    page = report_html(unavailable)
    text = words(page)

    assert "NOT AVAILABLE" in text
    assert "another part of the body" in text
    assert "Couch correction" not in text
    assert "After the correction" not in text
    assert page.count('class="picture"') == 2 * 3


def test_a_couch_of_three_degrees_of_freedom_is_not_shown_with_zero_angles(couch_of_three):
    text = words(report_html(couch_of_three))

    assert "Pitch, Roll, Yaw – not with this couch" in text
    assert "What a 3-degree-of-freedom couch leaves" in text
    assert "PTV (target)" in text
    assert "correction of a 6-degree-of-freedom couch" in text


def test_warnings_stand_at_the_top(alignment):
    page = report_html(replace(alignment, warnings=("beware & <look>",)))

    assert html.escape("beware & <look>") in page
    assert page.index("beware") < page.index("Couch correction")


def test_regions_that_still_move_are_marked_by_how_much(alignment):
    isocentre = alignment.planning.isocentre.xyz_mm
    residuals = tuple(
        RegionResidual(isocentre + np.array([10.0 * n, 0.0, 0.0]), np.array([0.0, shift, 0.0]), 0.9, 10)
        for n, shift in enumerate((0.2, 1.5, -3.0))
    )
    alternatives = (Alternative(-1, 29.9, 0.4, -3.5), Alternative(1, 30.1, float("nan"), 120.0))
    quality = replace(alignment.registration.quality, residuals=residuals, alternatives=alternatives)
    page = report_html(replace(alignment, registration=replace(alignment.registration, quality=quality)))
    text = words(page)

    for kind in ("calm", "raised", "large"):
        assert f'class="residual {kind}"' in page
    assert "20 mm left 3.0 mm towards the front" in text
    assert "at the isocentre 0.2 mm towards the back" in text
    assert "−1 29.9 mm 0.400 −3.5" in text
    assert "not known" in text


def test_a_match_without_figures_or_target_still_makes_a_page(alignment):
    bare = replace(
        alignment,
        target=None,
        registration=replace(alignment.registration, quality=None, uncertainty=None),
        covariance=None,
    )

    text = words(report_html(bare))

    assert "did not get far enough" in text
    assert "not known" in text


def test_volume_files_are_identified_by_their_names(alignment):
    planning = replace(alignment.planning, dicom=None, patient_position=PatientPosition.FFP)
    anonymous = replace(alignment, planning=planning, daily=replace(alignment.daily, dicom=None))

    text = words(report_html(anonymous))

    assert "no patient identity (planning)" in text
    assert "imaged at an unknown time" in text
    assert "no plan" in text
