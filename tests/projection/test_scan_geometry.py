from dataclasses import replace

import numpy as np
import pytest
from small_scans import BACKWARDS, FULL_FAN, HALF_FAN, OTHER_HALF_FAN, SHORT

from isoguide.errors import GeometryError
from isoguide.projection.scan_geometry import check_arc, field_of_view, is_displaced, source_angles_deg


def test_the_field_of_view_is_what_the_fan_spans():
    # 96 columns of 4 mm at 1500 mm, between pixel centres: 1000 sin(atan(190 / 1500)) = 125.66 mm by hand.
    field = field_of_view(FULL_FAN.views())
    assert field.radius_mm == pytest.approx(125.66, abs=0.01)
    # 80 rows of 2 mm: ±79 mm at the detector, ±52.7 mm at the axis.
    assert field.contains(np.array([[0.0, 52.0, 0.0], [0.0, -52.0, 0.0], [125.0, 0.0, 0.0]])).all()
    assert not field.contains(np.array([[0.0, 54.0, 0.0], [0.0, 0.0, 126.0], [100.0, 50.0, 0.0]])).any()


@pytest.mark.parametrize("scan", [HALF_FAN, OTHER_HALF_FAN])
def test_a_displaced_panel_sees_further_with_a_full_turn(scan):
    assert is_displaced(scan.views())
    # The far edge: 140 + 190 mm at 1500 mm.
    assert field_of_view(scan.views()).radius_mm == pytest.approx(
        1000 * np.sin(np.arctan(330 / 1500)), abs=0.01
    )


def test_a_centred_panel_is_not_displaced():
    assert not is_displaced(FULL_FAN.views())


@pytest.mark.parametrize("scan", [FULL_FAN, HALF_FAN, SHORT, BACKWARDS])
def test_sufficient_arcs_are_accepted(scan):
    check_arc(scan.views())


def test_a_short_scan_of_170_degrees_is_refused():
    with pytest.raises(GeometryError, match=r"arc of 168°.*needs 191°"):
        check_arc(replace(SHORT, arc_deg=170.0).views())


def test_a_half_fan_needs_the_whole_turn():
    with pytest.raises(GeometryError, match="a displaced detector needs 340°"):
        check_arc(replace(HALF_FAN, arc_deg=220.0).views())


def test_a_panel_beside_the_axis_is_refused():
    with pytest.raises(GeometryError, match="does not see the axis"):
        field_of_view(replace(FULL_FAN, panel_offset_mm=400.0).views())


def test_sources_are_found_on_the_gantry_circle():
    scan = replace(FULL_FAN, count=4)
    np.testing.assert_allclose(source_angles_deg(scan.views()), [45.0, 135.0, 225.0, 315.0])
