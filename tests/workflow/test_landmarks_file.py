"""Landmarks as a table of text."""

from pathlib import Path

import numpy as np
import pytest

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.registration.deformable.quality import Landmarks
from isoguide.workflow.assess.landmarks_file import load_landmarks

HEAD = "planning_x,planning_y,planning_z,daily_x,daily_y,daily_z"


def volume(frame: str) -> Volume:
    grid = Grid.axial(frame, (11, 11, 11), (10.0, 10.0, 10.0), (-50.0, -50.0, -50.0))
    return Volume(grid, np.zeros(grid.shape, dtype=np.int16))


def load(folder: Path, text: str) -> Landmarks:
    path = folder / "points.csv"
    path.write_text(text, encoding="utf-8")
    return load_landmarks(path, volume(PLANNING), volume(DAILY))


def test_each_line_is_a_landmark_planning_first(tmp_path: Path) -> None:
    found = load(tmp_path, f"# carina and hilum\n{HEAD}\n1,2,3,4,5,6\n\n-1.5,0,0,0,0,1e1\n")
    assert found.planning_mm.tolist() == [[1.0, 2.0, 3.0], [-1.5, 0.0, 0.0]]
    assert found.daily_mm.tolist() == [[4.0, 5.0, 6.0], [0.0, 0.0, 10.0]]
    assert found.names == ("landmark 1", "landmark 2")


def test_landmarks_may_have_names_and_semicolons(tmp_path: Path) -> None:
    found = load(tmp_path, f"name;{HEAD.replace(',', ';')}\ncarina;1;2;3;4;5;6\n")
    assert found.names == ("carina",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y,z\n1,2,3\n", "its head line has to be planning_x"),
        ("", "its head line has to be"),
        (f"{HEAD}\n", "holds no landmark"),
        (f"{HEAD}\n1,2,3,4,5\n", "line 2 needs six numbers"),
        (f"{HEAD}\n1,2,3,4,5,six\n", "line 2 needs six numbers"),
        (f"{HEAD}\n1,2,3,4,5,nan\n", "line 2 needs six numbers"),
        (f"{HEAD}\n\n1,2,3,4,5,600\n", "line 3: .* lies outside the day's image"),
        (f"{HEAD}\n-80,2,3,4,5,6\n", "line 2: .* lies outside the planning CT"),
    ],
)
def test_a_table_that_means_nothing_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(tmp_path, text)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="cannot be read as text"):
        load_landmarks(path, volume(PLANNING), volume(DAILY))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_landmarks(tmp_path / "none.csv", volume(PLANNING), volume(DAILY))


def test_a_place_outside_is_an_error_of_geometry(tmp_path: Path) -> None:
    with pytest.raises(GeometryError):
        load(tmp_path, f"{HEAD}\n1,2,3,4,5,600\n")
