"""What is drawn of a fraction with a cone-beam CT: the very values that were matched, or a sentence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planned_doses import write_dose
from small_department import ACCESSORIES, SET_UP, Department, open_department
from small_patient import MACHINE_ISOCENTRE_MM, SmallPatient

from isoguide.dicom import load_daily_set, load_planning_set
from isoguide.errors import GeometryError, InputError, MissingEvidenceError, UnreadableError
from isoguide.geometry.transforms import rotation_z
from isoguide.workflow.clinic.kept_image import kept_image
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.match_figures import match_again
from isoguide.workflow.clinic.pictures.open_image import OpenImage


@pytest.fixture(scope="module")
def department(tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient) -> Iterator[Department]:
    """A fraction whose image was matched; the planning export holds the dose of the plan."""
    folder = tmp_path_factory.mktemp("gallery")
    dose = write_dose(patient, patient.planning / "dose.dcm")
    with open_department(folder, patient) as department:
        dose.unlink()
        d = department
        d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)
        d.desk.set_up(d.course, by="anna", couch=SET_UP)
        d.desk.image(d.course, d.export_image("one"), by="anna", couch=SET_UP)
        yield d


@pytest.fixture(scope="module")
def gallery(department: Department) -> Iterator[Gallery]:
    gallery = Gallery.of(department.desk)
    yield gallery
    gallery.close()


def uid_of(d: Department) -> str:
    return d.desk.records.fraction(d.course, 1).images[0].uid


@pytest.fixture(scope="module")
def image(department: Department, gallery: Gallery) -> OpenImage:
    return gallery.image(department.course, 1, uid_of(department))


class TestThePlan:
    def test_voxels_are_the_hounsfield_units_of_the_export(
        self, department: Department, gallery: Gallery
    ) -> None:
        volume = load_planning_set(department.patient.planning).image.volume
        voxels = gallery.planning_voxels(department.course)
        values = np.frombuffer(voxels.content, dtype="<i2").reshape(volume.grid.shape)
        np.testing.assert_array_equal(values, volume.values)
        np.testing.assert_array_equal(voxels.grid.origin_mm, volume.grid.origin_mm)

    def test_a_structure_is_found_by_its_number_and_another_named(
        self, department: Department, gallery: Gallery
    ) -> None:
        drawn, _ = gallery.structures(department.course)
        target = next(one for one in drawn if one.structure.name == "PTV")
        assert gallery.structure(department.course, target.structure.number) is target
        with pytest.raises(MissingEvidenceError, match=r"no structure 99 .*PTV"):
            gallery.structure(department.course, 99)

    def test_the_dose_of_the_plan_is_kept_with_it(self, department: Department, gallery: Gallery) -> None:
        assert gallery.dose(department.course).largest_gy == pytest.approx(78.0)

    def test_an_unknown_course_is_named(self, gallery: Gallery) -> None:
        with pytest.raises(InputError, match="C0099"):
            gallery.plan("C0099")

    def test_a_planning_ct_that_is_not_the_registered_one_is_not_drawn(
        self, department: Department, tmp_path: Path
    ) -> None:
        d = department
        simulation = replace(d.desk.records.course(d.course).simulation, planning_sha256="0" * 64)
        with open_department(tmp_path, d.patient, simulation) as other:
            (tmp_path / "records" / "images").symlink_to(d.desk.store.folder)
            with pytest.raises(UnreadableError, match="not the one that was registered"):
                Gallery.of(other.desk).plan(other.course)


class TestTheImage:
    def test_voxels_are_those_of_the_export_and_the_isocentre_that_of_the_match(
        self, department: Department, image: OpenImage
    ) -> None:
        volume = load_daily_set(department.folder / "one").image.volume
        np.testing.assert_array_equal(
            np.frombuffer(image.voxels().content, dtype="<i2").reshape(volume.grid.shape), volume.values
        )
        np.testing.assert_allclose(image.day.image.machine_isocentre_mm, MACHINE_ISOCENTRE_MM)
        offset_mm = department.patient.phantom.isocentre_mm - np.array(MACHINE_ISOCENTRE_MM)
        np.testing.assert_allclose(image.day.uncorrected.translation_mm, offset_mm)

    def test_windows_show_tissue_alike_in_both(self, image: OpenImage) -> None:
        names = [one.name for one in image.windows()]
        assert "soft tissue" in names
        assert all(one.window.low < one.window.high for one in image.windows())

    def test_a_volume_has_no_views(self, image: OpenImage) -> None:
        assert image.views() == ()
        with pytest.raises(MissingEvidenceError, match="no radiographs"):
            image.view(0)

    def test_an_unknown_image_is_named(self, department: Department, gallery: Gallery) -> None:
        with pytest.raises(MissingEvidenceError, match=r"has no image 1\.2\.3"):
            gallery.image(department.course, 1, "1.2.3")

    def test_a_damaged_file_gives_a_sentence_and_no_half_picture(
        self, department: Department, gallery: Gallery
    ) -> None:
        d = department
        record = d.desk.records.fraction(d.course, 1).images[0]
        path = d.desk.store.path_of(record.sha256[3])
        whole = path.read_bytes()
        try:
            path.write_bytes(whole[:-100])
            with pytest.raises(UnreadableError, match="was changed"):
                Gallery.of(d.desk).image(d.course, 1, record.uid)
            path.unlink()
            with pytest.raises(UnreadableError, match="is missing"):
                Gallery.of(d.desk).image(d.course, 1, record.uid)
        finally:
            path.write_bytes(whole)

    def test_how_it_was_read_is_kept_beside_its_files(self, department: Department) -> None:
        d = department
        hashes = d.desk.records.fraction(d.course, 1).images[0].sha256
        kept = kept_image(d.desk.store, hashes)
        assert kept.files == hashes[:-1]
        assert kept.said.machine_isocentre_mm == pytest.approx(MACHINE_ISOCENTRE_MM)


class TestTheMatch:
    def test_its_figures_are_those_of_the_match_that_was_recorded(self, image: OpenImage) -> None:
        found = image.found_again()
        assert found.differs_because == ""
        recorded = image.engine
        np.testing.assert_allclose(
            found.registration.planning_from_daily.matrix, recorded.planning_from_daily, atol=1e-6
        )
        assert found.registration.quality.similarity > 0.7
        centre_mm = found.region_mm.mean(axis=0)
        np.testing.assert_allclose(centre_mm, image.day.plan.planning.isocentre.xyz_mm, atol=1e-6)

    def test_figures_of_another_match_are_not_shown(self, image: OpenImage) -> None:
        moved = image.engine.planning_from_daily.copy()
        moved[0, 3] += 1.0
        cases = {
            "1.00 mm from what was recorded": replace(image.engine, planning_from_daily=moved),
            "other settings": replace(image.engine, settings_sha256="0" * 64),
            "where 'not available' was recorded": replace(image.engine, verdict="not available"),
        }
        for words, recorded in cases.items():
            assert words in match_again(image.day, image._prepared(), recorded).differs_because

    def test_the_pose_of_the_engine_gives_the_very_proposal_of_its_match(self, image: OpenImage) -> None:
        recorded = image.engine
        trial = image.try_pose(image.day.pose(recorded.planning_from_daily))
        for name in recorded.correction.__slots__:
            assert getattr(trial.correction, name) == pytest.approx(
                getattr(recorded.correction, name), abs=1e-9
            )
            assert trial.pose.lateral_mm == pytest.approx(recorded.pose.lateral_mm)
        assert trial.from_engine_mm == pytest.approx(0.0, abs=1e-6)
        similarity = image.similarity(image.day.pose(recorded.planning_from_daily))
        assert similarity == pytest.approx(image.found_again().registration.quality.similarity, abs=1e-6)

    def test_a_pose_by_hand_is_measured_against_the_engine(self, image: OpenImage) -> None:
        moved = image.engine.planning_from_daily.copy()
        moved[:3, 3] += (0.0, 3.0, 4.0)
        pose = image.day.pose(moved)
        trial = image.try_pose(pose)
        assert trial.from_engine_mm == pytest.approx(5.0)
        assert trial.from_engine_deg == pytest.approx(0.0, abs=1e-6)
        # What is seen is taken for tissue 3 mm further to the back in the plan: a supine patient has to go
        # down by that.
        assert trial.correction.vertical_mm - image.engine.correction.vertical_mm == pytest.approx(
            -3.0, abs=0.2
        )
        assert image.similarity(pose) < image.found_again().registration.quality.similarity - 0.1

    def test_a_pose_beside_the_patient_has_no_similarity(self, image: OpenImage) -> None:
        away = image.day.uncorrected.matrix.copy()
        away[2, 3] += 400.0
        assert image.similarity(image.day.pose(away)) is None

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (np.diag([1.0, 1.0, -1.0, 1.0]), "mirrors"),
            (np.diag([1.0, 1.1, 1.0, 1.0]), "not rigid"),
            (np.full((4, 4), np.nan), "finite"),
            (np.eye(4) + 501.0 * np.outer([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]), "501 mm from that"),
        ],
    )
    def test_what_is_no_pose_of_a_patient_is_refused(
        self, image: OpenImage, change: np.ndarray, words: str
    ) -> None:
        matrix = image.day.uncorrected.matrix @ change
        with pytest.raises(GeometryError, match=words):
            image.day.pose(matrix)

    def test_a_turn_about_the_isocentre_is_a_pose(self, image: OpenImage) -> None:
        matrix = image.day.uncorrected.matrix.copy()
        matrix[:3, :3] = rotation_z(2.0)
        matrix[:3, 3] = image.day.plan.planning.isocentre.xyz_mm - matrix[:3, :3] @ MACHINE_ISOCENTRE_MM
        trial = image.try_pose(image.day.pose(matrix))
        assert abs(trial.correction.roll_deg) == pytest.approx(2.0, abs=1e-6)


class TestPictures:
    def test_they_are_png_and_change_with_the_correction(self, image: OpenImage) -> None:
        for plane in ("axial", "coronal", "sagittal"):
            after, before = image.picture(plane, corrected=True), image.picture(plane, corrected=False)
            assert after.startswith(b"\x89PNG")
            assert after != before

    def test_an_image_without_an_answer_is_not_drawn_as_corrected(self, image: OpenImage) -> None:
        unmatched = replace(image, stored=replace(image.stored, matches=()))
        with pytest.raises(MissingEvidenceError, match="no answer to draw"):
            unmatched.picture("axial", corrected=True)
        with pytest.raises(MissingEvidenceError, match="was not matched"):
            unmatched.found_again()

    def test_a_picture_for_the_review_is_drawn_once_for_all_who_look(self, department: Department) -> None:
        gallery = Gallery.of(department.desk)
        uid = uid_of(department)
        drawn = gallery.image(department.course, 1, uid).picture("axial", corrected=True)
        assert gallery.image(department.course, 1, uid).picture("axial", corrected=True) is drawn
        assert gallery.image(department.course, 1, uid).picture("axial", corrected=False) != drawn
        assert gallery.image(department.course, 1, uid).picture("coronal", corrected=True) != drawn

    def test_reading_ahead_leaves_nothing_to_make_for_the_first_picture(self, department: Department) -> None:
        gallery = Gallery.of(department.desk)
        gallery.prefetch(department.course, 1)
        gallery.prefetch("C0099", 1)  # what goes wrong is said to whoever asks
        gallery.close()
        before = gallery.cache.size_bytes
        image = gallery.image(department.course, 1, uid_of(department))
        image.voxels(), image.windows(), gallery.planning_voxels(department.course)
        assert gallery.cache.size_bytes == before > 3_000_000
