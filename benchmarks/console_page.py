"""What is measured in the page itself: real key presses, clicks and messages in headless Chromium.

Nothing is put into the page but listeners: it tells each frame among the browser's own measures
(``performance.measure``), keys carry their time, and messages of the stream are heard beside the page.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS: Final = 60_000
POLL_MS: Final = 40.0
KEYS: Final = ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "PageUp", "e", "PageDown", "q")
"""Shifts in the plane and through it, and turns; they end where they began."""
REST_MS: Final = 120.0
"""A further pause after a movement is drawn in full."""
SEEN: Final = 0.5
"""Of the pixels of the axial plane that both images show at the end: with so many it is a useful picture."""

DRAWN: Final = "__bench.frames.some(({ settled, startMs }) => settled && startMs >= __bench.keys.at(-1))"
LISTEN: Final = """
(() => {
  const bench = { frames: [], keys: [], rooms: [], shown: [], clickMs: null };
  window.__bench = bench;
  new PerformanceObserver((list) => {
    for (const { startTime, duration, detail } of list.getEntriesByName("isoguide frame")) {
      const axial = detail.views.find(({ viewId }) => viewId === "axial");
      const frame = {
        startMs: startTime, endMs: startTime + duration, nextMs: null, settled: detail.settled,
        halfGrid: detail.views.some(({ halfGrid }) => halfGrid), computeMs: detail.computeMs,
        pixels: axial?.similarity?.pixels ?? 0,
        hasPlanning: detail.images.planning !== null, hasDaily: detail.images.daily !== null,
      };
      bench.frames.push(frame);
      requestAnimationFrame(() => { frame.nextMs = performance.now(); });
    }
  }).observe({ type: "measure" });
  addEventListener("keydown", (event) => { bench.keys.push(event.timeStamp); }, true);
  addEventListener("click", (event) => { bench.clickMs = event.timeStamp; }, true);
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(...said) {
      super(...said);
      this.addEventListener("message", ({ data }) => {
        const heardMs = Date.now();
        const message = JSON.parse(data);
        if (message.type !== "room") { return; }
        const entry = { atMs: Date.parse(message.at), heardMs, beam: message.beam, paintedMs: null };
        bench.rooms.push(entry);
        requestAnimationFrame(() => { entry.paintedMs = Date.now(); });
      });
    }
  };
})();
"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Open the system's Chromium without a window."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def signed_in(
    opened: Browser, address: str, name: str, password: str, size: tuple[int, int]
) -> Iterator[Page]:
    """Open a page of this size in a browser that has nothing of it yet, and sign in; shows the worklist."""
    width, height = size
    context = opened.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(LISTEN)
    try:
        page.goto(address)
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        page.locator("table.worklist").wait_for()
        yield page
    finally:
        context.close()


def open_fraction(page: Page, patient: str) -> dict[str, float]:
    """Click on a patient in the worklist; return seconds to the first useful picture and to the whole one."""
    row = page.locator("table.worklist tr", has_text=patient)
    page.evaluate("__bench.frames.length = 0")
    row.get_by_role("button", name="Open").click()
    click_ms = page.evaluate("__bench.clickMs")
    until(page, "__bench.frames.some(({ settled, pixels }) => settled && pixels > 0)")
    frames = page.evaluate("__bench.frames")
    whole = next(one for one in frames if one["settled"] and one["pixels"] > 0)
    useful = next(one for one in frames if one["pixels"] >= SEEN * whole["pixels"])
    return {name: (one["endMs"] - click_ms) / 1000.0 for name, one in (("first", useful), ("whole", whole))}


def press_keys(page: Page, count: int) -> dict[str, list[float]]:
    """Move the day's image by keys in match mode, each when the one before is drawn in full.

    Returns
    -------
    dict
        Milliseconds from the press to the three planes drawn (``drawn``), to the animation frame after that
        (``next``), and to the three planes on their full grid (``full``).
    """
    page.locator("[data-view=axial]").focus()
    page.wait_for_timeout(2000.0)  # structures and figures follow the images
    page.keyboard.press("m")
    page.locator(".desk-views.matching").wait_for()
    page.wait_for_timeout(500.0)
    page.evaluate("__bench.frames.length = __bench.keys.length = 0")
    for number in range(count):
        page.keyboard.press(KEYS[number % len(KEYS)])
        until(page, DRAWN)
        page.wait_for_timeout(REST_MS)
    keys, frames = page.evaluate("[__bench.keys, __bench.frames]")
    return _redraws(keys, frames)


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true; the page's content security policy lets it wait for none itself."""
    patience = time.monotonic() + PATIENCE_MS / 1000.0
    while not page.evaluate(expression):
        if time.monotonic() > patience:
            msg = f"the page did not come to {expression!r} in {PATIENCE_MS / 1000.0:.0f} s"
            raise TimeoutError(msg)
        page.wait_for_timeout(POLL_MS)


def _redraws(keys: list[float], frames: list[dict[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"drawn": [], "next": [], "full": []}
    for key_ms, after_ms in zip(keys, [*keys[1:], np.inf], strict=True):
        own = [one for one in frames if key_ms <= one["startMs"] < after_ms]
        settled = next(one for one in own if one["settled"])
        found["drawn"].append(own[0]["endMs"] - key_ms)
        found["next"].append(own[0]["nextMs"] - key_ms)
        found["full"].append(settled["endMs"] - key_ms)
    return found


def watch_beam(page: Page, address: str, course: str, seconds: float) -> dict[str, list[float]]:
    """Turn the beam of the connected room on as a person does, and listen to what the page hears meanwhile.

    Returns
    -------
    dict
        Milliseconds between messages (``gap``), from when the room was looked at to when the page heard of it
        (``lag``), and to the animation frame that paints it (``painted``).
    """
    page.goto(f"{address}#/courses/{course}/treat/1")
    page.get_by_role("button", name="Beam on", disabled=False).first.wait_for()
    page.get_by_role("button", name="Beam on", disabled=False).first.click()
    page.locator("dialog").get_by_role("button", name="Beam on").click()
    page.locator(".beam-sign.on").first.wait_for()
    page.evaluate("__bench.rooms.length = 0")
    page.wait_for_timeout(1000.0 * seconds)
    rooms = [one for one in page.evaluate("__bench.rooms") if one["paintedMs"] is not None]
    page.keyboard.press("h")
    page.locator(".beam-sign.held").first.wait_for()
    return {
        "gap": np.diff([one["heardMs"] for one in rooms]).tolist(),
        "lag": [one["heardMs"] - one["atMs"] for one in rooms],
        "painted": [one["paintedMs"] - one["atMs"] for one in rooms],
        "beam on": [float(one["beam"] in ("on", "travelling")) for one in rooms],
    }


def versions(opened: Browser) -> str:
    """Say which browser it is."""
    return f"Chromium {opened.version}"
