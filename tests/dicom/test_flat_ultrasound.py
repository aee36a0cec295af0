"""Flat ultrasound objects: pixels, times and sizes as the file states them, and never a place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import dataset, save
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, RLELossless, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from isoguide.dicom import describe_contents, scan_folder
from isoguide.dicom.ultrasound import read_ultrasound
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError, UnreadableError

ROWS, COLUMNS, FRAMES = 24, 32, 4
Change = Callable[[Dataset], object]


def region(**changes: object) -> Dataset:
    item = Dataset()
    values: dict[str, object] = {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": 0,
        "RegionLocationMinX0": 4,
        "RegionLocationMinY0": 2,
        "RegionLocationMaxX1": 27,
        "RegionLocationMaxY1": 21,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.02,
        "PhysicalDeltaY": 0.03,
        "ReferencePixelX0": 11,
        "ReferencePixelY0": 0,
    }
    for keyword, value in (values | changes).items():
        if value is not None:
            setattr(item, keyword, value)
    return item


def grey_pixels(frames: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (frames, ROWS, COLUMNS)).astype(np.uint8)


def ultrasound(path: Path, change: Change | None = None, *, frames: int = FRAMES) -> Path:
    kind = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    ds = dataset(kind, "1.2.3.4", "US")
    del ds.FrameOfReferenceUID
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.SequenceOfUltrasoundRegions = [region()]
    if frames > 1:
        ds.NumberOfFrames = frames
        ds.FrameTime = "40.0"
        ds.FrameIncrementPointer = 0x00181063
    ds.PixelData = grey_pixels(frames).tobytes()
    if change is not None:
        change(ds)
    return save(ds, path)


def test_a_recording_comes_with_its_times_and_the_size_of_its_pixels(tmp_path: Path) -> None:
    found = read_ultrasound(ultrasound(tmp_path / "us.dcm"))
    assert np.array_equal(found.frames.pixels, grey_pixels(FRAMES))
    assert found.frames.at_s is not None
    assert np.allclose(found.frames.at_s, [0.0, 0.04, 0.08, 0.12])
    assert found.frames.pixel_spacing_mm == pytest.approx((0.2, 0.3))  # centimetres in the file
    assert found.need_spacing_mm() == pytest.approx((0.2, 0.3))
    assert found.region is not None
    assert (found.region.columns, found.region.rows) == ((4, 27), (2, 21))
    # PS3.3 C.8.5.5.1.16: the reference pixel counts from the corner of its region.
    assert found.region.reference_px == (15.0, 2.0)
    assert found.patient.patient_id == "A1"
    assert not found.frames.pixels.flags.writeable


def test_a_single_image_is_a_recording_of_one(tmp_path: Path) -> None:
    found = read_ultrasound(ultrasound(tmp_path / "us.dcm", frames=1))
    assert found.frames.pixels.shape == (1, ROWS, COLUMNS)
    assert found.frames.at_s is not None
    assert found.frames.at_s.tolist() == [0.0]


def test_uneven_times_are_added_up(tmp_path: Path) -> None:
    def uneven(ds: Dataset) -> None:
        del ds.FrameTime
        ds.FrameTimeVector = ["0", "30", "50", "40"]

    found = read_ultrasound(ultrasound(tmp_path / "us.dcm", uneven))
    assert found.frames.at_s is not None
    assert np.allclose(found.frames.at_s, [0.0, 0.03, 0.08, 0.12])
    without = read_ultrasound(ultrasound(tmp_path / "b.dcm", lambda ds: delattr(ds, "FrameTime")))
    assert without.frames.at_s is None


def coloured(photometric: str) -> Change:
    def change(ds: Dataset) -> None:
        grey = grey_pixels(FRAMES)
        triple = np.stack([grey] * 3, axis=-1)
        if photometric == "YBR_FULL":
            triple[..., 1:] = 128  # no colour
        ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.PlanarConfiguration = photometric, 3, 0
        ds.PixelData = triple.tobytes()

    return change


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_grey_stored_as_colours_is_grey(tmp_path: Path, photometric: str) -> None:
    found = read_ultrasound(ultrasound(tmp_path / "us.dcm", coloured(photometric)))
    assert np.abs(found.frames.pixels.astype(int) - grey_pixels(FRAMES)).max() <= 1


def test_compressed_images_are_read(tmp_path: Path) -> None:
    path = ultrasound(tmp_path / "us.dcm")
    ds = pydicom.dcmread(path)
    ds.compress(RLELossless)
    ds.save_as(path)
    assert np.array_equal(read_ultrasound(path).frames.pixels, grey_pixels(FRAMES))


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: delattr(ds, "SequenceOfUltrasoundRegions"),
        lambda ds: setattr(ds, "SequenceOfUltrasoundRegions", [region(PhysicalUnitsXDirection=4)]),
        lambda ds: setattr(ds, "SequenceOfUltrasoundRegions", [region(RegionDataType=3)]),
    ],
)
def test_without_a_region_of_tissue_in_centimetres_there_is_no_size(tmp_path: Path, change: Change) -> None:
    found = read_ultrasound(ultrasound(tmp_path / "us.dcm", change))
    assert found.region is None
    assert found.frames.pixel_spacing_mm is None
    with pytest.raises(MissingEvidenceError, match="does not say how large its pixels are"):
        found.need_spacing_mm()


def regions(*items: Dataset) -> Change:
    return lambda ds: setattr(ds, "SequenceOfUltrasoundRegions", list(items))


def doppler(ds: Dataset) -> None:
    coloured("RGB")(ds)
    pixels = np.frombuffer(ds.PixelData, np.uint8).reshape(FRAMES, ROWS, COLUMNS, 3).copy()
    pixels[:, :12, :, 2] = 0
    pixels[:, :12, :, 0] = 200
    ds.PixelData = pixels.tobytes()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (regions(region(), region(RegionLocationMinX0=8)), AmbiguityError, "shows tissue in 2 regions"),
        (regions(region(PhysicalDeltaY=-0.03)), UnreadableError, "turned round; export it with the trans"),
        (regions(region(PhysicalDeltaX=0.0)), UnreadableError, "pixels without size"),
        (regions(region(PhysicalDeltaX=None)), UnreadableError, "no PhysicalDeltaX, which is needed"),
        (regions(region(RegionLocationMaxX1=400)), UnreadableError, "region beyond its 32 × 24 pixels"),
        (regions(region(RegionLocationMaxX1=2)), UnreadableError, r"a region from \(4, 2\) to \(2, 21\)"),
        (lambda ds: setattr(ds, "FrameTimeVector", ["0", "3"]), UnreadableError, "2 frame times for 4"),
        (lambda ds: setattr(ds, "FrameTime", "0"), UnreadableError, "times that do not increase"),
        (lambda ds: setattr(ds, "PhotometricInterpretation", "PALETTE COLOR"), UnreadableError, "PALETTE"),
        (lambda ds: setattr(ds, "NumberOfFrames", 9), UnreadableError, "us.dcm cannot be decoded"),
        (lambda ds: delattr(ds, "Rows"), UnreadableError, "us.dcm"),
        (doppler, UnreadableError, "coloured over 50%, as in Doppler"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    tmp_path: Path, change: Change, error: type[InputError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_ultrasound(ultrasound(tmp_path / "us.dcm", change))


def test_cut_files_are_refused_wherever_they_are_cut(tmp_path: Path) -> None:
    whole = ultrasound(tmp_path / "us.dcm").read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in range(0, len(whole), 211):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_ultrasound(cut)


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    def widen(ds: Dataset) -> None:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelData = grey_pixels(FRAMES).astype("<u2").tobytes()

    with pytest.raises(UnreadableError, match="has uint16 values; only 8 bits"):
        read_ultrasound(ultrasound(tmp_path / "us.dcm", widen))


def test_a_flat_image_has_no_place_and_another_object_is_no_ultrasound(tmp_path: Path) -> None:
    path = ultrasound(tmp_path / "us.dcm")
    with pytest.raises(MissingEvidenceError, match="without tracking has no place in the room"):
        read_ultrasound_volume(path)
    other = ultrasound(tmp_path / "ct.dcm", lambda ds: setattr(ds, "SOPClassUID", CTImageStorage))
    with pytest.raises(UnreadableError, match="no flat ultrasound image but CT Image Storage"):
        read_ultrasound(other)
    with pytest.raises(UnreadableError, match="no ultrasound volume but CT Image Storage"):
        read_ultrasound_volume(other)


def test_a_folder_says_what_flat_ultrasound_can_be_used_for(tmp_path: Path) -> None:
    ultrasound(tmp_path / "a.dcm")
    ultrasound(tmp_path / "b.dcm", regions(), frames=1)
    ultrasound(tmp_path / "c.dcm", regions(region(PhysicalDeltaY=-0.03)))
    found = describe_contents(scan_folder(tmp_path))
    assert [finding.kind for finding in found] == ["ultrasound"] * 3
    assert found[0].text == (
        "a.dcm of patient A1 (DOE^JANE): 4 images of 32 × 24, pixels of 0.2 × 0.3 mm; an ultrasound image "
        "without tracking has no place in the room"
    )
    assert "one image of 32 × 24, pixels of unknown size" in found[1].text
    assert "turned round" in found[2].problem
    assert [finding.problem for finding in found[:2]] == ["", ""]
