"""The department that the console is measured on: a large course, one in the virtual room, and history.

The large course has a planning CT of 512 x 512 x 200 voxels and a cone-beam CT of 384 x 384 x 260, imaged and
matched at the desk; they show the built-in pelvis, each voxel of it made several, with noise of its own. The
course in the virtual room is coarse: there only time is measured. Everything is written by the same code that
a department uses.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import Person, Role
from isoguide.dicom import PatientIdentity
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.images.volume import Volume
from isoguide.review import simulate_population
from isoguide.virtual import DailySettings, Phantom, build_phantom, random_displacement, simulate_daily
from isoguide.workflow.clinic.department import new_desk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text
from isoguide.workflow.clinic.new_course import new_course
from isoguide.workflow.clinic.sign_in_file import SIGN_IN, let_sign_in
from isoguide.workflow.clinic.station_file import StationFile, write_station_file
from isoguide.workflow.clinic.virtual_department import ONCOLOGIST, PHYSICIST, RECORDS, THERAPIST
from isoguide.workflow.demo_course import EARLIER, KNOWN_ERRORS
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.scenario import PatientSection, Scenario
from isoguide.workflow.simulation_session import write_daily_export, write_simulation_session

REVIEWERS: Final = tuple(Person(f"reviewer-{number:02d}", Role.PHYSICIST) for number in range(1, 21))
PROTOCOL: Final = "demonstration"
LARGE: Final = PatientIdentity("LARGE-1", name="Large^Pelvis", birth_date="19560229", sex="O")
IN_ROOM: Final = PatientIdentity("ROOM-1", name="Room^Pelvis", birth_date="19560229", sex="O")
CT_SHAPE, CT_SPACING_MM = (200, 512, 512), (0.9765625, 0.9765625, 1.8)
CBCT_SHAPE, CBCT_SPACING_MM = (260, 384, 384), (0.7, 0.7, 1.0)
CT_NOISE, CBCT_NOISE = 12.0, 30.0
MACHINE_ISOCENTRE_MM: Final = (2.0, -3.5, 5.0)
SET_UP: Final = TableTopPose(1.2, 853.4, -118.0)
EARLIER_PATIENTS, EARLIER_FRACTIONS = 100, 20
COARSE_MM: Final = (3.0, 3.0, 4.0)


@dataclass(frozen=True)
class BenchDepartment:
    """Where it lies, its two courses, and how its people sign in."""

    folder: Path
    large: str
    in_room: str
    passwords: dict[str, str]

    @property
    def records(self) -> Path:
        """Of the department."""
        return self.folder / RECORDS


def make_department(folder: Path) -> BenchDepartment:
    """Make it in an empty folder."""
    with new_desk(str(folder / RECORDS)) as desk:
        people = (PHYSICIST, THERAPIST, ONCOLOGIST, *REVIEWERS)
        for person in people:
            desk.records.add_person(person, by=PHYSICIST.name)
        loaded = load_protocol(PROTOCOL)
        desk.records.add_protocol(loaded.protocol, loaded.text, by=PHYSICIST.name)
        in_room = _room_course(desk, folder)
        large = _large_course(desk, folder)
        _earlier_courses(desk)
        passwords = let_sign_in(desk.records, people, folder)
    return BenchDepartment(folder, large, in_room, read_passwords(passwords))


def opened_again(folder: Path) -> BenchDepartment:
    """Return a department that was made before."""
    return BenchDepartment(folder, "C0002", "C0001", read_passwords(folder / SIGN_IN))


def read_passwords(file: Path) -> dict[str, str]:
    """Return the passwords of a sign-in file by name."""
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def _room_course(desk: Desk, folder: Path) -> str:
    scenario = Scenario(
        title="Course in the virtual room",
        seed=3,
        fractions=2,
        patient=PatientSection(site="prostate", seed=0, voxel_mm=COARSE_MM),
    )
    phantom = build_phantom("pelvis", 0, COARSE_MM)
    planning = folder / "planning in the room"
    write_simulation_session(planning, phantom, patient=IN_ROOM, seed="room")
    course = _registered(desk, planning)
    # Without an image the room sets the patient up by itself, and there is nothing to sign before the beam.
    kept = KeptFraction(no_image_because="only the motion is looked at")
    desk.records.begin_fraction(course, 1, by=THERAPIST.name, memory=kept_text(kept))
    write_station_file(StationFile(course_id=course, first_fraction=1, scenario=scenario), folder)
    return course


def _large_course(desk: Desk, folder: Path) -> str:
    phantom = build_phantom("pelvis", 1, (2 * CT_SPACING_MM[0], 2 * CT_SPACING_MM[1], CT_SPACING_MM[2]))
    rng = np.random.default_rng(1)
    large = replace(phantom, volume=_enlarged(phantom, rng))
    planning = folder / "planning"
    write_simulation_session(planning, large, patient=LARGE, seed="large")
    course = _registered(desk, planning)
    simulation = desk.records.course(course).simulation
    desk.begin(course, by=THERAPIST.name, accessories=simulation.accessories)
    desk.set_up(course, by=THERAPIST.name, couch=SET_UP)
    daily = _daily(phantom, rng)
    time.sleep(1.1)  # files state whole seconds: an image of the second of the set-up would be of before it
    write_daily_export(
        folder / "day",
        daily,
        np.array(MACHINE_ISOCENTRE_MM),
        patient=LARGE,
        seed="large",
        acquired_at=desk.clock.now(),
    )
    desk.image(course, folder / "day", by=THERAPIST.name, couch=SET_UP)
    return course


def _registered(desk: Desk, planning: Path) -> str:
    return new_course(desk, planning, site="prostate", protocol=PROTOCOL, by=ONCOLOGIST.name).course_id


def _enlarged(phantom: Phantom, rng: np.random.Generator) -> Volume:
    """Lay the phantom into the middle of a grid of air, and make four voxels of each in its slices."""
    slices, rows, columns = CT_SHAPE
    values, grid = phantom.volume.values[:slices], phantom.volume.grid
    k, j, i = values.shape
    before = ((rows // 2 - j) // 2, (columns // 2 - i) // 2)
    air = ((0, slices - k), (before[0], rows // 2 - j - before[0]), (before[1], columns // 2 - i - before[1]))
    padded = np.pad(values, air, constant_values=-1000).repeat(2, axis=1).repeat(2, axis=2)
    corner = np.array([-before[1] - 0.25, -before[0] - 0.25, 0.0])
    origin_mm = np.round(grid.origin_mm + corner * grid.spacing_mm, 3)
    fine = Grid(grid.frame, CT_SHAPE, np.array(CT_SPACING_MM), origin_mm, grid.direction)
    return Volume(fine, _noisy(padded, CT_NOISE, rng), source=phantom.volume.source)


def _daily(phantom: Phantom, rng: np.random.Generator) -> Volume:
    """Simulate the day on a coarse grid, and make eight voxels of each."""
    machine_mm = np.array(MACHINE_ISOCENTRE_MM)
    pose = random_displacement(
        rng,
        largest_mm=8.0,
        largest_deg=2.0,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
    )
    k, j, i = (size // 2 for size in CBCT_SHAPE)
    x_mm, y_mm, z_mm = (2.0 * mm for mm in CBCT_SPACING_MM)
    settings = DailySettings.cone_beam().with_changes(shape=(k, j, i), spacing_mm=(x_mm, y_mm, z_mm))
    coarse = simulate_daily(
        phantom.volume,
        pose,
        isocentre_mm=phantom.isocentre_mm,
        machine_isocentre_mm=machine_mm,
        settings=settings,
        rng=rng,
    )
    fine = coarse.values.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    origin_mm = np.round(coarse.grid.origin_mm - 0.25 * coarse.grid.spacing_mm, 3)
    grid = Grid(coarse.grid.frame, CBCT_SHAPE, np.array(CBCT_SPACING_MM), origin_mm, coarse.grid.direction)
    return Volume(grid, _noisy(fine, CBCT_NOISE, rng), is_hounsfield=False, source="simulated daily image")


def _noisy(values: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise where there is something; what was not imaged stays as it is."""
    noise = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    noise[values <= -1000] = 0.0
    noisy: np.ndarray = np.clip(values + np.rint(noise), -1024, 3071).astype(np.int16)
    return noisy


def _earlier_courses(desk: Desk) -> None:
    rng = np.random.default_rng(4)
    drawn = simulate_population(rng, EARLIER_PATIENTS, EARLIER_FRACTIONS, KNOWN_ERRORS, EARLIER)
    for number, one in enumerate(drawn, start=1):
        history = replace(one, course_id=f"simulated-{number:03d}")
        desk.records.add_history(history, source="a simulation", by=PHYSICIST.name)
