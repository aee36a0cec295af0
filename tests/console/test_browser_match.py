"""The day's image moved by keys: which way, by how much, and how near to the truth a hand can bring it."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from automatic_hand import match_by_keys
from browser_department import BrowserDepartment
from console_page import ConsolePage
from picture_pixels import moved_px, pixels_of, ruler_px_mm
from playwright.sync_api import expect

from isoguide.geometry.correction import couch_correction
from isoguide.geometry.transforms import rotation_angle_deg

OpenConsole = Callable[..., ConsolePage]


def test_a_key_moves_the_image_that_way_on_the_screen_and_the_couch_by_its_sign(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    """Head first supine, seen from the feet: screen right is +LAT, screen up +VRT, away from you +LNG."""
    served.bring()
    console = open_console()
    console.open_waiting()
    console.begin_matching()
    console.page.keyboard.press("v")  # the day's image alone
    assert console.couch_would_move() == [0.0] * 6
    px_mm = ruler_px_mm(console.page, "axial")
    for key, axis, sign, (right, down) in (("ArrowRight", 0, 1.0, (1, 0)), ("ArrowUp", 2, 1.0, (0, -1))):
        before, picture = console.couch_would_move(), pixels_of(console.page, "axial")
        console.page.keyboard.press(key)
        moved = np.subtract(console.couch_would_move(), before)
        expected = np.zeros(6)
        expected[axis] = sign
        assert moved == pytest.approx(expected, abs=0.051), key
        for _ in range(9):
            console.page.keyboard.press(key)
        console.settled()
        moved = moved_px(picture, pixels_of(console.page, "axial"))
        assert moved == pytest.approx((10.0 * px_mm * right, 10.0 * px_mm * down), abs=1.5), key
    console.page.keyboard.press("PageDown")
    assert console.couch_would_move() == pytest.approx([10.0, 1.0, 10.0, 0.0, 0.0, 0.0], abs=0.051)


def test_a_hand_that_only_presses_keys_and_reads_the_likeness_ends_at_the_truth(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    truth, room = served.planning_from_daily, served.room
    console = open_console()
    console.open_waiting()
    console.begin_matching()
    match_by_keys(console)
    console.use_position()

    status = served.now
    engine, found = status.stored.matches
    assert found.algorithm == "match by hand"
    difference = truth.inverse().matrix @ found.planning_from_daily
    isocentre = np.append(served.simulation.isocentre_mm, 1.0)
    print(
        np.linalg.norm(
            (truth.inverse().matrix @ isocentre - np.linalg.inv(found.planning_from_daily) @ isocentre)[:3]
        ),
        rotation_angle_deg(difference[:3, :3]),
        found.algorithm,
    )
    assert rotation_angle_deg(difference[:3, :3]) < 0.3
    print(status.decision)
    print(status.stored.steps[-1].entry)
    audit = served.desk.records.audit_slice(most=1).entries[0]
    print(audit)
