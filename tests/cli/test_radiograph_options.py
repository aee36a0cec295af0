"""What is said about radiographs and markers on the command line."""

import sys
from pathlib import Path

import pytest
import typer

sys.path.append(str(Path(__file__).parents[1] / "dicom"))

from radiograph_builders import dx_image, rt_image

from isoguide.cli import values
from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.registration.markers import DeclaredMarkers, MarkerKind


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("seed:3:5x1", DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 3)),
        ("coil:4:10x0.5", DeclaredMarkers(MarkerKind.COIL, 10.0, 0.5, 4)),
        ("sphere:2:1.6", DeclaredMarkers(MarkerKind.SPHERE, 1.6, 1.6, 2)),
    ],
)
def test_markers_are_kind_number_and_size(text, declared):
    assert values.markers(text) == declared
    assert values.markers(None) is None


@pytest.mark.parametrize("text", ["seed", "seed:3", "seed:3:5", "sphere:2:2x2", "nail:3:5x1", "seed:-1:5x1"])
def test_markers_that_make_no_sense_are_answered_with_an_example(text):
    with pytest.raises(typer.BadParameter, match="like seed:3:5x1"):
        values.markers(text)


def test_a_view_belongs_to_a_file():
    assert values.view_names(["a.dcm=left", "b.dcm=-90"]) == (("a.dcm", "left"), ("b.dcm", "-90"))
    for text in ("left", "a.dcm=", "=left"):
        with pytest.raises(typer.BadParameter, match=r"like a.dcm=left or a.dcm=90"):
            values.view_names([text])


def test_the_meaning_of_pixels_is_in_the_words_of_the_standard():
    assert values.pixels("LOG:-1") == PixelMeaning("LOG", -1)
    assert values.pixels(None) is None
    with pytest.raises(typer.BadParameter, match="--pixels needs one of LIN:1, LIN:-1, LOG:1, LOG:-1"):
        values.pixels("LIN")


def test_an_engine_is_one_of_three():
    assert values.engine("markers") == "markers"
    with pytest.raises(typer.BadParameter, match="--engine needs auto, anatomy or markers"):
        values.engine("bones")


def test_a_dx_image_without_imager_file_ends_in_one_sentence(isoguide, patient, tmp_path):
    path = dx_image(tmp_path)
    ending = isoguide("align", patient.planning, path, "--json")
    assert (ending.code, ending.out) == (2, "")
    assert ending.err.count("\n") == 1
    assert "give the imager file of the device 'X9' with --imager" in ending.err


def test_the_files_of_a_pair_are_named_one_by_one(isoguide, patient, tmp_path):
    """Both are megavoltage images at gantry 0°: the sentence shows that both were read and placed."""
    one = rt_image(tmp_path).rename(tmp_path / "one.dcm")
    other = rt_image(tmp_path, SOPInstanceUID="1.2.3.9").rename(tmp_path / "other.dcm")
    ending = isoguide("align", patient.planning, one, other, "--json")
    assert ending.code == 2
    assert "one.dcm (gantry 0°, at 2024-01-03 10:15:00) and" in ending.err
    assert "give the files of one pair" in ending.err
