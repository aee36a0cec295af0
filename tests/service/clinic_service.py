"""A service on a department with the small patient, and what a page sends for each step of a fraction."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from signed_in_client import ADDRESS, CHEAP, PASSWORDS
from small_department import ACCESSORIES, SET_UP, Department, SetClock, open_department
from small_patient import SmallPatient

from isoguide.course import Person, Role, SimulationRecord
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.service.app import create_app
from isoguide.service.clinic import Clinic
from isoguide.service.settings import ServiceSettings
from isoguide.workflow.clinic.accounts import Accounts
from isoguide.workflow.clinic.department import open_desk

FRACTIONS = "/api/courses/C0001/fractions"
FINISHED = ("done", "failed", "cancelled")


def couch(pose: TableTopPose = SET_UP) -> dict[str, float]:
    """A reading of the couch as a page sends it."""
    names = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "support_deg")
    return {name: getattr(pose, name) for name in names}


def signature(name: str, password: str | None = None) -> dict[str, str]:
    return {"name": name, "password": password or PASSWORDS[name]}


@dataclass
class ClinicService:
    """A running service of a department."""

    department: Department
    inbox: Path
    settings: ServiceSettings

    def __post_init__(self) -> None:
        self.app = create_app(self.department.desk, self.settings)
        self.state: Clinic = self.app.state.clinic

    def client(self) -> TestClient:
        return TestClient(self.app, base_url=ADDRESS, client=("192.0.2.7", 50000))

    def signed_in(self, name: str = "anna") -> "Page":
        client = self.client()
        answer = client.post("/api/session", json=signature(name))
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return Page(client, self)

    def newest(self) -> dict[str, Any]:
        """The newest fraction as anybody reads it."""
        status = self.department.desk.status("C0001")
        return self.signed_in("ben").get(f"{FRACTIONS}/{status.key.number}")


@dataclass
class Page:
    """A page in which somebody is signed in."""

    client: TestClient
    service: ClinicService

    def get(self, address: str) -> Any:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, address: str, body: Any, status: int = 200) -> Any:
        answer = self.client.post(address, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def step(self, name: str, seen: int, status: int = 200, number: int = 1, **said: Any) -> Any:
        return self.post(f"{FRACTIONS}/{number}/{name}", {"seen_version": seen, **said}, status)

    def begin(self, status: int = 201, number: int = 1, **said: Any) -> Any:
        accessories = [{"kind": one.kind, "label": one.label, "index": one.index} for one in ACCESSORIES]
        return self.post(FRACTIONS, {"accessories": accessories, "number": number, **said}, status)

    def set_up(self) -> Any:
        return self.step("set-up", self.begin()["version"], couch=couch())

    def upload(self, folder: Path) -> str:
        files = [("files", (f"export/{path.name}", path.read_bytes())) for path in sorted(folder.iterdir())]
        answer = self.client.post("/api/uploads", files=files)
        assert answer.status_code == 201, answer.text
        return answer.json()["upload_id"]

    def wait_for(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait until a job is finished."""
        patience, pause_s = time.monotonic() + 60.0, 0.005
        while job["state"] not in FINISHED:
            assert time.monotonic() < patience, job
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, 0.1)  # asking takes longer than most of the work that is asked about
            job = self.get(f"/api/jobs/{job['job_id']}")
        return job

    def image(self, seen: int, name: str = "one") -> dict[str, Any]:
        """Export an image of now, upload it, and wait until it is matched."""
        upload_id = self.upload(self.service.department.export_image(name))
        job = self.step("image", seen, 202, couch=couch(), upload_id=upload_id)
        return self.wait_for(job)

    def fraction(self) -> Any:
        """The first fraction."""
        return self.get(f"{FRACTIONS}/1")

    def approve(
        self, shown: Any, *names: str, status: int = 200, action: str = "correct", **said: Any
    ) -> Any:
        newest = len(shown["matches"]) - 1
        return self.step(
            "approve",
            shown["version"],
            status,
            **{
                "couch": couch(),
                "action": action,
                "image_uid": shown["matches"][newest]["image_uid"],
                "match_index": newest,
                "signatures": [signature(name) for name in names],
            }
            | said,
        )


def furnish(
    folder: Path, patient: SmallPatient, simulated: tuple[Path, SimulationRecord], protocol: str
) -> None:
    """Make a department with its staff and their passwords, and an inbox."""
    shutil.copytree(simulated[0], folder / "records" / "images")
    (folder / "inbox").mkdir()
    with open_department(folder, patient, simulated[1], protocol) as department:
        accounts = Accounts(department.desk.records, CHEAP)
        accounts.make_administrator(Person("admin", Role.PHYSICIST), PASSWORDS["admin"])
        for name in ("anna", "ben", "berg"):
            accounts.set_password(name, PASSWORDS[name], by="admin")


@contextmanager
def clinic_service_in(folder: Path, patient: SmallPatient) -> Iterator[ClinicService]:
    """Serve a department, from the time of the newest entry of its audit on."""
    clock = SetClock()
    with open_desk(str(folder / "records"), now=clock) as desk:
        clock.at = desk.records.audit_slice(most=1).entries[0].at
        settings = ServiceSettings(
            page_folder=folder / "no page",
            hashing=CHEAP,
            now=clock,
            inbox=folder / "inbox",
            session_idle=timedelta(hours=1),
        )
        service = ClinicService(Department(desk, clock, patient, folder), folder / "inbox", settings)
        try:
            yield service
        finally:
            service.state.close()
