"""``isoguide drr`` as a shell sees it."""

import pydicom
import pytest


@pytest.fixture(scope="module")
def out(patient, tmp_path_factory):
    return tmp_path_factory.mktemp("drr")


def test_the_fields_of_the_plan_are_listed_with_their_files(isoguide, patient, out):
    ending = isoguide(
        "drr", patient.planning, "--out", out, "--pixels", 64, "--png", "--outline", "Prostate", "--force"
    )
    assert ending.code == 0, ending.err
    lines = ending.out.splitlines()
    # The set-up fields of a virtual patient.
    assert [line.split() for line in lines[1:4]] == [
        ["RI_01", "kV", "AP,", "source", "0", "0°", "0°"],
        ["RI_02", "kV", "LAT,", "source", "90", "90°", "0°"],
        ["RI_03", "CBCT", "0°", "0°"],
    ]
    assert "outlined in green: Prostate" in ending.out
    assert f"written to {out / 'DRR'}" in ending.out
    assert len(list((out / "DRR").iterdir())) == 6


def test_angles_size_and_distance_are_those_asked_for(isoguide, patient, tmp_path):
    arguments = ("--angle", 45, "--angle", -10, "--size", 256, "--pixels", 64, "--sid", 1800)
    ending = isoguide("drr", patient.planning, "--out", tmp_path, *arguments, "--weights", "bone", "--quiet")
    assert (ending.code, ending.out, ending.err) == (0, "", "")
    first, second = (pydicom.dcmread(path) for path in sorted((tmp_path / "DRR").iterdir()))
    assert (first.GantryAngle, second.GantryAngle) == (45, 350)
    assert (first.RTImageSID, list(first.ImagePlanePixelSpacing)) == (1800, [7.2, 7.2])
    assert "bone only" in first.RTImageDescription


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--weights", "lung"), "--weights needs all, bone or soft, not 'lung'"),
        (("--pixels", "3"), "--pixels has to be between 64 and 4096 pixels, not 3"),
        (("--outline", "PTV"), "add --png"),
        (("--beam", "1", "--isocentre", "0,0,0"), "give only one of them"),
        (("--isocentre", "0,0"), "--isocentre needs three numbers"),
        (("--isocentre", "900,0,0"), "lies outside the planning image"),
        (("--beam", "77"), "has no beam 77"),
        (("--patient-position", "SITTING"), "--patient-position needs one of"),
        (("--plan", "1.2.3"), "1.2.3"),
        (("--png", "--outline", "Spleen"), "has no structure 'Spleen'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(isoguide, patient, tmp_path, arguments, words):
    ending = isoguide("drr", patient.planning, "--out", tmp_path / "out", *arguments)
    assert ending.code == 2
    assert words in ending.err
    assert ending.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_images_that_exist_are_not_replaced_unasked(isoguide, patient, tmp_path):
    (tmp_path / "DRR").mkdir()
    ending = isoguide("drr", patient.planning, "--out", tmp_path)
    assert ending.code == 2
    assert "already holds DRR" in ending.err
    assert list((tmp_path / "DRR").iterdir()) == []


def test_there_is_help_with_examples(isoguide):
    ending = isoguide("drr", "--help")
    assert ending.code == 0
    assert "Examples" in ending.out
    assert "isoguide drr plan/ --out images/" in ending.out
    assert "isoguide drr" in isoguide("--help").out
