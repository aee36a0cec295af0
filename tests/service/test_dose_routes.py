"""The dose of a day over HTTP: after the anatomy, kept with who asked, chosen for planning, never sent."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from clinic_service import ClinicService, Page, clinic_service_in, couch, signature
from known_deformation import KnowsTheDeformation
from known_dose import KnowsTheDose
from small_patient import SmallPatient

from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.clinic.pictures import open_image
from isoguide.workflow.review.course_sums import EXPECTED, NOT_TOLD
from isoguide.workflow.review.outdated_dose import UNDECIDED

STRUCTURES = ("PTV", "SeminalVes")
GENERIC = {"beam_data": "generic-6mv"}
REASON = "the target has moved within the pelvis"


@dataclass
class Dosed:
    """A service whose engines know deformation and dose, and a page in which anna is signed in."""

    service: ClinicService
    doses: KnowsTheDose
    page: Page
    image: str

    @property
    def address(self) -> str:
        return f"{self.image}/dose"

    @property
    def now(self) -> dict:
        return self.page.get(self.address)

    def compute(self, **said: object) -> dict:
        return self.end_of(self.page.post(self.address, GENERIC | said, 202))

    def correct(self) -> dict:
        return self.end_of(self.page.post(f"{self.address}/corrections", None, 202))

    def end_of(self, job: dict) -> dict:
        ended = self.page.wait_for(job)
        self.service.department.clock.wait(10.0)
        return ended

    def choose(self, rung: str = "virtual couch shift", name: str = "berg", **said: object) -> object:
        ladder = self.now["ladder"]
        shas = {one["rung"]: one["plan_sha256"] for one in ladder["rungs"]} if ladder else {}
        body = {
            "rung": rung,
            "plan_sha256": shas.get(rung, ""),
            "reason": REASON,
            "signature": signature(name),
        }
        return self.page.client.post(f"{self.address}/corrections/choice", json=body | said)

    @property
    def fraction_gy(self) -> float:
        """Of the plan."""
        each_gy = self.doses.orders[-1].prescription.fraction_gy
        assert each_gy is not None
        return each_gy

    @property
    def kept(self) -> tuple:
        return self.service.department.desk.records.fraction("C0001", 1).doses

    @property
    def audited(self) -> list[tuple[str, str]]:
        entries = self.service.department.desk.records.audit_entries()
        return [(one.action, one.actor) for one in entries]


@pytest.fixture(scope="module")
def dosed(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, matched_once: Path
) -> Iterator[Dosed]:
    """A service with one image whose anatomy is assessed."""
    folder = tmp_path_factory.mktemp("dose") / "clinic"
    shutil.copytree(matched_once, folder)
    with clinic_service_in(folder, patient) as service, pytest.MonkeyPatch.context() as patched:
        KnowsTheDeformation(patched, patient.phantom.isocentre_mm)
        doses = KnowsTheDose(patched)
        patched.setattr(
            open_image,
            "structures_to_assess",
            lambda structures, *_: tuple(one for one in structures if one.name in STRUCTURES),
        )
        page = service.signed_in("anna")
        image = f"/api/courses/C0001/fractions/1/images/{page.fraction()['images'][0]['uid']}"
        found = Dosed(service, doses, page, image)
        nothing = found.now
        assert nothing["dose"] is None
        assert "the anatomy of the day has to be assessed first" in nothing["not_possible_because"]
        assert "assessed first" in page.post(found.address, GENERIC, 422)["detail"]
        service.department.clock.wait(10.0)
        found.end_of(page.post(f"{image}/anatomy", None, 202))
        yield found


def test_beam_data_of_another_machine_are_never_taken_by_themselves(dosed: Dosed) -> None:
    assert "no beam data" in dosed.now["beam_data_problem"]
    assert dosed.now["machines"] == ["generic-6mv"]
    assert dosed.now["protocol_algorithm"] == "pencil beam"
    assert "no beam data" in dosed.page.post(dosed.address, {}, 422)["detail"]
    assert "choose one of" in dosed.page.post(dosed.address, {"beam_data": "none-such"}, 422)["detail"]
    assert dosed.kept == ()


def test_dose_follows_the_couch_and_is_kept_with_who_asked(dosed: Dosed) -> None:
    job = dosed.compute()
    assert (job["state"], job["part"], job["result"]["verdict"]) == ("done", "dose", "for decision")
    document = dosed.now["dose"]
    assert (document["verdict"], document["is_for_decision"]) == ("for decision", True)
    assert UNDECIDED in document["approximations"]
    assert document["approximations"][0].startswith("the couch is taken to move after the image by")
    target = document["structures"][0]
    assert (target["name"], target["is_target"]) == ("PTV", True)
    # The couch brings the isocentre of the plan back into the beams; the target is 5 mm beside it, and the
    # even part of the dose reaches further than that.
    assert target["mean_gy"] == pytest.approx(dosed.fraction_gy, rel=0.02)
    assert document["fractions_so_far"] == 1
    # Tissue takes its dose home: the displacement is that of the test, the dose even about the isocentre.
    assert target["accumulated_mean_gy"] == pytest.approx(target["mean_gy"], rel=0.02)
    assert EXPECTED in document["approximations"]
    assert dosed.kept[-1].carried_sha256 in dosed.service.department.desk.records.image_hashes()
    (summed,) = dosed.page.get("/api/courses/C0001/review")["dose"]["days"]
    assert summed["fractions_so_far"] == 1
    assert document["goals"][0]["goal"].startswith("PTV D95%")
    assert document["goals"][0]["was_met_in_plan"] is True
    assert ("compute dose", "anna") in dosed.audited
    again = len(dosed.kept)
    assert dosed.compute()["state"] == "done"
    assert len(dosed.kept) == again  # it says what was kept
    assert dosed.audited[-1] == ("compute dose again", "anna")


def test_isodoses_lie_where_the_beams_meet_in_the_image_of_the_day(dosed: Dosed) -> None:
    dosed.compute()
    pictures = dosed.now["pictures"]
    dose = pictures["dose"]
    assert (pictures["is_in_daily"], dose["steps_per_gy"]) == (True, 1000)
    header = dose["volume"]
    values = np.frombuffer(dosed.page.client.get(header["address"]).content, "<i2")
    values = values.reshape(header["size"][::-1])
    middle = [count // 2 for count in header["size"]]
    assert values[middle[2], middle[1], middle[0]] == 1000.0 * dosed.fraction_gy
    place_mm = np.array(header["origin_mm"]) + np.array(header["spacing_mm"]) * middle
    pose = np.reshape(pictures["planning_from_daily"], (4, 4))
    isocentre_mm = dosed.service.department.patient.phantom.isocentre_mm
    np.testing.assert_allclose((pose @ [*place_mm, 1.0])[:3], isocentre_mm, atol=0.5)
    structure = pictures["structures"][0]
    assert (
        len(dosed.page.client.get(structure["distance"]["address"]).content) == structure["distance"]["bytes"]
    )


def test_histograms_of_plan_and_day_stand_on_the_same_steps(dosed: Dosed) -> None:
    dosed.compute()
    found = dosed.now["histograms"]
    assert [one["name"] for one in found["curves"]] == list(STRUCTURES)
    for curve in found["curves"]:
        for values in (curve["planned_percent"], curve["day_percent"]):
            assert (values[0], values[-1]) == (100.0, 0.0)
            assert list(values) == sorted(values, reverse=True)
            assert (len(values) - 1) * found["step_gy"] == pytest.approx(
                dosed.fraction_gy, abs=2 * found["step_gy"]
            )


def test_corrections_are_worked_out_chosen_by_who_may_and_fetched(dosed: Dosed) -> None:
    dosed.compute()
    assert dosed.now["ladder"] is None
    assert dosed.correct()["part"] == "corrections"
    ladder = dosed.now["ladder"]
    rungs = {one["rung"]: one for one in ladder["rungs"]}
    assert rungs["couch"]["reasons"] == ["this couch does not turn about that axis"]
    assert rungs["couch"]["structures"] == []
    shifted = rungs["virtual couch shift"]
    assert [one["name"] for one in shifted["structures"]] == list(STRUCTURES)
    assert set(shifted["curves_percent"]) == set(STRUCTURES)
    file = dosed.page.client.get(shifted["plan_address"])
    assert (file.status_code, file.content) == (200, b"virtual couch shift")
    assert "C0001-fraction-1-virtual-couch-shift.dcm" in file.headers["content-disposition"]
    assert dosed.audited[-1] == ("fetch a corrected plan", "anna")

    assert "physicist or oncologist" in dosed.choose(name="anna").json()["detail"]
    assert "at least 3 words" in dosed.choose(reason="better").json()["detail"]
    assert "is not the one that was looked at" in dosed.choose(plan_sha256="0" * 64).json()["detail"]
    assert "is not available" in dosed.choose(rung="couch").json()["detail"]
    assert dosed.choose(signature=signature("berg", "wrong")).status_code == 403
    assert dosed.now["choice"] is None
    answer = dosed.choose()
    assert answer.status_code == 200
    choice = answer.json()["choice"]
    assert (choice["by"], choice["reason"], choice["is_shown"]) == ("berg (physicist)", REASON, True)
    assert dosed.audited[-1] == ("choose for planning", "berg")
    assert dosed.page.fraction()["decisions"] == []  # nothing is decided about the patient by it
    dosed.correct()
    dosed.compute()
    assert dosed.now["ladder"] is None  # it rested on the dose before
    assert dosed.now["choice"]["is_shown"] is False


def test_a_dose_that_is_not_for_decision_says_so(dosed: Dosed) -> None:
    dosed.doses.verdict = FieldVerdict.NOT_FOR_DECISION
    try:
        dosed.compute()
        assert dosed.now["dose"]["is_for_decision"] is False
        assert "the test says so" in dosed.now["dose"]["reasons"]
        course = dosed.page.get("/api/courses/C0001/review")["dose"]
        assert [one["verdict"] for one in course["days"]] == ["not for decision"]
        dosed.doses.verdict = FieldVerdict.NOT_AVAILABLE
        dosed.compute()
        shown = dosed.now
        assert (shown["dose"]["verdict"], shown["dose"]["structures"]) == ("not available", [])
        assert (shown["pictures"], shown["histograms"]) == (None, None)
        assert "there is no dose to show" in shown["no_pictures_because"]
        assert dosed.page.client.get(f"{dosed.address}/voxels").status_code == 422
        assert (
            "there is no dose to show" in dosed.page.post(f"{dosed.address}/corrections", None, 422)["detail"]
        )
    finally:
        dosed.doses.verdict = FieldVerdict.FOR_DECISION


def test_on_a_day_that_is_not_for_decision_no_plan_is_given_out_or_chosen(dosed: Dosed) -> None:
    dosed.doses.verdict = FieldVerdict.NOT_FOR_DECISION
    try:
        dosed.compute()
        dosed.correct()
        ladder = dosed.now["ladder"]
        assert "not for decision" in ladder["no_plans_because"]
        shifted = next(one for one in ladder["rungs"] if one["rung"] == "virtual couch shift")
        assert shifted["plan_address"] is None
        assert "not for decision" in dosed.choose(plan_sha256="0" * 64).json()["detail"]
        assert dosed.audited[-1][0] != "choose for planning"
    finally:
        dosed.doses.verdict = FieldVerdict.FOR_DECISION


def test_a_dose_is_not_kept_in_memory_for_ever(dosed: Dosed) -> None:
    dosed.compute()
    values = dosed.service.state.gallery.cache._values
    for key in [key for key in values if key[0] == "dose of the day"]:
        del values[key]
    shown = dosed.now
    assert shown["dose"]["is_for_decision"]
    assert shown["pictures"] is None
    assert "compute it again to see it" in shown["no_pictures_because"]
    # What the plan gives beside what is prescribed does not go with it.
    target, structure = shown["target"], shown["dose"]["structures"][0]
    assert (target["name"], target["prescription_gy"]) == ("PTV", dosed.fraction_gy)
    assert target["d95_gy"] == structure["planned_d95_gy"]


def test_nobody_sees_or_asks_without_signing_in(dosed: Dosed) -> None:
    stranger = dosed.service.client()
    assert stranger.post(dosed.address, json=GENERIC).status_code in (401, 403)
    assert stranger.get(dosed.address).status_code == 401
    assert stranger.get(f"{dosed.address}/corrections/couch/plan").status_code == 401


def test_a_dose_does_not_outlive_what_is_decided_about_the_couch(dosed: Dosed) -> None:
    dosed.compute()
    page, clock = dosed.page, dosed.service.department.clock
    clock.wait(30.0)
    shown = page.fraction()
    page.step(
        "approve",
        shown["version"],
        couch=couch(),
        action="no correction",
        reason="the table is broken today",
        image_uid=shown["images"][0]["uid"],
        match_index=0,
        signatures=[signature("anna"), signature("berg")],
    )
    document = dosed.now["dose"]
    assert document["is_for_decision"] is False
    assert "the couch goes elsewhere" in document["outdated_because"]
    assert document["fractions_so_far"] == 0
    assert document["approximations"][-1].startswith(f"{NOT_TOLD}: the couch goes elsewhere")
    assert dosed.now["pictures"] is None
    course = page.get("/api/courses/C0001/review")["dose"]
    assert [one["verdict"] for one in course["days"]] == ["not for decision"]
    dosed.compute()
    document = dosed.now["dose"]
    assert document["outdated_because"] == ""
    assert UNDECIDED not in document["approximations"]
    assert "+0.0, +0.0, +0.0 mm" in document["approximations"][0]
