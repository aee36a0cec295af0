"""Whole fractions in the virtual room, closed loop, judged by its truth."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import (
    BLIND,
    ORDINARY,
    PERFECT,
    day_in_room,
    five_mm_too_far_left,
    fraction_with_true_match,
    room_of,
)

from isoguide.errors import InputError
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.registration import prepare_planning
from isoguide.treatment import Fraction, FractionLimits, PlannedPosition, State, treat
from isoguide.virtual.faults import FAULTS, OF_GATED_BEAMS, OF_ULTRASOUND, Fault
from isoguide.virtual.room_settings import RoomSettings


@pytest.fixture(scope="session")
def prepared(pelvis):
    return prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm)


def fraction_of(room, prepared, limits=None) -> Fraction:
    planned = PlannedPosition.of(
        prepared,
        patient_position=room.settings.patient_position,
        set_up_pose=room.settings.planned_pose,
        patient_id=room.truth.patient.name,
    )
    return Fraction(planned, room.room, limits)


def with_imaging(settings: RoomSettings, **changes) -> RoomSettings:
    return replace(settings, imaging=replace(settings.imaging, **changes))


def test_a_patient_5_mm_too_far_left_ends_within_a_tenth_of_a_millimetre_on_a_perfect_machine(
    pelvis, prepared
):
    room = room_of(pelvis, five_mm_too_far_left(), PERFECT)
    outcome = treat(fraction_of(room, prepared))
    assert outcome.state is State.CLOSED
    assert outcome.corrections[0].lateral_mm == pytest.approx(-5.0, abs=0.1)
    assert room.truth.residual().p95_mm < 0.1
    assert room.beam.delivered_mu == pytest.approx(room.settings.beam.planned_mu)


def test_a_shifted_and_turned_patient_ends_within_the_play_of_the_couch_on_an_ordinary_machine(
    pelvis, prepared
):
    wrong = rotation_z(1.0) @ rotation_x(-1.2) @ rotation_y(0.8)
    room = room_of(pelvis, day_in_room((4.0, -6.0, 3.0), wrong), ORDINARY)
    outcome = treat(fraction_of(room, prepared))
    assert outcome.state is State.CLOSED
    assert room.truth.residual(0.0).mean_mm > 7.0
    assert room.truth.residual().p95_mm < 0.7
    assert room.truth.residual().angle_deg < 0.4


def test_a_perfect_match_on_a_perfect_machine_leaves_nothing(pelvis):
    wrong = rotation_z(1.5) @ rotation_x(-1.0) @ rotation_y(2.0)
    room = room_of(pelvis, day_in_room((4.0, -6.0, 3.0), wrong))
    outcome = treat(fraction_with_true_match(room))
    assert outcome.state is State.CLOSED
    assert room.truth.residual().largest_mm < 1e-6


def test_backlash_leaves_the_patient_off_although_the_couch_reads_what_it_should(pelvis):
    # The couch came up and in; the correction takes it down and out and loses its play on both drives.
    settings = replace(BLIND, couch=replace(BLIND.couch, backlash_mm=0.2))
    room = room_of(pelvis, day_in_room((0.0, 4.0, 5.0)), settings)
    outcome = treat(fraction_with_true_match(room))
    assert outcome.state is State.CLOSED
    assert room.couch.read().pose.position_mm == pytest.approx(
        settings.planned_pose.position_mm + [0.0, -4.0, -5.0]
    )
    np.testing.assert_allclose(room.truth.residual().mean_shift_mm, [0.0, 0.2, 0.2], atol=1e-6)


@pytest.mark.parametrize("offset_mm", [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)])
def test_an_imaging_isocentre_1_mm_off_leaves_the_patient_1_mm_off_to_the_same_side(pelvis, offset_mm):
    settings = with_imaging(BLIND, isocentre_offset_mm=offset_mm)
    room = room_of(pelvis, day_in_room((4.0, -6.0, 3.0)), settings)
    treat(fraction_with_true_match(room))
    np.testing.assert_allclose(room.truth.residual().mean_shift_mm, offset_mm, atol=1e-6)


def test_the_image_itself_shows_the_patient_where_an_imager_that_is_off_sees_him(pelvis, prepared):
    # 1 mm too far right: the imager shows a patient in place as 1 mm too far left.
    settings = with_imaging(PERFECT, isocentre_offset_mm=(-1.0, 0.0, 0.0))
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), settings)
    fraction = fraction_of(room, prepared)
    fraction.set_up()
    fraction.image()
    assert fraction.align().proposal.correction.lateral_mm == pytest.approx(-1.0, abs=0.1)


def test_sag_shifts_the_image_of_a_part_of_a_turn_and_not_of_a_whole_one(pelvis):
    whole = with_imaging(BLIND, sag_mm=0.8)
    room = room_of(pelvis, day_in_room((3.0, 0.0, 0.0)), whole)
    treat(fraction_with_true_match(room))
    np.testing.assert_allclose(room.truth.residual().mean_shift_mm, np.zeros(3), atol=1e-3)
    # From 180° through 270° to 0°, the mean of the cosine is zero; from 270° to 90° it is 2/π.
    upper = replace(room.settings.imaging.protocol, start_deg=270.0, arc_deg=180.0)
    room = room_of(pelvis, day_in_room((3.0, 0.0, 0.0)), with_imaging(whole, scan=upper))
    treat(fraction_with_true_match(room))
    np.testing.assert_allclose(room.truth.residual().mean_shift_mm, [0.0, 0.8 * 2.0 / np.pi, 0.0], atol=1e-3)


def test_a_patient_tilted_more_than_the_couch_can_is_not_treated(pelvis):
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0), rotation_x(4.0)))
    outcome = treat(fraction_with_true_match(room))
    assert outcome.state is State.STOPPED
    assert room.beam.intervals == ()


def test_the_same_seed_makes_the_same_fraction_and_another_one_another(pelvis):
    ordinary = with_imaging(RoomSettings(), image=BLIND.imaging.image.with_changes(noise=20.0))

    def acquired(seed):
        room = room_of(pelvis, five_mm_too_far_left(), ordinary, seed=seed)
        return room.room.imager.acquire()

    first, again, other = acquired(1), acquired(1), acquired(2)
    assert (first.uid, first.started_at, first.acquired_at) == (
        again.uid,
        again.started_at,
        again.acquired_at,
    )
    np.testing.assert_array_equal(first.volume.values, again.volume.values)
    assert first.uid != other.uid
    assert first.acquired_at != other.acquired_at
    assert (first.volume.values != other.volume.values).any()


def test_an_image_knows_when_of_whom_and_with_which_model_it_was_taken(pelvis):
    room = room_of(pelvis, five_mm_too_far_left())
    first, second = (room.room.imager.acquire() for _ in range(2))
    assert (first.acquired_at - first.started_at).total_seconds() == pytest.approx(60.0)
    assert first.acquired_at <= second.started_at < second.acquired_at <= room.clock.now()
    assert first.uid != second.uid
    assert first.patient_id == pelvis.name
    assert first.model == "image-domain cone-beam model"
    assert first.couch == room.settings.planned_pose
    np.testing.assert_array_equal(first.machine_isocentre_mm, room.settings.imaging.origin_mm)


FAULTY = [
    *(
        Fault(name)
        for name in FAULTS
        if name not in {"link-broken", "mislabelled-image", *OF_GATED_BEAMS, *OF_ULTRASOUND}
    ),
    *(
        Fault(name, times=None)
        for name in ("image-lost", "stale-frame", "wrong-patient-image", "couch-stops-short")
    ),
    Fault("image-lost", occurrence=1, times=2),
    Fault("couch-stops-short", size=0.0),
    *(Fault("link-broken", device=device, times=None) for device in ("imager", "couch", "beam")),
    *(Fault("link-broken", device=device, times=1) for device in ("imager", "couch", "beam")),
    *(
        Fault("link-broken", device=device, moment="beam on", occurrence=10, times=None)
        for device in ("couch", "beam")
    ),
]


@pytest.mark.parametrize(
    "fault",
    FAULTY,
    ids=lambda fault: (
        f"{fault.name} {fault.device or ''} {fault.moment} {fault.times or 'always'} {fault.size}"
    ),
)
def test_every_fault_ends_safely_and_with_a_reason(pelvis, fault):
    room = room_of(pelvis, five_mm_too_far_left(), faults=[fault])
    outcome = treat(fraction_with_true_match(room))
    assert outcome.state in fault.ends_in
    assert outcome.reason
    room.clock.wait(room.settings.beam.heartbeat_s)
    assert not room.beam.is_radiating()
    if outcome.state is State.CLOSED:
        assert room.truth.residual().largest_mm < 1e-6
        assert room.beam.delivered_mu == pytest.approx(room.settings.beam.planned_mu)
    for begin_s, _ in room.beam.intervals:  # never a beam on a patient who is not in place
        assert room.truth.residual(begin_s).largest_mm < 1e-6


def test_another_patients_image_under_this_name_is_never_acted_on(pelvis, prepared):
    fault = Fault("mislabelled-image", times=None)
    room = room_of(pelvis, five_mm_too_far_left(), PERFECT, faults=[fault])
    outcome = treat(fraction_of(room, prepared, FractionLimits(images=1)))
    assert outcome.images
    assert outcome.images[0].patient_id == pelvis.name
    assert outcome.state in fault.ends_in
    assert not outcome.corrections
    assert room.beam.intervals == ()


def test_a_fault_of_another_fraction_does_not_strike(pelvis):
    room = room_of(pelvis, five_mm_too_far_left(), faults=[Fault("image-lost", fraction=2, times=None)])
    assert treat(fraction_with_true_match(room)).state is State.CLOSED


def test_a_stale_frame_after_the_first_is_the_image_before(pelvis):
    room = room_of(pelvis, five_mm_too_far_left(), faults=[Fault("stale-frame", occurrence=2)])
    first, second, third = (room.room.imager.acquire() for _ in range(3))
    assert second is first
    assert third.uid != first.uid
    room = room_of(pelvis, five_mm_too_far_left(), faults=[Fault("stale-frame")])
    old = room.room.imager.acquire()
    assert (room.clock.now() - old.acquired_at).total_seconds() > 86_000.0


def test_a_fault_of_the_couch_does_not_change_the_noise_of_the_image(pelvis):
    def image_uid(*faults):
        room = room_of(pelvis, five_mm_too_far_left(), RoomSettings(imaging=BLIND.imaging), faults=faults)
        room.couch.move_to(replace(room.settings.planned_pose, vertical_mm=-100.0))
        return room.room.imager.acquire().uid

    assert image_uid() == image_uid(Fault("couch-stops-short"))


def test_a_machine_isocentre_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="origin_mm"):
        with_imaging(BLIND, origin_mm=(0.0, 0.0, 5000.0))
