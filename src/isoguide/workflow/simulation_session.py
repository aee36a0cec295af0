"""The virtual patient as the DICOM files a clinic would export: its simulation, the images of each day."""

from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    SeriesUids,
    StructureSetDetails,
    WrittenSeries,
    write_ct_series,
    write_structure_set,
)
from isoguide.geometry.frames import DAILY, Array
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition

ISOCENTRE_POINT: Final = "AcqIsocenter"
TREATED_AT: Final = datetime(2026, 3, 16, 8, 12)
"""When a day's image was taken unless stated: a fixed moment keeps examples identical from run to run."""


def write_daily_export(
    folder: Path,
    daily: Volume,
    machine_isocentre_mm: Array,
    *,
    patient: PatientIdentity,
    seed: str,
    fraction: int = 1,
    acquired_at: datetime = TREATED_AT,
) -> WrittenSeries:
    """Write the day's cone-beam CT, and an in-room structure set with the machine isocentre as a point.

    Parameters
    ----------
    folder
        Gets ``CT_0001.dcm`` ... and ``RS.dcm``; made when absent.
    daily, machine_isocentre_mm
        The image, frame DAILY, head first supine, and where the machine isocentre is in it, (3,).
    patient, seed
        Whose; the seed and the fraction make the UIDs, so another image of one fraction needs another seed.
    fraction, acquired_at
        Number of the fraction and the time of its image, by the local clock or aware.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    image = write_ct_series(
        folder,
        daily,
        patient=patient,
        patient_position=PatientPosition.HFS,
        uids=SeriesUids.from_seed(f"{seed} fraction {fraction}"),
        acquisition=CtAcquisition(
            acquired_at=acquired_at,
            model="isoguide virtual CBCT",
            description=f"CBCT, fraction {fraction}",
        ),
    )
    point = Contour("POINT", np.atleast_2d(machine_isocentre_mm))
    write_structure_set(
        folder / "RS.dcm",
        [Structure(ISOCENTRE_POINT, 1, DAILY, (point,), "ISOCENTER")],
        image=image,
        details=StructureSetDetails(label="IN ROOM", created_at=acquired_at),
    )
    return image
