"""Stored pixel values and what they mean: bit packing, compression, rescale, padding."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import UID, ExplicitVRBigEndian

from isoguide.dicom.item import Item
from isoguide.dicom.scan import DAMAGE, DicomFile
from isoguide.dicom.slices import Slice
from isoguide.errors import UnreadableError
from isoguide.images.volume import VolumeValues

AIR_HU: Final = -1000.0
"""What padding becomes: outside the reconstructed circle there is nothing, and nothing looks like air."""
_THREADS: Final = 4
_BITS_ALLOCATED: Final = (8, 16, 32)
_LARGEST_EXACT: Final = 2**14

Stored = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class StoredPixels:
    """Pixel values as stored, shape (frames, rows, columns), and which of them are padding (None: none)."""

    values: Stored
    is_padding: NDArray[np.bool_] | None

    def frame(self, index: int) -> "StoredPixels":
        """Return one frame, shape (rows, columns)."""
        return StoredPixels(self.values[index], None if self.is_padding is None else self.is_padding[index])


def read_values(planes: Sequence[Slice]) -> VolumeValues:
    """Read, decode and rescale planes of one size into an array ``[k, j, i]``, in the order given.

    Slope and intercept are those of each plane; a plane without them keeps its stored values. The result is
    int16 when that holds every value exactly, otherwise float32. Pixels equal to PixelPaddingValue (or in its
    range) become air, or the smallest real value where that is higher, so that neither a vendor's -2000 nor a
    grey-value scale leaves a cliff around the image.

    Raises
    ------
    UnreadableError
        If a file is truncated, cannot be decoded, or does not hold one grey value per pixel.
    """
    files = {id(plane.file): plane.file for plane in planes}
    for file in files.values():
        _check_grey(file.item)
    # A multi-frame file is decoded once; single frames are decoded where they are used, to keep memory low.
    multi = {key: read_stored(file) for key, file in files.items() if planes[0].frame_index >= 0}

    def stored(plane: Slice) -> StoredPixels:
        if multi:
            return multi[id(plane.file)].frame(plane.frame_index)
        return read_stored(plane.file).frame(0)

    with ThreadPoolExecutor(_THREADS) as pool:
        pixels = list(pool.map(stored, planes))
        if all(_is_exact(plane, found) for plane, found in zip(planes, pixels, strict=True)):
            values: VolumeValues = np.empty((len(planes), *planes[0].shape), dtype=np.int16)
        else:
            values = np.empty((len(planes), *planes[0].shape), dtype=np.float32)
        list(pool.map(_rescale_into, values, planes, pixels))
    _fill_padding(values, pixels)
    values.flags.writeable = False
    return values


def _is_exact(plane: Slice, pixels: StoredPixels) -> bool:
    slope, intercept = plane.rescale or (1.0, 0.0)
    if (
        not (slope.is_integer() and intercept.is_integer())
        or max(abs(slope), abs(intercept)) > _LARGEST_EXACT
    ):
        return False
    ends = sorted(int(end) * slope + intercept for end in (pixels.values.min(), pixels.values.max()))
    return ends[0] >= np.iinfo(np.int16).min and ends[1] <= np.iinfo(np.int16).max


def _rescale_into(target: VolumeValues, plane: Slice, pixels: StoredPixels) -> None:
    slope, intercept = plane.rescale or (1.0, 0.0)
    if target.dtype == np.int16:
        # All ends fit, so wrapping 32-bit arithmetic cannot happen.
        target[:] = pixels.values.astype(np.int32) * int(slope) + int(intercept)
    else:
        target[:] = pixels.values * slope + intercept


def _fill_padding(values: VolumeValues, pixels: Sequence[StoredPixels]) -> None:
    padded = [(plane, found.is_padding) for plane, found in zip(values, pixels, strict=True)]
    if all(mask is None for _, mask in padded):
        return
    real = [plane if mask is None else plane[~mask] for plane, mask in padded]
    smallest = min((float(one.min()) for one in real if one.size), default=AIR_HU)
    fill = max(AIR_HU, smallest)
    for plane, mask in padded:
        if mask is not None:
            plane[mask] = fill


def _check_grey(item: Item) -> None:
    photometric = item.text("PhotometricInterpretation") or "MONOCHROME2"
    samples = item.integer("SamplesPerPixel") or 1
    if photometric != "MONOCHROME2" or samples != 1:
        msg = (
            f"{item.source} is {photometric} with {samples} value(s) per pixel; only MONOCHROME2 is a CT "
            "image"
        )
        raise UnreadableError(msg)


def read_stored(file: DicomFile) -> StoredPixels:
    """Read the stored values of one file, with unused bits removed and the sign extended (PS3.5 8.1.1).

    Raises
    ------
    UnreadableError
        If the pixel data is absent, shorter than the header says, or cannot be decoded.
    """
    item = file.item
    allocated = item.need_integer("BitsAllocated")
    if allocated not in _BITS_ALLOCATED:
        msg = f"{item.source} has {allocated} bits allocated per pixel; only 8, 16 and 32 can be read"
        raise UnreadableError(msg)
    syntax = UID(file.transfer_syntax_uid)
    is_plain = file.pixels is not None and file.pixels.length is not None and file.pixels.offset > 0
    # What is no transfer syntax is left to the decoder, which says so.
    is_native = is_plain and syntax.is_transfer_syntax and not syntax.is_compressed
    container = _native(file, allocated) if is_native else _decoded(file)
    return _significant(item, container, allocated)


def _native(file: DicomFile, allocated: int) -> Stored:
    item = file.item
    shape = _shape(item)
    kind = np.dtype(f"{'>' if file.transfer_syntax_uid == ExplicitVRBigEndian else '<'}u{allocated // 8}")
    needed = shape[0] * shape[1] * shape[2] * kind.itemsize
    have = file.pixels.length if file.pixels and file.pixels.length is not None else 0
    if have < needed:
        msg = (
            f"{item.source} holds {have} bytes of pixel data where its header announces {needed}; export "
            "it again"
        )
        raise UnreadableError(msg)
    try:
        values: Stored = np.fromfile(file.path, kind, needed // kind.itemsize, offset=file.pixels.offset)  # type: ignore[union-attr]  # a plain file has pixels
    except OSError as error:
        msg = f"{item.source} cannot be read ({error.strerror}); copy it again"
        raise UnreadableError(msg) from error
    if values.size * kind.itemsize < needed:
        msg = f"{item.source} became shorter while it was read; copy it again"
        raise UnreadableError(msg)
    return values.reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _decoded(file: DicomFile) -> Stored:
    try:
        values = pydicom.dcmread(file.path, force=True).pixel_array
    except DAMAGE as error:
        syntax = UID(file.transfer_syntax_uid).name
        msg = (
            f"{file.item.source} cannot be decoded ({syntax}): it is damaged or not supported; export it "
            "uncompressed"
        )
        raise UnreadableError(msg) from error
    shape = _shape(file.item)
    if values.size != shape[0] * shape[1] * shape[2] or values.dtype.kind not in "iu":
        msg = (
            f"{file.item.source} decodes to the shape {values.shape} where its header says {shape}; "
            "export it again"
        )
        raise UnreadableError(msg)
    return values.reshape(shape).view(np.dtype(f"u{values.dtype.itemsize}"))


def _shape(item: Item) -> tuple[int, int, int]:
    return item.integer("NumberOfFrames") or 1, item.need_integer("Rows"), item.need_integer("Columns")


def _significant(item: Item, container: Stored, allocated: int) -> StoredPixels:
    width = container.dtype.itemsize * 8
    stored = item.integer("BitsStored") or allocated
    high = item.integer("HighBit")
    high = stored - 1 if high is None else high
    if not 0 < stored <= high + 1 <= allocated:
        msg = f"{item.source} has {stored} bits stored with high bit {high} in {allocated}; export it again"
        raise UnreadableError(msg)
    is_signed = item.integer("PixelRepresentation") == 1
    left, right = width - 1 - high, width - stored
    values = (container << left) if left else container
    if is_signed:
        values = values.view(np.dtype(f"i{container.dtype.itemsize}"))
    values = (values >> right) if right else values
    # Unsigned padding may lie beyond the stored bits on purpose, so it is compared before they are cut.
    return StoredPixels(values, _padding(item, values if is_signed else container))


def _padding(item: Item, values: Stored) -> NDArray[np.bool_] | None:
    first = item.integer("PixelPaddingValue")
    if first is None:
        return None
    last = item.integer("PixelPaddingRangeLimit")
    low, high = sorted(_as_stored(value, values.dtype) for value in (first, first if last is None else last))
    mask: NDArray[np.bool_] = (values >= low) & (values <= high) if high > low else values == low
    return mask if mask.any() else None


def _as_stored(value: int, dtype: np.dtype[Any]) -> int:
    """Read a padding value in the representation of the pixels: implicit VR writers mix up its sign."""
    bits = dtype.itemsize * 8
    wrapped = value % (1 << bits)
    return wrapped - (1 << bits) if dtype.kind == "i" and wrapped >= 1 << (bits - 1) else wrapped
