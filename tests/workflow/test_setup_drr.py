"""Set-up radiographs: what is on the patient's left is on the side of the picture that says L."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_planning
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan
from isoguide.workflow.reference_pictures import INK, ReferencePicture, lettered, planning_pictures
from isoguide.workflow.setup_drr import (
    setup_angles_deg,
    setup_drrs,
    setup_fields,
    setup_view,
    shadow_picture,
    shown_range,
    view_letters,
)

SHAPE = (41, 41, 41)
GRID = Grid(PLANNING, SHAPE, np.full(3, 4.0), np.full(3, -80.0), np.eye(3))
ISOCENTRE_MM = np.array([4.0, -8.0, 12.0])
SIDES = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0),
    "F": (0.0, 0.0, -1.0),
}


def patient_with_ball(side: str) -> Volume:
    """Water with a dense ball 40 mm from the isocentre on one side."""
    k, j, i = np.indices(SHAPE)
    xyz = GRID.xyz(np.stack([i, j, k], axis=-1).astype(np.float64)) - ISOCENTRE_MM
    values = np.where(np.linalg.norm(xyz, axis=-1) < 60.0, 0.0, -1000.0)
    values[np.linalg.norm(xyz - 40.0 * np.array(SIDES[side]), axis=-1) < 8.0] = 3000.0
    return Volume(GRID, values.astype(np.int16))


def decoded(picture: ReferencePicture) -> NDArray[np.uint8]:
    """Pixels (rows, columns, 3) of a PNG whose lines have the filter "up", by the standard alone."""
    stream = io.BytesIO(picture.png[8:])
    body = b""
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        data = stream.read(length)
        stream.read(4)
        if kind == b"IHDR":
            columns, rows = struct.unpack(">II", data[:8])
        body += data if kind == b"IDAT" else b""
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(rows, 3 * columns + 1)
    assert (lines[:, 0] == 2).all()
    return np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8).reshape(rows, columns, 3)


def brightest(picture: ReferencePicture) -> NDArray[np.float64]:
    """Column and row of the middle of what is brightest, from the middle of the picture, ink left out."""
    pixels = decoded(picture)
    grey = np.where((pixels == INK).all(axis=-1), 0, pixels[..., 1])
    rows, columns = np.nonzero(grey >= 0.9 * grey.max())
    middle = (np.array(grey.shape[::-1]) - 1) / 2.0
    return np.array([columns.mean(), rows.mean()]) - middle


@pytest.mark.parametrize("gantry_deg", [0.0, 90.0, 270.0])
@pytest.mark.parametrize("side", ["L", "A", "H"])
def test_what_is_on_one_side_of_the_patient_is_at_the_edge_that_says_so(side: str, gantry_deg: float) -> None:
    for position in ("HFS", "FFP"):
        (picture,) = setup_drrs(
            patient_with_ball(side), ISOCENTRE_MM, PatientPosition(position), (gantry_deg,), pixels=128
        )
        left, right, top, bottom = picture.letters
        column, row = brightest(picture)
        expected = {left: column < -8.0, right: column > 8.0, top: row < -8.0, bottom: row > 8.0}
        # A ball towards or away from the source stays in the middle.
        assert expected.get(side, abs(column) < 4.0 and abs(row) < 4.0), (position, picture.letters)


@pytest.mark.parametrize(
    ("position", "gantry_deg", "letters"),
    [
        # From above onto a patient on his back, head to the gantry: his left on the right hand side.
        ("HFS", 0.0, "RLHF"),
        # From the patient's left onto his side: the front on the left hand side.
        ("HFS", 90.0, "APHF"),
        ("HFS", 270.0, "PAHF"),
        # Feet to the gantry: the picture is turned by half.
        ("FFS", 0.0, "LRFH"),
        # On his belly he is seen from the back: his left is on the left hand side.
        ("HFP", 0.0, "LRHF"),
    ],
)
def test_the_letters_are_those_of_a_look_from_the_source(
    position: str, gantry_deg: float, letters: str
) -> None:
    view = setup_view(gantry_deg, 64).in_frame(fixed_from_planning(position, ISOCENTRE_MM).inverse())
    assert "".join(view_letters(view)) == letters


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_opposite_edges_have_opposite_letters_in_every_position(position: str) -> None:
    for gantry_deg in (0.0, 90.0):
        view = setup_view(gantry_deg, 64).in_frame(fixed_from_planning(position, ISOCENTRE_MM).inverse())
        left, right, top, bottom = view_letters(view)
        for one, other in ((left, right), (top, bottom)):
            np.testing.assert_array_equal(SIDES[one], -np.array(SIDES[other]))


def test_a_ball_appears_where_it_is_at_the_isocentre_enlarged_by_the_source() -> None:
    # 40 mm to the left, gantry 0: 40 mm of 400 mm are a tenth of the 256 pixels.
    (picture,) = setup_drrs(patient_with_ball("L"), ISOCENTRE_MM, PatientPosition.HFS, (0.0,), pixels=256)
    np.testing.assert_allclose(brightest(picture), [25.6, 0.0], atol=1.0)


def test_planning_pictures_show_the_same_sides() -> None:
    for picture in planning_pictures(patient_with_ball("L"), ISOCENTRE_MM)[:2]:
        assert picture.letters[:2] == ("R", "L")
        pixels = decoded(picture)
        middle = pixels.shape[1] // 2
        bright = (pixels[..., 2] > 250).sum(axis=0)  # yellow ink has little blue
        assert bright[middle:].sum() > 0
        assert bright[:middle].sum() == 0


def test_letters_are_drawn_upright_at_their_edge() -> None:
    drawn = lettered(np.zeros((120, 120, 3), np.uint8), ("L", "R", "H", "F"))
    ink = (drawn == INK).all(axis=-1)
    left = ink[:, :40]
    rows, columns = np.nonzero(left[30:90])
    # The foot of an L is at its bottom and goes to the right.
    assert columns[rows == rows.max()].max() > columns[rows == rows.min()].max()
    for part in (ink[:40, 40:80], ink[80:, 40:80], ink[40:80, 80:]):
        assert part.any()


def test_an_empty_image_gives_a_dark_picture() -> None:
    air = Volume(GRID, np.full(SHAPE, -1000, np.int16))
    (picture,) = setup_drrs(air, ISOCENTRE_MM, PatientPosition.HFS, (0.0,), pixels=64)
    pixels = decoded(picture)
    assert not pixels[~(pixels == INK).all(axis=-1)].any()


def test_an_image_without_hounsfield_units_gives_no_radiograph() -> None:
    grey = replace(patient_with_ball("L"), is_hounsfield=False)
    with pytest.raises(MissingEvidenceError, match="no Hounsfield units"):
        setup_drrs(grey, ISOCENTRE_MM, PatientPosition.HFS)


def plan_with(*fields: tuple[str, float]) -> Plan:
    beams = tuple(
        Beam(n, "", kind, "PHOTON", "M", (ControlPoint(angle, 0.0, 0.0, 0.0),))
        for n, (kind, angle) in enumerate(fields)
    )
    return Plan("1.2", "P", PatientPosition.HFS, beams)


@pytest.mark.parametrize(
    ("fields", "lateral_deg"),
    [
        ([("TREATMENT", 270.0), ("SETUP", 0.0), ("SETUP", 90.0)], 90.0),
        ([("SETUP", 270.0)], 270.0),
        ([("SETUP", -90.0)], 270.0),
        ([("TREATMENT", 270.0)], 90.0),
    ],
)
def test_the_lateral_picture_is_that_of_the_set_up_field(
    fields: list[tuple[str, float]], lateral_deg: float
) -> None:
    assert setup_angles_deg(plan_with(*fields)) == (0.0, lateral_deg)


def named(name: str, kind: str, meterset_mu: float | None = None, points: int = 1) -> Beam:
    point = ControlPoint(0.0, 0.0, 0.0, 0.0)
    return Beam(1, name, kind, "PHOTON", "M", (point,) * points, meterset_mu=meterset_mu)


@pytest.mark.parametrize(
    ("beams", "fields"),
    [
        # As the standard has it; a portal film is of a treatment beam.
        ([named("1", "TREATMENT", 90.0), named("2", "SETUP"), named("3", "TRMT_PORTFILM")], ["2"]),
        # As the plan of a common planning system has it: TREATMENT, but nothing to deliver.
        ([named("1", "TREATMENT", 90.0), named("2", "TREATMENT"), named("3", "OPEN_PORTFILM")], ["2"]),
        # A plan whose dose is still to be calculated gives no meterset to anything.
        ([named("1", "TREATMENT"), named("SETUP", "TREATMENT")], []),
        ([named("1", "TREATMENT"), named("2", "SETUP")], ["2"]),
        # Nobody knows from where a field without control points looks.
        ([named("1", "TREATMENT", 90.0), named("2", "SETUP", points=0)], []),
    ],
)
def test_set_up_fields_are_known_by_what_they_deliver_and_not_by_their_names(
    beams: list[Beam], fields: list[str]
) -> None:
    plan = Plan("1.2", "P", PatientPosition.HFS, tuple(beams))
    assert [beam.name for beam in setup_fields(plan)] == fields


def test_shoulders_at_the_edge_do_not_darken_what_is_about_the_isocentre() -> None:
    shadow = np.ones((100, 100), np.float32)
    shadow[20:80, 20:80] = np.linspace(1.0, 4.0, 60, dtype=np.float32)
    shadow[:15] = 20.0
    low, high = shown_range(shadow)
    assert (low, high) == pytest.approx((1.0, 4.0), abs=0.05)
    assert shadow_picture(shadow)[50, 79, 0] > 250


def test_bone_alone_is_drawn_without_darkening_what_is_thin() -> None:
    shadow = np.tile(np.linspace(0.0, 1.0, 101, dtype=np.float32), (101, 1))
    bone, everything = (int(shadow_picture(shadow, kind)[50, 50, 0]) for kind in ("bone", "all"))
    assert everything < bone
    assert bone == pytest.approx(128, abs=10)
