"""What a virtual department keeps of its fractions is drawn as a clinic would draw it, with its markers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from small_patient import PATIENT

from isoguide.treatment import State
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.clinic.virtual_department import virtual_department
from isoguide.workflow.radiographs.display_drr import posed
from isoguide.workflow.scenario_file import parse_scenario
from isoguide.workflow.simulate import simulate
from isoguide.workflow.simulation_session import write_simulation_session
from isoguide.workflow.virtual_patient import virtual_patient

MOVED_MM = (4.0, -3.0, 2.0)
"""He lies 4 mm too far to his left, 3 mm to his front and 2 mm to his head: LPS."""
SCENARIO = """
title = "Seeds in a virtual department"
seed = 5
[patient]
site = "prostate"
voxel_mm = [1.5, 1.5, 2.5]
[set_up]
fixed_mm = [4.0, -3.0, 2.0]
[room.imaging]
model = "stereo pair"
match = "markers"
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenImage]:
    """The radiographs by which a fraction was matched on its seeds and treated."""
    folder = tmp_path_factory.mktemp("virtual")
    scenario = parse_scenario(SCENARIO, "a test")
    patient = virtual_patient(scenario)
    session = write_simulation_session(folder / "plan", patient.phantom, patient=PATIENT, seed="virtual")
    with virtual_department(
        folder, folder / "plan", PATIENT, site="prostate", protocol="demonstration-seeds"
    ) as department:
        course = simulate(
            scenario,
            patient=replace(patient, plan=session.plan),
            conduct=department.conduct,
            for_report=False,
        )
        assert course.fractions[0].outcome.state is State.CLOSED
        gallery = Gallery.of(department.desk)
        course_id = department.course.course_id
        (kept,) = department.desk.records.fraction(course_id, 1).images
        yield gallery.image(course_id, 1, kept.uid)
        gallery.close()


def test_its_radiographs_open_as_they_were_matched(image: OpenImage) -> None:
    assert [one.name for one in image.views()] == [
        "seen from the patient's left side and back",
        "seen from the patient's right side and back",
    ]
    assert [one.letters for one in image.views()] == [("LA", "RP", "H", "F"), ("LP", "RA", "H", "F")]
    assert image.found_again().differs_because == ""


def test_seeds_are_found_where_the_patient_lies_and_expected_where_he_is_planned(image: OpenImage) -> None:
    seeds = image.day.plan.course.simulation.fiducials
    for index, shown in enumerate(image.views()):
        over = image.overlays(index, image.day.uncorrected)
        assert over.were_markers_sought
        assert [one.name for one in over.markers] == [seed.name for seed in seeds]
        as_planned = posed(shown.view, image.day.uncorrected)
        for spot, seed in zip(over.markers, seeds, strict=True):
            planned, moved = (
                as_planned.project((seed.position_mm + shift)[None])[0] for shift in (np.zeros(3), MOVED_MM)
            )
            # The planning CT shows a seed to a fraction of its voxel, and the match finds it within 0.3 mm.
            np.testing.assert_allclose(spot.expected, planned, atol=0.3 / shown.pixel_mm)
            np.testing.assert_allclose(spot.found, moved, atol=0.5 / shown.pixel_mm)
            assert spot.tolerance_px == pytest.approx(2.0 / shown.pixel_mm, rel=0.05)


def test_at_the_pose_of_the_match_all_seeds_are_within_their_tolerance(image: OpenImage) -> None:
    pose = image.day.pose(image.engine.planning_from_daily)
    for index in (0, 1):
        for spot in image.overlays(index, pose).markers:
            assert np.linalg.norm(spot.found - spot.expected) < spot.tolerance_px / 3.0


def test_where_the_match_is_not_the_recorded_one_no_seed_is_found_and_none_is_lost(image: OpenImage) -> None:
    (recorded,) = image.stored.matches
    other = image.engine.planning_from_daily.copy()
    other[0, 3] += 1.0
    stored = replace(image.stored, matches=(replace(recorded, planning_from_daily=other),))
    changed = replace(image, key=f"{image.key} changed", stored=stored)
    over = changed.overlays(0, image.day.uncorrected)
    assert "1.00 mm from what was recorded" in changed.found_again().differs_because
    assert not over.were_markers_sought
    assert len(over.markers) == 4
    assert all(one.found is None for one in over.markers)
