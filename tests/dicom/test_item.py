"""Values are read with the file they come from, and odd ones only matter where they are used."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from isoguide.dicom.item import Item, exposure_instant, moment_of, tolerating_odd_values
from isoguide.errors import UnreadableError


def _raw(keyword_tag: int, vr: str, value: bytes) -> Item:
    ds = Dataset()
    ds[Tag(keyword_tag)] = RawDataElement(Tag(keyword_tag), vr, len(value), value, 0, False, True)
    return Item(ds, "file.dcm")


def test_absent_attributes_are_empty() -> None:
    item = Item(Dataset(), "file.dcm")
    assert item.text("PatientID") == ""
    assert item.texts("ImageType") == ()
    assert item.numbers("PixelSpacing") is None
    assert item.number("KVP") is None
    assert item.integer("Rows") is None
    assert item.items("BeamSequence") == ()
    assert item.first("BeamSequence") is None
    assert not item.has("PatientID")


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("ImageType", "CS", b"ORIGINAL\\PRIMARY \\AXIAL "),
        ("ImageType", "CS", b"\\PRIMARY"),
        ("SOPInstanceUID", "UI", b"1.2.840.10008.1\0"),
        ("PatientID", "LO", b" ID 7 "),
        ("PatientID", "LO", b""),
        ("AcquisitionTime", "TM", b"081205.25 "),
        ("Rows", "US", b"\x00\x02"),
        ("RescaleSlope", "DS", b"1 "),
        ("KVP", "DS", b"+1.2E+02"),
    ],
)
def test_what_is_read_from_its_bytes_is_what_pydicom_makes_of_it(keyword: str, vr: str, value: bytes) -> None:
    tag = Tag(tag_for_keyword(keyword))
    plain, made = _raw(tag, vr, value), _raw(tag, vr, value)
    assert made.dataset[tag] is not None  # from now on pydicom's value counts
    if vr in ("DS", "US"):
        assert plain.number(keyword) == made.number(keyword) == float(made.dataset[tag].value)
    else:
        assert plain.text(keyword) == made.text(keyword)


def test_another_character_set_is_left_to_pydicom() -> None:
    item = _raw(0x00100020, "LO", b"\x1b$B;3ED\x1b(B")  # ISO 2022 IR 87, all bytes of it ASCII
    item.dataset.set_original_encoding(False, True, ["iso8859", "iso2022_jp"])
    assert item.text("PatientID") == "\u5c71\u7530"


def test_decimal_strings_are_converted_in_one_go() -> None:
    item = _raw(0x30060050, "DS", b"1.5\\-2\\3e1 ")
    assert np.array_equal(item.need_numbers("ContourData", 3), [1.5, -2.0, 30.0])
    assert _raw(0x30060050, "DS", b" ").numbers("ContourData") is None


@pytest.mark.parametrize(
    ("value", "message"),
    [(b"1\\2", "with 2 instead of 3"), (b"1\\x\\3", "not a number"), (b"1\\inf\\3", "not finite")],
)
def test_numbers_that_make_no_sense_name_file_and_attribute(value: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=rf"file\.dcm has a ContourData .*{message}"):
        _raw(0x30060050, "DS", value).numbers("ContourData", 3)


def test_a_needed_value_that_is_absent_is_named() -> None:
    item = Item(Dataset(), "file.dcm")
    with pytest.raises(UnreadableError, match=r"file\.dcm has no Rows, which is needed"):
        item.need_integer("Rows")
    with pytest.raises(UnreadableError, match=r"file\.dcm has no PixelSpacing"):
        item.need_numbers("PixelSpacing", 2)
    with pytest.raises(UnreadableError, match="DoseGridScaling"):
        item.need_number("DoseGridScaling")


def test_a_fraction_is_not_a_whole_number() -> None:
    ds = Dataset()
    ds.DoseGridScaling = 1.5
    with pytest.raises(UnreadableError, match="not a whole number"):
        Item(ds, "file.dcm").integer("DoseGridScaling")


@tolerating_odd_values
def test_values_that_pydicom_cannot_convert_are_named() -> None:
    with pytest.raises(UnreadableError, match="Rows that cannot be read"):
        _raw(0x00280010, "US", b"\x01\x02\x03").text("Rows")
    with pytest.raises(UnreadableError, match="ROINumber"):
        _raw(0x30060022, "IS", b"abc").integer("ROINumber")


def test_a_misspelt_keyword_is_our_mistake() -> None:
    with pytest.raises(LookupError, match="not a DICOM keyword"):
        Item(Dataset(), "file.dcm").text("PatientIdentifier")


@tolerating_odd_values
def test_a_date_that_is_a_hash_is_no_date() -> None:
    ds = Dataset()
    ds.StudyDate, ds.StudyTime = "61d6b371-5759-36d4-a66b-402c0333d1a9", "101112"
    ds.SeriesDate, ds.SeriesTime = "20240102", "1011"
    item = Item(ds, "file.dcm")
    assert item.moment("StudyDate", "StudyTime") is None
    assert item.moment("SeriesDate", "SeriesTime") == datetime(2024, 1, 2, 10, 11)
    assert moment_of("00010101000000") is None
    assert moment_of("20241301000000") is None


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        (
            {"AcquisitionDate": "20260302", "AcquisitionTime": "090000.2"},
            datetime(2026, 3, 2, 9, 0, 0, 200000),
        ),
        ({"ContentDate": "20260302", "ContentTime": "090001"}, datetime(2026, 3, 2, 9, 0, 1)),
        (
            {"AcquisitionDateTime": "20260302090000.123456+0130"},
            datetime(2026, 3, 2, 9, 0, 0, 123456, timezone(timedelta(hours=1, minutes=30))),
        ),
        (
            {"AcquisitionDateTime": "20260302090000.5", "TimezoneOffsetFromUTC": "-0500"},
            datetime(2026, 3, 2, 9, 0, 0, 500000, timezone(timedelta(hours=-5))),
        ),
        ({"AcquisitionDate": "20260302", "AcquisitionTime": "0900"}, None),
        ({"AcquisitionDate": "20260302"}, None),
        ({"AcquisitionDateTime": "00010101000000"}, None),
    ],
)
def test_frames_within_a_second_are_told_apart_by_the_digits_of_their_time(said, instant) -> None:
    """PS3.5 6.2: fractions of TM and DT have up to six digits, offsets from UTC hours and minutes."""
    ds = Dataset()
    for keyword, value in said.items():
        setattr(ds, keyword, value)
    assert exposure_instant(Item(ds, "file.dcm")) == instant
