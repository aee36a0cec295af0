"""A fraction over HTTP, from the worklist to its end; who may sign, and what is refused to whom."""

import threading
from pathlib import Path

import pytest
from clinic_service import FRACTIONS, ClinicService, Page, couch, signature
from small_department import SET_UP


def test_a_whole_fraction_goes_from_the_worklist_to_its_end(clinic: ClinicService) -> None:
    page = clinic.signed_in("anna")
    (line,) = page.get("/api/worklist")["entries"]
    assert (line["course_id"], line["number"], line["state"]) == ("C0001", 1, "not begun")
    assert line["next_step"] == "begin fraction 1"

    job = page.image(page.set_up()["version"])
    assert (job["state"], job["result"]["number"]) == ("done", 1)
    shown = page.fraction()
    assert (shown["state"], shown["decision"]["action"]) == ("aligned", "correct")
    assert shown["possible"] == ["image", "match", "approve", "stop"]
    (line,) = page.get("/api/worklist")["entries"]
    assert (line["is_open"], line["next_step"]) == (True, "approve the correction")

    shown = page.approve(shown, "anna")
    assert shown["state"] == "approved"
    needed = clinic.department.needed
    assert shown["correction"]["lateral_mm"] == pytest.approx(needed.lateral_mm, abs=0.5)
    assert shown["correction"]["yaw_deg"] == pytest.approx(needed.yaw_deg, abs=0.1)

    order = shown["order_pose"]
    shown = page.step("couch", shown["version"], couch=order)
    assert (shown["state"], shown["possible"]) == ("verified", ["image", "deliver", "stop"])

    given = [{"beam_number": one["number"], "delivered_mu": one["planned_mu"]} for one in shown["beams"]]
    shown = page.step("deliver", shown["version"], couch=order, deliveries=given)
    assert (shown["state"], shown["possible"]) == ("closed", [])
    assert [one["by"] for one in shown["decisions"]] == ["anna"]
    assert [one["delivered_mu"] for one in shown["beams"]] == [one["planned_mu"] for one in shown["beams"]]
    (line,) = page.get("/api/worklist")["entries"]
    assert (line["number"], line["fractions_treated"], line["state"]) == (2, 1, "not begun")
    assert line["last_treated_at"] is not None


class TestTwoPeople:
    def test_who_approve_at_once_approve_once(self, matched: ClinicService) -> None:
        shown = matched.signed_in("anna").fraction()
        pages = [matched.signed_in(name) for name in ("anna", "ben")]
        begin = threading.Barrier(2)
        answers = []

        def sign(page: Page, name: str) -> None:
            body = {
                "seen_version": shown["version"],
                "couch": couch(),
                "action": "correct",
                "image_uid": shown["matches"][0]["image_uid"],
                "match_index": 0,
                "signatures": [signature(name)],
            }
            begin.wait()
            answers.append(page.client.post(f"{FRACTIONS}/1/approve", json=body))

        threads = [
            threading.Thread(target=sign, args=pair) for pair in zip(pages, ("anna", "ben"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(one.status_code for one in answers) == [200, 409]
        refused = next(one.json() for one in answers if one.status_code == 409)
        assert refused["kind"] == "conflict"
        assert "look at it again" in refused["detail"] or "look again" in refused["detail"]
        assert [one["action"] for one in matched.newest()["decisions"]] == ["correct"]

    def test_a_step_on_an_earlier_version_is_refused_with_who_changed_it(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        before = page.begin()["version"]
        clinic.signed_in("ben").step("set-up", before, couch=couch())
        refused = page.step("set-up", before, 409, couch=couch())
        assert refused["kind"] == "conflict"
        assert "ben" in refused["detail"]

    def test_a_page_left_open_on_the_fraction_before_does_nothing_to_the_next(
        self, clinic: ClinicService
    ) -> None:
        page = clinic.signed_in("anna")
        old = page.begin()["version"]
        page.post(f"{FRACTIONS}/1/stop", {"reason": "the patient is not well"})
        page.begin(number=2)
        refused = page.step("set-up", old, 409, couch=couch())
        assert (
            "fraction 1 of course C0001 was looked at, and the newest one is fraction 2" in refused["detail"]
        )
        refused = page.post(f"{FRACTIONS}/1/stop", {"reason": "the patient is not well"}, 409)
        assert "fraction 2 is the newest one" in refused["detail"]
        assert clinic.newest()["state"] == "prepared"

    def test_who_mean_to_begin_the_same_fraction_begin_it_once(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        page.begin()
        page.post(f"{FRACTIONS}/1/stop", {"reason": "the patient is not well"})
        refused = clinic.signed_in("ben").begin(409)
        assert "the next fraction of course C0001 is 2, not 1" in refused["detail"]


class TestSignatures:
    def test_a_wrong_password_signs_nothing(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.fraction()
        refused = page.approve(
            shown, "anna", status=403, signatures=[signature("anna", "seven red bicycles")]
        )
        assert refused["kind"] == "wrong password"
        now = matched.newest()
        assert (now["version"], now["decisions"]) == (shown["version"], [])

    def test_may_be_of_another_person_than_who_is_signed_in(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.approve(page.fraction(), "ben")
        assert [one["by"] for one in shown["decisions"]] == ["ben"]

    def test_of_one_therapist_is_not_enough_for_a_second_look(self, doubtful: ClinicService) -> None:
        page = doubtful.signed_in("anna")
        shown = page.fraction()
        assert shown["decision"]["action"] == "second look"
        refused = page.approve(shown, "anna", status=409)
        assert refused["kind"] == "person needed"
        assert "of a second person who is physicist or oncologist" in refused["detail"]
        assert "it is signed by anna (therapist)" in refused["detail"]

    def test_of_two_people_at_one_console_are_enough(self, doubtful: ClinicService) -> None:
        page = doubtful.signed_in("anna")
        shown = page.approve(page.fraction(), "anna", "berg")
        (decision,) = shown["decisions"]
        assert (decision["by"], decision["second"]) == ("anna", "berg")

    def test_under_another_match_than_the_newest_is_refused(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.fraction()
        refused = page.approve(shown, "anna", status=409, match_index=1)
        assert refused["kind"] == "conflict"
        refused = page.approve(shown, "anna", status=409, image_uid="1.2.3")
        assert refused["kind"] == "conflict"


class TestAFirstSignature:
    def test_waits_on_the_worklist_until_a_second_person_answers_elsewhere(
        self, doubtful: ClinicService
    ) -> None:
        shown = doubtful.signed_in("anna").fraction()
        shown = doubtful.signed_in("anna").approve(shown, "anna", ask_second=True)
        assert shown["waiting_signature"]["by"] == "anna"
        there = doubtful.signed_in("berg")
        (line,) = there.get("/api/worklist")["entries"]
        assert line["waiting_signature"]["roles"] == ["physicist", "oncologist"]
        shown = there.step("second-signature", shown["version"], couch=couch(), signature=signature("berg"))
        assert (shown["state"], shown["waiting_signature"]) == ("approved", None)
        assert (shown["decisions"][-1]["by"], shown["decisions"][-1]["second"]) == ("anna", "berg")

    def test_is_over_when_the_second_person_does_not_agree_and_says_why(
        self, doubtful: ClinicService
    ) -> None:
        shown = doubtful.signed_in("anna").fraction()
        shown = doubtful.signed_in("anna").approve(shown, "anna", ask_second=True)
        there, said = doubtful.signed_in("berg"), {"signature": signature("berg"), "agree": False}
        refused = there.step("second-signature", shown["version"], 422, **said)
        assert "say why" in refused["detail"]
        shown = there.step("second-signature", shown["version"], reason="the bladder is empty", **said)
        assert (shown["state"], shown["waiting_signature"]) == ("aligned", None)
        assert "does not agree to 'correct' of anna: the bladder is empty" in shown["decisions"][-1]["reason"]
        refused = there.step("second-signature", shown["version"], 409, signature=signature("berg"))
        assert "no signature waits" in refused["detail"]

    def test_is_not_answered_by_who_gave_it(self, doubtful: ClinicService) -> None:
        page = doubtful.signed_in("anna")
        shown = page.approve(page.fraction(), "anna", ask_second=True)
        refused = page.step("second-signature", shown["version"], 409, signature=signature("anna"))
        assert refused["kind"] == "person needed"

    def test_is_asked_by_one_person(self, doubtful: ClinicService) -> None:
        page = doubtful.signed_in("anna")
        refused = page.approve(page.fraction(), "anna", "berg", status=422, ask_second=True)
        assert "one person asks" in refused["detail"]


class TestAnImage:
    def test_that_was_used_before_fails_its_job_in_the_words_of_the_desk(
        self, matched: ClinicService
    ) -> None:
        page = matched.signed_in("anna")
        upload_id = page.upload(matched.department.folder / "one")
        said = {"couch": couch(), "upload_id": upload_id}
        job = page.wait_for(page.step("image", page.fraction()["version"], 202, **said))
        assert (job["state"], job["kind"]) == ("failed", "stale image")
        now = matched.newest()
        assert len(now["images"]) == 1

    def test_that_is_no_image_is_spoken_of_by_the_names_of_its_files(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        upload_id = page.upload(clinic.department.patient.planning)
        job = page.wait_for(page.step("image", seen, 202, couch=couch(), upload_id=upload_id))
        assert job["state"] == "failed"
        assert "isoguide-uploads" not in job["problem"]
        again = page.wait_for(page.step("image", seen, 202, couch=couch(), upload_id=upload_id))
        assert again["state"] == "failed", "what was not used can be tried once more"

    def test_is_taken_from_the_inbox_by_its_name(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        clinic.department.export_image("one").rename(clinic.inbox / "CBCT of the morning")
        (entry,) = page.get("/api/inbox")
        assert entry["name"] == "CBCT of the morning"
        said = {"couch": couch(), "inbox_name": entry["name"]}
        assert page.wait_for(page.step("image", seen, 202, **said))["state"] == "done"
        assert (clinic.inbox / "CBCT of the morning").is_dir()

    @pytest.mark.parametrize("name", ["../records", "..", "", "/etc", "CBCT/../../records"])
    def test_is_never_taken_by_a_path(self, clinic: ClinicService, name: str) -> None:
        page = clinic.signed_in("anna")
        refused = page.step("image", page.set_up()["version"], 404, couch=couch(), inbox_name=name)
        assert "the inbox has no such folder" in refused["detail"]

    def test_needs_to_be_said_where_it_is(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        assert "upload its folder" in page.step("image", seen, 422, couch=couch())["detail"]
        both = {"upload_id": "1", "inbox_name": "2"}
        assert "name one of them" in page.step("image", seen, 422, couch=couch(), **both)["detail"]
        lost = page.step("image", seen, 404, couch=couch(), upload_id="1")
        assert "there is no such upload of anna" in lost["detail"]

    def test_is_refused_at_once_where_none_is_possible(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        refused = page.step("image", page.begin()["version"], 409, couch=couch(), upload_id="1")
        assert refused["kind"] == "out of order"

    def test_is_taken_once_where_two_ask_for_it(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        folder = clinic.department.export_image("one")
        first, second = page.upload(folder), page.upload(folder)
        job = page.step("image", seen, 202, couch=couch(), upload_id=first)
        answer = page.client.post(
            f"{FRACTIONS}/1/image", json={"seen_version": seen, "couch": couch(), "upload_id": second}
        )
        assert answer.status_code == 409
        page.wait_for(job)
        assert len(clinic.newest()["images"]) == 1


class TestAMatchByHand:
    def test_counts_in_place_of_the_engine_and_wants_a_second_look(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.fraction()
        engine = shown["matches"][-1]
        found = list(engine["planning_from_daily"])
        found[3] += 3.0
        said = {"planning_from_daily": found, "image_uid": engine["image_uid"], "movements": []}
        shown = page.step("match", shown["version"], couch=couch(), **said)
        assert shown["matches"][-1]["is_by_hand"]
        assert shown["matches"][-1]["planning_from_daily"] == pytest.approx(found)
        assert shown["decision"]["action"] == "second look"

    def test_of_another_image_is_refused(self, matched: ClinicService) -> None:
        page = matched.signed_in("anna")
        shown = page.fraction()
        matrix = shown["matches"][-1]["planning_from_daily"]
        said = {"planning_from_daily": matrix, "image_uid": "1.2.3", "movements": []}
        assert page.step("match", shown["version"], 409, couch=couch(), **said)["kind"] == "conflict"


class TestTheDesk:
    def test_needs_a_reading_of_the_couch(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        refused = page.step("set-up", page.begin()["version"], 422)
        assert "where the couch is was not said" in refused["detail"]

    @pytest.mark.parametrize("step", ["beam", "resume"])
    def test_turns_no_beam_on(self, clinic: ClinicService, step: str) -> None:
        page = clinic.signed_in("anna")
        refused = page.step(step, page.begin()["version"], 409)
        assert "no room is connected for course C0001" in refused["detail"]
        held = page.post(f"{FRACTIONS}/1/hold", {"reason": "he coughs"}, 409)
        assert "work at the console of its machine" in held["detail"]

    def test_stops_with_a_reason(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        page.begin()
        assert "say why" in page.post(f"{FRACTIONS}/1/stop", {"reason": " "}, 422)["detail"]
        assert page.post(f"{FRACTIONS}/1/stop", {"reason": "he is not well"})["state"] == "stopped"

    def test_delivers_by_beams_of_the_plan_only(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        given = [{"beam_number": 99, "delivered_mu": 10.0}]
        refused = page.step("deliver", seen, 422, couch=couch(), deliveries=given)
        assert "the plan has no treatment beam 99" in refused["detail"]
        given = [{"beam_number": 1, "delivered_mu": -10.0}]
        page.step("deliver", seen, 422, couch=couch(), deliveries=given)

    def test_computes_a_set_up_from_the_marks_and_records_nothing(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        seen = page.begin()["version"]
        simulation = clinic.department.desk.records.course("C0001").simulation
        # HFS with the couch at 0°: IEC fixed is x, z, -y of LPS (IEC 61217, annex A).
        measured = {
            mark.name: [
                float(mark.position_mm[0] - simulation.isocentre_mm[0]) + 5.0,
                float(mark.position_mm[2] - simulation.isocentre_mm[2]),
                float(simulation.isocentre_mm[1] - mark.position_mm[1]),
            ]
            for mark in simulation.marks
        }
        found = page.post(f"{FRACTIONS}/1/marks", {"couch": couch(), "measured_mm": measured})
        assert found["correction"]["lateral_mm"] == pytest.approx(-5.0, abs=1e-6)
        assert found["pose"]["lateral_mm"] == pytest.approx(SET_UP.lateral_mm - 5.0, abs=1e-6)
        assert clinic.newest()["version"] == seen


def test_nothing_is_read_or_done_after_the_session_has_ended(clinic: ClinicService, tmp_path: Path) -> None:
    page = clinic.signed_in("anna")
    page.begin()
    clinic.department.clock.wait(3601.0)
    addresses = (
        "/api/worklist",
        "/api/courses/C0001",
        f"{FRACTIONS}/1",
        "/api/courses/C0001/review",
        "/api/review/population",
        "/api/protocols",
        "/api/audit",
        "/api/jobs",
        "/api/inbox",
        "/api/room",
    )
    answers = [page.client.get(address) for address in addresses]
    answers.append(page.client.post(f"{FRACTIONS}/1/stop", json={"reason": "too late"}))
    answers.append(page.client.post("/api/uploads", files=[("files", ("a", b"a"))]))
    answers.append(page.client.delete("/api/jobs/1"))
    assert {one.status_code for one in answers} == {401}
    assert {one.json()["kind"] for one in answers} == {"not signed in"}
    assert clinic.department.desk.status("C0001").state == "prepared"
