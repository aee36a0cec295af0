"""The day's ultrasound in the browser: on its reference and on the CT, moved by hand, and for review."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from operated_page import ConsolePage
from picture_pixels import is_grey, moved_px, picture_when, pixels_of, ruler_px_mm
from playwright.sync_api import Browser, expect
from small_patient import SmallPatient
from ultrasound_course import LYING
from ultrasound_in_browser import UltrasoundDepartment, served_ultrasound

Open = Callable[[UltrasoundDepartment], ConsolePage]


@pytest.fixture
def open_on(chromium: Browser) -> Iterator[Open]:
    """Open the align view of a department in a browser of its own."""
    contexts = []

    def opened(department: UltrasoundDepartment) -> ConsolePage:
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        context.set_default_timeout(30_000)
        contexts.append(context)
        console = ConsolePage(context.new_page(), department)
        console.sign_in("anna")
        console.go("align")
        console.seen()
        return console

    yield opened
    for context in contexts:
        context.close()


def test_ultrasound_lies_on_its_reference_and_on_the_ct_and_a_hand_moves_it(
    tmp_path: Path, patient: SmallPatient, simulated: tuple, open_on: Open
) -> None:
    with served_ultrasound(tmp_path, patient, simulated) as department:
        console = open_on(department)
        page = console.page
        views = page.locator(".desk-views")
        expect(views).to_contain_text("Ultrasound reference, 2 Mar 2026")
        expect(views).to_contain_text("Day's ultrasound, ")
        expect(page.locator(".desk-banners")).not_to_contain_text("FOR REVIEW")
        # He lies 5 mm too far left, 3 mm too far from the gantry and 2 mm too high: the couch goes back.
        assert console.couch_would_move() == pytest.approx([*-LYING.translation_mm, 0.0, 0.0, 0.0], abs=0.051)
        expect(page.locator(".overview")).to_contain_text("one by 1.5 mm. No couch corrects that")
        assert console.likeness() > 0.9

        console.focus("coronal")
        page.keyboard.press("v")  # the day's image alone
        page.keyboard.press("m")
        expect(page.locator(".match-banner")).to_be_visible()
        console.seen()
        px_mm, before = ruler_px_mm(page, "coronal"), picture_when(page, "coronal", is_grey)
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        console.seen()
        wanted = pytest.approx((4.0 * px_mm, 0.0), abs=1.5)
        moved = picture_when(page, "coronal", lambda now: moved_px(before, now) == wanted)
        assert moved_px(before, moved) == wanted
        assert console.couch_would_move()[0] == pytest.approx(4.0 - LYING.translation_mm[0], abs=0.051)
        assert console.likeness() < 0.7
        page.keyboard.press("Home")
        page.keyboard.press("Escape")

        page.keyboard.press("n")
        expect(views).to_contain_text("Planning CT, ")
        console.seen()
        expect(page.locator(".likeness dd").first).to_contain_text("by eye")
        day = pixels_of(page, "axial")
        page.keyboard.press("p")
        console.seen()
        on_ct = picture_when(page, "axial", lambda now: np.abs(now - day).mean() > 0.02)
        assert np.ptp(on_ct) > 0.3
        page.keyboard.press("n")
        expect(views).to_contain_text("Ultrasound reference, ")
        console.seen()
        reference = picture_when(page, "axial", lambda now: np.abs(now - on_ct).mean() > 0.05)
        assert np.abs(reference - on_ct).mean() > 0.05


def test_ultrasound_matched_to_the_ct_says_that_it_is_for_review(
    tmp_path: Path, patient: SmallPatient, simulated: tuple, open_on: Open
) -> None:
    with served_ultrasound(tmp_path, patient, simulated, references=0) as department:
        console = open_on(department)
        page = console.page
        expect(page.locator(".desk-banners")).to_contain_text("FOR REVIEW")
        expect(page.locator(".desk-banners")).to_contain_text("never applied by itself")
        expect(page.locator(".verdict")).to_contain_text("A person has to look")
        expect(page.get_by_role("radio", name="Ultrasound reference")).to_have_count(0)
        console.open_approval()
        console.choose("Correct the position")
        expect(console.dialog).to_contain_text("The target lies inside the fan and in no shadow")
        expect(console.dialog).to_contain_text("The day's ultrasound was looked at on: Planning CT")
