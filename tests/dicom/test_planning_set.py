"""Images, structures and plan have to belong together, and a choice is never made silently."""

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import (
    DAY_FRAME,
    DAY_SERIES,
    FRAME,
    PLAN,
    ROOT,
    SERIES,
    STRUCTURES,
    dose,
    item,
    plan,
    save,
    structure_set,
    write_planning_export,
    write_series,
)
from pydicom.dataset import Dataset

from isoguide.dicom import load_planning_set
from isoguide.errors import (
    AmbiguityError,
    GeometryError,
    InputError,
    MismatchError,
    MissingEvidenceError,
    UnreadableError,
)
from isoguide.geometry.frames import PLANNING
from isoguide.plan import PatientPosition

OTHER = ROOT + "50"


def _stranger(ds: Dataset) -> Dataset:
    ds.PatientID, ds.PatientName = "B2", "ROE^RICHARD"
    return ds


def _refused(folder: Path, error: type[InputError], **options: str) -> str:
    with pytest.raises(error) as caught:
        load_planning_set(folder, **options)
    return str(caught.value)


def test_an_export_is_loaded_as_a_whole(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(dose(), tmp_path / "rd")
    steps: list[tuple[float, str]] = []
    found = load_planning_set(tmp_path, progress=lambda fraction, step: steps.append((fraction, step)))
    assert found.image.volume.grid.frame == PLANNING
    assert found.image.series_instance_uid == SERIES
    assert found.structure_set is not None
    assert found.structure_set.sop_instance_uid == STRUCTURES
    assert found.plan is not None
    assert found.plan.sop_instance_uid == PLAN
    assert found.plan_path == tmp_path / "rp"
    assert found.doses == (tmp_path / "rd",)
    assert found.warnings == ()
    assert [fraction for fraction, _ in steps] == sorted(fraction for fraction, _ in steps)


def test_a_ct_alone_is_a_planning_set_without_plan(tmp_path: Path) -> None:
    write_series(tmp_path)
    found = load_planning_set(tmp_path)
    assert found.plan is None
    assert found.structure_set is None
    assert found.doses == ()


def test_two_plans_need_a_choice_by_uid(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(plan(uid=OTHER), tmp_path / "rp2")
    message = _refused(tmp_path, AmbiguityError)
    assert "2 candidates for the plan" in message
    assert f"{PLAN} 'Pelvis' in rp; {OTHER} 'Pelvis' in rp2" in message
    assert "choose one with --plan UID" in message
    found = load_planning_set(tmp_path, plan_uid=OTHER)
    assert found.plan is not None
    assert found.plan.sop_instance_uid == OTHER
    assert "holds no RT Plan with the UID 1.2" in _refused(tmp_path, MissingEvidenceError, plan_uid="1.2")


def test_copies_of_one_plan_are_one_candidate(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(plan(), tmp_path / "copy")
    assert load_planning_set(tmp_path).plan_path == tmp_path / "copy"


def test_the_plan_names_its_structure_set_among_several(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(structure_set(uid=OTHER), tmp_path / "rs2")
    found = load_planning_set(tmp_path)
    assert found.structure_set is not None
    assert found.structure_set.sop_instance_uid == STRUCTURES


def test_two_structure_sets_without_a_plan_need_a_choice(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(structure_set(uid=OTHER), tmp_path / "rs2")
    (tmp_path / "rp").unlink()
    assert "choose one with --structures UID" in _refused(tmp_path, AmbiguityError)
    found = load_planning_set(tmp_path, structure_set_uid=OTHER)
    assert found.structure_set is not None
    assert found.structure_set.sop_instance_uid == OTHER


def test_two_series_need_a_choice_unless_the_structures_name_one(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    write_series(tmp_path / "second", series=DAY_SERIES, count=4)
    assert load_planning_set(tmp_path).image.series_instance_uid == SERIES
    (tmp_path / "rs").unlink()
    assert "choose one with --planning-series UID" in _refused(tmp_path, AmbiguityError)
    found = load_planning_set(tmp_path, series_uid=DAY_SERIES)
    assert found.image.volume.grid.shape[0] == 4
    (tmp_path / "rp").unlink()
    save(structure_set(), tmp_path / "a")
    save(structure_set(uid=OTHER, series=DAY_SERIES), tmp_path / "b")
    chosen = load_planning_set(tmp_path, series_uid=DAY_SERIES)
    assert chosen.structure_set is not None
    assert chosen.structure_set.sop_instance_uid == OTHER


def test_the_frame_of_reference_of_the_plan_picks_the_series(tmp_path: Path) -> None:
    write_series(tmp_path / "day", series=DAY_SERIES, frame=DAY_FRAME)
    write_series(tmp_path / "planning")
    save(plan(), tmp_path / "rp")
    assert load_planning_set(tmp_path).image.series_instance_uid == SERIES


def test_a_plan_whose_structure_set_is_absent_is_accepted_with_a_warning(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(plan(structures=OTHER), tmp_path / "rp")
    (warning,) = load_planning_set(tmp_path).warnings
    assert f"refers to another structure set ({OTHER})" in warning


@pytest.mark.parametrize(("name", "make"), [("rs", structure_set), ("rp", plan)])
def test_an_object_of_somebody_else_in_the_folder_is_refused(tmp_path: Path, name: str, make) -> None:
    write_planning_export(tmp_path)
    save(_stranger(make()), tmp_path / name)
    message = _refused(tmp_path, MismatchError)
    assert f"{tmp_path / name} belongs to another patient ('B2')" in message


def test_a_spare_structure_set_of_somebody_else_is_refused_unless_one_was_named(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(_stranger(structure_set(uid=OTHER)), tmp_path / "rs2")
    assert "rs2 belongs to another patient" in _refused(tmp_path, MismatchError)
    found = load_planning_set(tmp_path, structure_set_uid=STRUCTURES)
    assert found.structure_set is not None
    named = _refused(tmp_path, MismatchError, structure_set_uid=OTHER)
    assert "belongs to another patient: the patient ID is 'B2' there and 'A1'" in named


def test_images_of_somebody_else_beside_the_chosen_ones_are_refused(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    write_series(
        tmp_path / "second", lambda ds, k: _stranger(ds) and None, series=DAY_SERIES, frame=DAY_FRAME
    )
    assert "choose with --planning-series UID" in _refused(tmp_path, MismatchError)
    assert load_planning_set(tmp_path, series_uid=SERIES).image.series_instance_uid == SERIES


@pytest.mark.parametrize(("name", "make"), [("rs", lambda: structure_set(frame=DAY_FRAME)), ("rp", plan)])
def test_an_object_of_another_frame_of_reference_is_refused(tmp_path: Path, name: str, make) -> None:
    write_planning_export(tmp_path)
    ds = make()
    if name == "rp":
        ds.FrameOfReferenceUID = DAY_FRAME
    save(ds, tmp_path / name)
    message = _refused(tmp_path, MismatchError)
    assert f"{tmp_path / name} is in the frame of reference {DAY_FRAME}" in message


def test_structures_drawn_on_another_series_of_the_same_frame_warn(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(structure_set(series=OTHER), tmp_path / "rs")
    (warning,) = load_planning_set(tmp_path).warnings
    assert f"was drawn on the series {OTHER}" in warning


def test_a_plan_without_frame_of_reference_needs_its_structure_set(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    ds = plan()
    del ds.FrameOfReferenceUID
    save(ds, tmp_path / "rp")
    assert load_planning_set(tmp_path).warnings == ()
    (tmp_path / "rs").unlink()
    assert "cannot be tied to" in _refused(tmp_path, MissingEvidenceError)


def test_a_plan_in_another_position_than_the_images_warns(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    ds = plan()
    ds.PatientSetupSequence = [item(PatientSetupNumber=1, PatientPosition="FFS")]
    save(ds, tmp_path / "rp")
    found = load_planning_set(tmp_path)
    assert found.plan is not None
    assert found.plan.patient_position is PatientPosition.FFS
    assert "treats in FFS but the planning images say HFS" in found.warnings[0]


def test_a_folder_without_ct_says_what_it_holds(tmp_path: Path) -> None:
    save(plan(), tmp_path / "rp")
    (tmp_path / "readme.txt").write_text("hello")
    cut = save(structure_set(), tmp_path / "rs")
    cut.write_bytes(cut.read_bytes()[:200])
    message = _refused(tmp_path, MissingEvidenceError)
    assert "holds no CT series for the planning CT" in message
    assert "1 × RT Plan Storage" in message
    assert "1 that are not DICOM" in message
    assert "1 damaged (for example rs" in message


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "found: no file" in _refused(tmp_path, MissingEvidenceError)


def test_a_damaged_file_of_another_series_only_warns(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    cut = write_series(tmp_path / "second", series=DAY_SERIES, count=2)[0]
    cut.write_bytes(cut.read_bytes()[:-5])
    assert any("was left out: it is truncated" in warning for warning in load_planning_set(tmp_path).warnings)
    with pytest.raises(UnreadableError, match="belongs to the chosen series"):
        load_planning_set(tmp_path, series_uid=DAY_SERIES)


def test_a_real_planning_export_with_a_broken_reference_is_loaded(shared_data: Path) -> None:
    found = load_planning_set(shared_data / "OnkoDICOM")
    assert found.image.volume.grid.shape == (105, 512, 512)
    assert found.plan is not None
    assert np.allclose(found.plan.isocentre_mm(), [7.5, -234.0, -16.1], atol=0.05)
    assert found.structure_set is not None
    assert len(found.structure_set.structures) == 9
    (warning,) = found.warnings
    assert "refers to another structure set" in warning


def test_real_exports_without_a_volume_are_refused(shared_data: Path) -> None:
    with pytest.raises(GeometryError, match="single slice"):
        load_planning_set(shared_data / "dicompyler-core")
    with pytest.raises(MissingEvidenceError, match="1 × RT Dose Storage, 1 × RT Plan Storage"):
        load_planning_set(shared_data / "dcmtk_example_rt")


def test_a_real_folder_of_two_structure_sets_needs_a_choice(shared_data: Path) -> None:
    folder = shared_data / "pps/tests/tests_validation/benchmark_data"
    with pytest.raises(AmbiguityError, match=r"'2mmCT' in Cylinder_20_0\.dcm; .*--structures UID"):
        load_planning_set(folder)
    uid = "1.3.6.1.4.1.9590.100.1.2.32797530212110954000876448212544554878"
    found = load_planning_set(folder, structure_set_uid=uid)
    assert found.structure_set is not None
    assert "Sphere_20_0" in found.structure_set.names
    assert found.image.frame_of_reference_uid != FRAME
