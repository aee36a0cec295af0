"""Where implanted markers were planned, and a CT of the day matched by them."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK

sys.path.append(str(Path(__file__).parents[1] / "registration"))

from jsonschema import Draft202012Validator
from marker_images import AXES, PLANNED, SEEDS, seeds_in_ct

from isoguide.dicom import point_structures
from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.images.structure import Contour, Structure
from isoguide.plan import PatientPosition
from isoguide.registration import Verdict
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.workflow.align import align
from isoguide.workflow.implanted_markers import prepare_markers
from isoguide.workflow.inputs import PlacedPoint
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.result_json import result_document, result_schema

CENTRES = np.array([marker.position_mm for marker in PLANNED])
FOUR = replace(SEEDS, count=4)
MOVED_MM = np.array([5.0, 2.0, -3.0])


@pytest.fixture(scope="module")
def ct():
    return seeds_in_ct(CENTRES, AXES, np.random.default_rng(1))


def planning(ct, drawn: tuple[Structure, ...] = ()) -> SimpleNamespace:
    """What is looked at of a planning side, with a structure set where something is drawn."""
    structure_set = SimpleNamespace(label="drawn", structures=drawn) if drawn else None
    isocentre = PlacedPoint(np.zeros(3), "the test")
    return SimpleNamespace(path=Path("plan"), volume=ct, isocentre=isocentre, structure_set=structure_set)


def test_markers_of_the_structure_set_are_taken_where_the_planning_ct_shows_them(ct):
    by_hand = [replace(one, position_mm=one.position_mm + (0.8, -0.7, 1.0)) for one in PLANNED]
    plan = prepare_markers(planning(ct, point_structures(1, fiducials=by_hand)), FOUR, None)
    assert [marker.name for marker in plan.prepared.planned] == ["base", "left", "apex", "right"]
    np.testing.assert_allclose(plan.prepared.planned_mm, CENTRES, atol=0.2)
    assert plan.evidence == "structure set 'drawn', where the planning CT shows them"
    assert plan.warnings == ()


def test_a_mark_where_the_planning_ct_shows_no_marker_is_refused(ct):
    elsewhere = [replace(one, position_mm=one.position_mm + (0.0, 9.0, 0.0)) for one in PLANNED]
    with pytest.raises(
        MissingEvidenceError, match="shows no seed of 5 × 1 mm within 3 mm of the mark 'base'"
    ):
        prepare_markers(planning(ct, point_structures(1, fiducials=elsewhere)), FOUR, None)


def test_more_markers_than_declared_are_named(ct):
    drawn = point_structures(1, fiducials=PLANNED)
    with pytest.raises(MismatchError, match=r"3 markers are declared .* marks 4 \('base', 'left', 'apex'"):
        prepare_markers(planning(ct, drawn), SEEDS, None)


def test_markers_that_may_be_on_the_skin_are_used_with_a_warning(ct):
    drawn = tuple(
        Structure(f"M{n}", n, PLANNING, (Contour("POINT", xyz[None]),), "MARKER")
        for n, xyz in enumerate(CENTRES, start=1)
    )
    plan = prepare_markers(planning(ct, drawn), FOUR, None)
    assert len(plan.prepared.planned) == 4
    assert "in the patient or on his skin" in plan.warnings[0]


def test_markers_nobody_marked_are_found_in_the_planning_ct(ct):
    plan = prepare_markers(planning(ct), FOUR, None)
    found = plan.prepared.planned_mm
    np.testing.assert_allclose(found, CENTRES[np.argsort(CENTRES[:, 2])], atol=0.3)
    assert plan.evidence == "planning CT"


def test_a_planning_ct_that_shows_another_number_is_refused(ct):
    with pytest.raises(MissingEvidenceError, match=r"shows 4 within 80 mm .* where 5 are declared"):
        prepare_markers(planning(ct), replace(SEEDS, count=5), None)


def save(volume, path: Path) -> Path:
    image = SimpleITK.GetImageFromArray(volume.values)
    image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm])
    image.SetOrigin([float(mm) for mm in volume.grid.origin_mm])
    SimpleITK.WriteImage(image, str(path))
    return path


def test_seeds_5_mm_too_far_left_in_the_ct_of_the_day_move_the_couch_5_mm_to_the_right(ct, tmp_path):
    """Head first supine: left is +X, back is down, feet are away from the gantry."""
    day = seeds_in_ct(CENTRES + MOVED_MM, AXES, np.random.default_rng(2))
    request = AlignRequest(
        save(ct, tmp_path / "plan.nrrd"),
        save(day, tmp_path / "day.nrrd"),
        isocentre_mm=(0.0, 0.0, 0.0),
        machine_isocentre_mm=(0.0, 0.0, 0.0),
        patient_position=PatientPosition.HFS,
        markers=FOUR,
    )
    answer = align(request)
    assert answer.verdict is not Verdict.NOT_AVAILABLE
    assert answer.correction.lateral_mm == pytest.approx(-5.0, abs=0.3)
    assert answer.correction.vertical_mm == pytest.approx(2.0, abs=0.3)
    assert answer.correction.longitudinal_mm == pytest.approx(3.0, abs=0.3)
    document = result_document(answer)
    Draft202012Validator(result_schema()).validate(document)
    assert [marker["state"] for marker in document["markers"]] == ["used"] * 4
    assert document["radiographs"] is None
    assert document["settings"]["markers planned by"] == "planning CT"


def test_two_seeds_shift_the_couch_and_say_nothing_of_rotation(ct, tmp_path):
    two = seeds_in_ct(CENTRES[:2], AXES[:2], np.random.default_rng(3))
    day = seeds_in_ct(CENTRES[:2] + MOVED_MM, AXES[:2], np.random.default_rng(4))
    answer = align(
        AlignRequest(
            save(two, tmp_path / "plan.nrrd"),
            save(day, tmp_path / "day.nrrd"),
            isocentre_mm=(0.0, 0.0, 0.0),
            machine_isocentre_mm=(0.0, 0.0, 0.0),
            patient_position=PatientPosition.HFS,
            markers=replace(SEEDS, count=2),
        )
    )
    assert answer.verdict is Verdict.REVIEW
    assert any("rotation was not measured" in words for words in answer.reasons)
    document = result_document(answer)
    Draft202012Validator(result_schema()).validate(document)
    assert document["uncertainty"]["lateral_mm"] > 0.0
    assert document["uncertainty"]["yaw_deg"] is None


class TestWhatGoesTogether:
    """Options that contradict each other are refused before anything is read."""

    def request(self, **more) -> AlignRequest:
        return AlignRequest(Path("plan"), Path("day"), **more)

    def test_markers_have_to_be_declared(self):
        with pytest.raises(InputError, match="declare it with --markers seed:3:5x1"):
            self.request(engine="markers")

    def test_anatomy_is_not_matched_by_markers(self):
        with pytest.raises(InputError, match="leave it or --engine anatomy out"):
            self.request(engine="anatomy", markers=FOUR)

    def test_markers_have_no_region(self):
        with pytest.raises(InputError, match="leave --roi and --content out"):
            self.request(markers=FOUR, region=RegionChoice(structure_name="PTV"))

    def test_a_sphere_is_as_long_as_it_is_thick(self):
        assert DeclaredMarkers(MarkerKind.SPHERE, 2.0, 2.0, 3).length_mm == 2.0
