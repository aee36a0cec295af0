"""Each view judged by axe-core: names, roles, contrast (WCAG 2 A and AA)."""

import json
from collections.abc import Callable

import pytest

import console as console_tool

pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser, is absent")

from browser_department import SLOW_MU_MIN, BrowserDepartment
from operated_page import ConsolePage
from playwright.sync_api import expect
from scripted_gate import ScriptedGate

from isoguide.motion.gating import GateState

OpenConsole = Callable[..., ConsolePage]

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, as the lock of the console names it."""
    try:
        console_tool.require_node()
        console_tool.install()
    except console_tool.ConsoleError as error:
        pytest.skip(f"axe-core, which judges the page, cannot be installed: {error}")
    return (console_tool.CONSOLE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def judged(console: ConsolePage, axe: str, view: str) -> list[str]:
    """Return what is seriously wrong with what stands there, one line each."""
    console.page.evaluate(axe)
    found = console.page.evaluate(f"() => axe.run(document, {json.dumps(RULES)})")
    return [
        f"{view}: {one['id']} ({one['impact']}): {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_no_view_has_a_serious_fault_for_who_sees_or_hears_it_otherwise(
    served: BrowserDepartment, open_console: OpenConsole, axe: str
) -> None:
    served.bring()
    console = open_console("")
    page = console.page
    page.goto(served.address)
    expect(page.get_by_label("User name")).to_be_visible()
    wrong = judged(console, axe, "sign-in")
    console.sign_in("anna")
    expect(page.get_by_role("button", name="Open ")).to_be_visible()
    wrong += judged(console, axe, "worklist")
    for view, heading in (
        ("population", "Population"),
        ("protocols", "Protocols"),
        ("audit", "Audit"),
        ("account", "Account"),
    ):
        page.goto(f"{served.address}#/{view}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        page.wait_for_timeout(300)
        wrong += judged(console, axe, view)
    for part in ("setup", "treat", "review"):
        console.go(part)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(300)
        wrong += judged(console, axe, part)
    console.go("align")
    console.seen()
    wrong += judged(console, axe, "align")
    page.keyboard.press("m")
    wrong += judged(console, axe, "align, matching by hand")
    page.keyboard.press("Escape")
    console.open_approval()
    wrong += judged(console, axe, "approve")
    assert not wrong, "\n".join(wrong)


def test_a_gate_that_asks_to_align_anew_has_none_either(
    served: BrowserDepartment, open_console: OpenConsole, axe: str
) -> None:
    gate = ScriptedGate(
        GateState.REALIGN, "the target stays outside", (0.0, 6.0, 0.0), proposal_mm=(0.0, 6.0, 0.0)
    )
    with served.monitored(gate):
        served.verify(SLOW_MU_MIN)
        console = open_console("anna")
        console.go("treat")
        console.beam_on()
        expect(console.page.get_by_role("region", name="Gate", exact=True)).to_contain_text("RE-ALIGN")
        assert judged(console, axe, "gate") == []
