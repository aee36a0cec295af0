"""Stored values become what they mean, whatever way they are stored."""

from collections.abc import Callable
from pathlib import Path

import gdcm
import numpy as np
import pytest
from dicom_builders import SERIES, ct_slice, save, set_pixels, stored_values, write_series
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from isoguide.dicom import scan_folder
from isoguide.dicom.pixels import read_values
from isoguide.dicom.slices import slices_of, stack
from isoguide.errors import UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.images.volume import VolumeValues

COUNT = 3
EXPECTED = np.stack([stored_values(k) for k in range(COUNT)]).astype(np.int32) - 1024


def _read(folder: Path) -> VolumeValues:
    (series,) = scan_folder(folder).ct_series
    return read_values(stack(slices_of(series), PLANNING)[1])


def _written(folder: Path, edit: Callable[[Dataset, int], None]) -> VolumeValues:
    write_series(folder, edit, count=COUNT)
    return _read(folder)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_uncompressed_values_are_exact_in_int16(tmp_path: Path, syntax: str) -> None:
    write_series(tmp_path, count=COUNT, syntax=syntax)
    values = _read(tmp_path)
    assert values.dtype == np.int16
    assert np.array_equal(values, EXPECTED)
    assert not values.flags.writeable


def test_big_endian_values_are_read(tmp_path: Path) -> None:
    for k in range(COUNT):
        ds = ct_slice(k, syntax=ExplicitVRBigEndian)
        ds.PixelData = stored_values(k).astype(">u2").tobytes()
        ds.save_as(tmp_path / f"{k}", implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert np.array_equal(_read(tmp_path), EXPECTED)


@pytest.mark.parametrize(
    "syntax", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"]
)
def test_losslessly_compressed_values_are_exact(tmp_path: Path, syntax: str) -> None:
    plain = write_series(tmp_path / "plain", count=COUNT)
    (tmp_path / "compressed").mkdir()
    for path in plain:
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(tmp_path / "compressed" / path.name))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    assert np.array_equal(_read(tmp_path / "compressed"), EXPECTED)


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.RescaleIntercept, ds.RescaleSlope = -1000 - 10 * k, 1 + k

    values = _written(tmp_path, edit)
    for k in range(COUNT):
        assert np.array_equal(values[k], stored_values(k).astype(np.int32) * (1 + k) - 1000 - 10 * k)


def test_a_fractional_slope_gives_single_precision(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = 0.5, -1000.25

    values = _written(tmp_path, edit)
    assert values.dtype == np.float32
    assert np.array_equal(values[0], (stored_values(0) * 0.5 - 1000.25).astype(np.float32))


def test_values_beyond_int16_give_single_precision(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, stored_values(k) + np.uint16(60000), bits=16)

    values = _written(tmp_path, edit)
    assert values.dtype == np.float32
    assert np.array_equal(values, EXPECTED + 60000)


def test_signed_twelve_bits_are_extended(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        # -100 and friends in twelve bits, with the upper four bits left at zero by the writer
        set_pixels(
            ds, (stored_values(0).astype(np.int32) - 100).astype(np.uint16) & np.uint16(0x0FFF), bits=12
        )
        ds.PixelRepresentation, ds.RescaleIntercept = 1, 0

    assert np.array_equal(_written(tmp_path, edit)[0], stored_values(0).astype(np.int32) - 100)


def test_signed_sixteen_bits_are_read(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, stored_values(k).astype(np.int16) - np.int16(500), bits=16, signed=True)
        ds.RescaleIntercept = 0

    assert np.array_equal(_written(tmp_path, edit), EXPECTED + 1024 - 500)


def test_overlay_bits_above_the_stored_ones_are_dropped(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, stored_values(k) | np.uint16(0xA000), bits=12)

    assert np.array_equal(_written(tmp_path, edit), EXPECTED)


def test_a_high_bit_above_the_stored_bits_is_honoured(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, stored_values(k) << np.uint16(4), bits=12)
        ds.HighBit = 15

    assert np.array_equal(_written(tmp_path, edit), EXPECTED)


def test_eight_bits_are_read(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, stored_values(0).astype(np.uint8), bits=8)

    assert np.array_equal(_written(tmp_path, edit)[1], stored_values(0).astype(np.int32) - 1024)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_signed_padding_becomes_air(tmp_path: Path, syntax: str) -> None:
    def edit(ds: Dataset, k: int) -> None:
        values = stored_values(k).astype(np.int16) - np.int16(1010)
        values[0, :4] = -2000
        set_pixels(ds, values, bits=16, signed=True)
        ds.RescaleIntercept = 0
        ds.add_new("PixelPaddingValue", "SS", -2000)

    write_series(tmp_path, edit, count=COUNT, syntax=syntax)
    values = _read(tmp_path)
    assert (values[:, 0, :4] == -1000).all()
    assert values.min() == -1006
    assert values[1, 5, 5] == stored_values(1)[5, 5].astype(np.int32) - 1010


def test_unsigned_padding_beyond_the_stored_bits_does_not_hit_real_values(tmp_path: Path) -> None:
    padding = 0xF830  # -2000 in sixteen bits; its twelve lower bits are the real value 2096

    def edit(ds: Dataset, k: int) -> None:
        values = stored_values(k)
        values[0, 0], values[0, 1] = padding, padding & 0x0FFF
        set_pixels(ds, values, bits=12)
        ds.add_new("PixelPaddingValue", "US", padding)

    values = _written(tmp_path, edit)
    assert values[0, 0, 0] == -1000
    assert values[0, 0, 1] == 2096 - 1024


def test_padding_of_a_grey_image_is_no_darker_than_the_image(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        values = stored_values(0) + np.uint16(300)
        values[3, 3] = 0
        set_pixels(ds, values, bits=12)
        ds.RescaleIntercept = 0
        ds.add_new("PixelPaddingValue", "US", 0)
        ds.add_new("PixelPaddingRangeLimit", "US", 5)

    values = _written(tmp_path, edit)
    assert values[0, 3, 3] == 300


def test_a_slice_of_padding_only_is_air(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        set_pixels(ds, np.zeros((16, 16), dtype=np.uint16), bits=12)
        ds.add_new("PixelPaddingValue", "US", 0)

    assert (_written(tmp_path, edit) == -1000).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, "is MONOCHROME1"),
        ({"SamplesPerPixel": 3}, r"3 value\(s\) per pixel"),
        ({"BitsAllocated": 12}, "12 bits allocated"),
        ({"BitsStored": 20}, "20 bits stored"),
        ({"Rows": 32}, "512 bytes of pixel data where its header announces 1024"),
    ],
)
def test_pixels_that_are_not_a_grey_ct_image_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    def edit(ds: Dataset, k: int) -> None:
        for keyword, value in change.items():
            setattr(ds, keyword, value)

    write_series(tmp_path, edit, count=COUNT)
    with pytest.raises(UnreadableError, match=message):
        _read(tmp_path)


def test_damaged_compressed_pixels_are_refused(tmp_path: Path) -> None:
    for k in range(COUNT):
        ds = ct_slice(k)
        ds.compress(RLELossless)
        path = save(ds, tmp_path / f"{k}")
        raw = bytearray(path.read_bytes())
        raw[-300:-20] = bytes(280)
        path.write_bytes(raw)
    with pytest.raises(UnreadableError, match=r"cannot be decoded \(RLE Lossless\)"):
        _read(tmp_path)


def test_compressed_pixels_of_another_size_are_refused(tmp_path: Path) -> None:
    for k in range(COUNT):
        ds = ct_slice(k)
        ds.compress(RLELossless)
        ds.Rows, ds.NumberOfFrames = 16, 1
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        save(ds, tmp_path / f"{k}")
    with pytest.raises(UnreadableError, match=r"cannot be decoded|decodes to"):
        _read(tmp_path)


def test_a_file_that_vanishes_before_its_pixels_are_read_is_named(tmp_path: Path) -> None:
    path = write_series(tmp_path, count=COUNT)[1]
    (series,) = scan_folder(tmp_path).ct_series
    assert series.series_instance_uid == SERIES
    planes = stack(slices_of(series), PLANNING)[1]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UnreadableError, match="became shorter"):
        read_values(planes)
    path.unlink()
    with pytest.raises(UnreadableError, match="No such file"):
        read_values(planes)
