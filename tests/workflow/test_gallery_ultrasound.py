"""What is drawn of a fraction guided by ultrasound: the values that were matched, where they were matched."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from small_department import PROTOCOL, Department
from small_patient import SmallPatient
from ultrasound_course import (
    PRESSED_MM,
    knows_the_truth,
    planning_from_daily,
    scanned,
    ultrasound_department,
)

from isoguide.errors import MismatchError, MissingEvidenceError, UnreadableError
from isoguide.workflow.clinic.kept_image import kept_image
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.clinic.pictures.ultrasound_voxels import NOT_IMAGED, UltrasoundVoxels
from isoguide.workflow.clinic.pictures.voxel_bytes import VoxelBytes


def values_of(voxels: VoxelBytes) -> np.ndarray:
    return np.frombuffer(voxels.content, dtype="<i2").reshape(voxels.grid.shape)


@pytest.fixture(scope="module")
def department(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple
) -> Iterator[Department]:
    with pytest.MonkeyPatch.context() as patched:
        knows_the_truth(patched, patient.phantom.isocentre_mm)
        with ultrasound_department(tmp_path_factory.mktemp("ultrasound"), patient, simulated) as d:
            scanned(d)
            yield d


@pytest.fixture(scope="module")
def gallery(department: Department) -> Gallery:
    return Gallery.of(department.desk)


@pytest.fixture(scope="module")
def image(department: Department, gallery: Gallery) -> OpenImage:
    uid = department.desk.records.fraction(department.course, 1).images[0].uid
    return gallery.image(department.course, 1, uid)


def test_the_brightness_is_what_was_matched_and_nothing_stands_where_nothing_was_seen(
    image: OpenImage,
) -> None:
    volume = image.day.image.ultrasound
    shown = values_of(image.ultrasound().brightness)
    np.testing.assert_array_equal(shown[volume.seen], volume.values[volume.seen])
    assert (shown[~volume.seen] == NOT_IMAGED).all()
    assert 0.2 < volume.seen.mean() < 0.95


def test_the_edge_of_the_fan_goes_round_what_was_seen_even_where_the_grid_ends(image: OpenImage) -> None:
    volume, fan = image.day.image.ultrasound, image.ultrasound().fan
    inside = values_of(fan) < 0
    core = inside[1:-1, 1:-1, 1:-1]
    # Through the means of three voxels only voxels at an edge can change sides.
    assert (core == volume.seen).mean() > 0.97
    rim = inside.copy()
    rim[1:-1, 1:-1, 1:-1] = False
    assert not rim.any()
    np.testing.assert_allclose(fan.grid.xyz(np.ones(3)), volume.grid.origin_mm)


def test_the_shadow_is_that_of_the_file_and_its_mask_is_negative_inside(image: OpenImage) -> None:
    volume, shadow = image.day.image.ultrasound, image.ultrasound().shadow
    assert shadow is not None
    assert volume.shadowed.any()
    np.testing.assert_array_equal(values_of(shadow) < 0, volume.shadowed)


def test_ultrasound_without_a_shadow_has_no_mask_of_it(image: OpenImage) -> None:
    volume = image.day.image.ultrasound
    voxels = UltrasoundVoxels.of(replace(volume, shadowed=np.zeros_like(volume.shadowed)))
    assert voxels.shadow is None
    with pytest.raises(MissingEvidenceError, match="lies in a shadow"):
        voxels.part("shadow")


def test_the_reference_lies_where_the_simulation_saw_it(
    department: Department, gallery: Gallery, image: OpenImage
) -> None:
    isocentre_mm = department.patient.phantom.isocentre_mm
    reference = gallery.reference_voxels(department.course).brightness
    k, j, i = np.rint(reference.grid.index(isocentre_mm + (18.0, 20.0, -12.0))[::-1]).astype(int)
    assert values_of(reference)[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3].mean() > 140.0
    assert image.day.matched_to == "ultrasound reference"


def test_the_same_tissue_is_drawn_at_the_same_place_once_it_is_matched(
    department: Department, gallery: Gallery, image: OpenImage
) -> None:
    """Day and reference of one synthetic patient, point by point in planning axes, where both saw it."""
    pose = image.day.pose(image.engine.planning_from_daily)
    reference = gallery.plan(department.course).reference.volume
    daily = image.day.image.ultrasound
    rng = np.random.default_rng(3)
    points = department.patient.phantom.isocentre_mm + rng.uniform(-25.0, 25.0, (4000, 3))

    def brightness(volume: object, xyz_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k, j, i = np.rint(volume.grid.index(xyz_mm)).astype(int).T[::-1]
        return volume.values[k, j, i].astype(float), volume.trusted[k, j, i]

    one, seen = brightness(reference, points)
    agreement = {}
    for name, placed in (("matched", pose), ("as he lay", image.day.uncorrected)):
        other, also = brightness(daily, placed.inverse().apply(points))
        both = seen & also
        agreement[name] = np.corrcoef(one[both], other[both])[0, 1]
    assert agreement["matched"] > 0.75
    assert agreement["as he lay"] < agreement["matched"] - 0.2


def test_it_is_no_ct_and_has_no_radiographs(image: OpenImage) -> None:
    assert image.kind == "ultrasound"
    assert image.views() == ()
    assert [one.name for one in image.windows()][:1] == ["all echoes"]
    with pytest.raises(MismatchError, match="holds ultrasound"):
        image.voxels()


def test_its_figures_are_those_of_the_recorded_match_with_what_the_probe_pressed(image: OpenImage) -> None:
    found = image.found_again()
    assert found.differs_because == ""
    assert found.region_mm is None
    shifts = [tuple(one.shift_mm) for one in found.registration.quality.residuals]
    assert PRESSED_MM in shifts
    assert image.similarity(image.day.uncorrected) is None


def test_a_pose_by_hand_means_what_it_means_for_every_image(department: Department, image: OpenImage) -> None:
    truth = planning_from_daily(department.patient.phantom.isocentre_mm)
    trial = image.try_pose(truth)
    assert trial.correction.lateral_mm == pytest.approx(-5.0, abs=1e-6)
    assert trial.from_engine_mm == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_picture_for_the_review_shows_day_and_reference_in_their_colours(
    image: OpenImage, plane: str
) -> None:
    """Where both agree the picture is grey; as the patient lay, orange and blue stand side by side."""

    def colour(corrected: bool) -> float:
        pixels = imread(io.BytesIO(image.picture(plane, corrected=corrected)), format="png")[..., :3]
        assert pixels.shape == (400, 400, 3)
        middle = pixels[150:250, 150:250]
        return float((middle.max(axis=2) - middle.min(axis=2)).mean())

    assert colour(corrected=True) < 0.6 * colour(corrected=False)


def test_without_a_reference_it_is_drawn_on_the_planning_ct(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        knows_the_truth(patched, patient.phantom.isocentre_mm)
        folder = tmp_path_factory.mktemp("on ct")
        with ultrasound_department(folder, patient, simulated, references=0) as d:
            scanned(d)
            gallery = Gallery.of(d.desk)
            image = gallery.image(d.course, 1, d.desk.records.fraction(d.course, 1).images[0].uid)
            assert image.day.matched_to == "planning CT"
            assert gallery.plan(d.course).reference is None
            assert image.picture("axial", corrected=True).startswith(b"\x89PNG")
            with pytest.raises(MissingEvidenceError, match="took no ultrasound"):
                gallery.reference_voxels(d.course)


def test_another_file_under_its_name_is_not_shown(
    department: Department, image: OpenImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = department
    record = d.desk.records.fraction(d.course, 1).images[0]
    other = replace(kept_image(d.desk.store, record.sha256), content_sha256="0" * 64)
    monkeypatch.setattr("isoguide.workflow.clinic.pictures.day_scene.kept_image", lambda *_: other)
    with pytest.raises(UnreadableError, match="is not what was matched"):
        Gallery.of(d.desk).image(d.course, 1, record.uid)


def test_an_image_of_a_room_is_shown_in_the_axes_in_which_the_room_gave_it(
    department: Department, image: OpenImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = department
    record = d.desk.records.fraction(d.course, 1).images[0]
    there = replace(
        kept_image(d.desk.store, record.sha256),
        machine_isocentre_mm=np.array([10.0, 20.0, 30.0]),
        content_sha256="",
    )
    monkeypatch.setattr("isoguide.workflow.clinic.pictures.day_scene.kept_image", lambda *_: there)
    shown = Gallery.of(d.desk).image(d.course, 1, record.uid)
    moved_mm = shown.day.image.ultrasound.grid.origin_mm - image.day.image.ultrasound.grid.origin_mm
    np.testing.assert_allclose(moved_mm, [10.0, 20.0, 30.0], atol=1e-9)


def test_ultrasound_of_the_simulation_is_left_alone_where_the_protocol_images_by_something_else(
    tmp_path: Path, patient: SmallPatient, simulated: tuple
) -> None:
    """Two of them would have to be chosen among: a course of cone-beam CT does not ask."""
    with ultrasound_department(tmp_path, patient, simulated, references=2, protocol=PROTOCOL) as d:
        assert Gallery.of(d.desk).plan(d.course).reference is None
