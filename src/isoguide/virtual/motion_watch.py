"""What watches the target of the virtual room, by the name that a protocol gives it."""

from dataclasses import replace

import numpy as np

from isoguide.course import Monitoring
from isoguide.course.monitoring import CHEST_MARKER, ULTRASOUND
from isoguide.motion.gating import TargetWatch
from isoguide.motion.marker_settings import SingleImagerSettings
from isoguide.motion.single_imager import SingleImagerTracker
from isoguide.motion.stereo_markers import StereoMarkerTracker
from isoguide.motion.surrogate import SurrogateModel
from isoguide.registration.day_match import matcher_of
from isoguide.virtual.bone_watch import PairBone
from isoguide.virtual.chest_marker import ChestMarker
from isoguide.virtual.marker_watch import ArmMarkers, PairMarkers
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.tissue_path import TissuePath
from isoguide.virtual.ultrasound_reference import prepared_reference
from isoguide.virtual.ultrasound_watch import ProbeWatch


def motion_watch(room: VirtualRoom, asked: Monitoring) -> TargetWatch:
    """Return what watches the target of a room during the beam.

    Parameters
    ----------
    room
        With the patient on the couch.
    asked
        Which device, and for a chest marker how often it is X-rayed.

    Raises
    ------
    InputError
        If the patient has nothing that the device could watch.
    """
    settings, source, link = room.settings.watch, asked.device, room.monitor_link
    if source == CHEST_MARKER:
        return ChestMarker(
            link,
            settings,
            day=room.truth.day,
            stereo=room.settings.stereo,
            target=TissuePath(room.truth, room.truth.target_points_mm),
            xray_every_s=asked.xray_every_s or np.inf,
            model=SurrogateModel,
        )
    if source == "bone, stereo pair":
        return PairBone(link, settings, stereo=room.settings.stereo, truth=room.truth, source=source)
    if source == ULTRASOUND:
        return ProbeWatch(
            link,
            room.settings.ultrasound,
            model=room.ultrasound,
            truth=room.truth,
            match=matcher_of(prepared_reference(room.truth.patient, room.settings.ultrasound)),
            source=source,
        )
    path = marker_path(room)
    assumed = replace(_assumed(room), source=source)
    if source == "markers, stereo pair":
        return PairMarkers(
            link,
            settings,
            stereo=room.settings.stereo,
            path=path,
            tracker=lambda: StereoMarkerTracker(path.planned_mm, assumed),
            source=source,
        )
    return ArmMarkers(
        link,
        settings,
        imaging=room.settings.imaging,
        machine=room.machine,
        path=path,
        tracker=lambda: SingleImagerTracker(path.planned_mm, assumed),
        source=source,
    )


def marker_path(room: VirtualRoom) -> TissuePath:
    """Return the path of the implanted markers of a room's patient."""
    markers_mm = np.array([one.position_mm for one in room.truth.patient.fiducials])
    return TissuePath(room.truth, markers_mm.reshape(-1, 3))


def _assumed(room: VirtualRoom) -> SingleImagerSettings:
    """Return what a department would assume of the site: a prostate drifts, other targets breathe."""
    if room.truth.patient.site == "pelvis":
        return SingleImagerSettings.for_prostate(room.settings.patient_position)
    return SingleImagerSettings()
