"""Cameras of XMALab become a views file: what their numbers mean, and one sentence for every fault."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("SimpleITK")

from radiograph_files import write_image

from isoguide.cli.imager import imager_app
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.workflow.radiographs.camera_file import CALIBRATION, load_camera, load_matrix
from isoguide.workflow.radiographs.import_cameras import CameraImport, import_cameras
from isoguide.workflow.radiographs.views_file import load_views

# 100 cm before the origin, looking along +z, columns along +x, rows along +y.
FRONT = """image size
6,4

camera matrix
2000,0,2.5
0,2500,1.5
0,0,1

rotation
1,0,0
0,1,0
0,0,1

translation
0
0
100
"""
# 80 cm beside the origin at +x, looking along -x, columns along +z, rows along +y.
SIDE = FRONT.replace("1,0,0\n0,1,0\n0,0,1\n\ntrans", "0,0,1\n0,1,0\n-1,0,0\n\ntrans").replace("100", "80")
MOVED_5_MM_TO_THE_LEFT = "1 0 0 5\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"


def camera_file(folder, text, name="camera.txt"):
    path = folder / name
    path.write_text(text)
    return path


def request(folder, *, texts=(FRONT, SIDE), placement=MOVED_5_MM_TO_THE_LEFT, **changes):
    images = tuple(
        write_image(folder / f"{number}.tif", np.full((4, 6), 100 + number, dtype=np.uint8))
        for number in range(len(texts))
    )
    cameras = tuple(camera_file(folder, text, f"cam{number}.txt") for number, text in enumerate(texts))
    values = {
        "cameras": cameras,
        "images": images,
        "placement": camera_file(folder, placement, "placement.txt"),
        "unit_mm": 10.0,
        "source_detector_mm": 1500.0,
        "quantity": "intensity",
        **changes,
    }
    return CameraImport(**values)


class TestCamera:
    def test_the_front_camera_stands_100_cm_before_the_object_and_counts_pixels_from_the_first(
        self, tmp_path
    ):
        view = load_camera(camera_file(tmp_path, FRONT)).view(unit_mm=10.0, source_detector_mm=1500.0)
        assert view.frame == CALIBRATION
        np.testing.assert_allclose(view.source_mm, [0.0, 0.0, -1000.0], atol=1e-9)
        # By hand: 2000 · 10 / 1000 + 2.5 and 2500 · 20 / 1000 + 1.5; the middle is the principal point.
        np.testing.assert_allclose(view.project(np.array([[10.0, 20.0, 0.0]])), [[22.5, 51.5]])
        np.testing.assert_allclose(view.project(np.zeros((1, 3))), [[2.5, 1.5]])
        np.testing.assert_allclose(view.pixel_spacing_mm, [0.75, 0.6])
        assert view.source_detector_distance_mm == pytest.approx(1500.0)

    def test_the_side_camera_sees_what_is_behind_to_its_right_and_what_is_below_further_down(self, tmp_path):
        view = load_camera(camera_file(tmp_path, SIDE)).view(unit_mm=10.0, source_detector_mm=1500.0)
        np.testing.assert_allclose(view.source_mm, [800.0, 0.0, 0.0], atol=1e-9)
        # By hand: 2000 · 10 / 800 + 2.5 and 2500 · 4 / 800 + 1.5.
        np.testing.assert_allclose(view.project(np.array([[0.0, 4.0, 10.0]])), [[27.5, 14.0]])

    def test_wherever_the_detector_is_put_the_image_is_the_same(self, tmp_path):
        camera = load_camera(camera_file(tmp_path, SIDE))
        points = np.array([[3.0, -7.0, 20.0], [-50.0, 12.0, 5.0]])
        near, far = (camera.view(unit_mm=10.0, source_detector_mm=mm) for mm in (900.0, 1800.0))
        np.testing.assert_allclose(near.project(points), far.project(points), atol=1e-9)

    def test_a_translation_in_millimetres_puts_the_source_ten_times_nearer_than_one_in_centimetres(
        self, tmp_path
    ):
        view = load_camera(camera_file(tmp_path, FRONT)).view(unit_mm=1.0, source_detector_mm=1500.0)
        np.testing.assert_allclose(view.source_mm, [0.0, 0.0, -100.0], atol=1e-9)

    @pytest.mark.parametrize(
        ("old", "new", "error", "sentence"),
        [
            ("image size", "", UnreadableError, "does not begin with a heading like 'image size'"),
            ("6,4", "6", UnreadableError, "needs 1 row of 2 under the heading 'image size'"),
            ("6,4", "6,4.5", UnreadableError, "must be columns,rows in whole pixels"),
            ("100\n", "", UnreadableError, "needs 3 rows of 1 under the heading 'translation'"),
            ("100", "far", UnreadableError, "heading 'far', which is unknown or there twice"),
            ("100", "-.-", UnreadableError, r"a line '-\.-' that does not hold numbers"),
            ("100", "100\n\ndistortion\n0.1", UnreadableError, "heading 'distortion'.* undistorted images"),
            ("translation", "rotation", UnreadableError, "heading 'rotation', which is unknown or there"),
            ("100", "nan", UnreadableError, "heading 'nan'"),
            ("2000,0", "2000,3", GeometryError, "camera matrix of .* is not fx,0,cx"),
            ("2000,0", "-2000,0", GeometryError, "with positive fx and fy"),
            ("1,0,0\n0,1,0", "1,0,0\n0,1.1,0", GeometryError, r"rotation of .* is none \(off by 0\.21\)"),
            ("0\n0,1,0\n", "0\n0,-1,0\n", GeometryError, "mirrors left and right: the images were flipped"),
        ],
    )
    def test_a_file_that_is_no_camera_is_refused_in_one_sentence(self, tmp_path, old, new, error, sentence):
        assert old in FRONT
        with pytest.raises(error, match=sentence):
            load_camera(camera_file(tmp_path, FRONT.replace(old, new, 1)))

    def test_a_length_that_is_not_positive_gives_no_view(self, tmp_path):
        camera = load_camera(camera_file(tmp_path, FRONT))
        for lengths in ((0.0, 1500.0), (10.0, -1.0)):
            with pytest.raises(GeometryError, match="must be positive"):
                camera.view(unit_mm=lengths[0], source_detector_mm=lengths[1])

    def test_a_file_that_cannot_be_read_is_refused(self, tmp_path):
        with pytest.raises(MissingEvidenceError, match="there is no camera file"):
            load_camera(tmp_path / "none.txt")
        with pytest.raises(UnreadableError, match="cannot read"):
            load_camera(tmp_path)
        (tmp_path / "image.txt").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UnreadableError, match="is not text, so no camera file"):
            load_camera(tmp_path / "image.txt")
        with pytest.raises(UnreadableError, match="does not hold four rows of four numbers"):
            load_matrix(camera_file(tmp_path, "1 0 0\n"))


class TestImport:
    def test_the_views_file_shows_the_pair_in_planning_coordinates(self, tmp_path):
        import_cameras(request(tmp_path), tmp_path / "views.json")
        front, side = load_views(tmp_path / "views.json")
        assert (front.view.frame, front.radiograph.quantity) == (PLANNING, "intensity")
        np.testing.assert_allclose(front.view.source_mm, [5.0, 0.0, -1000.0], atol=1e-9)
        np.testing.assert_allclose(side.view.source_mm, [805.0, 0.0, 0.0], atol=1e-9)
        # The point of the object at 10, 20, 0 mm lies at 15, 20, 0 mm in planning coordinates.
        np.testing.assert_allclose(front.view.project(np.array([[15.0, 20.0, 0.0]])), [[22.5, 51.5]])

    def test_images_of_another_folder_are_named_from_that_of_the_views_file(self, tmp_path):
        (tmp_path / "plan").mkdir()
        import_cameras(request(tmp_path), tmp_path / "plan" / "views.json")
        written = json.loads((tmp_path / "plan" / "views.json").read_text())
        assert [view["file"] for view in written["views"]] == ["../0.tif", "../1.tif"]
        assert len(load_views(tmp_path / "plan" / "views.json")) == 2

    @pytest.mark.parametrize(
        ("changes", "error", "sentence"),
        [
            ({"images": ()}, MismatchError, "0 images do not fit 2 cameras"),
            ({"texts": (FRONT, FRONT)}, MismatchError, "views 1 and 2 come from the same angle"),
            ({"texts": (FRONT.replace("6,4", "4,6"),)}, MismatchError, "has 6 columns and 4 rows"),
            ({"placement": "-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1"}, GeometryError, "placement.*mirrors"),
            ({"source_detector_mm": 0.0}, GeometryError, "must be positive"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_nothing_is_written(self, tmp_path, changes, error, sentence):
        with pytest.raises(error, match=sentence):
            import_cameras(request(tmp_path, **changes), tmp_path / "views.json")
        assert not [path for path in tmp_path.iterdir() if "views" in path.name]

    def test_a_views_file_is_never_overwritten(self, tmp_path):
        (tmp_path / "views.json").write_text("mine")
        with pytest.raises(OutputError, match=r"views\.json exists already, and a views file is never"):
            import_cameras(request(tmp_path), tmp_path / "views.json")
        assert (tmp_path / "views.json").read_text() == "mine"


class TestCommand:
    def arguments(self, folder, **changes):
        asked = request(folder)
        options = {"placement": asked.placement, "unit": "cm", "sid": 1500, "out": folder / "v.json"}
        options.update(changes)
        images = [part for path in asked.images for part in ("--image", str(path))]
        named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return ["import-cameras", *map(str, asked.cameras), *images, *named, "--bone-is-dark"]

    def test_it_says_where_each_source_is_and_writes_the_file(self, tmp_path):
        ending = CliRunner().invoke(imager_app, self.arguments(tmp_path))
        assert ending.exit_code == 0
        said = " ".join(ending.output.split())
        assert "source at 5.0, 0.0, -1000.0 mm in planning coordinates" in said
        assert len(load_views(tmp_path / "v.json")) == 2

    def test_an_unknown_unit_and_a_missing_camera_are_answered(self, tmp_path):
        ending = CliRunner().invoke(imager_app, self.arguments(tmp_path, unit="inch"))
        assert ending.exit_code == 2
        assert "--unit needs mm or cm" in ending.output
        (tmp_path / "cam1.txt").unlink()
        arguments = self.arguments(tmp_path)
        (tmp_path / "cam1.txt").unlink()
        ending = CliRunner().invoke(imager_app, arguments)
        assert ending.exit_code == 2
        assert "there is no camera file" in ending.output
