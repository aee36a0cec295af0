"""Markers are drawn where they are in the true view, and the tracker is told the view that is believed."""

import numpy as np
import pytest
from room_parts import day_in_room, room_of

from isoguide.errors import InputError
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.virtual import Phantom
from isoguide.virtual.faults import Fault
from isoguide.virtual.marker_watch import ArmMarkers, PairMarkers
from isoguide.virtual.room_settings import ImagingSettings, StereoSettings
from isoguide.virtual.tissue_path import TissuePath
from isoguide.virtual.watch_settings import WatchSettings

SHARP = WatchSettings(pixel_sigma=0.0, miss_share=0.0)
IMAGING, STEREO = ImagingSettings(), StereoSettings()
SHIFT_MM = (3.0, -2.0, 1.5)


class Notes:
    """A tracker that writes down what it is given and says where the first marker cannot be."""

    def __init__(self) -> None:
        self.seen = []

    def see(self, views, found, *, at, number):
        self.seen.append((views, found, at, number))
        every = found if isinstance(found, tuple) else (found,)
        if any(one.problem for one in every):
            return Unseen(at, number, "notes", every[0].problem)
        return TargetSample(np.zeros(3), np.eye(3), at, number, "notes", 1.0, "a test")


def path_of(room) -> TissuePath:
    markers_mm = np.array([one.position_mm for one in room.truth.patient.fiducials])
    return TissuePath(room.truth, markers_mm)


def arm(room, settings=SHARP, imaging=IMAGING) -> tuple[ArmMarkers, list[Notes]]:
    notes: list[Notes] = []

    def fresh() -> Notes:
        notes.append(Notes())
        return notes[-1]

    watch = ArmMarkers(
        room.monitor_link,
        settings,
        imaging=imaging,
        machine=room.machine,
        path=path_of(room),
        tracker=fresh,
        source="markers, kV arm",
    )
    return watch, notes


def pair(room, settings=SHARP, stereo=STEREO) -> tuple[PairMarkers, list[Notes]]:
    notes = [Notes()]
    watch = PairMarkers(
        room.monitor_link,
        settings,
        stereo=stereo,
        path=path_of(room),
        tracker=lambda: notes[0],
        source="markers, stereo pair",
    )
    return watch, notes


def looked(watch, room, seconds: float) -> list:
    said = []
    for _ in range(round(seconds / 0.05)):
        room.clock.wait(0.05)
        said += watch.take(room.clock.now())
    return said


class TestTheArm:
    def test_learns_on_an_arc_before_the_beam_and_comes_back(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        room.machine.turn_gantry_to(-179.0)
        watch, notes = arm(room)
        began_s = room.clock.seconds
        watch.start()
        assert room.machine.gantry_deg == pytest.approx(-179.0)
        sources_mm = np.array([view.source_mm for view, *_ in notes[-1].seen])
        angles_deg = np.rad2deg(np.unwrap(np.arctan2(sources_mm[:, 0], sources_mm[:, 2])))
        assert np.ptp(angles_deg) == pytest.approx(90.0, abs=2.0)
        seconds = 2.0 * 90.0 / room.machine.settings.gantry_deg_s
        assert room.clock.seconds - began_s == pytest.approx(seconds, rel=0.05)
        stamps = [at for _, _, at, _ in notes[-1].seen]
        assert stamps == sorted(set(stamps))

    def test_does_not_turn_through_the_end_of_the_gantry(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        room.machine.turn_gantry_to(150.0)
        watch, _ = arm(room)
        seen_deg = []
        turn = room.machine.turn_gantry_to
        room.machine.turn_gantry_to = lambda deg: seen_deg.append(deg) or turn(deg)
        watch.start()
        assert max(seen_deg) <= 179.0
        assert room.machine.gantry_deg == pytest.approx(150.0)

    def test_shows_the_markers_where_they_are_from_where_the_gantry_is(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, notes = arm(room)
        watch.start()
        learned = len(notes[-1].seen)
        room.machine.turn_gantry_to(40.0)
        looked(watch, room, 1.0)
        view, found, *_ = notes[-1].seen[learned]
        places_mm = path_of(room).planned_mm + np.array(SHIFT_MM)
        np.testing.assert_allclose(found.pixels, view.project(places_mm), atol=1e-6)
        angle_deg = np.rad2deg(np.arctan2(view.source_mm[0], view.source_mm[2]))
        assert angle_deg == pytest.approx(130.0)  # 90° from the treatment head

    def test_that_sags_shows_them_elsewhere_than_it_believes(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)))
        watch, notes = arm(room, imaging=ImagingSettings(isocentre_offset_mm=(0.0, 1.0, 0.0)))
        watch.start()
        view, found, *_ = notes[-1].seen[0]
        # What is at y = 0 appears where the system believes y = -1 to be.
        believed_mm = path_of(room).planned_mm - np.array([0.0, 1.0, 0.0])
        np.testing.assert_allclose(found.pixels, view.project(believed_mm), atol=1e-6)

    def test_exposes_only_where_the_gantry_is_now(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, notes = arm(room)
        watch.start()
        learned = len(notes[-1].seen)
        room.clock.wait(3.0)
        watch.take(room.clock.now())
        looked(watch, room, 0.3)
        at = [(stamp - room.clock.at(0.0)).total_seconds() for *_, stamp, _ in notes[-1].seen[learned:]]
        assert at[0] == pytest.approx(room.clock.seconds - 0.3, abs=1e-5)

    def test_keeps_its_rate(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, _ = arm(room)
        watch.start()
        assert len(looked(watch, room, 20.0)) == pytest.approx(140, abs=3)

    def test_is_given_a_new_tracker_each_time(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, notes = arm(room)
        watch.start()
        watch.start()
        assert len(notes) == 3
        first, second = ([number for *_, number in one.seen] for one in notes[1:])
        assert min(second) > max(first)

    def test_reads_with_the_noise_and_the_misses_of_its_settings(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, notes = arm(room, WatchSettings(pixel_sigma=0.5, miss_share=0.1, arm_per_s=20.0))
        watch.start()
        looked(watch, room, 30.0)
        places_mm = path_of(room).planned_mm + np.array(SHIFT_MM)
        off_px = np.array([found.pixels - view.project(places_mm) for view, found, *_ in notes[-1].seen])
        missed = np.isnan(off_px[..., 0])
        assert missed.mean() == pytest.approx(0.1, abs=0.02)
        np.testing.assert_allclose(np.nanstd(off_px, axis=(0, 1)), 0.5, rtol=0.1)
        seen = notes[-1].seen[0][1].seen
        np.testing.assert_allclose(notes[-1].seen[0][1].covariance_px2[seen][0], 0.25 * np.eye(2))

    def test_needs_markers(self, thorax: Phantom) -> None:
        room = room_of(thorax, day_in_room(SHIFT_MM))
        with pytest.raises(InputError, match="no implanted markers that could be watched"):
            ArmMarkers(
                room.monitor_link,
                SHARP,
                imaging=ImagingSettings(),
                machine=room.machine,
                path=TissuePath(room.truth, np.empty((0, 3))),
                tracker=Notes,
                source="markers, kV arm",
            )


class TestThePair:
    def test_shows_the_markers_in_both_views_at_once(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room(SHIFT_MM))
        watch, notes = pair(room)
        watch.start()
        assert notes[0].seen == []
        said = looked(watch, room, 2.0)
        assert len(said) == pytest.approx(10, abs=1)
        places_mm = path_of(room).planned_mm + np.array(SHIFT_MM)
        (views, found, *_) = notes[0].seen[0]
        for view, one in zip(views, found, strict=True):
            np.testing.assert_allclose(one.pixels, view.project(places_mm), atol=1e-6)

    def test_whose_isocentre_is_off_shows_them_elsewhere(self, pelvis: Phantom) -> None:
        room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)))
        watch, notes = pair(room, stereo=StereoSettings(isocentre_offset_mm=(0.0, 1.0, 0.0)))
        watch.start()
        looked(watch, room, 0.5)
        (views, found, *_) = notes[0].seen[0]
        believed_mm = path_of(room).planned_mm - np.array([0.0, 1.0, 0.0])
        for view, one in zip(views, found, strict=True):
            np.testing.assert_allclose(one.pixels, view.project(believed_mm), atol=1e-6)


class TestFaults:
    @pytest.mark.parametrize("make", [arm, pair])
    def test_a_vanished_marker_is_the_first(self, pelvis: Phantom, make) -> None:
        found = self.found(pelvis, make, "marker-vanished")
        assert found.seen.tolist() == [False, *[True] * (len(found.pixels) - 1)]

    @pytest.mark.parametrize("make", [arm, pair])
    def test_swapped_markers_are_the_first_two(self, pelvis: Phantom, make) -> None:
        plain, swapped = self.found(pelvis, make, None), self.found(pelvis, make, "markers-swapped")
        order = [1, 0, *range(2, len(plain.pixels))]
        np.testing.assert_allclose(swapped.pixels, plain.pixels[order], atol=0.5)

    @pytest.mark.parametrize("make", [arm, pair])
    def test_a_saturated_picture_shows_nothing(self, pelvis: Phantom, make) -> None:
        found = self.found(pelvis, make, "picture-saturated")
        assert not found.seen.any()
        assert found.problem == "the image is saturated"

    def found(self, pelvis, make, name):
        """What the first image of the beam shows; on the arm the gantry stands."""
        faults = [] if name is None else [Fault(name)]
        room = room_of(pelvis, day_in_room(SHIFT_MM), faults=faults)
        watch, notes = make(room)
        watch.start()
        before = len(notes[-1].seen)
        looked(watch, room, 1.0)
        found = notes[-1].seen[before][1]
        return found[0] if isinstance(found, tuple) else found
