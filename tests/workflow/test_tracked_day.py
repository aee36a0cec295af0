"""A tracked sequence as the ultrasound of the day: placed by its probe file, with how well that is known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_patient import SmallPatient
from ultrasound_days import day_volume, moved, record, write_probe

from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.progress import silent
from isoguide.registration.result import Registration, Uncertainty, Verdict
from isoguide.workflow.day_kind import look_at_day
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.request import AlignRequest, UltrasoundChoice
from isoguide.workflow.ultrasound.load_day import load_ultrasound_day
from isoguide.workflow.ultrasound.match import with_place


@pytest.fixture(scope="module")
def planning(patient: SmallPatient) -> PlanningInput:
    return load_planning(AlignRequest(patient.planning, patient.planning), silent)


def loaded(planning: PlanningInput, sequence: Path, probe: Path | None):
    request = AlignRequest(planning.path, sequence, ultrasound=UltrasoundChoice(probe=probe))
    return load_ultrasound_day(request, planning, look_at_day(request))


@pytest.fixture(scope="module")
def swept(planning, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    sequence = record(folder, planning.isocentre.xyz_mm, moved(5.0, 0.0, 0.0))
    return loaded(planning, sequence, write_probe(folder))


def test_the_tissue_lies_where_the_patient_lies_in_the_room(swept, planning) -> None:
    """Compared with the same tissue at the same places, 5 mm to the patient's left of the plan."""
    assert swept.volume.frame == DAILY
    truth = day_volume(planning.isocentre.xyz_mm, moved(5.0, 0.0, 0.0), voxel_mm=2.0)
    k, j, i = np.nonzero(truth.seen & ~truth.shadowed)
    places = truth.grid.xyz(np.column_stack([i, j, k]).astype(float))
    inside = (np.abs(places) < 28.0).all(axis=1)
    index = np.rint(swept.volume.grid.index(swept.daily_from_fixed.apply(places[inside]))).astype(int)
    found = swept.volume.values[index[:, 2], index[:, 1], index[:, 0]].astype(float)
    expected = truth.values[k, j, i][inside].astype(float)
    assert np.corrcoef(found, expected)[0, 1] > 0.85


def test_whose_it_is_is_not_known_and_said(swept) -> None:
    assert swept.patient is None
    assert swept.acquired_at is None
    assert any("PATIENT NOT CHECKED" in words for words in swept.warnings)


def test_the_place_is_as_uncertain_as_probe_and_tracker_together(swept) -> None:
    """By hand, at the machine isocentre along room x: 0.04 + 0.05 mm², and 1e-6 rad² at 35 mm."""
    covariance = swept.probe.place.about(np.zeros(3)).covariance
    assert covariance[0, 0] == pytest.approx(0.04 + 0.05 + 1e-6 * 35.0**2, rel=1e-3)
    assert swept.probe.name == "virtual probe"


def test_without_its_probe_a_sequence_has_no_place(planning, tmp_path) -> None:
    sequence = record(tmp_path, planning.isocentre.xyz_mm, moved())
    with pytest.raises(MissingEvidenceError, match=r"no place in the room without .*: give it with --probe"):
        loaded(planning, sequence, None)


def test_a_sweep_with_a_gap_is_refused(planning, tmp_path) -> None:
    sequence = record(tmp_path, planning.isocentre.xyz_mm, moved(), leave_out=slice(20, 24))
    with pytest.raises(GeometryError, match=r"has a gap of 7.5 mm"):
        loaded(planning, sequence, write_probe(tmp_path))


def test_a_probe_of_the_ct_room_does_not_place_the_day(planning, tmp_path) -> None:
    sequence = record(tmp_path, planning.isocentre.xyz_mm, moved())
    place = json.loads(write_probe(tmp_path).read_text())["place"]
    probe = write_probe(tmp_path, place=place | {"to": "planning"})
    with pytest.raises(MismatchError, match=r"'planning patient LPS' and not in the treatment room"):
        loaded(planning, sequence, probe)
    with pytest.raises(MismatchError, match="and not in the treatment room"):
        loaded(planning, sequence, write_probe(tmp_path, place=None))


def test_a_probe_of_unknown_uncertainty_does_not_place_the_day(planning, tmp_path) -> None:
    sequence = record(tmp_path, planning.isocentre.xyz_mm, moved())
    with pytest.raises(MissingEvidenceError, match="does not say how well its probe is known"):
        loaded(planning, sequence, write_probe(tmp_path, covariance=None))


def matched(sd_mm: float) -> Registration:
    uncertainty = Uncertainty(np.array([10.0, 20.0, 30.0]), np.diag([sd_mm**2] * 3 + [0.0] * 3), 0.0)
    here = RigidTransform.translation(PLANNING, DAILY, np.array([10.0, 20.0, 30.0]))
    return Registration(
        Verdict.ACCEPT, (), here, here, 6, uncertainty.centre_mm, "ultrasound", uncertainty, None, "a", {}
    )


def in_room(variance_mm2: float, variance_rad2: float = 0.0) -> UncertainPose:
    covariance = np.diag([variance_mm2] * 3 + [variance_rad2] * 3)
    return UncertainPose(RigidTransform.identity(FIXED, FIXED), np.zeros(3), covariance)


DAILY_FROM_FIXED = RigidTransform.identity(DAILY, FIXED)
ISOCENTRE = np.array([[10.0, 20.0, 30.0]])


class TestTheUncertaintyOfThePlace:
    """What the tracking system does not know is part of the answer's uncertainty."""

    def test_it_is_added_to_that_of_the_match(self) -> None:
        """sqrt(7.815 × (0.04 + 0.05)) = 0.839 mm; 7.815 is the 95 % quantile for three axes."""
        found = with_place(matched(0.2), DAILY_FROM_FIXED, in_room(0.05), ISOCENTRE, largest_mm=4.0)
        assert found.verdict is Verdict.ACCEPT
        assert found.reasons[-1].endswith("the answer is uncertain by 0.8 mm at the target")
        np.testing.assert_allclose(np.diag(found.uncertainty.covariance)[:3], 0.09)
        assert found.uncertainty.largest_at_target_mm == pytest.approx(0.839, abs=1e-3)

    def test_a_turn_of_the_tracker_counts_where_the_target_is(self) -> None:
        """0.01 rad at 80 mm from the machine isocentre: sqrt(7.815) × 0.8 mm = 2.24 mm; a person looks."""
        points = ISOCENTRE + [80.0, 0.0, 0.0]
        found = with_place(matched(0.0), DAILY_FROM_FIXED, in_room(0.0, 1e-4), points, largest_mm=4.0)
        assert found.uncertainty.largest_at_target_mm == pytest.approx(2.236, abs=1e-3)
        assert found.verdict is Verdict.REVIEW
        assert found.reasons[-1].startswith(
            "with the probe's place in the room the answer is uncertain by 2.2"
        )

    def test_a_place_that_is_hardly_known_gives_no_answer(self) -> None:
        found = with_place(matched(0.2), DAILY_FROM_FIXED, in_room(4.0), ISOCENTRE, largest_mm=4.0)
        assert found.verdict is Verdict.NOT_AVAILABLE
        assert found.planning_from_daily is None
        assert "uncertain by 5.6 mm" in found.reasons[0]

    def test_no_answer_stays_none(self) -> None:
        refused = replace(
            matched(0.1), verdict=Verdict.NOT_AVAILABLE, planning_from_daily=None, unconstrained=None
        )
        assert with_place(refused, DAILY_FROM_FIXED, in_room(0.01), ISOCENTRE, largest_mm=4.0) is refused
