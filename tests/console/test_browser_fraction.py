"""A fraction at the page, from the worklist to the signed record, as the records have it afterwards."""

import re
from collections.abc import Callable

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from operated_page import ConsolePage
from picture_pixels import colours_in
from playwright.sync_api import expect

OpenConsole = Callable[..., ConsolePage]


def test_a_fraction_from_the_worklist_to_the_signed_record(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("anna")
    page = console.page
    console.open_waiting()
    for view in ("axial", "coronal", "sagittal"):
        assert colours_in(page, view) > 50, f"the {view} view shows no picture"

    console.button("Approve…").click()
    expect(console.dialog).to_contain_text("Correct the position")
    console.sign("anna")
    expect(console.dialog).to_contain_text("Signed and recorded")
    expect(console.dialog).to_contain_text("anna (therapist)")
    (decision,) = served.now.stored.decisions
    assert (decision.by, decision.role, decision.action) == ("anna", "therapist", "correct")
    version = served.now.stored.version
    expect(console.dialog).to_contain_text(f"approve correction, version {version}")
    console.button("Close").click()

    console.go("treat")
    console.button("Move the couch by the order and read it back").click()
    console.expect_state("Position verified, ready for beam")
    console.beam_on()
    console.expect_state("Treated and closed")
    record = page.locator(".fraction-record")
    expect(record).to_contain_text("Signed: Correct the position")
    expect(record).to_contain_text("anna (therapist)")
    expect(record.get_by_role("table").first).to_contain_text(f"{served.recorded_mu:.1f}")
    assert served.recorded_mu == pytest.approx(served.now.planned_mu, abs=0.05)
    assert not served.is_radiating


def test_the_next_fraction_is_begun_set_up_and_imaged_at_the_page(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.end_fraction()
    before = len(served.desk.records.course("C0001").fractions)
    console = open_console("anna")
    page = console.page
    page.get_by_role("button", name=re.compile("^Begin fraction")).click()
    expect(console.dialog).to_contain_text("Small, Patient & <b>Sons</b>")
    console.dialog.get_by_role("button", name=f"Begin fraction {before + 1}", exact=True).click()
    console.expect_state("Begun, to be set up")
    console.button("The patient lies on the marks: record the set-up").click()
    console.expect_state("Set up, to be imaged")
    console.button("Take an image and match it").click()
    page.get_by_role("link", name="Look at the match").click(timeout=60_000)
    console.seen()
    console.expect_state("Matched, to be decided")
    assert served.number == before + 1
    assert {step.by for step in served.now.stored.steps} == {"anna"}
    match = served.now.stored.matches[-1]
    assert match.correction.lateral_mm == pytest.approx(-4.0, abs=0.3)
