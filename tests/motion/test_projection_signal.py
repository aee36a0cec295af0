"""The breath in the projections of a scan: against a body that breathes by formula, and a virtual patient."""

from dataclasses import replace

import numpy as np
import pytest
from breathing_scan import SCAN, Course, breathing_scan, off_percent, varied_course, without_times

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.transforms import RigidTransform
from isoguide.motion.projection_signal import breaths_from_projections
from isoguide.projection.projection_set import ProjectionSet


@pytest.fixture(scope="module")
def course() -> Course:
    return varied_course()


@pytest.fixture(scope="module")
def projections(course: Course) -> ProjectionSet:
    return breathing_scan(course)


def test_the_phase_in_the_projections_is_that_of_the_patient(
    course: Course, projections: ProjectionSet
) -> None:
    found = breaths_from_projections(projections, "HFS")
    assert found.breaths.reasons == ()
    off = off_percent(found.breaths.phase_percent(SCAN.seconds), course.phase_percent(SCAN.seconds))
    assert np.isnan(off).mean() < 0.1
    assert np.sqrt(np.nanmean(np.square(off))) < 3.0
    assert found.quality > 0.5
    assert found.agreement == 1.0


def test_the_depth_in_the_projections_goes_with_that_of_the_patient(
    course: Course, projections: ProjectionSet
) -> None:
    found = breaths_from_projections(projections, "HFS")
    assert np.corrcoef(found.breaths.smooth, course.depth(SCAN.seconds))[0, 1] > 0.95


def test_breathing_in_is_towards_the_feet_however_the_patient_lies(course: Course) -> None:
    # The same patient feet first: turned by half a turn about the vertical, as the couch of IEC 61217 turns.
    turned = RigidTransform.from_parts(FIXED, FIXED, np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    scan = breathing_scan(course)
    views = tuple(view.in_frame(turned) for view in scan.views)
    found = breaths_from_projections(replace(scan, views=views), "FFS")
    off = off_percent(found.breaths.phase_percent(SCAN.seconds), course.phase_percent(SCAN.seconds))
    assert np.sqrt(np.nanmean(np.square(off))) < 3.0


def test_a_wrong_patient_position_is_noticed_because_lungs_rest_empty(projections: ProjectionSet) -> None:
    found = breaths_from_projections(projections, "FFS")
    assert found.breaths.reasons == (
        "lungs rest when they are empty, but here they rest full: check the patient position",
    )


def test_a_patient_who_holds_his_breath_has_none_in_his_projections() -> None:
    held = Course.of([240.0], [0.0])
    found = breaths_from_projections(breathing_scan(held), "HFS")
    assert not found.breaths.is_available
    with pytest.raises(MissingEvidenceError, match="the respiratory signal in the projections"):
        found.breaths.phase_percent(SCAN.seconds)


def test_projections_that_are_all_the_same_have_no_breath(projections: ProjectionSet) -> None:
    same = replace(projections, values=np.ones_like(projections.values))
    assert not breaths_from_projections(same, "HFS").breaths.is_available


def test_a_scan_that_does_not_say_when_it_was_exposed_is_refused(projections: ProjectionSet) -> None:
    with pytest.raises(MissingEvidenceError, match="slow does not say when each projection was exposed"):
        breaths_from_projections(without_times(projections), "HFS")


def test_an_unknown_position_is_refused(projections: ProjectionSet) -> None:
    with pytest.raises(GeometryError):
        breaths_from_projections(projections, "SITTING")
