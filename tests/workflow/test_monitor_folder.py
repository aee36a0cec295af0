"""A folder of radiographs in time: their order, their clock, and where they were taken from."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from exposed_pairs import save_rt_image

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import FIXED
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.workflow.motion.image_frames import NO_ZONE, frames_of_folder
from isoguide.workflow.request import RadiographChoice

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ARM = RadiographChoice(source_from_gantry_deg=0.0)


def image(gantry_deg: float, value: float = 0.5) -> Radiograph:
    view = gantry_view(gantry_deg, sad_mm=1000.0, sid_mm=1500.0, size=(16, 12), pixel_spacing_mm=(1.0, 1.0))
    return Radiograph(view, np.full((12, 16), value, dtype=np.float32), "line integral")


def exposed(folder: Path, name: str, gantry_deg: float, second: str, **more) -> Path:
    said = {
        "AcquisitionDate": "20260302",
        "AcquisitionTime": f"0900{second}",
        "SOPInstanceUID": f"1.2.3.{name[:-4]}",
    }
    folder.mkdir(exist_ok=True)
    return save_rt_image(folder, name, image(gantry_deg), gantry_deg, **{**said, **more})


def test_comes_in_the_order_of_its_names_with_the_times_of_its_headers(tmp_path: Path) -> None:
    """Frame 10 comes behind frame 9; nothing is sorted by time, which is for the gate to judge."""
    folder = tmp_path / "frames"
    exposed(folder, "10.dcm", 20.0, "00.400")
    exposed(folder, "9.dcm", 10.0, "00.200")
    exposed(folder, "8.dcm", 0.0, "00.600")
    frames = frames_of_folder(folder, ARM, now=NOW)
    assert [one.path.name for one in frames.images] == ["8.dcm", "9.dcm", "10.dcm"]
    assert [one.number for one in frames.images] == [1, 2, 3]
    assert [one.at.microsecond for one in frames.images] == [600000, 200000, 400000]
    assert frames.clock == NO_ZONE


def test_is_placed_in_the_room_by_the_angle_of_each_image(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    exposed(folder, "1.dcm", 90.0, "00.000")
    (one,) = frames_of_folder(folder, ARM, now=NOW).images
    view = one.load().view
    assert view.frame == FIXED
    np.testing.assert_allclose(view.source_mm, [1000.0, 0.0, 0.0], atol=1e-6)
    assert one.seen_from == (90.0,)


def test_without_times_cannot_be_monitored(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    exposed(folder, "1.dcm", 0.0, "", AcquisitionTime="", AcquisitionDate="")
    with pytest.raises(MissingEvidenceError, match="does not say to the second when it was exposed"):
        frames_of_folder(folder, ARM, now=NOW)


def test_of_two_patients_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    exposed(folder, "1.dcm", 0.0, "00.000")
    exposed(folder, "2.dcm", 10.0, "00.200", PatientID="ANOTHER")
    with pytest.raises(InputError, match="ANOTHER"):
        frames_of_folder(folder, ARM, now=NOW)


def test_with_and_without_a_time_zone_has_no_one_clock(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    exposed(folder, "1.dcm", 0.0, "00.000")
    exposed(folder, "2.dcm", 10.0, "00.200", TimezoneOffsetFromUTC="+0100")
    with pytest.raises(InputError, match=r"some images in .* state a time zone and others do not"):
        frames_of_folder(folder, ARM, now=NOW)
