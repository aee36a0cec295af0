"""The console without a mouse."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import expect
from signed_in_client import PASSWORDS

from isoguide.treatment import State

OpenConsole = Callable[..., ConsolePage]

FOCUSED = (
    "() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.innerText ?? ''"
)


def tab_to(console: ConsolePage, words: str, most: int = 80) -> None:
    """Press Tab until what has the focus begins with these words."""
    for _ in range(most):
        if console.page.evaluate(FOCUSED).strip().startswith(words):
            return
        console.page.keyboard.press("Tab")
    pytest.fail(f"'{words}' cannot be reached by Tab")


def test_everything_up_to_the_signature_is_done_by_keys_and_enter_signs_nothing(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("")
    page = console.page
    page.goto(served.address)
    expect(page.get_by_label("User name")).to_be_visible()
    for text in ("anna", PASSWORDS["anna"]):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    expect(page.get_by_role("button", name="Open ")).to_be_visible()
    tab_to(console, "Open ")
    page.keyboard.press("Enter")
    console.seen()

    page.keyboard.press("m")
    expect(page.locator(".match-banner")).to_be_visible()
    before_mm = console.couch_would_move()[0]
    page.keyboard.press("ArrowRight")
    assert console.couch_would_move()[0] == pytest.approx(before_mm + 1.0, abs=0.051)
    page.keyboard.press("Home")  # back to the automatic result
    page.keyboard.press("Escape")
    expect(page.locator(".match-banner")).to_have_count(0)
    expect(console.button("Approve…")).to_be_enabled()

    tab_to(console, "Approve")
    page.keyboard.press("Enter")
    expect(console.dialog).to_have_count(0)
    page.keyboard.press("Space")
    expect(console.dialog).to_contain_text("Decide and sign")
    console.tick_all()
    console.sign_as(0, "anna")
    console.dialog.get_by_label("Password").focus()
    page.keyboard.press("Enter")
    tab_to(console, "Sign")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    assert (served.now.state, served.now.stored.decisions) == (State.ALIGNED, ())
    page.keyboard.press("Space")
    expect(console.dialog).to_contain_text("Signed and recorded")
    assert served.now.state is State.APPROVED
    page.keyboard.press("Escape")
    expect(console.dialog).to_have_count(0)
