"""The anatomy of the day in the browser: assessed, looked at, and marked where it decides nothing."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from known_deformation import KnowsTheDeformation
from operated_page import ConsolePage
from picture_pixels import is_grey, picture_when
from playwright.sync_api import expect

from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.clinic.pictures import open_image

WORK_MS = 120_000
"""So long a busy computer may take to assess an anatomy, which is seconds of work."""
OpenConsole = Callable[..., ConsolePage]


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
    expect(verdict).to_contain_text("For decision", timeout=WORK_MS)
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
    expect(views).to_have_attribute("data-seen", "true")
    before = picture_when(page, "axial", is_grey)
    panel.get_by_role("radio", name="After: in the day's body").check()
    expect(views).to_contain_text("Planning CT in the day's body")
    expect(views).to_have_attribute("data-seen", "true")

    def apart(picture: np.ndarray) -> float:
        rows = min(len(before), len(picture))  # what lies between pixels of the page has one more
        return float(np.abs(picture[:rows] - before[:rows]).max())

    assert apart(picture_when(page, "axial", lambda picture: apart(picture) > 0.1)) > 0.1
    expect(views.locator(".decision-mark")).to_have_count(0)

    engine.verdict = FieldVerdict.NOT_FOR_DECISION
    served.clinic.gallery.cache._values.clear()
    panel.get_by_role("button", name="Assess again").click()
    expect(verdict).to_contain_text("NOT FOR DECISION", timeout=WORK_MS)
    expect(panel.locator(".anatomy-band")).to_contain_text("NOT FOR DECISION")
    expect(views.locator(".decision-mark")).to_have_count(3)
