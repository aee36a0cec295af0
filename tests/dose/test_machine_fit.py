"""Fitting beam data: curves of another machine, tables that others printed, and what may not be fitted."""

from dataclasses import replace

import numpy as np
import pytest

from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import (
    DepthDose,
    FitResult,
    MeasuredBeam,
    OutputFactors,
    Profile,
    Rectangle,
    TankField,
    WaterTank,
    fit_beam_data,
    generic_6mv,
    pencil_reference_gy,
    reference_dose,
)
from isoguide.dose.machine.beam_change import BeamChange, primary_share
from isoguide.dose.machine.comparison import compare
from isoguide.dose.machine.fit_axis import fitted_on_axis
from isoguide.errors import GeometryError, MissingEvidenceError

GENERIC = generic_6mv()
DEPTH_MM = np.array([2.0, 5.0, 9.0, 15.0, 30.0, 60.0, 100.0, 160.0, 250.0])
SIDES_MM = np.array([40.0, 70.0, 150.0, 300.0])


def other_machine() -> BeamData:
    """Return a machine that is softer, scatters more and has another head than the generic one."""
    changed = BeamChange(
        hardening_mm=-20.0,
        electron_reach=0.1,
        scatter_reach=0.1,
        primary=-0.03,
        extra_focal_share=0.3,
        electron_share=-0.3,
    ).of(GENERIC)
    radius_mm = np.arange(0.0, 301.0, 50.0)
    head = replace(
        changed.head,
        source_sigma_mm=(1.0, 2.6),
        off_axis_radius_mm=radius_mm,
        off_axis_ratio=1.0 + 0.05 * np.sqrt(radius_mm / 300.0),
    )
    return replace(changed, head=head)


def measured_with(machine: BeamData) -> MeasuredBeam:
    """Return what a tank would measure, two of the doses with the exact sum."""
    tank = WaterTank.of(machine, 1000.0, DEPTH_MM)
    depth_doses = tuple(
        DepthDose(Rectangle.square(side), 1000.0, DEPTH_MM, tank.axis_gy(Rectangle.square(side)))
        for side in (60.0, 200.0)
    )
    across = WaterTank.of(machine, 900.0, np.array([50.0]))
    x_mm = np.concatenate([np.arange(-115.0, -75.0, 4.0), np.arange(-75.0, 1.0, 15.0)])
    wide = Rectangle.square(200.0)
    profiles = (
        Profile(wide, 900.0, 50.0, "x", x_mm, across.profile_gy(wide, 0, x_mm, 0.0 * x_mm)),
        Profile(wide, 900.0, 50.0, "y", x_mm, across.profile_gy(wide, 0, 0.0 * x_mm, x_mm)),
    )
    at_100_mm = WaterTank.of(machine, 900.0, np.array([100.0]))
    known = at_100_mm.axis_gy(Rectangle.square(100.0))[0]
    factors = [at_100_mm.axis_gy(Rectangle.square(side))[0] / known for side in SIDES_MM]
    return MeasuredBeam(depth_doses, profiles, OutputFactors(900.0, 100.0, SIDES_MM, np.array(factors)))


@pytest.fixture(scope="module")
def measured() -> MeasuredBeam:
    return measured_with(other_machine())


@pytest.fixture(scope="module")
def fitted(measured: MeasuredBeam) -> FitResult:
    return fit_beam_data(measured, GENERIC)


def test_every_curve_of_another_machine_is_met(fitted: FitResult) -> None:
    assert not all(curve.is_met for curve in fitted.before)
    assert fitted.is_met
    assert max(curve.worst_percent for curve in fitted.after) < 0.3
    assert max(curve.worst_mm for curve in fitted.after) < 0.2


def test_the_numbers_of_the_other_machine_are_found(fitted: FitResult) -> None:
    found, true = fitted.machine, other_machine()
    assert primary_share(found.point) == pytest.approx(primary_share(true.point), rel=0.02)
    assert found.head.source_sigma_mm == pytest.approx(true.head.source_sigma_mm, abs=0.15)
    assert found.head.extra_focal_share == pytest.approx(true.head.extra_focal_share, rel=0.15)
    assert found.head.electron_share == pytest.approx(true.head.electron_share, rel=0.2)
    mean_mev = [float(one.spectrum.energy_fluence @ one.spectrum.energy_mev) for one in (found, true)]
    assert mean_mev[0] == pytest.approx(mean_mev[1], rel=0.02)


def test_fields_that_were_not_measured_are_right_too(fitted: FitResult) -> None:
    field = TankField(Rectangle((-30.0, 60.0), (-40.0, 20.0)), 950.0)
    points = np.array([[0.0, 0.0, 30.0], [20.0, -10.0, 80.0], [40.0, 0.0, 150.0]])
    found = reference_dose(fitted.machine, field, points)
    true = reference_dose(other_machine(), field, points)
    assert found == pytest.approx(true, rel=0.005)


def test_a_fitted_beam_keeps_its_calibration_and_says_where_it_comes_from(fitted: FitResult) -> None:
    assert pencil_reference_gy(fitted.machine) == pytest.approx(GENERIC.reference.gy_per_mu)
    assert fitted.machine.provenance.startswith("fitted by isoguide to 2 depth doses, 2 profiles, 4 output")
    assert fitted.machine.sha256 == ""


def test_what_was_not_measured_is_named(fitted: FitResult) -> None:
    assert (
        "the off-axis ratio is measured up to 82 mm from the axis and assumed beyond" in fitted.not_measured
    )
    assert fitted.not_measured[-1].startswith("transmission, leaf gap")


def test_one_deep_depth_dose_moves_the_quality_only() -> None:
    # BJR Supplement 25, 6 MV, 10 cm × 10 cm, as far as it was found: the maximum, 10 cm and 20 cm.
    table = DepthDose(
        Rectangle.square(100.0), 1000.0, np.array([15.0, 100.0, 200.0]), np.array([100.0, 67.5, 39.3])
    )
    found = fit_beam_data(MeasuredBeam((table,)), GENERIC)
    assert found.is_met
    assert found.after[0].worst_percent < 0.3
    assert found.machine.head.electron_share == GENERIC.head.electron_share
    assert found.machine.head.extra_focal_share == GENERIC.head.extra_focal_share
    assert len(found.not_measured) == 6


def test_a_dense_scan_of_the_same_machine_moves_nothing() -> None:
    depth_mm = np.arange(1.0, 301.0, 3.0)
    square = Rectangle.square(100.0)
    dose = WaterTank.of(GENERIC, 1000.0, depth_mm).axis_gy(square)
    change = fitted_on_axis(GENERIC, MeasuredBeam((DepthDose(square, 1000.0, depth_mm, dose),)), 1)
    # More depths than are computed: a spline between those has to be as good as they are.
    assert abs(change.hardening_mm) < 2.0
    assert abs(change.primary) < 0.005
    assert abs(change.electron_share) < 0.02


def test_a_dense_scan_without_build_up_fits_a_beam_without_contaminating_electrons() -> None:
    bare = replace(GENERIC, head=replace(GENERIC.head, electron_share=0.0))
    depth_mm = np.arange(20.0, 301.0, 10.0)
    square = Rectangle.square(100.0)
    dose = WaterTank.of(bare, 1000.0, depth_mm).axis_gy(square)
    change = fitted_on_axis(bare, MeasuredBeam((DepthDose(square, 1000.0, depth_mm, dose),)), 1)
    assert abs(change.hardening_mm) < 2.0


def test_a_curve_of_another_energy_is_not_met() -> None:
    # A curve that no 6 MV beam can have: nearly flat.
    flat = DepthDose(
        Rectangle.square(100.0), 1000.0, np.array([15.0, 100.0, 200.0]), np.array([100.0, 95.0, 90.0])
    )
    assert not compare(GENERIC, MeasuredBeam((flat,)))[0].is_met


def test_a_shift_counts_in_millimetres_where_dose_is_steep() -> None:
    x_mm = np.concatenate([np.arange(-70.0, -30.0, 2.0), np.array([-20.0, 0.0])])
    square = Rectangle.square(100.0)
    dose = WaterTank.of(GENERIC, 900.0, np.array([50.0])).profile_gy(square, 0, x_mm, 0.0 * x_mm)
    depth_dose = DepthDose(square, 1000.0, np.array([100.0]), np.ones(1))
    for shift_mm in (0.8, 2.0):
        shifted = Profile(square, 900.0, 50.0, "x", x_mm + shift_mm * (x_mm < -30.0), dose)
        compared = compare(GENERIC, MeasuredBeam((depth_dose,), (shifted,)))[-1]
        assert compared.worst_mm == pytest.approx(shift_mm, abs=0.2)
        assert compared.is_met == (shift_mm < 1.0)


@pytest.mark.parametrize(
    ("depth_mm", "dose", "words"),
    [
        ([10.0, 5.0], [100.0, 90.0], "must increase"),
        ([5.0, 10.0], [100.0, -1.0], "not positive"),
        ([-1.0, 10.0], [50.0, 100.0], "above the water"),
    ],
)
def test_curves_that_no_tank_gives_are_refused(depth_mm: list[float], dose: list[float], words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        DepthDose(Rectangle.square(100.0), 1000.0, np.array(depth_mm), np.array(dose))


def test_a_profile_has_to_hold_the_axis() -> None:
    with pytest.raises(GeometryError, match="both sides of 0"):
        Profile(Rectangle.square(100.0), 900.0, 100.0, "x", np.array([1.0, 2.0]), np.ones(2))


def test_nothing_measured_is_nothing_to_fit() -> None:
    with pytest.raises(MissingEvidenceError, match="no depth dose"):
        MeasuredBeam(())
