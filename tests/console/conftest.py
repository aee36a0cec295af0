"""One served department for all tests in a browser, and a browser for those of one file."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A department with a virtual room behind its service."""
    pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")
    if not Path(CHROMIUM).is_file():
        pytest.skip("Chromium, in which the page is looked at, is absent")
    from browser_department import browser_department

    from isoguide.service.settings import PAGE_FOLDER

    with browser_department(tmp_path_factory.mktemp("served"), page=PAGE_FOLDER) as department:
        yield department


@pytest.fixture(scope="module")
def chromium(served: object) -> Iterator[object]:
    """Ends with the file: its event loop would be in the way of other tests."""
    from playwright.sync_api import sync_playwright

    with served.in_place(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def open_console(served: object, chromium: object) -> Iterator[Callable[..., object]]:
    """Open a console in a browser of its own, in which somebody is signed in unless the name is empty."""
    from operated_page import ConsolePage

    contexts = []

    def opened(name: str = "anna") -> ConsolePage:
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        context.set_default_timeout(20_000)
        contexts.append(context)
        console = ConsolePage(context.new_page(), served)
        if name:
            console.sign_in(name)
        return console

    yield opened
    for context in contexts:
        context.close()
