"""The report of radiographs and implanted markers: what a therapist reads beside the pictures."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from bony_patient import ISOCENTRE_MM, TRUE, anatomy, bony_ct, expose, seen, view

from isoguide.cli.terminal import show_alignment
from isoguide.dicom import PatientIdentity, read_position_report, read_spatial_registration
from isoguide.dicom.radiograph_header import RadiographHeader
from isoguide.plan import Fiducial, PatientPosition
from isoguide.registration import RadiographRegistration, Uncertainty, Verdict, WithoutDepth
from isoguide.registration.day_match import registration_of_markers, registration_of_radiographs
from isoguide.registration.markers import DeclaredMarkers, MarkerKind, PreparedMarkers
from isoguide.registration.markers.match import MarkerMatch, MarkerMatchSettings, MarkerOutcome, MarkerState
from isoguide.registration.markers.pose import LeftOut
from isoguide.registration.radiographs.result import Disagreement, RadiographQuality, ViewQuality
from isoguide.registration.result import Alternative
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.implanted_markers import MarkerPlan
from isoguide.workflow.inputs import PlacedPoint, PlanningInput
from isoguide.workflow.radiographs.align_views import ViewsInput
from isoguide.workflow.radiographs.placing import ViewOrigin
from isoguide.workflow.radiographs.report_figures import marker_rows
from isoguide.workflow.radiographs.report_series import referenced_radiographs
from isoguide.workflow.radiographs.report_views import pose_of_five
from isoguide.workflow.report_html import report_html
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.shown_markers import shown_markers
from isoguide.workflow.treatment_setup import TreatmentSetup
from isoguide.workflow.write_results import write_results

EYE = np.eye(3)
UNCERTAINTY = Uncertainty(ISOCENTRE_MM, np.diag([0.01, 0.01, 0.01, 1e-6, 1e-6, 1e-6]), 0.3)
ALTERNATIVES = (Alternative(1, 24.0, 0.31, 42.5), Alternative(-2, 51.0, 0.2, 60.0))


def quality(*views):
    apart = Disagreement(0.21, 0.13) if len(views) > 1 else None
    return RadiographQuality(views, 12.0, 90.0 if apart else 0.0, apart, ALTERNATIVES)


def found(figures, answer, verdict, reasons, five=None):
    return RadiographRegistration(
        verdict=verdict,
        reasons=reasons,
        planning_from_daily=answer,
        unconstrained=answer,
        degrees_of_freedom=6,
        centre_mm=ISOCENTRE_MM,
        uncertainty=UNCERTAINTY if answer is not None else None,
        quality=figures,
        without_depth=five,
        algorithm="rays",
    )


@pytest.fixture(scope="module")
def views():
    return seen(expose(anatomy(), TRUE))


def inputs(views):
    point = PlacedPoint(ISOCENTRE_MM, "that of the plan")
    planning = PlanningInput(Path("plan.nrrd"), bony_ct(), point, PatientPosition.HFS, "0" * 64, None, ())
    return planning, ViewsInput(Path("views.json"), views, point, "1" * 64, ())


def alignment_of(views, registration, **more):
    planning, daily = inputs(views)
    answer = registration.planning_from_daily
    setup = TreatmentSetup(ISOCENTRE_MM, ISOCENTRE_MM, PatientPosition.HFS)
    return Alignment(
        request=AlignRequest(planning.path, daily.path),
        planning=planning,
        daily=daily,
        registration=registration,
        verdict=registration.verdict,
        reasons=registration.reasons,
        warnings=(),
        planning_from_daily=answer,
        correction=setup.correction(answer) if answer is not None else None,
        covariance=UNCERTAINTY.covariance if answer is not None else None,
        **more,
    )


@pytest.fixture(scope="module")
def pair(views):
    figures = quality(ViewQuality(0.912, 1.06), ViewQuality(0.874, 0.83))
    result = found(figures, TRUE.inverse(), Verdict.ACCEPT, ("every view agrees with the plan",))
    return alignment_of(views, registration_of_radiographs(result), radiographs=result)


@pytest.fixture(scope="module")
def one_view():
    """A patient 4 mm too far to the left and 3 mm towards the head, turned by 2 degrees, from the front."""
    rotation = TRUE.rotation
    depth = np.array([0.0, 1.0, 0.0])
    five = WithoutDepth(
        Verdict.REVIEW,
        ("look at it",),
        np.array([4.0, -3.0]),
        rotation,
        depth,
        np.diag([0.01] * 2 + [1e-6] * 3),
    )
    views = seen(expose(anatomy(), TRUE, (view(0.0),)))
    reasons = ("one view does not show how far along its axis the patient lies",)
    result = found(quality(ViewQuality(0.9, 1.0)), None, Verdict.NOT_AVAILABLE, reasons, five)
    return alignment_of(views, registration_of_radiographs(result), radiographs=result)


SEEDS = tuple(Fiducial(str(n), ISOCENTRE_MM + offset) for n, offset in enumerate(15.0 * np.eye(3), start=1))


@pytest.fixture(scope="module")
def by_markers(views):
    """The first seed is used, the second has migrated by 3 mm towards the feet, the third was not found."""
    outcomes = (
        MarkerOutcome("1", MarkerState.USED, np.array([0.3, 0.0, 0.0])),
        MarkerOutcome("2", MarkerState.MIGRATED, np.array([0.0, 0.0, -3.0])),
        MarkerOutcome("3", MarkerState.NOT_FOUND),
    )
    match = MarkerMatch(
        Verdict.REVIEW, ("see",), TRUE.inverse(), 6, UNCERTAINTY, 0.31, outcomes, MarkerMatchSettings()
    )
    prepared = PreparedMarkers(SEEDS, DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 3), ISOCENTRE_MM)
    registration = registration_of_markers(prepared, match)
    return alignment_of(views, registration, markers=match, marker_plan=MarkerPlan(prepared, "marked"))


@pytest.fixture(scope="module")
def pair_page(pair):
    return report_html(pair)


@pytest.fixture(scope="module")
def one_view_page(one_view):
    return report_html(one_view)


@pytest.fixture(scope="module")
def by_markers_page(by_markers):
    return report_html(by_markers)


def words(page):
    return " ".join(html.unescape(re.sub(r"<svg.*?</svg>|<style.*?</style>|<[^>]+>", " ", page)).split())


def test_every_view_is_shown_beside_its_drr_and_fused_after_and_before(pair_page):
    page = pair_page
    text = words(page)
    assert page.count('class="picture"') == 2 * (3 + 3 + 3)
    assert "View 1: view-1.nrrd, tube at the patient's left side and front" in text
    assert "View 2: view-2.nrrd, tube at the patient's right side and front" in text
    for title in ("X-ray and planning CT", "After the correction", "Before: as the patient lies now"):
        assert text.count(title) == 2
    assert text.index("After the correction") < text.index("Before: as the patient lies now")


def test_what_each_view_said_stands_in_the_report(pair_page):
    text = words(pair_page)
    # A patient may show more than he would have as planned; more than all of it is no figure.
    assert "view-1.nrrd 0.912 100 %" in text
    assert "view-2.nrrd 0.874 83 %" in text
    assert "Angle between the views 90°" in text
    assert "Single views differ by 0.21 mm, 0.13°" in text
    assert "+1 24.0 mm 0.310 42.5" in text
    assert "judged on what both show in the radiographs" in text


def test_figures_that_radiographs_do_not_have_are_left_out(pair_page):
    text = words(pair_page)
    assert "Forward and backward" not in text
    assert "Independent starts" not in text
    assert "not known" not in text
    assert "Condition number 12" in text


def test_the_identification_names_each_image(pair_page):
    text = words(pair_page)
    assert "view-1.nrrd: 128 × 128 pixels of 1.6 × 1.6 mm" in text


def test_one_view_gives_five_motions_in_words_and_no_depth(one_view_page):
    page = one_view_page
    text = words(page)
    assert "NOT AVAILABLE" in text
    assert "Couch correction" not in text
    assert "Along the detector's rows 4.0 mm too far towards the patient's left side ± 0.20 mm" in text
    assert "Along the detector's columns 3.0 mm too far towards the patient's head ± 0.20 mm" in text
    assert "Depth, along the beam not available: take a second view" in text
    assert "As the view shows the patient, without depth" in text
    assert "After the correction" not in text
    assert page.count('class="picture"') == 9


def test_a_patient_turned_to_his_left_is_said_to_be(one_view_page):
    """By +2 degrees about LPS z, which is right-handed, his left side goes to his back."""
    text = words(one_view_page)
    assert "About the axis from feet to head turned 2.0°, left side towards the back ± 0.11°" in text
    assert "About the axis from right to left turned 1.0°, head towards the front" in text
    assert "About the axis from front to back turned 0.5°, head towards the right side" in text


def test_the_pose_of_one_view_moves_the_isocentre_across_the_beam_only(one_view):
    five = one_view.radiographs.without_depth
    pose = pose_of_five(five, one_view.daily.views[0].view, ISOCENTRE_MM)
    assert pose.inverse().apply(ISOCENTRE_MM) - ISOCENTRE_MM == pytest.approx([4.0, 0.0, 3.0])
    assert pose.inverse().rotation == pytest.approx(TRUE.rotation)


def test_a_view_that_shows_nothing_draws_only_before(views):
    result = found(quality(ViewQuality(0.1, 1.0)), None, Verdict.NOT_AVAILABLE, ("nothing fits",))
    page = report_html(alignment_of(views[:1], registration_of_radiographs(result), radiographs=result))
    assert page.count('class="picture"') == 2 + 3
    assert "DRR, patient as found" not in page
    assert "After the correction" not in words(page)


def test_each_marker_has_its_state_and_its_distance(by_markers_page):
    text = words(by_markers_page)
    assert "1 used 0.3 mm towards the left side" in text
    assert "2 migrated 3.0 mm towards the feet" in text
    assert "3 not found –" in text
    assert "Root mean square of those used: 0.31 mm" in text
    assert "Similarity" not in text
    assert "○ planned marker, 2 mm" in text


def test_a_marker_in_its_place_lies_towards_no_side():
    match = MarkerMatch(
        Verdict.ACCEPT,
        (),
        TRUE.inverse(),
        6,
        UNCERTAINTY,
        0.0,
        (
            MarkerOutcome(
                "1", MarkerState.USED, np.array([0.04, 0.0, 0.0]), LeftOut(np.array([0.3, 0, 0.4]), EYE)
            ),
        ),
        MarkerMatchSettings(),
    )
    assert marker_rows(match) == (("1", "used", "0.0 mm", "", "0.5 mm"),)


def test_markers_are_drawn_where_they_were_found_in_the_room(by_markers, by_markers_page):
    first, second, third = shown_markers(by_markers)
    assert first.found_mm == pytest.approx(TRUE.apply(SEEDS[0].position_mm + (0.3, 0.0, 0.0)))
    assert second.found_mm == pytest.approx(TRUE.apply(SEEDS[1].position_mm + (0.0, 0.0, -3.0)))
    assert third.found_mm is None
    page = by_markers_page
    assert page.count('class="place"') == 18 * 3
    assert page.count('class="seed"') == 18 * 2


def test_plain_files_leave_no_dicom_objects_and_it_is_said(pair, tmp_path):
    written = write_results(pair, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "result.json"]
    assert any("they need both images as DICOM" in warning for warning in written.warnings)
    assert json.loads((tmp_path / "result.json").read_text())["inputs"]["daily"]["kind"] == "radiographs"


def headers(frame="1.2.9", series=("1.2.5", "1.2.5")):
    return tuple(
        ViewOrigin(
            RadiographHeader(
                Path(f"rt-{n}.dcm"),
                "RTIMAGE",
                "1.2.840.10008.5.1.4.1.1.481.1",
                f"1.2.7.{n}",
                one,
                "1.2.4",
                frame,
                PatientIdentity("T-1", name="Small^Patient"),
                "X9",
                None,
            ),
            f"gantry {90 * n}°",
        )
        for n, one in enumerate(series)
    )


def test_dicom_radiographs_in_a_frame_of_reference_are_registered_to_the_plan(alignment, pair, tmp_path):
    """The planning side is that of a DICOM patient; the matrix goes into the object as it is."""
    day = replace(pair.daily, origins=headers())
    planning = replace(pair.planning, dicom=alignment.planning.dicom)
    write_results(replace(pair, daily=day, planning=planning), tmp_path)

    matrix = read_spatial_registration(tmp_path / "registration.dcm").between(
        alignment.planning.series.frame_of_reference_uid, "1.2.9"
    )
    assert np.allclose(matrix.matrix, TRUE.inverse().matrix, atol=1e-9)
    report = read_position_report(tmp_path / "report.dcm")
    assert report.correction.lateral_mm == pytest.approx(pair.correction.lateral_mm, abs=1e-6)
    assert "1.2.7.1" in pydicom.dcmread(tmp_path / "registration.dcm").to_json()
    assert "View 1: view-1.nrrd (gantry 0°), tube at" in words((tmp_path / "report.html").read_text())


@pytest.mark.parametrize("origins", [headers(frame=""), headers(series=("1.2.5", "1.2.6"))])
def test_radiographs_without_one_frame_of_reference_leave_a_report_and_a_reason(pair, tmp_path, origins):
    day = replace(pair.daily, origins=origins)
    assert referenced_radiographs([origin.header for origin in day.origins]) is None
    written = write_results(replace(pair, daily=day), tmp_path)
    assert not (tmp_path / "registration.dcm").exists()
    assert any("radiographs of one series with a frame of reference" in text for text in written.warnings)


def test_the_terminal_shows_each_view_and_how_far_they_agree(pair, capsys):
    show_alignment(pair)
    text = " ".join(capsys.readouterr().out.split())
    assert "view-2.nrrd 0.874 83 %" in text
    assert "Single views differ by 0.21 mm, 0.13°" in text
    assert "Log-odds against the next vertebrae 42.5" in text


def test_the_terminal_shows_what_each_marker_did(by_markers, capsys):
    show_alignment(by_markers)
    text = " ".join(capsys.readouterr().out.split())
    assert "2 migrated 3.0 mm towards the feet" in text


def test_markers_in_a_ct_are_circles_with_crosses_in_the_planes_near_them(alignment, by_markers):
    """Two of three seeds were found; each plane through the isocentre shows those within 20 mm of it."""
    centre_mm = alignment.planning.isocentre.xyz_mm
    planned = tuple(
        Fiducial(str(n), centre_mm + offset) for n, offset in enumerate(15.0 * np.eye(3), start=1)
    )
    match = replace(by_markers.markers, planning_from_measured=alignment.planning_from_daily)
    prepared = PreparedMarkers(planned, by_markers.marker_plan.prepared.declared, centre_mm)

    page = report_html(replace(alignment, markers=match, marker_plan=MarkerPlan(prepared, "marked")))

    assert page.count('class="place"') == 12 * 3
    assert page.count('class="seed"') == 12 * 2
    text = words(page)
    assert "What each marker did" in text
    assert "Residual map" not in text
    assert "planned marker, 2 mm + where it was found" in text
