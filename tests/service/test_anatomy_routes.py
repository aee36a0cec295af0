"""The anatomy of a day over HTTP: assessed as long work, kept with who asked, and never more than it is."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from clinic_service import ClinicService, Page, clinic_service_in, couch
from known_deformation import REACH_MM, SHRUNK, TO_THE_LEFT_MM, KnowsTheDeformation
from small_patient import SmallPatient

from isoguide.errors import InputError
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.workflow.clinic.pictures import open_image

STRUCTURES = ("PTV", "SeminalVes")
REVIEW = "/api/courses/C0001/review"


@dataclass
class Assessed:
    """A service whose engine knows the deformation, and a page in which anna is signed in."""

    service: ClinicService
    engine: KnowsTheDeformation
    page: Page
    uid: str

    @property
    def address(self) -> str:
        return f"/api/courses/C0001/fractions/1/images/{self.uid}/anatomy"

    def assess(self) -> dict:
        """Assess anew: the engine is asked again."""
        self.forget()
        return self.page.wait_for(self.page.post(self.address, None, 202))

    def forget(self) -> None:
        """As when the room in memory was needed for something else."""
        values = self.service.state.gallery.cache._values
        for key in [key for key in values if key[0] in ("anatomy", "drawn anatomy")]:
            del values[key]

    def stands(self, verdict: FieldVerdict = FieldVerdict.FOR_DECISION) -> dict:
        """Let the newest assessment say this, and return what a page is shown of it."""
        shown = self.page.get(self.address)
        if self.engine.verdict is not verdict or shown["pictures"] is None:
            self.engine.verdict = verdict
            self.assess()
            shown = self.page.get(self.address)
        return shown

    @property
    def kept(self) -> tuple:
        return self.service.department.desk.records.fraction("C0001", 1).assessments

    @property
    def audited(self) -> list[tuple[str, str]]:
        entries = self.service.department.desk.records.audit_entries()
        return [
            (one.action, one.actor) for one in entries if "anatomy" in one.action or "assess" in one.action
        ]

    def voxels(self, header: dict) -> np.ndarray:
        answer = self.page.client.get(header["address"])
        assert answer.status_code == 200
        return np.frombuffer(answer.content, dtype="<i2").reshape(header["size"][::-1])

    def at_isocentre(self, header: dict) -> int:
        isocentre_mm = self.service.department.patient.phantom.isocentre_mm
        i, j, k = np.rint((isocentre_mm - header["origin_mm"]) / header["spacing_mm"]).astype(int)
        return int(self.voxels(header)[k, j, i])


@pytest.fixture(scope="module")
def assessed(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, matched_once: Path
) -> Iterator[Assessed]:
    """A service with one image that waits for a decision."""
    folder = tmp_path_factory.mktemp("anatomy") / "clinic"
    shutil.copytree(matched_once, folder)
    with clinic_service_in(folder, patient) as service, pytest.MonkeyPatch.context() as patched:
        engine = KnowsTheDeformation(patched, patient.phantom.isocentre_mm)
        patched.setattr(
            open_image,
            "structures_to_assess",
            lambda structures, *_: tuple(one for one in structures if one.name in STRUCTURES),
        )
        page = service.signed_in("anna")
        uid = page.fraction()["images"][0]["uid"]
        found = Assessed(service, engine, page, uid)
        nothing = page.get(found.address)
        assert (nothing["assessment"], nothing["pictures"]) == (None, None)
        assert "was not assessed" in nothing["no_pictures_because"]
        assert page.get(REVIEW)["anatomy"] is None
        assert found.assess()["result"]["verdict"] == "for decision"
        yield found


def test_what_was_found_is_kept_with_who_asked(assessed: Assessed) -> None:
    document = assessed.stands()["assessment"]
    assert (document["verdict"], document["is_for_decision"]) == ("for decision", True)
    assert document["approximations"][0] == "outside the field of view the deformation is that of its edge"
    target = document["structures"][0]
    assert (target["name"], target["is_target"]) == ("PTV", True)
    assert target["volume_change_percent"] == pytest.approx(
        100.0 * (target["volume_ml"] / target["planned_volume_ml"] - 1.0)
    )
    assert assessed.kept[0].image_uid == assessed.uid
    assert assessed.audited[0] == ("assess anatomy", "anna")


def test_target_that_lies_further_to_the_left_is_found_there_and_drawn_there(assessed: Assessed) -> None:
    shown = assessed.stands()
    # The formula of the field: 5 mm at the isocentre, less beside it; (1 - 0.02)³ of the volume.
    pictures = shown["pictures"]
    assert assessed.at_isocentre(pictures["shift_x"]) == pytest.approx(100.0 * TO_THE_LEFT_MM, abs=10.0)
    assert abs(assessed.at_isocentre(pictures["shift_y"])) < 10
    assert assessed.at_isocentre(pictures["volume_ratio"]) == pytest.approx(
        1000.0 * (1.0 - SHRUNK) ** 3, rel=0.05
    )
    target = shown["assessment"]["structures"][0]
    mean_weight = np.exp(-((20.0 / REACH_MM) ** 2))  # about two thirds of the radius of the target
    assert target["shift_mm"][0] == pytest.approx(TO_THE_LEFT_MM * mean_weight, abs=0.6)
    assert target["volume_ml"] == pytest.approx((1.0 - SHRUNK) ** 3 * target["planned_volume_ml"], rel=0.02)


def test_what_the_image_does_not_show_is_drawn_as_not_shown(assessed: Assessed) -> None:
    pictures = assessed.stands()["pictures"]
    lowest = assessed.voxels(pictures["shift_x"])[0]
    assert set(lowest.ravel()) == {-32768}


def test_the_plan_is_drawn_in_the_body_of_the_day(assessed: Assessed) -> None:
    pictures = assessed.stands()["pictures"]
    values = assessed.voxels(pictures["plan"])
    assert values[values > -32768].min() >= -1024
    assert values.max() > 200  # bone, in Hounsfield units
    names = [one["name"] for one in pictures["structures"]]
    assert names == list(STRUCTURES)
    distance = assessed.voxels(pictures["structures"][0]["distance"])
    assert distance.min() < -10 * 32  # more than 10 mm inside
    stale = assessed.page.client.get(f"{assessed.address}/plan/voxels", params={"v": "0" * 64})
    assert stale.status_code == 422


def test_each_figure_stands_beside_its_limit(assessed: Assessed) -> None:
    figures = {one["name"]: one for one in assessed.stands()["assessment"]["figures"]}
    mean = figures["matched there and back, mean"]
    assert (mean["value"], mean["limit"], mean["is_kept"]) == (pytest.approx(0.7), "at most 2 mm", True)
    assert figures["smallest volume ratio (Jacobian)"]["limit"] == "above 0"


def test_the_same_assessment_again_is_told_and_not_kept_twice(assessed: Assessed) -> None:
    assessed.stands()
    before = len(assessed.kept)
    assessed.forget()
    shown = assessed.page.get(assessed.address)
    assert shown["pictures"] is None
    assert "assess the image again to see it" in shown["no_pictures_because"]
    assert shown["assessment"]["is_for_decision"]
    assert assessed.assess()["state"] == "done"
    assert len(assessed.kept) == before
    assert assessed.audited[-1] == ("assess again", "anna")
    assert assessed.page.get(assessed.address)["pictures"] is not None


def test_a_field_that_is_not_for_decision_decides_nothing(assessed: Assessed) -> None:
    shown = assessed.stands(FieldVerdict.NOT_FOR_DECISION)
    assert shown["assessment"]["is_for_decision"] is False
    assert "the test says so" in shown["assessment"]["reasons"]
    assert shown["pictures"] is not None  # to be looked at
    course = assessed.page.get(REVIEW)["anatomy"]
    assert {day["why_not"] for one in course["structures"] for day in one["days"]} == {"not for decision"}
    assert [one["verdict"] for one in course["days"]] == ["not for decision"]
    assert course["alerts"] == []


def test_where_no_field_is_found_there_are_no_numbers_and_no_pictures(assessed: Assessed) -> None:
    shown = assessed.stands(FieldVerdict.NOT_AVAILABLE)
    document = shown["assessment"]
    assert (document["verdict"], document["figures"], document["structures"]) == ("not available", [], [])
    assert shown["pictures"] is None
    assert "no deformation was found" in shown["no_pictures_because"]
    gone = assessed.page.client.get(f"{assessed.address}/x/voxels")
    assert (gone.status_code, gone.json()["kind"]) == (422, "missing evidence")


def test_an_assessment_that_is_cancelled_leaves_nothing_behind(
    assessed: Assessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, before = threading.Event(), len(assessed.kept)

    def held(_prepared: object, _daily: Volume, **said: object) -> DeformableRegistration:
        begun.set()
        while True:
            said["progress"](0.5, "matching")  # it raises when it is asked to stop

    monkeypatch.setattr("isoguide.workflow.assess.anatomy.register_deformable", held)
    assessed.forget()
    job = assessed.page.post(assessed.address, None, 202)
    assert begun.wait(20.0)
    assert (job["course_id"], job["assesses"]) == ("C0001", assessed.uid)
    second = assessed.page.post(assessed.address, None, 409)
    assert "is under way" in second["detail"]
    assert assessed.page.client.delete(f"/api/jobs/{job['job_id']}").status_code == 200
    assert assessed.page.wait_for(job)["state"] == "cancelled"
    assert len(assessed.kept) == before


def test_an_engine_that_fails_says_why_in_one_sentence(
    assessed: Assessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object, **__: object) -> DeformableRegistration:
        msg = "the image shows another part of the body: take the image of this patient"
        raise InputError(msg)

    monkeypatch.setattr("isoguide.workflow.assess.anatomy.register_deformable", refusing)
    before = len(assessed.kept)
    job = assessed.assess()
    assert (job["state"], job["kind"]) == ("failed", "bad input")
    assert job["problem"] == "the image shows another part of the body: take the image of this patient"
    assert len(assessed.kept) == before


def test_nobody_assesses_without_signing_in(assessed: Assessed) -> None:
    stranger = assessed.service.client()
    assert stranger.post(assessed.address).status_code in (401, 403)
    assert stranger.get(assessed.address).status_code == 401
    assert stranger.get(f"{assessed.address}/plan/voxels").status_code == 401


def test_what_is_not_there_is_named(assessed: Assessed) -> None:
    other = assessed.address.replace(assessed.uid, "1.2.3")
    assert "no image 1.2.3" in assessed.page.post(other, None, 422)["detail"]
    assessed.stands()
    structure = assessed.page.client.get(f"{assessed.address}/structures/77/distance")
    assert "structure 77 is not drawn" in structure.json()["detail"]
    assert assessed.page.client.get(f"{assessed.address}/everything/voxels").status_code == 422


def test_an_assessment_does_not_outlive_the_match_that_it_rests_on(assessed: Assessed) -> None:
    service, page = assessed.service, assessed.page
    assessed.stands()
    service.department.clock.wait(30.0)
    shown = page.fraction()
    found = list(shown["matches"][-1]["planning_from_daily"])
    found[3] += 2.0
    page.step(
        "match",
        shown["version"],
        couch=couch(),
        planning_from_daily=found,
        image_uid=assessed.uid,
        movements=[],
    )
    now = page.get(assessed.address)
    assert now["assessment"]["verdict"] == "for decision"
    assert now["assessment"]["is_for_decision"] is False
    assert "was matched anew" in now["assessment"]["outdated_because"]
    assert now["pictures"] is None
    course = page.get(REVIEW)["anatomy"]
    assert {day["why_not"] for one in course["structures"] for day in one["days"]} == {"not for decision"}
    service.department.clock.wait(30.0)
    assessed.assess()
    again = page.get(assessed.address)
    assert again["assessment"]["outdated_because"] == ""
    pose = np.reshape(again["pictures"]["planning_from_daily"], (4, 4))
    np.testing.assert_allclose(pose.ravel(), found)
