"""A course guided by ultrasound behind the service, for a browser; the engines know the truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import browser_department  # noqa: F401 - it says where the departments of the other tests are
import pytest
from cuttable_link import CuttableLink
from served import serving
from signed_in_client import CHEAP, PASSWORDS
from small_department import Department
from small_patient import SmallPatient
from ultrasound_course import knows_the_truth, scanned, ultrasound_department

from isoguide.course import Person, Role, SimulationRecord
from isoguide.service.app import create_app
from isoguide.service.settings import PAGE_FOLDER, ServiceSettings
from isoguide.workflow.clinic import course_planning
from isoguide.workflow.clinic import desk as desk_module
from isoguide.workflow.clinic.accounts import Accounts
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.room_events import RoomEvents


@dataclass
class UltrasoundDepartment:
    """What a page of a browser needs of it; see :class:`browser_department.BrowserDepartment`."""

    department: Department
    link: CuttableLink

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.link.port}/"

    @property
    def now(self) -> FractionStatus:
        return self.department.desk.status(self.department.course)

    @property
    def number(self) -> int:
        return self.now.key.number


@contextmanager
def served_ultrasound(
    folder: Path,
    patient: SmallPatient,
    simulated: tuple[Path, SimulationRecord],
    *,
    references: int = 1,
    page: Path = PAGE_FOLDER,
) -> Iterator[UltrasoundDepartment]:
    """Serve a department in which a scan of today was matched and waits for somebody's decision."""
    with pytest.MonkeyPatch.context() as patched:
        knows_the_truth(patched, patient.phantom.isocentre_mm)
        # The room of the other tests prepares its own patient once, whoever asks.
        for name in ("planning_of", "prepared_for"):
            patched.setattr(desk_module, name, getattr(course_planning, name))
        with ultrasound_department(folder, patient, simulated, references=references) as d:
            scanned(d)
            accounts = Accounts(d.desk.records, CHEAP)
            accounts.make_administrator(Person("admin", Role.PHYSICIST), PASSWORDS["admin"])
            accounts.set_password("anna", PASSWORDS["anna"], by="admin")
            settings = ServiceSettings(
                page_folder=page, hashing=CHEAP, session_idle=timedelta(hours=1), inbox=folder
            )
            served = UltrasoundDepartment(d, CuttableLink())
            events = RoomEvents()
            with serving(create_app(d.desk, settings, events=events), events, served.link):
                yield served
