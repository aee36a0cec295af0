"""The day's image moved by keys: which way, by how much, and how near to the truth a hand can bring it."""

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from automatic_hand import match_by_keys
from browser_department import BrowserDepartment
from operated_page import ConsolePage
from picture_pixels import is_grey, moved_px, picture_when, ruler_px_mm

from isoguide.course import ProtocolAction
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
    console.seen()
    assert console.couch_would_move() == [0.0] * 6
    px_mm = ruler_px_mm(console.page, "axial")
    picture = picture_when(console.page, "axial", is_grey)
    for key, axis, sign, (right, down) in (("ArrowRight", 0, 1.0, (1, 0)), ("ArrowUp", 2, 1.0, (0, -1))):
        before = console.couch_would_move()
        console.page.keyboard.press(key)
        moved = np.subtract(console.couch_would_move(), before)
        expected = np.zeros(6)
        expected[axis] = sign
        assert moved == pytest.approx(expected, abs=0.051), key
        for _ in range(9):
            console.page.keyboard.press(key)
        console.seen()
        wanted = pytest.approx((10.0 * px_mm * right, 10.0 * px_mm * down), abs=1.5)

        def moves(now: np.ndarray, last: np.ndarray = picture, wanted: object = wanted) -> bool:
            return moved_px(last, now) == wanted

        last, picture = picture, picture_when(console.page, "axial", moves)
        assert moved_px(last, picture) == wanted, key
    console.page.keyboard.press("PageDown")
    assert console.couch_would_move() == pytest.approx([10.0, 1.0, 10.0, 0.0, 0.0, 0.0], abs=0.051)


def test_a_hand_that_only_presses_keys_and_reads_the_likeness_ends_at_the_truth(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    truth = served.planning_from_daily
    console = open_console()
    console.open_waiting()
    console.begin_matching()
    match_by_keys(console)
    console.use_position()

    status = served.now
    found = status.stored.matches[-1]
    assert found.algorithm == "by hand"
    isocentre, there = np.append(served.simulation.isocentre_mm, 1.0), truth.inverse().matrix
    missed = np.linalg.inv(found.planning_from_daily) @ isocentre - there @ isocentre
    assert np.linalg.norm(missed[:3]) < 0.3
    assert rotation_angle_deg((there @ found.planning_from_daily)[:3, :3]) < 0.3
    # A person has confirmed the engine, so the routine goes on.
    assert status.decision is not None
    assert (status.decision.action, status.decision.matched_by) == (ProtocolAction.CORRECT, "anna")
    (note,) = [
        one
        for one in served.desk.records.audit_slice(most=10).entries
        if one.action == "movements by hand" and one.subject.startswith(f"fraction {served.number} ")
    ]
    movements = note.payload["movements"]
    assert len(movements) > 50
    assert {kind for _, kind, *_ in movements} == {"reset", "key"}
    assert movements[-1][2:] == pytest.approx(list(astuple(found.correction)), abs=1e-3)
