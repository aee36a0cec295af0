"""The beam watched at the page: what a lost link shows, and what it does to the beam."""

from collections.abc import Callable

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import SLOW_MU_MIN, BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import expect

from isoguide.treatment import State
from isoguide.workflow.clinic import beam_watch

LINK_S = 3.0
"""So long this console may be silent: a busy computer is slow."""
OpenConsole = Callable[..., ConsolePage]

LOOKS = """
() => {
  window.looks = [];
  window.looking = setInterval(() => {
    const text = (selector) => document.querySelector(selector)?.innerText ?? "";
    window.looks.push({
      ms: performance.now(),
      link: text(".link-sign"),
      beam: text(".beam-row .beam-sign"),
      meterset: text(".meterset"),
      strip: text(".strip-beam"),
      couch: document.querySelectorAll(".treat-grid .stale").length,
    });
  }, 50);
  return performance.now();
}
"""
"""Notes every 50 ms, by the page's own clock, what stands there."""
LATE_LOOKS = "(cut) => window.looks.filter(({ ms }) => ms > cut + 1000).length > 10"


def test_a_link_lost_while_the_beam_is_on_leaves_no_number_and_no_beam(
    served: BrowserDepartment, open_console: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam_watch, "CONSOLE_S", LINK_S)
    served.verify(SLOW_MU_MIN)
    console = open_console("anna")
    console.go("treat")
    console.beam_on()
    expect(console.page.locator(".beam-row")).to_contain_text("BEAM ON")
    expect(console.page.locator(".meterset")).to_contain_text("delivered")
    assert served.is_radiating

    console.page.evaluate(LOOKS)
    console.page.wait_for_function("() => window.looks.some(({ beam }) => beam.includes('BEAM ON'))")
    served.link.cut()
    cut_ms = console.page.evaluate("() => performance.now()")
    # 300 ms old at most when it was cut, and looked at every 50 ms.
    console.page.wait_for_function(LATE_LOOKS, arg=cut_ms)
    looks = console.page.evaluate("() => { clearInterval(window.looking); return window.looks; }")
    late = [look for look in looks if look["ms"] > cut_ms + 1000.0]
    assert len(late) > 5
    for look in late:
        assert "not known" in look["beam"], look
        assert "not known" in look["strip"], look
        assert look["meterset"].startswith("no data for"), look
        assert "Live" not in look["link"], look
        assert look["couch"], look
    assert any("NO LINK" in look["link"] for look in late)

    served.wait_for(lambda: served.now.state is State.HELD)
    assert not served.is_radiating
    assert "the console that watches the beam does not answer" in served.now.reason

    served.link.mend()
    console.expect_state("Beam held")
    expect(console.page.locator(".treat-grid")).to_contain_text(
        "The console that watches the beam does not answer"
    )
    expect(console.page.locator(".link-sign")).to_contain_text("Live")
    assert not served.is_radiating, "nothing goes on by itself"
    expect(console.page.locator(".view-head")).to_contain_text("Resume the beam if the hold was short")
    # It goes on only when somebody says so twice, on a link that is there; who watches is said again.
    console.beam_on("Resume the beam")
    expect(console.page.locator(".beam-row")).to_contain_text("BEAM ON")
    expect(console.page.locator(".treat-grid")).to_contain_text("Watched by anna")
    console.page.keyboard.press("h")
    console.expect_state("Beam held")
    assert not served.is_radiating


def test_h_holds_the_beam_and_it_goes_on_only_when_somebody_says_so(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    served.verify(SLOW_MU_MIN)
    console = open_console("anna")
    sent = console.sent("/beam")
    console.go("treat")
    console.beam_on(is_pressed_twice=True)
    expect(console.page.locator(".beam-row")).to_contain_text("BEAM ON")
    assert len(sent) == 1
    console.page.keyboard.press("h")
    console.expect_state("Beam held")
    expect(console.page.locator(".treat-grid")).to_contain_text("Held by hand at the console")
    assert not served.is_radiating
    held_mu = served.recorded_mu
    console.page.wait_for_timeout(500)
    assert served.recorded_mu == held_mu
    console.beam_on("Resume the beam")
    expect(console.page.locator(".beam-row")).to_contain_text("BEAM ON")
    assert served.is_radiating
    console.page.keyboard.press("h")
    console.expect_state("Beam held")
    assert not served.is_radiating
