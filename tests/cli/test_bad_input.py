"""Bad input never yields a number: one sentence, exit code 2, and nothing left behind."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import RLELossless, generate_uid

OTHER_UID = "2.25.99"


@dataclass(frozen=True)
class Exports:
    """Copies of both exports of the small patient, to be spoilt."""

    planning: Path
    daily: Path

    def edit(self, folder, change, name="*.dcm"):
        """Apply ``change`` to every file of ``folder`` that matches, and save it."""
        for path in sorted(folder.glob(name)):
            dataset = pydicom.dcmread(path)
            change(dataset)
            dataset.save_as(path)


@pytest.fixture
def exports(patient, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(patient.planning, work / "planning")
    shutil.copytree(patient.daily, work / "daily")
    return Exports(work / "planning", work / "daily")


@pytest.fixture
def refused(isoguide, exports, tmp_path) -> Callable[..., str]:
    """Run ``align`` on the spoilt exports, check how it ends, and return its sentence."""

    def run(*options: object, planning: Path | None = None, daily: Path | None = None) -> str:
        out = tmp_path / "out"
        ending = isoguide(
            "align", planning or exports.planning, daily or exports.daily, "--out", out, "--json", *options
        )
        assert ending.code == 2, ending.out + ending.err
        assert ending.out == ""
        assert ending.err.startswith("isoguide: ")
        assert ending.err.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["work"]
        return ending.err

    return run


class TestThePlan:
    def test_that_is_missing_is_asked_for(self, exports, refused):
        (exports.planning / "RP.dcm").unlink()

        sentence = refused()

        assert "holds no plan" in sentence
        assert "--isocentre X,Y,Z" in sentence

    def test_without_an_isocentre_is_refused(self, exports, refused):
        def strip(plan):
            for beam in plan.BeamSequence:
                for point in beam.ControlPointSequence:
                    if "IsocenterPosition" in point:
                        del point.IsocenterPosition

        exports.edit(exports.planning, strip, "RP.dcm")

        assert "has no isocentre" in refused()

    def test_with_several_isocentres_asks_which(self, exports, refused, isoguide):
        def second_beam(plan):
            beam = pydicom.Dataset.from_json(plan.BeamSequence[0].to_json())
            beam.BeamNumber, beam.BeamName = 2, "NODES"
            point = beam.ControlPointSequence[0]
            x, y, z = point.IsocenterPosition
            point.IsocenterPosition = [x, y, float(z) + 60.0]
            plan.BeamSequence.append(beam)

        exports.edit(exports.planning, second_beam, "RP.dcm")

        assert "2 isocentres" in (sentence := refused())
        assert "--beam N" in sentence
        assert isoguide("align", exports.planning, exports.daily, "--beam", 1, "--quiet").code == 0
        assert "has no beam 7" in refused("--beam", 7)

    def test_of_another_patient_is_refused(self, exports, refused):
        exports.edit(exports.planning, lambda plan: setattr(plan, "PatientID", "SOMEBODY-ELSE"), "RP.dcm")

        assert "SOMEBODY-ELSE" in refused()

    def test_of_another_frame_of_reference_is_refused(self, exports, refused):
        exports.edit(exports.planning, lambda plan: setattr(plan, "FrameOfReferenceUID", OTHER_UID), "RP.dcm")

        assert OTHER_UID in refused()

    def test_beside_a_second_one_needs_a_choice(self, exports, refused, isoguide):
        plan = pydicom.dcmread(exports.planning / "RP.dcm")
        first, plan.SOPInstanceUID = plan.SOPInstanceUID, OTHER_UID
        plan.file_meta.MediaStorageSOPInstanceUID = OTHER_UID
        plan.save_as(exports.planning / "another.dcm")

        sentence = refused()

        assert first in sentence
        assert OTHER_UID in sentence
        assert "--plan" in sentence
        assert isoguide("align", exports.planning, exports.daily, "--plan", first, "--quiet").code == 0


class TestTheStructureSet:
    def test_of_somebody_else_in_the_folder_is_refused(self, exports, refused):
        exports.edit(exports.planning, lambda item: setattr(item, "PatientID", "SOMEBODY-ELSE"), "RS.dcm")

        assert "SOMEBODY-ELSE" in refused()

    def test_of_another_frame_of_reference_is_refused(self, exports, refused):
        def move(item):
            item.FrameOfReferenceUID = OTHER_UID
            for structure in item.StructureSetROISequence:
                structure.ReferencedFrameOfReferenceUID = OTHER_UID
            for frame in item.ReferencedFrameOfReferenceSequence:
                frame.FrameOfReferenceUID = OTHER_UID

        exports.edit(exports.planning, move, "RS.dcm")

        assert OTHER_UID in refused()

    def test_without_the_structure_asked_for_names_those_it_has(self, refused):
        sentence = refused("--roi", "Spleen")

        assert "Spleen" in sentence
        assert "Prostate" in sentence


def lift(dataset, millimetres):
    x, y, z = (float(value) for value in dataset.ImagePositionPatient)
    dataset.ImagePositionPatient = [x, y, z + millimetres]


def tilt(dataset):
    """Shear the stack by 10 degrees, as a tilted gantry does."""
    x, y, z = (float(value) for value in dataset.ImagePositionPatient)
    dataset.ImagePositionPatient = [x, y + np.tan(np.deg2rad(10.0)) * z, z]


@pytest.mark.parametrize("side", ["planning", "daily"])
class TestSlices:
    def test_that_are_missing_are_noticed(self, exports, refused, side):
        (getattr(exports, side) / "CT_0020.dcm").unlink()

        assert "UID" in refused() or "slice" in refused()

    def test_that_are_there_twice_are_noticed(self, exports, refused, side):
        folder = getattr(exports, side)
        copy = pydicom.dcmread(folder / "CT_0020.dcm")
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        copy.save_as(folder / "twice.dcm")

        assert "position" in refused()

    def test_that_are_unevenly_spaced_are_noticed(self, exports, refused, side):
        exports.edit(getattr(exports, side), lambda image: lift(image, 0.8), "CT_0020.dcm")

        assert "mm" in refused()

    def test_that_are_tilted_are_noticed(self, exports, refused, side):
        exports.edit(getattr(exports, side), tilt, "CT_*.dcm")

        assert "tilt" in refused()

    def test_of_a_damaged_file_are_not_replaced_by_a_guess(self, exports, refused, side):
        path = getattr(exports, side) / "CT_0020.dcm"
        path.write_bytes(path.read_bytes()[:3000])

        assert "CT_0020.dcm" in refused()

    def test_of_two_series_in_one_folder_need_a_choice(self, exports, refused, isoguide, side):
        folder = getattr(exports, side)
        uids = [pydicom.dcmread(folder / "CT_0001.dcm", stop_before_pixels=True).SeriesInstanceUID, OTHER_UID]
        for path in sorted(folder.glob("CT_*.dcm")):
            image = pydicom.dcmread(path)
            image.SeriesInstanceUID = OTHER_UID
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            image.save_as(folder / f"second_{path.name}")
        if side == "planning":
            # The structure set says which series it was drawn on: only without it is there a choice to make.
            (folder / "RS.dcm").unlink()

        sentence = refused()

        assert f"--{side}-series" in sentence
        assert all(uid in sentence for uid in uids)
        choice = ("--planning-series" if side == "planning" else "--daily-series", uids[0])
        assert isoguide("align", exports.planning, exports.daily, *choice, "--quiet").code == 0


def test_planning_images_without_rescale_are_refused_as_ct_numbers(exports, refused):
    def strip(image):
        del image.RescaleSlope
        del image.RescaleIntercept

    exports.edit(exports.planning, strip, "CT_*.dcm")

    assert "escale" in refused()


def test_random_files_among_good_ones_are_told_and_do_no_harm(exports, isoguide, tmp_path):
    rng = np.random.default_rng(0)
    (exports.planning / "notes.txt").write_text("lunch")
    (exports.planning / "noise.dcm").write_bytes(rng.bytes(5000))
    (exports.daily / "Thumbs.db").write_bytes(rng.bytes(700))

    assert isoguide("align", exports.planning, exports.daily, "--quiet").code == 0


def test_compressed_images_give_the_same_answer(exports, isoguide):
    plain = isoguide("align", exports.planning, exports.daily, "--json")
    exports.edit(
        exports.daily, lambda image: image.compress(RLELossless, generate_instance_uid=False), "CT_*.dcm"
    )

    compressed = isoguide("align", exports.planning, exports.daily, "--json")

    assert json.loads(plain.out)["planning_from_daily"] == json.loads(compressed.out)["planning_from_daily"]


class TestTheDay:
    def test_in_another_patient_position_is_refused(self, exports, refused):
        exports.edit(exports.daily, lambda image: setattr(image, "PatientPosition", "HFP"), "CT_*.dcm")

        sentence = refused()

        assert "HFP" in sentence
        assert "HFS" in sentence

    def test_of_another_patient_is_refused(self, exports, refused):
        exports.edit(exports.daily, lambda item: setattr(item, "PatientID", "SOMEBODY-ELSE"))

        assert "SOMEBODY-ELSE" in refused()

    def test_of_a_namesake_with_another_birth_date_is_refused(self, exports, refused):
        exports.edit(exports.daily, lambda item: setattr(item, "PatientBirthDate", "19620101"))

        assert "19620101" in refused()

    def test_without_evidence_of_the_machine_isocentre_is_refused(self, exports, refused):
        (exports.daily / "RS.dcm").unlink()

        sentence = refused()

        assert "--machine-isocentre X,Y,Z" in sentence
        assert "image-origin" in sentence

    def test_that_does_not_overlap_is_refused(self, refused):
        assert "do not overlap" in refused("--machine-isocentre", "5000,0,0")

    def test_that_holds_no_images_is_refused(self, exports, refused):
        for path in exports.daily.glob("CT_*.dcm"):
            path.unlink()

        assert "daily" in refused()

    def test_of_another_body_region_is_not_available_with_the_reason(self, exports, isoguide, tmp_path):
        """The day's image is replaced by noise of the same size: nothing in it agrees with the plan."""
        rng = np.random.default_rng(0)

        def scramble(image):
            image.PixelData = rng.integers(-900, 900, image.Rows * image.Columns, dtype=np.int16).tobytes()

        exports.edit(exports.daily, scramble, "CT_*.dcm")
        ending = isoguide("align", exports.planning, exports.daily, "--out", tmp_path / "out")

        assert ending.code == 1
        assert "NOT AVAILABLE" in ending.out
        assert "reason: " in ending.out
        assert "Lateral" not in ending.out
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            "report.dcm",
            "report.html",
            "result.json",
        ]


class TestVolumeFiles:
    @pytest.fixture
    def nifti(self, tmp_path):
        """Write a NIfTI file whose header is changed by hand."""

        def write(change):
            path = tmp_path / "work" / "day.nii"
            image = SimpleITK.GetImageFromArray(np.zeros((8, 9, 10), np.int16))
            SimpleITK.WriteImage(image, str(path))
            header = bytearray(path.read_bytes())
            change(header)
            path.write_bytes(header)
            return path

        return write

    def test_without_units_need_an_explicit_word(self, nifti, refused):
        path = nifti(lambda header: header.__setitem__(123, 0))  # xyzt_units of the NIfTI-1 header

        sentence = refused("--machine-isocentre", "image-origin", daily=path)

        assert "day.nii" in sentence
        assert "--units mm" in sentence

    def test_with_a_shear_are_refused(self, nifti, refused):
        def shear(header):
            header[252:256] = (0).to_bytes(2, "little") + (1).to_bytes(2, "little")  # qform 0, sform 1
            rows = np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)
            header[280:328] = rows.tobytes()

        sentence = refused("--machine-isocentre", "image-origin", daily=nifti(shear))

        assert "day.nii" in sentence

    def test_without_isocentres_are_refused(self, nifti, refused):
        path = nifti(lambda header: None)

        assert "--isocentre X,Y,Z" in refused(planning=path)
        assert "--machine-isocentre" in refused(daily=path)


def test_an_output_folder_that_cannot_be_written_is_found_before_the_work_begins(
    exports, isoguide, tmp_path, monkeypatch
):
    def work(*_arguments, **_options):
        pytest.fail("the work must not begin")

    monkeypatch.setattr("isoguide.workflow.write_results.align", work)
    (tmp_path / "file").write_text("in the way")

    ending = isoguide("align", exports.planning, exports.daily, "--out", tmp_path / "file" / "out")

    assert ending.code == 2
    assert "cannot write" in ending.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "work"]
