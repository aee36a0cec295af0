"""CT series as single-frame CT Image Storage files (PS3.3 A.3), for the virtual patient and for tests."""

import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage

from isoguide.dicom.identity import PatientIdentity, StudyContext
from isoguide.dicom.modules import (
    SeriesDetails,
    SeriesUids,
    WrittenSeries,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    date_text,
    new_dataset,
    time_text,
)
from isoguide.dicom.part10 import decimal_string, decimal_strings, derived_uid, save_dataset, shortened
from isoguide.errors import OutputError
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent

EXAMPLE_TIME: Final = datetime(2020, 1, 1, 8, 0, 0)
"""When an example was acquired unless stated: a fixed moment keeps examples identical from run to run."""

INT16_STEPS: Final = 65535


@dataclass(frozen=True, slots=True)
class RespiratoryPhase:
    """Which phase of a 4DCT a series is: the ``index``-th of ``count``, from 0, at ``percent`` of the cycle.

    0 % is end of inspiration, as scanners that sort by phase count it.
    """

    percent: float
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class CtAcquisition:
    """How a CT series came about: when, by what, of what.

    ``kilovoltage`` is None when unknown. ``body_part`` is a defined term of BodyPartExamined (PS3.16
    Annex L), an unpaired one such as PELVIS, CHEST or HEADNECK: paired parts would need a laterality.
    Without a ``study``, it starts with the acquisition. A ``phase`` makes the series one of a 4DCT.
    ``derivation`` says how the values were computed, for images that no scanner took.
    """

    acquired_at: datetime = EXAMPLE_TIME
    model: str = "isoguide virtual CT"
    description: str = ""
    body_part: str = "PELVIS"
    kilovoltage: float | None = 120.0
    study: StudyContext | None = None
    series_number: int = 1
    phase: RespiratoryPhase | None = None
    derivation: str = ""


EXAMPLE_ACQUISITION: Final = CtAcquisition()


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored pixel values with ``value = slope * pixel + intercept``."""

    pixels: NDArray[np.int16]
    slope: float
    intercept: float


def write_ct_series(
    folder: Path,
    volume: Volume,
    *,
    patient: PatientIdentity,
    patient_position: str,
    uids: SeriesUids,
    acquisition: CtAcquisition = EXAMPLE_ACQUISITION,
    progress: Progress = silent,
) -> WrittenSeries:
    """Write one file per slice, ``CT_0001.dcm`` ... along increasing k, into ``folder`` (made when absent).

    Parameters
    ----------
    folder
        Where to; existing files of these names are replaced.
    volume
        int16 is stored as it is, float32 is spread over the 16 bits by slope and intercept. Without
        Hounsfield units (``is_hounsfield`` False) the rescale type is US, unspecified, as in cone-beam CT.
    patient, patient_position, uids
        Whose images, the code of PatientPosition (0018,5100), and where they belong; image UIDs follow from
        the series UID and the slice number, so another volume needs another series UID.
    acquisition
        Date, device and study.
    progress
        Told after every slice.

    Raises
    ------
    OutputError
        If the folder cannot be written; no file of the series remains then.
    """
    stored = _stored(volume)
    study = acquisition.study or StudyContext(
        study_id="1", date=date_text(acquisition.acquired_at), time=time_text(acquisition.acquired_at)
    )
    instance_uids = tuple(derived_uid(uids.series, "image", str(k)) for k in range(volume.grid.shape[0]))
    series = WrittenSeries(
        patient=patient,
        study=study,
        study_instance_uid=uids.study,
        series_instance_uid=uids.series,
        frame_of_reference_uid=uids.frame_of_reference,
        sop_class_uid=str(CTImageStorage),
        instance_uids=instance_uids,
        paths=tuple(folder / f"CT_{k + 1:04d}.dcm" for k in range(len(instance_uids))),
    )
    staging = _staging_folder(folder)
    try:
        dataset = _header(series, volume, stored, acquisition)
        dataset.PatientPosition = str(patient_position)
        for k, path in enumerate(series.paths):
            _set_slice(dataset, series, volume.grid, k)
            dataset.PixelData = stored.pixels[k].astype("<i2").tobytes()
            save_dataset(staging / path.name, dataset)
            progress((k + 1) / len(series.paths), "writing images")
        _move_all(staging, series.paths)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return series


def _staging_folder(folder: Path) -> Path:
    staging = folder / f".ct-{secrets.token_hex(4)}.part"
    try:
        staging.mkdir(parents=True)
    except OSError as error:
        msg = f"cannot write to {folder} ({error.strerror or error}); choose a folder that can be written"
        raise OutputError(msg) from error
    return staging


def _move_all(staging: Path, paths: tuple[Path, ...]) -> None:
    moved: list[Path] = []
    for path in paths:
        try:
            (staging / path.name).replace(path)
        except OSError as error:
            for earlier in moved:
                earlier.unlink(missing_ok=True)
            msg = f"cannot write {path} ({error.strerror or error}); choose a folder that can be written"
            raise OutputError(msg) from error
        moved.append(path)


def _stored(volume: Volume) -> _Stored:
    values = volume.values
    if values.dtype == np.int16:
        return _Stored(np.asarray(values, dtype=np.int16), 1.0, 0.0)
    low, high = float(values.min()), float(values.max())
    # The slope is rounded to what the file will say before it is used, so that reading inverts it exactly.
    slope = float(decimal_string((high - low) / (INT16_STEPS - 1))) if high > low else 1.0
    intercept = float(decimal_string((high + low) / 2.0))
    pixels = np.rint((np.asarray(values, dtype=np.float64) - intercept) / slope)
    return _Stored(np.clip(pixels, -32768, 32767).astype(np.int16), slope, intercept)


def _header(series: WrittenSeries, volume: Volume, stored: _Stored, acquisition: CtAcquisition) -> Dataset:
    """Return what all files of the series have in common."""
    dataset = new_dataset(series.sop_class_uid, series.instance_uids[0], created_at=acquisition.acquired_at)
    add_patient_and_study(dataset, series)
    add_series(
        dataset,
        SeriesDetails(
            series_instance_uid=series.series_instance_uid,
            modality="CT",
            number=acquisition.series_number,
            description=acquisition.description,
            body_part=acquisition.body_part,
        ),
    )
    add_equipment(dataset, model=acquisition.model)
    add_frame_of_reference(dataset, series.frame_of_reference_uid)
    _add_acquisition(dataset, acquisition)
    # An original CT is in Hounsfield units by definition (PS3.3 C.8.2.1.1.1); anything else was derived.
    is_original = volume.is_hounsfield and not acquisition.derivation
    dataset.ImageType = ["ORIGINAL" if is_original else "DERIVED", "PRIMARY", "AXIAL"]
    if acquisition.derivation:
        dataset.DerivationDescription = shortened(acquisition.derivation, 1024)
    _add_plane(dataset, volume.grid)
    _add_pixels(dataset, volume, stored)
    return dataset


def _set_slice(dataset: Dataset, series: WrittenSeries, grid: Grid, k: int) -> None:
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(series.instance_uids[k])
    dataset.SOPInstanceUID = series.instance_uids[k]
    dataset.InstanceNumber = k + 1
    position_mm = grid.origin_mm + k * float(grid.spacing_mm[2]) * grid.direction[:, 2]
    dataset.ImagePositionPatient = decimal_strings(position_mm.tolist())


def _add_acquisition(dataset: Dataset, acquisition: CtAcquisition) -> None:
    dataset.AcquisitionNumber = 1
    for kind in ("Series", "Acquisition", "Content"):
        setattr(dataset, f"{kind}Date", date_text(acquisition.acquired_at))
        setattr(dataset, f"{kind}Time", time_text(acquisition.acquired_at))
    kilovoltage = acquisition.kilovoltage
    dataset.KVP = decimal_string(kilovoltage) if kilovoltage is not None else None
    if acquisition.phase is not None:
        _add_phase(dataset, acquisition.phase)


def _add_phase(dataset: Dataset, phase: RespiratoryPhase) -> None:
    # Single-frame CT has no module for breathing: these are the attributes that enhanced CT (PS3.3
    # C.7.6.16.2.17) and MR (C.8.3.1) have for it, as a Standard Extended class may add them (PS3.4 B.4.1).
    dataset.AcquisitionNumber = phase.index + 1
    dataset.TemporalPositionIdentifier = phase.index + 1
    dataset.NumberOfTemporalPositions = phase.count
    dataset.NominalPercentageOfRespiratoryPhase = float(phase.percent)


def _add_plane(dataset: Dataset, grid: Grid) -> None:
    column_mm, row_mm, slice_mm = (float(step) for step in grid.spacing_mm)
    dataset.PixelSpacing = decimal_strings([row_mm, column_mm])
    dataset.SliceThickness = decimal_string(slice_mm)
    dataset.ImageOrientationPatient = decimal_strings([*grid.direction[:, 0], *grid.direction[:, 1]])


def _add_pixels(dataset: Dataset, volume: Volume, stored: _Stored) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = volume.grid.shape[1:]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope = decimal_string(stored.slope)
    dataset.RescaleIntercept = decimal_string(stored.intercept)
    dataset.RescaleType = "HU" if volume.is_hounsfield else "US"
