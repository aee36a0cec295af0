"""A fraction with the real registration: the patient lies wrong, and is where he belongs afterwards."""

from dataclasses import replace

import numpy as np
import pytest
from fake_room import SET_UP_POSE, FakeRoom

from isoguide.geometry.correction import CouchCorrection, planning_from_daily_of
from isoguide.plan import PatientPosition
from isoguide.registration import PreparedPlanning, Verdict, prepare_planning
from isoguide.treatment import FractionLimits, PlannedPosition, State, treat
from isoguide.virtual import DailySettings, Phantom, build_phantom, simulate_daily

SPACING_MM = (3.0, 3.0, 4.0)
MACHINE_MM = np.array([3.0, -8.0, 12.0])
ERROR = CouchCorrection(-5.0, 4.0, -3.0, 0.8, -0.6, 1.0)


@pytest.fixture(scope="session")
def pelvis() -> Phantom:
    return build_phantom(spacing_mm=SPACING_MM)


@pytest.fixture(scope="session")
def prepared(pelvis: Phantom) -> PreparedPlanning:
    return prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm)


class ImagedPatient(FakeRoom):
    """A room whose images show the virtual patient as he lies with the couch where it is."""

    def __init__(self, pelvis: Phantom, prepared: PreparedPlanning) -> None:
        super().__init__(ERROR)
        self.pelvis = pelvis
        self.planned = PlannedPosition.of(
            prepared, patient_position=PatientPosition.HFS, set_up_pose=SET_UP_POSE, patient_id="P-1"
        )
        self.imager.edit = self.show

    def show(self, image):
        planning_from_daily = planning_from_daily_of(
            self.needed_now(),
            plan_isocentre_mm=self.pelvis.isocentre_mm,
            machine_isocentre_mm=MACHINE_MM,
            patient_position="HFS",
        )
        volume = simulate_daily(
            self.pelvis.volume,
            planning_from_daily,
            isocentre_mm=self.pelvis.isocentre_mm,
            machine_isocentre_mm=MACHINE_MM,
            settings=DailySettings.cone_beam().with_changes(shape=(44, 90, 90), spacing_mm=SPACING_MM),
            rng=np.random.default_rng(self.imager.count),
        )
        return replace(image, content=volume, machine_isocentre_mm=MACHINE_MM)


def test_a_patient_who_lies_wrong_is_brought_to_plan_and_treated(pelvis, prepared) -> None:
    room = ImagedPatient(pelvis, prepared)
    outcome = treat(room.fraction())
    assert outcome.state is State.CLOSED, outcome.reason
    assert outcome.registration.verdict is Verdict.ACCEPT
    found = outcome.corrections[0]
    for name in ERROR.__slots__:
        assert getattr(found, name) == pytest.approx(getattr(ERROR, name), abs=0.4), name
    left = room.needed_now()
    assert np.linalg.norm(left.shift_mm) <= 0.7
    assert max(abs(left.pitch_deg), abs(left.roll_deg), abs(left.yaw_deg)) <= 0.4


def test_an_image_of_another_part_of_the_body_is_never_acted_on(pelvis, prepared) -> None:
    room = ImagedPatient(pelvis, prepared)
    show = room.imager.edit

    def upside_down(image):
        image = show(image)
        return replace(image, content=replace(image.volume, values=image.volume.values[::-1, ::-1].copy()))

    room.imager.edit = upside_down
    outcome = treat(room.fraction(FractionLimits(images=1)))
    assert outcome.state is State.STOPPED
    assert "no image is left of 1" in outcome.reason
    assert room.couch.pose == SET_UP_POSE
    assert room.beam.calls == []
