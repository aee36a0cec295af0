"""Views files: what they mean, and one sentence for every contradiction."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

pytest.importorskip("SimpleITK")

from radiograph_files import FIRST, SECOND, views_file, write_image, write_json

from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.workflow.radiographs.views_file import SCHEMA_FILE, load_views, views_schema_text

DOCS = Path(__file__).parents[2] / "docs"


def test_a_pair_is_read_with_its_views_in_planning_coordinates(tmp_path):
    first, second = load_views(views_file(tmp_path, FIRST, SECOND, quantity="line integral"))
    assert first.view.frame == PLANNING
    assert (first.warnings, first.source) == ((), str(tmp_path / "first.nrrd"))
    assert first.radiograph.quantity == "line integral"
    assert first.radiograph.values[1, 2] == np.float32(0.8)
    # By hand: 10 mm to the left at the isocentre are 15 mm on the detector, 30 columns of 0.5 mm.
    np.testing.assert_allclose(first.view.project(np.array([[10.0, 0.0, 0.0]])), [[32.5, 1.5]])
    np.testing.assert_allclose(second.view.project(np.array([[0.0, 0.0, 4.0]])), [[2.5, -13.5]])


def test_what_is_not_said_of_the_values_is_said_to_be_assumed(tmp_path):
    (only,) = load_views(views_file(tmp_path, FIRST))
    assert only.radiograph.quantity == "line integral"
    assert "taken for line integrals (bone is bright)" in only.warnings[0]


def test_intensities_become_shares_and_saturated_pixels_do_not_count(tmp_path):
    values = np.full((4, 6), 100, dtype=np.uint8)
    values[0, 1] = 255
    write_image(tmp_path / "first.png", values)
    (only,) = load_views(views_file(tmp_path, {**FIRST, "file": "first.png"}, quantity="intensity"))
    assert only.radiograph.values[2, 2] == pytest.approx(100 / 255)
    assert np.argwhere(~only.counts).tolist() == [[0, 1]]


def test_views_20_degrees_apart_are_a_warning_of_both(tmp_path):
    turn = np.deg2rad(20.0)
    near = {
        **SECOND,
        "source_mm": [1000 * np.sin(turn), -1000 * np.cos(turn), 0],
        "detector_centre_mm": [-500 * np.sin(turn), 500 * np.cos(turn), 0],
        "row_direction": [np.cos(turn), np.sin(turn), 0],
    }
    for one in load_views(views_file(tmp_path, FIRST, near, quantity="line integral")):
        assert "views 1 and 2 are only 20° apart: depth is known badly" in one.warnings[0]


def test_opposite_views_show_the_same_depth(tmp_path):
    opposite = {**SECOND, "source_mm": [0, 1000, 0], "detector_centre_mm": [0, -500, 0]}
    opposite["row_direction"] = [-1, 0, 0]
    with pytest.raises(MismatchError, match=r"views 1 and 2 come from the same angle \(0\.00°\)"):
        load_views(views_file(tmp_path, FIRST, opposite))


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"size": [4, 6]}, MismatchError, "has 6 columns and 4 rows, but its view says 4 and 6"),
        ({"row_direction": [1, 0.1, 0]}, GeometryError, "view 1: row_direction and column_direction are not"),
        ({"row_direction": [0, 0, 1]}, GeometryError, "not orthogonal unit vectors"),
        ({"source_mm": [0, 500, 0]}, GeometryError, "view 1: the source lies in the plane of the detector"),
        ({"file": "missing.nrrd"}, MissingEvidenceError, r"there is no image .*missing\.nrrd"),
        ({"pixel_spacing_mm": [0, 1]}, InputError, r"views\[1\]\.pixel_spacing_mm\[1\] = 0.* is impossible"),
        ({"size": [6, 4.5]}, InputError, r"views\[1\]\.size\[2\] = 4\.5 is impossible"),
        ({"source": [0, 0, 0]}, InputError, r"views\[1\]\.source is not a key of such files"),
        ({"source_mm": ["0", 0, 0]}, InputError, "is impossible: it must be a valid number"),
    ],
)
def test_a_contradiction_is_answered_in_one_sentence(tmp_path, changes, error, sentence):
    with pytest.raises(error, match=sentence):
        load_views(views_file(tmp_path, {**FIRST, **changes}))


def test_a_file_that_is_no_views_file_is_refused(tmp_path):
    with pytest.raises(MissingEvidenceError, match="there is no views file"):
        load_views(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{,}")
    with pytest.raises(UnreadableError, match=r"a\.json is not valid JSON"):
        load_views(tmp_path / "a.json")
    (tmp_path / "twice.json").write_text('{"views": [], "views": []}')
    with pytest.raises(UnreadableError, match=r"not valid JSON \(the key views is there twice\)"):
        load_views(tmp_path / "twice.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableError, match=r"b\.json is not text in UTF-8"):
        load_views(tmp_path / "b.json")
    with pytest.raises(UnreadableError, match="cannot read"):
        load_views(tmp_path)
    with pytest.raises(InputError, match="views is missing: add it"):
        load_views(write_json(tmp_path / "c.json", {}))
    with pytest.raises(InputError, match=r"views = .* is impossible"):
        load_views(write_json(tmp_path / "d.json", {"views": []}))
    incomplete = {key: value for key, value in FIRST.items() if key not in ("file", "size")}
    with pytest.raises(InputError, match=r"views\[1\]\.\w+ is missing: add it; 1 more like this"):
        load_views(write_json(tmp_path / "e.json", {"views": [incomplete]}))


def test_values_below_zero_are_no_intensities(tmp_path):
    write_image(tmp_path / "low.nrrd", np.full((4, 6), -1.0, dtype=np.float32))
    path = write_json(
        tmp_path / "v.json", {"views": [{**FIRST, "file": "low.nrrd"}], "quantity": "intensity"}
    )
    with pytest.raises(InputError, match="no intensities; save it again"):
        load_views(path)


def test_the_published_schema_is_that_of_the_models_and_takes_a_good_file():
    text = (DOCS / "schema" / SCHEMA_FILE).read_text(encoding="utf-8")
    assert text == views_schema_text()
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"views": [FIRST, SECOND]})
    assert not validator.is_valid({"views": [{**FIRST, "source": [0, 0, 0]}]})
