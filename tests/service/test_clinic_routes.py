"""What else a page asks for: uploads, jobs, courses, reviews, protocols, the audit, the document."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from clinic_service import FRACTIONS, ClinicService, couch
from small_department import ACCESSORIES
from starlette.requests import ClientDisconnect

from isoguide.errors import InputError, UnreadableError
from isoguide.progress import Progress
from isoguide.service import long_work
from isoguide.service.multipart import receive_files
from isoguide.workflow.clinic.uploads import UploadLimits


class TestUploads:
    def test_say_what_they_hold(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        plan = (clinic.department.patient.planning / "RP.dcm").read_bytes()
        answer = page.client.post("/api/uploads", files=[("files", ("../../RP.dcm", plan))])
        assert answer.status_code == 201
        said = answer.json()
        assert (said["files"], said["bytes"]) == (1, len(plan))
        assert any(item.startswith("plan:") for item in said["items"])
        assert page.client.delete(f"/api/uploads/{said['upload_id']}").status_code == 204
        assert page.client.delete(f"/api/uploads/{said['upload_id']}").status_code == 404

    def test_of_no_study_are_refused_and_nothing_stays(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        answer = page.client.post("/api/uploads", files=[("files", ("letter.txt", b"Dear colleague"))])
        assert answer.status_code == 422
        assert "is nothing of DICOM" in answer.json()["detail"]
        assert left_over(clinic) == []

    def test_are_no_form_or_no_files(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("anna")
        assert "an upload is a form with files" in page.post("/api/uploads", {"a": 1}, 422)["detail"]
        answer = page.client.post("/api/uploads", data={"a": "b"}, files=[("c", (None, "d"))])
        assert answer.status_code == 422
        assert left_over(clinic) == []

    def test_beyond_the_limit_are_refused_before_they_are_all_there(self, clinic: ClinicService) -> None:
        clinic.state.uploads.limits = UploadLimits(files=2, total_bytes=1000)
        page = clinic.signed_in("anna")
        for files in ([("files", (str(name), b"x")) for name in range(3)], [("files", ("a", bytes(2000)))]):
            answer = page.client.post("/api/uploads", files=files)
            assert answer.status_code == 422
            assert "choose the folder of one study" in answer.json()["detail"]
        assert left_over(clinic) == []


def left_over(clinic: ClinicService) -> list[Path]:
    root = clinic.state.uploads._root
    return list(root.iterdir()) if root is not None else []


class Taker:
    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []
        self._open: list[Any] = []

    def begin_file(self, name: str) -> None:
        self._open = [name, b""]

    def write(self, chunk: bytes) -> None:
        self._open[1] += chunk

    def end_file(self) -> None:
        self.files.append((self._open[0], self._open[1]))


def received(content_type: str, chunks: list[bytes], *, breaks_off: bool = False) -> list[tuple[str, bytes]]:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if breaks_off:
            raise ClientDisconnect

    taker = Taker()
    asyncio.run(receive_files(content_type, body(), taker))
    return taker.files


FORM = 'multipart/form-data; boundary="edge"'
PART = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
END = b"--edge--\r\n"


class TestAForm:
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_gives_the_same_files_however_it_is_cut(self, size: int) -> None:
        field = b'--edge\r\nContent-Disposition: form-data; name="note"\r\n\r\nno file\r\n'
        content = bytes(range(256)) + b"\r\n--edg"
        whole = PART % (b"CT/1.dcm", content) + field + PART % ("ü.dcm".encode(), b"") + END
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert received(FORM, chunks) == [("CT/1.dcm", content), ("ü.dcm", b"")]

    @pytest.mark.parametrize("breaks_off", [True, False])
    def test_that_breaks_off_is_refused(self, breaks_off: bool) -> None:
        whole = PART % (b"1.dcm", b"first") + PART % (b"2.dcm", b"sec")
        with pytest.raises(UnreadableError, match="the upload broke off before its end"):
            received(FORM, [whole[:-5]], breaks_off=breaks_off)

    def test_that_is_none_is_refused(self) -> None:
        with pytest.raises(UnreadableError, match="the upload cannot be read"):
            received(FORM, [b"this is no form"])
        for content_type in ("", "application/json", "multipart/form-data"):
            with pytest.raises(InputError, match="an upload is a form with files"):
                received(content_type, [])


class TestJobs:
    def test_that_are_cancelled_leave_the_fraction_as_it_was(
        self, clinic: ClinicService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on = threading.Event(), threading.Event()
        desk = type(clinic.department.desk)
        image = desk.image

        def slow(self: object, *arguments: Any, progress: Progress, **said: Any) -> object:
            begun.set()
            assert go_on.wait(20.0)
            return image(self, *arguments, progress=progress, **said)

        monkeypatch.setattr(desk, "image", slow)
        page = clinic.signed_in("anna")
        seen = page.set_up()["version"]
        upload_id = page.upload(clinic.department.export_image("one"))
        job = page.step("image", seen, 202, couch=couch(), upload_id=upload_id)
        assert begun.wait(20.0)
        assert page.client.delete(f"/api/uploads/{upload_id}").status_code == 422
        assert page.client.delete(f"/api/jobs/{job['job_id']}").json()["state"] == "running"
        go_on.set()
        assert page.wait_for(job)["state"] == "cancelled"
        now = page.fraction()
        assert (now["version"], now["state"], now["images"]) == (seen, "set up", [])
        assert page.client.delete(f"/api/jobs/{job['job_id']}").status_code == 422
        assert page.client.delete("/api/jobs/0").status_code == 404
        assert [one["job_id"] for one in page.get("/api/jobs")] == [job["job_id"]]


class TestCourses:
    def test_begin_from_an_upload(self, clinic: ClinicService, monkeypatch: pytest.MonkeyPatch) -> None:
        made_of: list[tuple[int, dict[str, Any]]] = []

        def made(_desk: object, folder: Path, **said: Any) -> Any:
            made_of.append((len(list(folder.iterdir())), said))
            return type("Made", (), {"course_id": "C0002"})

        monkeypatch.setattr(long_work, "new_course", made)
        page = clinic.signed_in("berg")
        upload_id = page.upload(clinic.department.patient.planning)
        wanted = {"upload_id": upload_id, "site": "prostate", "protocol": "test-pelvis"}
        job = page.wait_for(page.post("/api/courses", wanted, 202))
        assert job["result"] == {"course_id": "C0002"}
        ((files, said),) = made_of
        assert files == len(list(clinic.department.patient.planning.iterdir()))
        assert (said["by"], said["site"], said["protocol"]) == ("berg", "prostate", "test-pelvis")
        assert left_over(clinic) == []

    def test_that_cannot_begin_say_why_and_keep_the_upload(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("berg")
        upload_id = page.upload(clinic.department.patient.planning)
        wanted = {"upload_id": upload_id, "site": "prostate", "protocol": "none"}
        refused = page.post("/api/courses", wanted, 404)
        assert "there is no protocol 'none' here" in refused["detail"]
        job = page.wait_for(page.post("/api/courses", wanted | {"protocol": "test-pelvis"}, 202))
        # The small patient is being treated as C0001 by the same plan.
        assert job["state"] == "failed"
        assert "is being treated as course C0001" in job["problem"]
        assert len(left_over(clinic)) == 1

    def test_are_looked_up(self, clinic: ClinicService) -> None:
        page = clinic.signed_in("ben")
        shown = page.get("/api/courses/C0001")
        assert (shown["plan_label"], shown["target"], shown["protocol_name"]) == (
            "EXAMPLE",
            "PTV",
            "test-pelvis",
        )
        assert [one["label"] for one in shown["accessories"]] == [one.label for one in ACCESSORIES]
        assert shown["first_couch"] is None
        assert any("1 mm" in sentence for sentence in shown["protocol_sentences"])
        assert page.get("/api/sites") == ["prostate"]
        assert page.client.get("/api/courses/C0009").status_code == 404
        assert page.client.get("/api/courses/C0001/fractions/7").status_code == 404


def test_a_protocol_is_shown_in_sentences_with_each_value(clinic: ClinicService) -> None:
    page = clinic.signed_in("ben")
    (line,) = page.get("/api/protocols")
    assert (line["name"], line["version"], line["is_newest"], line["site"]) == (
        "test-pelvis",
        1,
        True,
        "prostate",
    )
    shown = page.get("/api/protocols/test-pelvis/1")
    assert shown["courses"] == 1
    assert {"key": "tolerance.shift_mm", "value": "1", "source": ""} in shown["values"]
    assert page.client.get("/api/protocols/test-pelvis/2").status_code == 404


class TestTheAudit:
    def test_is_read_backwards_page_by_page_in_words(self, matched: ClinicService) -> None:
        page = matched.signed_in("berg")
        first = page.get("/api/audit?limit=3")
        assert first["has_older"]
        assert first["entries"][0]["seq"] == first["head_seq"]
        assert first["entries"][0]["sha256"] == first["head_sha256"]
        found, before = [], first["head_seq"] + 1
        while True:
            shown = page.get(f"/api/audit?limit=7&before={before}")
            found += shown["entries"]
            if not shown["has_older"]:
                break
            before = found[-1]["seq"]
        assert [one["seq"] for one in found] == list(range(first["head_seq"], 0, -1))
        aligned = next(one for one in found if one["action"] == "align")
        assert (aligned["actor"], aligned["subject"]) == ("anna", "fraction 1 of course C0001")
        assert any(line.startswith("match added: ") and "lateral mm" in line for line in aligned["details"])

    def test_is_searched_by_subject_and_actor(self, matched: ClinicService) -> None:
        page = matched.signed_in("berg")
        of_course = page.get("/api/audit?subject=course%20C0001")["entries"]
        assert {one["subject"] for one in of_course} == {"course C0001", "fraction 1 of course C0001"}
        assert {one["actor"] for one in page.get("/api/audit?actor=BERG")["entries"]} == {"berg"}
        assert page.get("/api/audit?subject=%25")["entries"] == []

    @pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "before=x"])
    def test_refuses_what_is_no_page(self, clinic: ClinicService, query: str) -> None:
        answer = clinic.signed_in("berg").client.get(f"/api/audit?{query}")
        assert (answer.status_code, answer.json()["kind"]) == (422, "bad input")

    def test_that_was_tampered_with_is_found_by_its_job(self, matched: ClinicService) -> None:
        page = matched.signed_in("berg")
        job = page.wait_for(page.post("/api/audit/verify", None, 202))
        assert job["result"]["is_intact"]
        path = matched.department.desk.store.path_of(min(matched.department.desk.records.image_hashes()))
        path.chmod(0o600)
        path.write_bytes(b"another image")
        job = page.wait_for(page.post("/api/audit/verify", None, 202))
        assert not job["result"]["is_intact"]
        (finding,) = job["result"]["findings"]
        assert path.name in finding
        assert "was changed" in finding


class TestReviews:
    def test_answer_with_the_documents_that_the_command_line_writes(self, matched: ClinicService) -> None:
        page = matched.signed_in("berg")
        shown = page.get("/api/courses/C0001/review")
        assert shown["fractions"][0]["measured"]["lateral_mm"] == pytest.approx(
            matched.department.needed.lateral_mm, abs=0.5
        )
        shown = page.get("/api/review/population?site=prostate&by=machine")
        assert (shown["by"], shown["courses"], shown["measurements"]) == ("machine", 1, 1)
        assert page.client.get("/api/review/population?site=lung").status_code == 422
        assert page.client.get("/api/review/population?by=height").status_code == 422


class TestTheDocument:
    def test_of_the_api_declares_every_route_with_its_answer_and_its_problems(
        self, clinic: ClinicService
    ) -> None:
        document = clinic.client().get("/api/openapi.json").json()
        for address, methods in document["paths"].items():
            for method, route in methods.items():
                assert route["summary"], (method, address)
                assert route["tags"], (method, address)
                assert "application/problem+json" in route["responses"]["422"]["content"], (method, address)
        said = document["paths"]["/api/review/population"]["get"]["responses"]["200"]["content"]
        assert said["application/json"]["schema"]["$ref"].endswith("/PopulationReviewRecord")
        form = document["paths"]["/api/uploads"]["post"]["requestBody"]["content"]
        assert "multipart/form-data" in form

    def test_of_the_api_has_the_messages_of_the_stream(self, clinic: ClinicService) -> None:
        document = clinic.client().get("/api/openapi.json").json()
        body = document["webhooks"]["events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        names = {one["$ref"].rsplit("/", 1)[1] for one in body["anyOf"]}
        sent = {"Hello", "Ping", "RoomStateDocument", "FractionChanged", "JobChanged", "SecondLookAsked"}
        assert names == sent | {"Heartbeat"}

    def test_of_the_api_never_shows_a_password(self, clinic: ClinicService) -> None:
        document = clinic.client().get("/api/openapi.json").json()
        schema = document["components"]["schemas"]["Signature"]["properties"]["password"]
        assert schema["format"] == "password"


def test_a_course_that_cannot_be_read_stays_on_the_worklist_with_the_reason(clinic: ClinicService) -> None:
    records = clinic.department.desk.records
    with records._database.changing() as connection:
        connection.exec_driver_sql("UPDATE courses SET simulation = '{}' WHERE course_id = 'C0001'")
    (line,) = clinic.signed_in("anna").get("/api/worklist")["entries"]
    assert "was changed behind isoguide: verify the audit" in line["next_step"]
    assert line["needs_somebody"]
    assert line["patient"]["patient_id"] == "T-1"


def test_nobody_reads_what_is_no_finite_number(clinic: ClinicService) -> None:
    page = clinic.signed_in("anna")
    seen = page.begin()["version"]
    text = json.dumps({"seen_version": seen, "couch": couch()}).replace("853.4", "NaN")
    answer = page.client.post(
        f"{FRACTIONS}/1/set-up", content=text, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert page.fraction()["version"] == seen
