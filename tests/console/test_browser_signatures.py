"""Signatures at the page: who may give them, what a wrong one leaves behind, and two people at once."""

import re
from collections.abc import Callable

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import expect

from isoguide.treatment import State

OpenConsole = Callable[..., ConsolePage]


def test_a_wrong_password_signs_nothing_and_is_said(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    version = served.bring().stored.version
    console = open_console("anna")
    console.open_waiting()
    console.open_approval()
    console.sign("anna", "seven red bicycles")
    expect(console.dialog.get_by_role("alert")).to_contain_text("password")
    assert (served.now.state, served.now.stored.version) == (State.ALIGNED, version)
    assert served.now.stored.decisions == ()
    # The next try begins without the old password.
    expect(console.dialog.get_by_label("Password").first).to_have_value("")


def test_what_a_hand_moved_needs_a_second_look_which_a_physicist_gives_at_another_console(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    therapist, physicist = open_console("anna"), open_console("berg")
    therapist.open_waiting()
    therapist.page.keyboard.press("m")
    therapist.focus("axial")
    therapist.page.keyboard.press("Shift+ArrowRight")
    therapist.use_position()

    # Two therapists cannot decide it: the page says who is needed.
    therapist.open_approval()
    therapist.choose("Correct the position")
    therapist.tick_all()
    therapist.dialog.get_by_role("textbox", name="Reason").fill("the bones agree better")
    therapist.sign_as(0, "anna")
    therapist.sign_as(1, "ben")
    therapist.dialog.get_by_role("button", name="Sign", exact=True).click()
    expect(therapist.dialog.get_by_role("alert")).to_contain_text("physicist")
    assert served.now.stored.decisions == ()

    therapist.dialog.get_by_text("is asked for a second look").click()
    therapist.sign_as(0, "anna")
    therapist.dialog.get_by_role("button", name="Sign and ask for a second look").click()
    expect(therapist.dialog).to_contain_text("Signed, waiting for the second look")
    assert served.now.state is State.ALIGNED, "nothing rests on one signature"

    expect(physicist.page.get_by_text("Second look asked by anna (therapist)")).to_be_visible()
    physicist.page.get_by_role("button", name=re.compile("^Open ")).click()
    physicist.seen()
    physicist.button("Answer the second look…").click()
    physicist.dialog.get_by_text("and I agree with the match").click()
    physicist.sign_as(0, "berg")
    physicist.dialog.get_by_role("button", name="Sign that you agree").click()
    expect(physicist.dialog).to_contain_text("Answered and recorded")
    decision = served.now.stored.decisions[-1]
    assert (served.now.state, decision.by) == (State.APPROVED, "anna")
    assert decision.second.startswith("berg")
    therapist.button("Close").click()
    therapist.expect_state("Approved, couch to be moved")


def test_of_two_people_who_sign_at_once_one_decides_and_the_other_reads_who_it_was(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    consoles = [open_console(name) for name in ("anna", "ben")]
    for console in consoles:
        console.open_waiting()
        console.open_approval()
        console.tick_all()
        console.sign_as(0, console.name)
    # Both send before either has heard of the other.
    for console in consoles:
        console.click_unseen(console.dialog.get_by_role("button", name="Sign", exact=True))
    for console in consoles:
        expect(console.dialog.get_by_text(re.compile("Signed and recorded|was changed"))).not_to_have_count(0)
    status = served.now
    (decision,) = status.stored.decisions
    first, other = sorted(consoles, key=lambda console: console.name != decision.by)
    expect(first.dialog).to_contain_text("Signed and recorded")
    expect(first.dialog).to_contain_text(f"{decision.by} (therapist)")
    expect(other.dialog).to_contain_text(
        f"was changed while this was open by {decision.by} (approve correction)"
    )
    expect(other.dialog.get_by_role("button", name="Sign", exact=True)).to_be_disabled()
    assert served.events.count("approve correction") == 1


def test_a_double_click_on_sign_is_one_signature(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.bring()
    console = open_console("anna")
    sent = console.sent("/approve")
    console.open_waiting()
    console.open_approval()
    console.tick_all()
    console.sign_as(0, "anna")
    console.dialog.get_by_role("button", name="Sign", exact=True).dblclick()
    expect(console.dialog).to_contain_text("Signed and recorded")
    assert len(sent) == 1
    assert len(served.now.stored.decisions) == 1
