"""What is drawn of a fraction with a pair of radiographs: in the very geometry in which it was matched."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from small_department import SET_UP, Department, open_department
from small_patient import SmallPatient
from test_desk_radiographs import KV_PAIR, TUBE_AS_STATED, exported_pair, set_up

from isoguide.errors import MissingEvidenceError, UnreadableError
from isoguide.geometry.transforms import RigidTransform
from isoguide.workflow.clinic.day_image import ImageSaid, TakenImage
from isoguide.workflow.clinic.kept_image import keep_image, kept_image
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage


@pytest.fixture(scope="module")
def department(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient) -> Iterator[Department]:
    with open_department(tmp_path_factory.mktemp("pair"), patient, protocol=KV_PAIR) as d:
        set_up(d)
        d.desk.image(d.course, exported_pair(d, "one"), by="anna", couch=SET_UP, said=TUBE_AS_STATED)
        yield d


@pytest.fixture(scope="module")
def gallery(department: Department) -> Gallery:
    return Gallery.of(department.desk)


@pytest.fixture(scope="module")
def image(department: Department, gallery: Gallery) -> OpenImage:
    uid = department.desk.records.fraction(department.course, 1).images[0].uid
    return gallery.image(department.course, 1, uid)


def matched(image: OpenImage) -> RigidTransform:
    return image.day.pose(image.engine.planning_from_daily)


def test_each_view_says_from_where_and_which_side_is_where(image: OpenImage) -> None:
    front, side = image.views()
    assert front.name == "seen from the patient's front"
    assert front.letters == ("R", "L", "H", "F")
    assert side.name == "seen from the patient's left side"
    assert side.letters == ("A", "P", "H", "F")
    for shown in (front, side):
        np.testing.assert_allclose(shown.isocentre, [95.5, 95.5], atol=1e-6)  # middle of 192 × 192 pixels
        assert shown.pixel_mm == pytest.approx(1.6 * 1000.0 / 1500.0, rel=1e-6)


def test_the_drr_agrees_with_the_radiograph_where_the_match_is_and_less_beside_it(image: OpenImage) -> None:
    for index, shown in enumerate(image.views()):
        middle = (slice(48, 144), slice(48, 144))
        there, beside = image.drr(index, matched(image)), image.drr(index, image.day.uncorrected)
        xray = shown.grey[middle].ravel().astype(float)
        agreement = [np.corrcoef(xray, grey[middle].ravel())[0, 1] for grey in (there, beside)]
        assert there.shape == shown.grey.shape
        assert agreement[0] > 0.85
        assert agreement[0] > agreement[1] + 0.02


def test_a_quick_drr_is_of_the_same_pose_at_the_same_place(image: OpenImage) -> None:
    moved = image.day.uncorrected.matrix.copy()
    moved[:3, 3] += (7.0, -5.0, 3.0)
    pose = image.day.pose(moved)
    middle = (slice(40, 152), slice(40, 152))
    for index in (0, 1):
        whole, quick = image.drr(index, pose), image.drr(index, pose, is_quick=True)
        assert quick.shape == whole.shape
        assert quick.dtype == whole.dtype
        agreement = {
            by: np.corrcoef(np.roll(quick, by, axis=(0, 1))[middle].ravel(), whole[middle].ravel())[0, 1]
            for by in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
        }
        assert agreement[0, 0] > 0.97
        assert max(agreement, key=agreement.__getitem__) == (0, 0)


def test_overlays_move_with_the_pose_and_by_as_much(image: OpenImage) -> None:
    still = image.overlays(0, image.day.uncorrected)
    moved = image.day.uncorrected.matrix.copy()
    moved[0, 3] -= 10.0  # what is seen is tissue 10 mm further to the right: the plan lies 10 mm to the left
    after = image.overlays(0, image.day.pose(moved))
    shown = image.view(0)
    np.testing.assert_allclose(after.isocentre - still.isocentre, [10.0 / shown.pixel_mm, 0.0], atol=1e-6)
    names = [one.name for one in still.outlines]
    assert "PTV" in names
    assert "BODY" not in names
    target, target_after = (
        next(one for one in found.outlines if one.name == "PTV") for found in (still, after)
    )
    shift = target_after.lines[0].mean(axis=0) - target.lines[0].mean(axis=0)
    np.testing.assert_allclose(shift, [10.0 / shown.pixel_mm, 0.0], atol=0.5)
    assert [one.name for one in still.markers] == [
        one.name for one in image.day.plan.course.simulation.fiducials
    ]
    assert all(one.found is None for one in still.markers)
    assert not still.were_markers_sought  # the protocol matches no markers, so none is lost


def test_its_figures_are_those_of_the_recorded_match(image: OpenImage) -> None:
    found = image.found_again()
    assert found.differs_because == ""
    assert found.region_mm is None
    assert image.similarity(matched(image)) is None
    trial = image.try_pose(matched(image))
    assert trial.correction.lateral_mm == pytest.approx(image.engine.correction.lateral_mm)


def test_pictures_are_of_the_view_that_looks_that_way(image: OpenImage) -> None:
    front, side = image.picture("coronal", corrected=True), image.picture("sagittal", corrected=True)
    assert front.startswith(b"\x89PNG")
    assert front != side
    with pytest.raises(MissingEvidenceError, match="stands for the axial plane"):
        image.picture("axial", corrected=True)


def test_an_unknown_view_is_named(image: OpenImage) -> None:
    with pytest.raises(MissingEvidenceError, match="no view 2: it has 2 radiographs"):
        image.view(2)


def test_radiographs_that_are_read_in_another_geometry_are_not_shown(
    department: Department, gallery: Gallery, image: OpenImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = department
    record = d.desk.records.fraction(d.course, 1).images[0]
    kept = kept_image(d.desk.store, record.sha256)
    choice = replace(kept.said.radiographs, source_from_gantry_deg=7.0)
    turned = replace(kept, said=ImageSaid(radiographs=choice))
    monkeypatch.setattr("isoguide.workflow.clinic.pictures.day_scene.kept_image", lambda *_: turned)
    with pytest.raises(UnreadableError, match="is not what was matched"):
        Gallery.of(d.desk).image(d.course, 1, record.uid)


def test_radiographs_of_a_room_are_shown_in_the_frame_in_which_the_room_gave_them(
    department: Department,
    image: OpenImage,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    d = department
    record = d.desk.records.fraction(d.course, 1).images[0]
    kept = kept_image(d.desk.store, record.sha256)
    of_room = replace(kept, machine_isocentre_mm=np.array([10.0, 20.0, 30.0]), content_sha256="")
    monkeypatch.setattr("isoguide.workflow.clinic.pictures.day_scene.kept_image", lambda *_: of_room)
    shown = Gallery.of(d.desk).image(d.course, 1, record.uid)
    np.testing.assert_allclose(shown.day.image.machine_isocentre_mm, [10.0, 20.0, 30.0])
    np.testing.assert_allclose(
        shown.view(0).view.project(np.array([[10.0, 20.0, 30.0]]))[0], image.view(0).isocentre, atol=1e-6
    )
    np.testing.assert_array_equal(shown.drr(0, shown.day.uncorrected), image.drr(0, image.day.uncorrected))


def test_what_staff_said_comes_back_as_it_was_said(
    department: Department, image: OpenImage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("said")
    imager = folder / "imager.json"
    imager.write_text("{}")
    files = sorted((department.folder / "one").glob("*.dcm"))
    said = ImageSaid(
        radiographs=replace(
            TUBE_AS_STATED.radiographs,
            imagers=(imager,),
            view_names=((files[1].name, "90"),),
            moments_apart_s=9.0,
        )
    )
    store = department.desk.store
    kept = kept_image(store, keep_image(store, TakenImage(image.day.image, tuple(files)), said))
    assert len(kept.files) == 2
    assert kept.said.radiographs.source_from_gantry_deg == 0.0
    assert kept.said.radiographs.moments_apart_s == 9.0
    assert kept.said.radiographs.view_names == (("00001.dcm", "90"),)
    assert [path.read_text() for path in kept.said.radiographs.imagers] == ["{}"]
    damaged = store.add_bytes(b'{"a_reading_of_image": 1')
    with pytest.raises(UnreadableError, match="restore a backup"):
        kept_image(store, (*kept.files, damaged))
