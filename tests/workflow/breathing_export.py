"""A planning export with a 4DCT: a coarse virtual patient who breathes, and what is true of him."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from isoguide.dicom import PatientIdentity
from isoguide.images.mask import structure_mask
from isoguide.virtual import Breathing, Phantom, breathing_phases, build_phantom, moved_anatomy
from isoguide.workflow.simulation_session import SimulationSession, write_simulation_session

LUNG_PATIENT = PatientIdentity("L-1", name="Lung^Small", birth_date="19480703", sex="M")
PHASES = 4


@dataclass(frozen=True)
class BreathingExport:
    folder: Path
    phantom: Phantom
    session: SimulationSession
    tumour_mm: NDArray[np.float64]
    """(phases, 3): mean displacement of the tumour's tissue against the planning CT."""


def write_breathing_export(folder: Path) -> BreathingExport:
    phantom = build_phantom("thorax", spacing_mm=(3.0, 3.0, 3.0))
    fields = breathing_phases(phantom, Breathing(), PHASES)
    session = write_simulation_session(
        folder,
        phantom,
        patient=LUNG_PATIENT,
        seed="breathing export",
        phases=[moved_anatomy(phantom, field) for field in fields],
    )
    tumour = next(one for one in phantom.structures if one.name == "GTV")
    inside = np.argwhere(structure_mask(tumour, phantom.volume.grid))[:, ::-1].astype(np.float64)
    points = phantom.volume.grid.xyz(inside)
    truth = np.array([(field.moved(points) - points).mean(axis=0) for field in fields])
    return BreathingExport(folder, phantom, session, truth)


def changed_copy(source: Path, target: Path, name: str, change: Callable[[Dataset], None]) -> Path:
    """Copy an export, with one file of it changed; the others are links."""
    shutil.copytree(source, target, copy_function=lambda a, b: Path(b).hardlink_to(a))
    path = target / name
    dataset = pydicom.dcmread(path)
    path.unlink()
    change(dataset)
    dataset.save_as(path)
    return target
