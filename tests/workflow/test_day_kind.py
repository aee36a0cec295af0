"""A folder of the day is recognised by what is in it; where it could be two things, somebody has to say."""

import shutil
from pathlib import Path

import pytest
from exposed_pairs import dx_image, rt_image

from isoguide.errors import AmbiguityError, InputError, UnreadableError
from isoguide.workflow.day_kind import look_at_day
from isoguide.workflow.request import AlignRequest, RadiographChoice


def kind(daily: Path, **more) -> str:
    return look_at_day(AlignRequest(Path("plan"), daily, **more)).kind


def test_a_cone_beam_ct_is_a_volume(patient):
    assert kind(patient.daily) == "volume"


def test_radiographs_are_recognised_by_their_class(tmp_path):
    rt_image(tmp_path)
    dx_image(tmp_path)
    assert kind(tmp_path) == "radiographs"


def test_computed_radiographs_beside_a_ct_leave_it_a_volume(patient, tmp_path):
    shutil.copytree(patient.daily, tmp_path / "day")
    rt_image(tmp_path / "day", ImageType=["DERIVED", "SECONDARY", "DRR"])
    assert kind(tmp_path / "day") == "volume"


def test_computed_radiographs_alone_are_refused_as_radiographs(tmp_path):
    rt_image(tmp_path, ImageType=["DERIVED", "SECONDARY", "DRR"])
    assert kind(tmp_path) == "radiographs"


def test_a_ct_and_radiographs_in_one_folder_ask_which(patient, tmp_path):
    shutil.copytree(patient.daily, tmp_path / "day")
    rt_image(tmp_path / "day")
    with pytest.raises(
        AmbiguityError, match=r"CT series .* and 1 radiographs: choose with --daily-series UID"
    ):
        kind(tmp_path / "day")
    assert kind(tmp_path / "day", daily_series_uid="1.2.3") == "radiographs"


def test_what_is_said_about_radiographs_is_refused_for_a_ct(patient):
    with pytest.raises(InputError, match="is no radiograph: leave --imager, --view"):
        kind(patient.daily, radiographs=RadiographChoice(source_from_gantry_deg=90.0))


def test_a_views_file_says_all_itself(tmp_path):
    (tmp_path / "views.json").write_text("{}", encoding="utf-8")
    assert kind(tmp_path / "views.json") == "views file"
    with pytest.raises(InputError, match="a views file, which says all itself"):
        kind(tmp_path / "views.json", radiographs=RadiographChoice(moments_apart_s=10.0))


def test_several_files_are_those_of_a_pair(tmp_path):
    files = (rt_image(tmp_path), dx_image(tmp_path))
    day = look_at_day(AlignRequest(Path("plan"), files[0], radiographs=RadiographChoice(files=files)))
    assert [file.path for file in day.contents.radiographs] == list(files)
    note = tmp_path / "note.txt"
    note.write_text("lunch at noon", encoding="utf-8")
    with pytest.raises(UnreadableError, match=r"note.txt is no exposed DICOM radiograph"):
        kind(files[0], radiographs=RadiographChoice(files=(files[0], note)))
    with pytest.raises(UnreadableError, match="give either one folder or files"):
        kind(files[0], radiographs=RadiographChoice(files=(files[0], tmp_path)))


def test_a_negative_time_between_images_is_refused():
    with pytest.raises(InputError, match="--moments-apart needs seconds from 0 on"):
        RadiographChoice(moments_apart_s=-1.0)
