"""The anatomy of the day in the browser: assessed, looked at, and marked where it decides nothing."""

import io
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from known_deformation import KnowsTheDeformation
from matplotlib.image import imread
from operated_page import ConsolePage
from playwright.sync_api import Page, expect

from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.clinic.pictures import open_image

_ALONE = "[data-view] > :not(canvas) { visibility: hidden }"
OpenConsole = Callable[..., ConsolePage]


def _axial(page: Page) -> np.ndarray:
    """The axial picture that is on the screen in full, without what is drawn over it."""
    expect(page.locator(".anatomy-views")).to_have_attribute("data-seen", "true")
    picture = page.locator('[data-view="axial"] canvas').first
    return imread(io.BytesIO(picture.screenshot(style=_ALONE)), format="png")[:, :, :3]


def test_the_anatomy_of_the_day_is_assessed_and_looked_at(
    served: BrowserDepartment, open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = KnowsTheDeformation(monkeypatch, served.simulation.isocentre_mm)
    monkeypatch.setattr(
        open_image,
        "structures_to_assess",
        lambda structures, *_: tuple(one for one in structures if one.name in ("PTV", "SeminalVes")),
    )
    served.bring()
    console = open_console("anna")
    console.go("review")
    page = console.page
    panel = page.get_by_role("region", name="Anatomy of the day", exact=True)
    dose = page.get_by_role("region", name="Dose of the day", exact=True)
    expect(dose).to_contain_text("the anatomy of the day has to be assessed first")
    panel.get_by_role("button", name="Assess the anatomy").click()
    verdict = panel.locator(".anatomy-verdict")
    expect(verdict).to_contain_text("For decision")
    expect(panel.get_by_role("row").filter(has_text="PTV")).to_contain_text(" L")  # to the patient's left
    expect(page.get_by_role("region", name="Anatomy over the course")).to_contain_text("PTV")
    expect(dose).to_contain_text("There are no beam data for the machine")

    panel.get_by_role("button", name="Look at the deformation").click()
    views = panel.locator(".anatomy-views")
    expect(views).to_have_attribute("data-seen", "true")
    expect(panel.locator(".anatomy-readout")).to_contain_text(" L")
    grid = views.locator('[data-view="axial"] .deformation-grid .deformation-line')
    assert len(grid.get_attribute("d") or "") > 100
    panel.get_by_role("radio", name="Planning only").check()
    before = _axial(page)
    panel.get_by_role("radio", name="After: in the day's body").check()
    expect(views).to_contain_text("Planning CT in the day's body")
    after = _axial(page)
    rows = min(len(before), len(after))  # a picture that lies between pixels of the page has one more
    assert np.abs(after[:rows] - before[:rows]).max() > 0.1
    expect(views.locator(".decision-mark")).to_have_count(0)

    engine.verdict = FieldVerdict.NOT_FOR_DECISION
    served.clinic.gallery.cache._values.clear()
    panel.get_by_role("button", name="Assess again").click()
    expect(verdict).to_contain_text("NOT FOR DECISION")
    expect(panel.locator(".anatomy-band")).to_contain_text("NOT FOR DECISION")
    expect(views.locator(".decision-mark")).to_have_count(3)
