"""What the page says and bars when something is not as it should be."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import expect
from signed_in_client import PASSWORDS

from isoguide.treatment import State

OpenConsole = Callable[..., ConsolePage]


def test_an_ended_session_is_signed_in_again_over_the_same_view(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("anna")
    console.open_waiting()
    address = console.page.url
    console.open_approval()
    console.tick_all()
    console.sign_as(0, "anna")
    served.end_sessions()
    # The page may find out first by itself: then the press comes from below its question.
    console.click_unseen(console.dialog.get_by_role("button", name="Sign", exact=True))
    again = console.page.get_by_role("dialog", name="Your session has ended: sign in again")
    expect(again).to_be_visible()
    assert served.now.stored.decisions == (), "nothing is signed without a session"
    again.get_by_label("Password").fill(PASSWORDS["anna"])
    console.page.keyboard.press("Enter")
    expect(again).to_have_count(0)
    assert console.page.url == address
    expect(console.dialog).to_contain_text("Decide and sign")
    assert served.now.state is State.ALIGNED, "nothing is sent again by itself"
    console.sign("anna")
    expect(console.dialog).to_contain_text("Signed and recorded")


def test_a_page_of_another_build_says_so_and_nothing_is_done_from_it(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("anna")
    console.open_waiting()
    console.open_approval()
    with served.other_build():
        console.sign("anna")
        expect(console.dialog.get_by_role("alert")).to_contain_text("another version of isoguide")
        console.button("Cancel").click()
        banner = console.page.get_by_role("alert").filter(has_text="another version than the service")
        expect(banner.get_by_role("button", name="Load the page again")).to_be_visible()
    assert (served.now.state, served.now.stored.decisions) == (State.ALIGNED, ())


def test_an_image_that_cannot_be_loaded_is_said_in_its_place_and_nothing_can_be_approved(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("anna")
    console.page.route(re.compile("voxels"), lambda route: route.abort())
    console.page.get_by_role("button", name=re.compile("^Open ")).click()
    view = console.page.locator('[data-view="axial"]')
    expect(view.get_by_text(re.compile("was not loaded"))).to_have_count(2)
    expect(console.button("Approve…")).to_be_disabled()
    expect(console.page.locator(".why-not")).to_contain_text("not")
    console.page.unroute(re.compile("voxels"))
    for left in (1, 0):
        view.get_by_role("button", name="Load again").first.click()
        expect(view.get_by_role("button", name="Load again")).to_have_count(left)
    console.seen()
    expect(console.button("Approve…")).to_be_enabled()


def test_a_browser_without_workers_is_told_so_in_plain_words(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    console = open_console("")
    console.page.add_init_script("delete window.Worker")
    console.page.goto(served.address)
    expect(console.page.locator("body")).to_contain_text("This browser lacks web workers")
    expect(console.page.locator("body")).to_contain_text("use a current Chromium, Edge, Firefox or Safari")
    expect(console.page.get_by_role("button")).to_have_count(0)


def test_a_folder_that_is_no_image_is_said_to_be_none_and_counts_no_exposure(
    served: BrowserDepartment, open_console: OpenConsole, tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "notes.txt").write_text("no image at all")
    with served.course_read_by_staff() as course:
        left = served.desk.status(course).images_left
        console = open_console("anna")
        console.page.goto(f"{served.address}#/courses/{course}/setup/1")
        console.page.locator("input[type=file]").set_input_files(folder)
        image = console.page.get_by_role("region", name="Image")
        expect(image.get_by_role("alert")).to_contain_text(
            "nothing of DICOM, no image, no plan: choose the exported folder"
        )
        expect(console.button("Take in and match this image")).to_be_disabled()
        assert served.desk.status(course).images_left == left
        assert served.desk.status(course).state is State.SET_UP
