"""The ultrasound of the simulation: swept in the CT room, where the lasers are the planning frame."""

from functools import lru_cache
from typing import Final
from zlib import crc32

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.compounding import compound
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.ultrasound import PreparedUltrasound, prepare_ultrasound
from isoguide.virtual.acoustics import AcousticTissue, acoustic_tissue
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.ultrasound_scan import TrackedProbe, perineal_pose, rocked
from isoguide.virtual.ultrasound_settings import UltrasoundRoomSettings

ORGAN: Final = "Prostate"
KEPT: Final = 2
"""Patients whose tissue and reference are kept: the one who is treated, and one taken for him."""
MOST_POINTS: Final = 600
"""Points of the prostate's outline where the accuracy of a match is judged."""
_SIMULATION: Final = 11
"""What the noise of the simulation is drawn from, besides the patient's name."""


@lru_cache(maxsize=KEPT)
def tissue_of(patient: Phantom) -> AcousticTissue:
    """Return a patient as sound sees him; his speckle is his own, day after day.

    Raises
    ------
    GeometryError
        If he has no outline of the body.
    """
    return acoustic_tissue(patient, seed=crc32(patient.name.encode()))


def aim_mm(patient: Phantom) -> Array:
    """Return what the probe is aimed at, the middle of the prostate, (3,) planning LPS.

    Raises
    ------
    InputError
        If the patient has none.
    """
    for structure in patient.structures:
        if structure.name == ORGAN and structure.is_volume:
            low, high = structure.points_mm.min(axis=0), structure.points_mm.max(axis=0)
            return np.asarray((low + high) / 2.0)
    msg = f"{patient.name} has no structure '{ORGAN}' that ultrasound from the perineum could show"
    raise InputError(msg)


@lru_cache(maxsize=KEPT)
def planned_probe(patient: Phantom, settings: UltrasoundRoomSettings) -> RigidTransform:
    """Return where the probe is at simulation, planning from image.

    Raises
    ------
    InputError
        If the patient has no prostate, or his CT ends before the perineum.
    """
    return perineal_pose(tissue_of(patient), aim_mm(patient), settings.probe)


@lru_cache(maxsize=KEPT)
def simulation_ultrasound(patient: Phantom, settings: UltrasoundRoomSettings) -> UltrasoundVolume:
    """Sweep the patient in the CT room; the same patient and settings give the same volume.

    Returns
    -------
    UltrasoundVolume
        In PLANNING.

    Raises
    ------
    InputError
        If the patient has no prostate, or his CT ends before the perineum.
    """
    probe = TrackedProbe(tissue_of(patient), settings.probe, settings.at_simulation)
    poses = rocked(planned_probe(patient, settings), settings.sweep_deg, settings.frames, settings.pivot_mm)
    rng = np.random.default_rng([_SIMULATION, crc32(patient.name.encode())])
    sweep = probe.sweep(poses, settings.times_s(0.0, settings.frames), rng=rng, source="ultrasound reference")
    return compound(sweep, spacing_mm=settings.voxel_mm)


@lru_cache(maxsize=KEPT)
def prepared_reference(patient: Phantom, settings: UltrasoundRoomSettings) -> PreparedUltrasound:
    """Prepare the reference for the match of a scan in the room.

    Raises
    ------
    InputError
        If the patient has no prostate, or his CT ends before the perineum.
    """
    (points_mm,) = (one.points_mm for one in patient.structures if one.name == ORGAN)
    return prepare_ultrasound(
        simulation_ultrasound(patient, settings),
        centre_mm=patient.isocentre_mm,
        target_points_mm=points_mm[:: -(-len(points_mm) // MOST_POINTS)],
    )
