"""The gate at the page: why the beam waits, and that no number outlives the frame that it came from."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import SLOW_MU_MIN, BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import Locator, expect
from scripted_gate import ScriptedGate, move_patient

from isoguide.motion.gating import GateState
from isoguide.treatment import State

OpenConsole = Callable[..., ConsolePage]
INSIDE, OUTSIDE = (0.4, -1.2, 0.0), (0.3, 6.0, -5.0)


def panel(console: ConsolePage, name: str) -> Locator:
    return console.page.get_by_role("region", name=name, exact=True)


def test_the_page_says_why_the_beam_waits_and_where_the_target_is(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    gate = ScriptedGate(position_mm=INSIDE)
    with served.monitored(gate):
        served.verify(SLOW_MU_MIN)
        console = open_console("anna")
        console.go("treat")
        expect(panel(console, "Target")).to_contain_text("watched while the beam is on")
        expect(panel(console, "Gate")).to_have_count(0)
        console.beam_on()
        sign, row = panel(console, "Gate"), console.page.locator(".beam-row")
        expect(sign).to_contain_text("ARMED")
        expect(sign).to_contain_text("Nothing was seen yet.")
        expect(row).to_contain_text("Beam waits for the target")
        assert not served.room.beam.is_radiating()

        gate.say(GateState.BEAM_ON)
        expect(sign).to_contain_text("BEAM ON")
        expect(row).to_contain_text("BEAM ON")
        expect(sign).to_contain_text("97 %")
        target = panel(console, "Target")
        # 0.4, -1.2 and 0.0 mm with standard deviations of 0.2, 0.3 and 0.1 mm.
        expect(target).to_contain_text(re.compile(r"\+0\.4.mm±0\.2.mm.*−1\.2.mm±0\.3.mm", re.DOTALL))
        expect(target).to_contain_text("inside the gate")
        served.wait_for(served.room.beam.is_radiating)

        gate.say(GateState.HOLD, "the target has left the gate", position_mm=OUTSIDE, holds=1)
        expect(sign).to_contain_text("HOLD")
        expect(sign).to_contain_text("The target has left the gate.")
        expect(target).to_contain_text("OUTSIDE THE GATE")
        expect(row).to_contain_text("Beam waits for the target")
        expect(console.button("HOLD H")).to_be_enabled()
        assert served.now.state is State.BEAM_ON, "a gate that waits is no hold of the fraction"
        served.wait_for(lambda: not served.room.beam.is_radiating())

        gate.say(GateState.HOLD, "the target cannot be seen", unseen="two markers overlap")
        expect(target).to_contain_text("The target was not seen: two markers overlap")
        expect(target.locator(".target-axis .number").first).to_have_text("—")


def test_the_beam_waits_when_the_patient_moves_and_goes_on_when_he_is_back(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    with served.monitored():
        served.verify(SLOW_MU_MIN)
        console = open_console("anna")
        console.go("treat")
        console.beam_on()
        sign, target = panel(console, "Gate"), panel(console, "Target")
        expect(sign).to_contain_text("BEAM ON")
        expect(target).to_contain_text("bone, stereo pair (drawn)")
        expect(target).to_contain_text("inside the gate")
        served.wait_for(served.room.beam.is_radiating)
        move_patient(served.room, (0.0, 0.0, -9.0))
        expect(sign).to_contain_text("HOLD")
        expect(target).to_contain_text("OUTSIDE THE GATE")
        expect(target.locator(".target-axis .number").nth(2)).to_contain_text(re.compile(r"^−(8|9|10)\.\d"))
        served.wait_for(lambda: not served.room.beam.is_radiating())
        move_patient(served.room, (0.0, 0.0, 0.0))
        expect(sign).to_contain_text("BEAM ON")
        served.wait_for(served.room.beam.is_radiating)


def test_numbers_of_the_target_vanish_when_no_new_frame_comes_though_the_link_lives(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    gate = ScriptedGate(GateState.BEAM_ON, "", INSIDE)
    with served.monitored(gate):
        served.verify(SLOW_MU_MIN)
        console = open_console("anna")
        console.go("treat")
        console.beam_on()
        target, sign = panel(console, "Target"), panel(console, "Gate")
        expect(target).to_contain_text("+0.4")
        # The imager repeats its last frame for ever; the gate and the link go on.
        gate.say(
            GateState.HOLD, "the newest frame is too old", seen_at=served.clock.now() - timedelta(seconds=0.1)
        )
        expect(target).to_contain_text(re.compile(r"no data since \d\d:\d\d:\d\d"))
        for number in target.locator(".target-axis .number").all():
            assert number.inner_text() == "—"
        expect(target).not_to_contain_text("inside the gate")
        assert "—" in sign.locator("dl").inner_text()
        expect(sign).to_contain_text("The newest frame is too old.")
        expect(console.page.locator(".link-sign")).to_contain_text("Live")


def test_a_target_that_stays_away_holds_the_beam_and_what_is_proposed_is_no_order(
    served: BrowserDepartment, open_console: OpenConsole
) -> None:
    gate = ScriptedGate(GateState.BEAM_ON, "", INSIDE)
    with served.monitored(gate):
        served.verify(SLOW_MU_MIN)
        console = open_console("anna")
        console.go("treat")
        console.beam_on()
        sign = panel(console, "Gate")
        expect(sign).to_contain_text("BEAM ON")
        couch = served.room.couch.scales()
        gate.say(
            GateState.REALIGN, "the target stays outside", position_mm=OUTSIDE, proposal_mm=OUTSIDE, holds=2
        )
        console.expect_state("Beam held")
        expect(sign).to_contain_text("RE-ALIGN")
        # It lies 6 mm towards the gantry and 5 mm low: it would have to go back and up.
        expect(sign).to_contain_text(re.compile(r"settled at LAT \+0\.3.mm, LNG \+6\.0.mm, VRT −5\.0.mm"))
        expect(sign).to_contain_text(re.compile(r"by LAT −0\.3.mm, LNG −6\.0.mm, VRT \+5\.0.mm"))
        expect(sign).to_contain_text("This is no order")
        expect(sign).to_contain_text("Take a new image")
        assert not served.room.beam.is_under_way()
        assert served.room.couch.scales() == couch
        expect(panel(console, "Beam")).to_contain_text("The beam goes on only after a new image.")
        expect(console.button("Resume the beam")).to_have_count(0)
        expect(console.button("Beam on")).to_be_disabled()
