"""The page cuts the same planes out of a volume as the reports do."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import console
from isoguide.geometry.correction import CouchCorrection, planning_from_daily_of
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.images.volume import Volume
from isoguide.workflow.planes import Plane, planes_through, sample_daily

NOT_IMAGED = -32768
PIXELS = 160
FIELD_MM = 150.0
# A sample on the outer face of the volume may fall to either side of it in the last digit.
MOST_BOUNDARY_PIXELS = 3

Cut = tuple[Plane, RigidTransform]
DIRECTIONS = {
    "head first, supine": np.eye(3),
    "feet first, prone: columns and slices run the other way": np.diag([-1.0, 1.0, -1.0]),
    "oblique scan": rotation_z(11.0) @ rotation_x(-7.0) @ rotation_y(23.0),
}


@pytest.fixture(scope="module")
def node() -> str:
    """Node with the console's packages."""
    found = shutil.which("node")
    if found is None or not console.node_is_new_enough(console.run(["node", "--version"])):
        pytest.skip("Node 20.19 or newer is absent, so the page's code cannot be run")
    console.install()
    return found


def random_volume(random: np.random.Generator, direction: NDArray[np.float64]) -> Volume:
    shape = (41, 57, 63)
    spacing_mm = np.array([1.9, 2.1, 3.0])
    half_mm = (np.array(shape[::-1]) - 1.0) / 2.0 * spacing_mm
    origin_mm = random.uniform(-20.0, 20.0, 3) - direction @ half_mm
    values = random.integers(-1024, 3072, shape, dtype=np.int16)
    return Volume(Grid(DAILY, shape, spacing_mm, origin_mm, direction), values)


def random_cuts(random: np.random.Generator) -> list[Cut]:
    shift_mm, angles_deg = random.uniform(-15.0, 15.0, 3), random.uniform(-25.0, 25.0, 3)
    planning_from_daily = planning_from_daily_of(
        CouchCorrection(*shift_mm, *angles_deg),
        plan_isocentre_mm=random.uniform(-20.0, 20.0, 3),
        machine_isocentre_mm=random.uniform(-20.0, 20.0, 3),
        patient_position="HFS",
    )
    centre_mm = random.uniform(-15.0, 15.0, 3)
    planes = planes_through(centre_mm, field_mm=FIELD_MM, pixels=PIXELS)
    return [(plane, planning_from_daily) for plane in planes]


def request_of(volume: Volume, cuts: list[Cut]) -> dict[str, object]:
    grid = volume.grid
    return {
        "header": {
            "sizeIjk": grid.shape[::-1],
            "spacingMm": grid.spacing_mm.tolist(),
            "originMm": grid.origin_mm.tolist(),
            "direction": grid.direction.ravel().tolist(),
        },
        "cuts": [
            {
                "plane": {
                    "centreMm": plane.centre_mm.tolist(),
                    "right": plane.right.tolist(),
                    "down": plane.down.tolist(),
                    "mmPerPx": plane.pixel_mm,
                    "widthPx": plane.pixels,
                    "heightPx": plane.pixels,
                },
                "planningFromImage": planning_from_daily.matrix.ravel().tolist(),
            }
            for plane, planning_from_daily in cuts
        ],
    }


def slices_of_the_page(node: str, folder: Path, volume: Volume, cuts: list[Cut]) -> NDArray[np.int16]:
    request, values, out = (folder / name for name in ("request.json", "values.bin", "out.bin"))
    request.write_text(json.dumps(request_of(volume, cuts)))
    values.write_bytes(volume.values.astype("<i2").tobytes())
    script = Path(__file__).with_name("reslice_in_node.mjs")
    done = subprocess.run(
        [node, str(script), str(console.CONSOLE), str(request), str(values), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.frombuffer(out.read_bytes(), dtype="<i2").reshape(len(cuts), PIXELS, PIXELS)


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
def test_the_page_and_the_report_show_the_same_anatomy_to_one_grey_value(
    direction: NDArray[np.float64], node: str, tmp_path: Path
) -> None:
    random = np.random.default_rng(7)
    volume = random_volume(random, direction)
    cuts = [cut for _ in range(3) for cut in random_cuts(random)]

    shown = slices_of_the_page(node, tmp_path, volume, cuts)

    for slice_of_the_page, (plane, planning_from_daily) in zip(shown, cuts, strict=True):
        reported = sample_daily(volume, planning_from_daily, plane)
        inside, page_inside = np.isfinite(reported), slice_of_the_page != NOT_IMAGED
        assert inside.sum() > PIXELS * PIXELS / 3
        assert (~inside).any()
        assert (inside != page_inside).sum() <= MOST_BOUNDARY_PIXELS
        both = inside & page_inside
        assert np.abs(slice_of_the_page[both] - reported[both]).max() <= 1.0
