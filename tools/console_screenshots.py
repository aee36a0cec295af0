"""Take the pictures of the console that the documentation shows, at the page itself with a demonstration.

Usage: python tools/console_screenshots.py OUT      writes console-*.png into the folder OUT

A demonstration is made in a temporary folder, served, and its waiting fraction treated: some minutes.
Needs Chromium (tools/install_system_packages.sh) and the packages for development.
"""

import argparse
import io
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Final

from PIL import Image
from playwright.sync_api import Error, Locator, Page, ViewportSize, expect, sync_playwright

from isoguide.workflow.clinic.sign_in_file import SIGN_IN
from isoguide.workflow.demo_course import demonstrate

SIZE: Final = ViewportSize(width=1280, height=800)
LARGEST_BYTES: Final = 250_000
COLOURS: Final = (256, 128, 64, 32)
FRACTIONS: Final = 5
THERAPIST: Final = "virtual-therapist"
PHYSICIST: Final = "virtual-physicist"
BEAM_DATA: Final = "generic-6mv"
CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")
PREPARED_MS: Final = 300_000
"""The room builds its patient and images him before there is anything to look at."""
WITH_A_BEAM_MS: Final = 9_000
"""So long the beam is on before it is looked at: the chart of the target then has a line."""


class ScreenshotError(Exception):
    """Why there is no picture: one sentence."""


def quantised(png: bytes) -> bytes:
    """Return a picture with as many colours as its largest size allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        out = io.BytesIO()
        # Rare colours are kept: a thin line of a structure must not become grey.
        few = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(out, format="PNG", optimize=True)
        if out.tell() <= LARGEST_BYTES:
            return out.getvalue()
    msg = f"a picture has more than {LARGEST_BYTES} bytes with {COLOURS[-1]} colours: make the page smaller"
    raise ScreenshotError(msg)


def passwords(folder: Path) -> dict[str, str]:
    """Read how the staff of a demonstration sign in."""
    lines = (folder / SIGN_IN).read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if line.startswith("virtual-"))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a demonstration; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "isoguide.cli", "serve", "--demo", str(folder), "--port", str(port)]
    with subprocess.Popen(command) as service:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            service.terminate()


class Camera:
    """Goes through a fraction at the page and takes a picture of each view.

    Parameters
    ----------
    page
        Of a browser.
    address, passwords
        Where the service is, and how its staff sign there.
    out
        Gets the pictures.
    """

    def __init__(self, page: Page, address: str, passwords: dict[str, str], out: Path) -> None:
        self.page, self.address, self.passwords, self.out = page, address, passwords, out

    def take(self, name: str) -> None:
        """Write what stands there now."""
        self.page.mouse.move(0, 0)  # nothing looks chosen because a pointer happens to be over it
        path = self.out / f"console-{name}.png"
        path.write_bytes(quantised(self.page.screenshot(animations="disabled", caret="hide")))
        print(f"{path}: {path.stat().st_size // 1000} kB")

    def button(self, name: str) -> Locator:
        """Find a button by its words."""
        return self.page.get_by_role("button", name=name, exact=True)

    def go(self, part: str) -> None:
        """Go to another part of the open fraction."""
        self.page.get_by_role("navigation").get_by_role("link", name=re.compile(f"^{part}")).click()

    def sign_in(self) -> None:
        """Sign in as soon as the service answers, and wait for the fraction that waits."""
        self.page.goto(self.address)
        self.page.get_by_label("User name").fill(THERAPIST)
        self.page.get_by_label("Password").fill(self.passwords[THERAPIST])
        self.page.keyboard.press("Enter")
        waiting = self.page.get_by_text("Matched, to be decided")
        waiting.wait_for(timeout=PREPARED_MS)
        self.take("worklist")

    def align(self) -> None:
        """Open the patient, match by hand for a look, and sign what the protocol says."""
        page = self.page
        page.get_by_role("button", name=re.compile("^Open ")).click()
        page.locator(".desk-views[data-seen=true]").wait_for(timeout=PREPARED_MS)
        page.wait_for_timeout(3000)  # structures and dose follow the images
        self.take("align")
        page.keyboard.press("m")
        page.keyboard.press("k")
        for key in ("Shift+ArrowRight", "ArrowUp", "ArrowUp"):
            page.keyboard.press(key)
        page.wait_for_timeout(2500)
        self.take("align-match")
        page.keyboard.press("Home")
        page.keyboard.press("b")
        page.keyboard.press("Escape")
        self.go("Set-up")
        page.get_by_role("heading", name="Set-up", level=1).wait_for()
        page.wait_for_timeout(1000)
        self.take("set-up")
        self.go("Align")
        page.locator(".desk-views[data-seen=true]").wait_for(timeout=PREPARED_MS)

    def approve(self) -> None:
        """Sign the correction, with a second person where the protocol asks for one, and carry it out."""
        self.button("Approve…").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("radio", name=re.compile("^Correct the position")).check()
        for box in dialog.get_by_role("checkbox").all():
            box.check()
        dialog.get_by_label("Password").first.fill(self.passwords[THERAPIST])
        if dialog.get_by_label("Password").count() > 1:
            dialog.get_by_label("User name").nth(1).fill(PHYSICIST)
            dialog.get_by_label("Password").nth(1).fill(self.passwords[PHYSICIST])
        self.page.locator(".dialog-body").evaluate("one => one.scrollTo(0, 0)")
        self.page.wait_for_timeout(500)
        self.take("approve")
        dialog.get_by_role("button", name="Sign", exact=True).click()
        expect(dialog).to_contain_text("Signed and recorded")
        self.button("Close").click()
        self.go("Treat")
        move = self.button("Move the couch by the order and read it back")
        if move.is_enabled():
            move.click()
        self.page.get_by_text("Position verified, ready for beam").first.wait_for(timeout=60_000)

    def treat(self) -> None:
        """Turn the beam on, hold it, and stop the fraction."""
        page, row = self.page, self.page.locator(".beam-row")
        dialog = page.get_by_role("dialog")
        page.wait_for_timeout(2000)
        row.get_by_role("button", name="Beam on").click()
        dialog.get_by_role("button", name="Beam on", exact=True).click()
        expect(row).to_contain_text("BEAM ON", timeout=60_000)
        page.wait_for_timeout(WITH_A_BEAM_MS)
        self.take("treat")
        page.keyboard.press("h")
        expect(row).to_contain_text("Beam held", timeout=60_000)
        page.wait_for_timeout(1000)
        self.take("treat-held")

    def look_back(self) -> None:
        """The views of what the records say."""
        self.go("Review")
        self.page.wait_for_timeout(4000)
        self.take("review")
        self.dose()
        self.corrections()
        for name in ("Population", "Protocols", "Audit"):
            self.go(name)
            self.page.get_by_role("heading", name=name, level=1).wait_for()
            self.page.wait_for_timeout(4000)
            self.take(name.lower())

    def dose(self) -> None:
        """Assess the anatomy of the day, compute its dose, and look at the isodoses."""
        page = self.page
        self.button("Assess the anatomy").click()
        panel = page.get_by_role("region", name="Dose of the day", exact=True)
        data = panel.get_by_label("Beam data")
        data.wait_for(timeout=PREPARED_MS)
        data.select_option(BEAM_DATA)
        panel.get_by_role("button", name="Compute the dose").click()
        look = panel.get_by_role("button", name="Look at the isodoses")
        look.click(timeout=PREPARED_MS)
        views = panel.locator(".dose-views[data-seen=true]")
        views.wait_for(timeout=PREPARED_MS)
        page.wait_for_timeout(4000)  # dose and structures follow the image
        views.evaluate("one => one.scrollIntoView({ block: 'center' })")
        self.take("dose")
        page.evaluate("window.scrollTo(0, 0)")

    def corrections(self) -> None:
        """Work out the ladder of corrections on the dose, and look at what each would do."""
        page = self.page
        panel = page.get_by_role("region", name="Corrections of the beams", exact=True)
        panel.get_by_role("button", name="Work out the corrections").click()
        panel.locator(".rungs").wait_for(timeout=PREPARED_MS)
        panel.evaluate("one => one.scrollIntoView({ block: 'start' })")
        self.take("corrections")
        page.evaluate("window.scrollTo(0, 0)")


def photograph(folder: Path, out: Path) -> None:
    """Take all pictures of a demonstration."""
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or CHROMIUM, args=list(ARGUMENTS)
        )
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        _until_it_answers(lambda: page.goto(address))
        camera = Camera(page, address, passwords(folder), out)
        steps: tuple[Callable[[], None], ...] = (
            camera.sign_in,
            camera.align,
            camera.approve,
            camera.treat,
            camera.look_back,
        )
        for step in steps:
            step()
        browser.close()


def _until_it_answers(ask: Callable[[], object], tries: int = 120) -> None:
    for _ in range(tries):
        try:
            ask()
        except Error:
            sleep(1.0)
        else:
            return
    msg = f"the service did not answer within {tries} s: run isoguide serve --demo by hand and see why"
    raise ScreenshotError(msg)


def main(arguments: list[str]) -> int:
    """Take the pictures; print why and return 1 if that fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder that gets the pictures")
    parser.add_argument("--demo", type=Path, metavar="FOLDER", help="a demonstration that is there already")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    try:
        if chosen.demo is not None:
            photograph(chosen.demo, chosen.out)
        else:
            with tempfile.TemporaryDirectory() as folder:
                demonstrate(Path(folder) / "demo", fractions=FRACTIONS)
                photograph(Path(folder) / "demo", chosen.out)
    except ScreenshotError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
