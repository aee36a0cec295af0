"""What stands in the way of a beam is read, written and never forgotten."""

from dataclasses import replace
from pathlib import Path

import pytest
from dicom_builders import beam, control_point, first_control_point, item, plan, save
from dicom_validation import standard_violations
from pydicom.dataset import Dataset
from written_objects import some_plan, write_pair

from isoguide.dicom import SeriesUids, read_plan, write_plan
from isoguide.errors import OutputError
from isoguide.plan import Beam, ControlPoint, Plan, Wedge

FLUENCE_MAP = {"CompensatorType": "OPTIMAL", "MaterialID": "", "SourceToCompensatorTrayDistance": None}


LEAVES = item(RTBeamLimitingDeviceType="MLCX", LeafPositionBoundaries=[-15, -5, 5, 15])
DEVICES = [item(RTBeamLimitingDeviceType="ASYMX"), item(RTBeamLimitingDeviceType="Y"), LEAVES]
UNPLACED = ("multileaf collimator whose leaves the plan does not place",)
JAWS_ALONE = [
    item(RTBeamLimitingDeviceType="ASYMX", LeafJawPositions=[-50, 50]),
    item(RTBeamLimitingDeviceType="Y", LeafJawPositions=[-40, 40]),
]


def read_beam(folder: Path, points: list[Dataset] | None = None, **attributes: object) -> Beam:
    one = beam(1, points or [first_control_point(), control_point(1, 1)])
    one.BeamLimitingDeviceSequence = DEVICES
    for keyword, value in attributes.items():
        setattr(one, keyword, value)
    return read_plan(save(plan([one]), folder / "rp")).beams[0]


def test_wedges_are_read_with_where_they_are(tmp_path: Path) -> None:
    inside = [
        item(ReferencedWedgeNumber=1, WedgePosition="IN"),
        item(ReferencedWedgeNumber=2, WedgePosition="OUT"),
    ]
    later = [item(ReferencedWedgeNumber=1, WedgePosition="OUT")]
    points = [
        first_control_point(WedgePositionSequence=inside),
        control_point(1, 0.5),
        control_point(2, 1.0, WedgePositionSequence=later),
    ]
    wedges = [
        item(WedgeNumber=1, WedgeType="STANDARD", WedgeID="W30L", WedgeAngle=30, WedgeOrientation=270),
        item(WedgeNumber=2, WedgeType="DYNAMIC", WedgeAngle=None, WedgeOrientation=None),
    ]
    found = read_beam(tmp_path, points, NumberOfWedges=2, WedgeSequence=wedges)
    assert found.wedges == (Wedge(1, "STANDARD", "W30L", 30.0, 270.0), Wedge(2, "DYNAMIC"))
    assert [point.wedges_in for point in found.control_points] == [(1,), (1,), ()]
    assert found.other_accessories == ()


def test_a_wedge_that_no_control_point_places_counts_as_in_the_beam(tmp_path: Path) -> None:
    wedge = [item(WedgeNumber=4, WedgeType="MOTORIZED", WedgeID="W60")]
    found = read_beam(tmp_path, NumberOfWedges=1, WedgeSequence=wedge)
    assert [point.wedges_in for point in found.control_points] == [(4,), (4,)]


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"NumberOfBlocks": 1}, "block"),
        ({"BlockSequence": [item(BlockNumber=1)]}, "block"),
        ({"NumberOfBoli": 1}, "bolus"),
        ({"NumberOfCompensators": 1}, "compensator"),
        ({"CompensatorSequence": [item(CompensatorType="STANDARD", MaterialID="LEAD")]}, "compensator"),
        ({"CompensatorSequence": [item(CompensatorType="OPTIMAL", MaterialID="LEAD")]}, "compensator"),
        ({"ApplicatorSequence": [item(ApplicatorID="A10")]}, "applicator"),
        ({"GeneralAccessorySequence": [item(GeneralAccessoryType="GRATICULE")]}, "accessory GRATICULE"),
        ({"NumberOfWedges": 1}, "wedge that the plan does not describe"),
    ],
)
def test_what_else_is_in_the_way_is_named(tmp_path: Path, attributes: dict[str, object], named: str) -> None:
    assert read_beam(tmp_path, **attributes).other_accessories == (named,)


def test_the_fluence_of_a_sliding_window_is_no_compensator(tmp_path: Path) -> None:
    """Eclipse files it as two compensators without material and tray."""
    maps = [item(**FLUENCE_MAP), item(**(FLUENCE_MAP | {"CompensatorType": "TOTAL_ACTUAL"}))]
    found = read_beam(tmp_path, NumberOfCompensators=2, CompensatorSequence=maps)
    assert found.other_accessories == ()


@pytest.mark.parametrize(
    "devices",
    [
        [*DEVICES, LEAVES],
        [*DEVICES[:2], item(RTBeamLimitingDeviceType="MLCX")],
        DEVICES[:2],
        [*DEVICES[:2], item(RTBeamLimitingDeviceType="MLCX", LeafPositionBoundaries=[-5, 5])],
        [*DEVICES, item(RTBeamLimitingDeviceType="OTHER")],
    ],
    ids=["two layers", "no boundaries", "not described", "other number of pairs", "unknown device"],
)
def test_leaves_that_nobody_can_place_are_in_the_way(tmp_path: Path, devices: list[Dataset]) -> None:
    assert read_beam(tmp_path, BeamLimitingDeviceSequence=devices).other_accessories == UNPLACED


def test_leaves_without_positions_are_in_the_way(tmp_path: Path) -> None:
    start = first_control_point(BeamLimitingDevicePositionSequence=JAWS_ALONE)
    assert read_beam(tmp_path, [start, control_point(1, 1)]).other_accessories == UNPLACED


def test_a_beam_of_jaws_alone_has_nothing_in_its_way(tmp_path: Path) -> None:
    start = first_control_point(BeamLimitingDevicePositionSequence=JAWS_ALONE)
    points = [start, control_point(1, 1)]
    assert read_beam(tmp_path, points, BeamLimitingDeviceSequence=DEVICES[:2]).other_accessories == ()


def test_filter_dose_rate_and_unit_are_read(tmp_path: Path) -> None:
    points = [
        first_control_point(DoseRateSet=1400),
        control_point(1, 0.5),
        control_point(2, 1, DoseRateSet=600),
    ]
    mode = [item(FluenceMode="NON_STANDARD", FluenceModeID="FFF")]
    found = read_beam(tmp_path, points, PrimaryFluenceModeSequence=mode, PrimaryDosimeterUnit="MINUTE")
    assert (found.fluence_mode, found.dosimeter_unit) == ("NON_STANDARD:FFF", "MINUTE")
    assert [point.dose_rate_mu_per_min for point in found.control_points] == [1400.0, 1400.0, 600.0]
    plain = read_beam(tmp_path)
    assert (plain.fluence_mode, plain.dosimeter_unit) == ("", "MU")
    assert plain.control_points[0].dose_rate_mu_per_min is None


def wedged_plan() -> Plan:
    plain = some_plan(SeriesUids.from_seed("test planning"), "2.25.2718")
    arc = plain.beams[0]
    places = ((1,), (1, 2), (2,))

    def point(number: int) -> ControlPoint:
        rate = 600.0 - 100.0 * (number > 0)
        return replace(arc.control_points[number], wedges_in=places[number], dose_rate_mu_per_min=rate)

    wedges = (Wedge(1, "STANDARD", "W30L", 30.0, 270.0), Wedge(2, "MOTORIZED", "UW", 60.0))
    wedged = replace(
        arc, control_points=tuple(map(point, range(3))), wedges=wedges, fluence_mode="NON_STANDARD:SRS"
    )
    return replace(plain, beams=(wedged, *plain.beams[1:]))


def test_a_plan_with_wedges_comes_back_as_it_was_written(tmp_path: Path) -> None:
    image, made = write_pair(tmp_path).planning, wedged_plan()
    path = write_plan(tmp_path / "rp.dcm", made, image=image).path
    found = read_plan(path).beams[0]
    wanted = made.beams[0]
    assert (found.wedges, found.fluence_mode) == (wanted.wedges, wanted.fluence_mode)
    assert (found.other_accessories, found.dosimeter_unit) == ((), "MU")
    for one, other in zip(found.control_points, wanted.control_points, strict=True):
        assert (one.wedges_in, one.dose_rate_mu_per_min) == (other.wedges_in, other.dose_rate_mu_per_min)
    assert standard_violations(path) == []


def test_a_plan_is_not_written_without_what_is_in_its_way(tmp_path: Path) -> None:
    plain = some_plan(SeriesUids.from_seed("test planning"), "2.25.2718")
    blocked = replace(plain, beams=(replace(plain.beams[0], other_accessories=("block",)),))
    with pytest.raises(OutputError, match="beam 1 has a block in its way"):
        write_plan(tmp_path / "rp.dcm", blocked, image=write_pair(tmp_path).planning)
