"""What somebody does at the console's page: in the words that stand there."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from browser_department import BrowserDepartment
from playwright.sync_api import Error, Locator, Page, Request, expect
from signed_in_client import PASSWORDS

PATIENCE_S = 20.0
"""A busy computer is slow; what is right comes at once on any other."""
expect.set_options(timeout=1000.0 * PATIENCE_S)


@dataclass
class ConsolePage:
    """A page in a browser of its own."""

    page: Page
    department: BrowserDepartment
    name: str = ""

    def sign_in(self, name: str = "anna", password: str | None = None) -> None:
        self.name = name
        self.page.goto(self.department.address)
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password or PASSWORDS[name])
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Worklist")).to_be_visible()

    def go(self, part: str) -> None:
        """Go to a part of the newest fraction."""
        course, number = self.department.now.key.course_id, self.department.number
        self.page.goto(f"{self.department.address}#/courses/{course}/{part}/{number}")

    def open_waiting(self) -> None:
        """Open the patient from the worklist, and wait until both images are on the screen."""
        self.page.get_by_role("button", name=re.compile("^Open ")).click()
        self.seen()

    def seen(self) -> None:
        """Wait until both images are on the screen in full, with all that was changed up to now."""
        self.page.locator(".desk-views[data-seen=true]").wait_for(timeout=40_000)

    def button(self, name: str, **said: Any) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True, **said)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def tick_all(self) -> None:
        for box in self.dialog.get_by_role("checkbox").all():
            box.check()

    def choose(self, action: str) -> None:
        """Choose what is done."""
        self.dialog.get_by_role("radio", name=re.compile(f"^{action}")).check()

    def sign_as(self, place: int, name: str) -> None:
        """Fill in the first or the second signature."""
        self.dialog.get_by_label("User name").nth(place).fill(name)
        self.dialog.get_by_label("Password").nth(place).fill(PASSWORDS[name])

    def click_unseen(self, button: Locator) -> None:
        """Click without waiting for anything that comes of it."""
        button.evaluate("one => { setTimeout(() => one.click(), 0); }")

    def sent(self, ending: str) -> list[str]:
        """A list that gets every request from now on that changes something at such an address."""
        found: list[str] = []

        def take(request: Request) -> None:
            if request.method == "POST" and request.url.endswith(ending):
                found.append(request.url)

        self.page.on("request", take)
        return found

    def sign(self, name: str, password: str | None = None, *, button: str = "Sign") -> None:
        """Tick what was looked at, sign with name and password, and send it."""
        self.tick_all()
        self.dialog.get_by_label("User name").first.fill(name)
        self.dialog.get_by_label("Password").first.fill(password or PASSWORDS[name])
        self.dialog.get_by_role("button", name=button, exact=True).click()

    def open_approval(self) -> None:
        self.button("Approve…").click()
        expect(self.dialog).to_contain_text("Decide and sign")

    def begin_matching(self) -> None:
        """Match by hand, from the position that the couch has without any correction."""
        self.seen()
        self.page.keyboard.press("m")
        expect(self.page.locator(".match-banner")).to_be_visible()
        self.button("Go to the set-up position: no correction").click()
        self.focus("axial")
        # From then on likeness is measured in the region of the match, on the screen too.
        expect(self.page.get_by_role("checkbox", name="Region of the match")).to_be_enabled()

    def focus(self, view: str) -> None:
        self.page.locator(f'[data-view="{view}"]').focus()

    def use_position(self) -> None:
        """Make the position on the screen the match."""
        self.button("Use this position").click()
        self.dialog.get_by_role("button", name="Use as the match", exact=True).click()
        expect(self.page.locator(".desk-decision .standing")).to_have_text("Match by hand")

    def couch_would_move(self) -> list[float]:
        """The six numbers that the position calls for, as they stand there: mm and degrees."""
        shown = self.page.locator(".six-inputs input").evaluate_all("all => all.map(one => one.value)")
        return [float(text.replace("−", "-")) for text in shown]

    def likeness(self) -> float:
        """How alike the images are on the screen, once it shows the position that the hand is at."""
        self.seen()
        shown = self.page.locator(".likeness dd").first
        expect(shown).to_contain_text("in the three planes")
        return float(shown.inner_text().split()[0].replace("−", "-"))

    def likeness_of_region(self) -> float:
        """How alike the images are in the region of the match, as the service measures it."""
        self.likeness()
        is_measured = "() => /^−?\\d/.test(document.querySelectorAll('.likeness dd')[1].innerText)"
        read = "() => document.querySelectorAll('.likeness dd')[1].innerText"
        while True:
            self.page.wait_for_function(is_measured)
            text = self.page.evaluate(read).replace("−", "-")
            if text[-1].isdigit():  # it may be asked anew between the two looks
                return float(text)

    def ask_for_beam(self, words: str = "Beam on") -> None:
        """Open the dialog that asks once more."""
        button = self.page.locator(".beam-row").get_by_role("button", name=words, exact=True)
        self._press_while_live(button.click, dialogs=1)

    def beam_on(self, words: str = "Beam on", *, is_pressed_twice: bool = False) -> None:
        """Turn the beam on, or resume it, as the button is called."""
        self.ask_for_beam(words)
        sure = self.dialog.get_by_role("button", name=words, exact=True)
        self._press_while_live(sure.dblclick if is_pressed_twice else sure.click, dialogs=0)

    def _press_while_live(self, press: Callable[..., None], dialogs: int) -> None:
        """Press until so many dialogs are open: while the link is late, that does nothing."""
        patience = time.monotonic() + PATIENCE_S
        while True:
            with suppress(Error):
                press(timeout=2000)
            with suppress(AssertionError):
                expect(self.dialog).to_have_count(dialogs, timeout=1000)
                return
            assert time.monotonic() < patience, "the beam could not be asked for"

    def expect_state(self, words: str) -> None:
        expect(self.page.locator(".strip-course")).to_contain_text(words, timeout=30_000)

    @property
    def body(self) -> str:
        return self.page.inner_text("body")
