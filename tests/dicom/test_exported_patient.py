"""Every object that a virtual patient's simulation session exports, before two judges that are not ours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations

from isoguide.dicom import PatientIdentity, marked_points, read_plan, read_structure_set
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.virtual import Phantom, build_phantom
from isoguide.virtual.treatment_plan import SITE_SETTINGS, PlanSettings
from isoguide.workflow import simulation_session
from isoguide.workflow.simulation_session import write_simulation_session

PATIENT = PatientIdentity("V-1", name="Virtual^Patient", birth_date="19560229", sex="O")
PLAN_MODULES = ("rt-prescription", "rt-patient-setup", "rt-fraction-scheme", "rt-beams", "approval")
STRUCTURE_MODULES = ("structure-set", "roi-contour", "rt-roi-observations", "approval")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A patient of three slices whose structures are drawn on two: enough for every kind of object."""
    whole = build_phantom("head-neck", spacing_mm=(4.0, 4.0, 8.0))
    grid = whole.volume.grid
    few = Grid(PLANNING, (3, *grid.shape[1:]), grid.spacing_mm, grid.origin_mm, grid.direction)
    thinned = tuple(replace(one, contours=one.contours[:2]) for one in whole.structures)
    return replace(
        whole,
        volume=Volume(few, whole.volume.values[:3]),
        anatomy=Volume(few, whole.anatomy.values[:3]),
        structures=thinned,
    )


@pytest.fixture(autouse=True)
def _plans_as_they_are_shaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slices far from the isocentre cannot get a dose."""
    monkeypatch.setattr(simulation_session, "with_prescribed_dose", lambda plan, _phantom: plan)


def exported(folder: Path, phantom: Phantom, settings: PlanSettings) -> Path:
    write_simulation_session(
        folder,
        phantom,
        patient=PATIENT,
        seed=settings.technique,
        phases=[phantom.anatomy] if settings.technique == "VMAT" else (),
        plan_settings=settings,
    )
    return folder


@pytest.mark.parametrize("site", ["pelvis", "head-neck"])
def test_every_object_of_a_session_satisfies_the_standard(
    tmp_path: Path, phantom: Phantom, site: str
) -> None:
    folder = exported(tmp_path, phantom, SITE_SETTINGS[site])
    judged = {"RP.dcm": PLAN_MODULES, "RS.dcm": STRUCTURE_MODULES, "CT_0001.dcm": ()}
    if site == "pelvis":
        judged["4DCT/00/CT_0001.dcm"] = ()
    for name, modules in judged.items():
        assert standard_violations(folder / name, also_modules=modules) == []
        assert dciodvfy_errors(folder / name) == []


def test_apertures_come_back_to_the_last_digit(tmp_path: Path, phantom: Phantom) -> None:
    settings = SITE_SETTINGS["head-neck"]
    session = write_simulation_session(
        tmp_path, phantom, patient=PATIENT, seed="again", plan_settings=settings
    )
    read = read_plan(tmp_path / "RP.dcm")
    assert len(read.beams) == 10
    for written, found in zip(session.plan.beams, read.beams, strict=True):
        assert written.meterset_mu == found.meterset_mu
        for one, other in zip(written.control_points, found.control_points, strict=True):
            if one.leaf_positions_mm is not None:
                np.testing.assert_allclose(other.leaf_positions_mm, one.leaf_positions_mm, atol=1e-9)


def test_every_slice_of_a_phase_has_its_own_identity(tmp_path: Path, phantom: Phantom) -> None:
    folder = exported(tmp_path, phantom, PlanSettings())
    files = sorted(folder.glob("CT_*.dcm")) + sorted((folder / "4DCT" / "00").glob("CT_*.dcm"))
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in files]
    assert len({header.SOPInstanceUID for header in headers}) == len(files)
    for header in headers:
        assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
    assert {header.BodyPartExamined for header in headers} == {"HEADNECK"}
    assert {header.PatientPosition for header in headers} == {"HFS"}


def test_a_marker_that_nothing_describes_is_neither_implanted_nor_on_the_skin(phantom: Phantom) -> None:
    point = Contour("POINT", np.array([[1.0, 2.0, 3.0]]))
    ball = Structure("BB 1", 4, PLANNING, (point,), "MARKER")
    seed = replace(ball, name="Seed", number=5, description="gold seed")
    drawn = replace(seed, name="drawn", number=6, contours=phantom.structures[0].contours)
    found = marked_points([ball, seed, drawn, *phantom.structures])
    assert found.unspecified == (ball,)
    assert [one.name for one in found.fiducials] == ["Seed"]
    assert found.marks == ()
    assert found.isocentres == ()


def test_the_structure_set_of_a_patient_keeps_its_drawing(tmp_path: Path, phantom: Phantom) -> None:
    exported(tmp_path, phantom, PlanSettings(technique="IMRT"))
    read = read_structure_set(tmp_path / "RS.dcm")
    for drawn in phantom.structures:
        np.testing.assert_array_equal(read.structure(drawn.name).points_mm, drawn.points_mm)
        assert read.structure(drawn.name).interpreted_type == drawn.interpreted_type
