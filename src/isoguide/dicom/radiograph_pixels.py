"""What the pixels of a projection image mean: intensity or line integral, and which of them say anything.

Sources: DICOM PS3.3 C.8.11.3.1.2 (pixel intensity relationship and its sign), C.11.1 (modality LUT). A VOI
LUT and MONOCHROME1 only say how to show the values, and change nothing here.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from isoguide.dicom.item import Item
from isoguide.dicom.pixels import StoredPixels, read_stored
from isoguide.dicom.scan import DicomFile
from isoguide.errors import AmbiguityError, MissingEvidenceError, UnreadableError
from isoguide.images.radiograph import Quantity

Relationship = Literal["LIN", "LOG"]
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class PixelMeaning:
    """How stored values follow the X-rays.

    Parameters
    ----------
    relationship
        "LIN": proportional to the intensity; "LOG": to its logarithm.
    sign
        1 where more X-rays give higher values, -1 where they give lower ones.
    """

    relationship: Relationship
    sign: Literal[-1, 1]


@dataclass(frozen=True, slots=True, eq=False)
class RadiographPixels:
    """Values ``[row, column]`` as float32, their quantity, which of them count, and notes for the user."""

    values: NDArray[np.float32]
    quantity: Quantity
    counts: NDArray[np.bool_]
    warnings: tuple[str, ...]


def read_radiograph_pixels(file: DicomFile, meaning: PixelMeaning | None = None) -> RadiographPixels:
    """Read the one frame of a projection image.

    Parameters
    ----------
    file
        The image.
    meaning
        How values follow the X-rays, where the file does not say; it must not contradict the file.

    Raises
    ------
    MissingEvidenceError
        If neither the file nor the caller says what the values mean.
    AmbiguityError
        If the file has several frames.
    UnreadableError
        If the pixels cannot be decoded, are not grey, or all say nothing.
    """
    item = file.item
    _check_one_grey_frame(item)
    meant = _meaning(item, meaning)
    stored = read_stored(file).frame(0)
    counts = ~_says_nothing(item, stored)
    if not counts.any():
        msg = f"{item.source} has no pixel that is neither saturated nor padding; export another image"
        raise UnreadableError(msg)
    values, ends = _modality(item, stored)
    if meant.relationship == "LIN":
        return _intensity(item, values, ends, meant, counts)
    # The logarithm falls where the line integral grows; its unit and its zero are the detector's own.
    integrals = ends[1] - values if meant.sign > 0 else values - ends[0]
    note = f"{item.source} has line integrals in a unit of its detector: only their pattern counts"
    return RadiographPixels(integrals.astype(np.float32), "line integral", counts, (note,))


def _check_one_grey_frame(item: Item) -> None:
    photometric = item.text("PhotometricInterpretation")
    if photometric not in _GREY or (item.integer("SamplesPerPixel") or 1) != 1:
        msg = f"{item.source} is {photometric or 'without PhotometricInterpretation'}; export a grey image"
        raise UnreadableError(msg)
    frames = item.integer("NumberOfFrames") or 1
    if frames != 1:
        msg = f"{item.source} has {frames} frames; export the one that is meant as an image of its own"
        raise AmbiguityError(msg)


def _meaning(item: Item, given: PixelMeaning | None) -> PixelMeaning:
    relationship, sign = (
        item.text("PixelIntensityRelationship"),
        item.integer("PixelIntensityRelationshipSign"),
    )
    if relationship in ("LIN", "LOG") and sign in (-1, 1):
        stated = PixelMeaning("LIN" if relationship == "LIN" else "LOG", 1 if sign == 1 else -1)
        if given is not None and given != stated:
            msg = (
                f"{item.source} says {stated.relationship} with sign {stated.sign} of its pixels, not "
                f"{given.relationship} with sign {given.sign}; leave that out"
            )
            raise UnreadableError(msg)
        return stated
    if given is None:
        says = f"{relationship or 'nothing'} with sign {'nothing' if sign is None else sign}"
        msg = (
            f"{item.source} does not say how its pixels follow the X-rays (relationship {says}); say whether "
            "they are LIN or LOG and whether more X-rays give higher values (--pixels LIN:1)"
        )
        raise MissingEvidenceError(msg)
    return given


def _says_nothing(item: Item, stored: StoredPixels) -> NDArray[np.bool_]:
    """Tell which pixels are padding, or at an end of the range that the stored bits can hold."""
    low, high = _range(item, stored)
    mask: NDArray[np.bool_] = (stored.values == low) | (stored.values == high)
    return mask if stored.is_padding is None else mask | stored.is_padding


def _range(item: Item, stored: StoredPixels) -> tuple[int, int]:
    bits = item.integer("BitsStored") or stored.values.dtype.itemsize * 8
    if item.integer("PixelRepresentation") == 1:
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def _modality(item: Item, stored: StoredPixels) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Apply the modality LUT or rescale; also return the ends of what the values can be."""
    low, high = _range(item, stored)
    table = item.first("ModalityLUTSequence")
    if table is not None:
        return _looked_up(table, stored)
    slope, intercept = item.number("RescaleSlope"), item.number("RescaleIntercept")
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope <= 0.0:
        msg = f"{item.source} has the RescaleSlope {slope:g}, which turns its values round; export it again"
        raise UnreadableError(msg)
    values: NDArray[np.float64] = stored.values.astype(np.float64) * slope + intercept
    return values, (low * slope + intercept, high * slope + intercept)


def _looked_up(table: Item, stored: StoredPixels) -> tuple[NDArray[np.float64], tuple[float, float]]:
    described, entries = table.need_numbers("LUTDescriptor", 3), table.need_numbers("LUTData")
    count = int(described[0]) or 1 << 16
    if len(entries) != count:
        msg = (
            f"{table.source} has a modality LUT of {len(entries)} instead of {count} entries; export it again"
        )
        raise UnreadableError(msg)
    index = np.clip(stored.values.astype(np.int64) - int(described[1]), 0, count - 1)
    return entries[index], (float(entries.min()), float(entries.max()))


def _intensity(
    item: Item,
    values: NDArray[np.float64],
    ends: tuple[float, float],
    meant: PixelMeaning,
    counts: NDArray[np.bool_],
) -> RadiographPixels:
    intensity = values if meant.sign > 0 else ends[1] - values
    brightest = float(intensity[counts].max())
    if brightest <= 0.0:
        msg = f"{item.source} has no pixel that saw X-rays; export another image"
        raise UnreadableError(msg)
    note = f"{item.source} does not say the open beam: intensities are shares of its brightest pixel"
    share = np.clip(intensity / brightest, 0.0, 1.0)
    return RadiographPixels(share.astype(np.float32), "intensity", counts, (note,))
