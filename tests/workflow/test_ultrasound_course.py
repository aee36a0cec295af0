"""A prostate guided by ultrasound: simulation, set-up, beam, records; all in a form that is soon computed."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_course import coarse_room

from isoguide.dicom import load_planning_set, read_treatment_record
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.errors import InputError
from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.motion.sample import TargetSample
from isoguide.virtual import build_phantom
from isoguide.virtual.room_settings import MachineSettings, RoomSettings
from isoguide.virtual.ultrasound_settings import ROCKED_PROBE, UltrasoundRoomSettings
from isoguide.workflow import demo_course, simulate, virtual_patient
from isoguide.workflow.align import align
from isoguide.workflow.clinic.department import open_desk
from isoguide.workflow.course import Course
from isoguide.workflow.demo_course import demo_scenario, demonstrate, way_of
from isoguide.workflow.motion.course_reports import FOLDER as MONITORING
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.result_json import AXES
from isoguide.workflow.same_plan import file_sha256
from isoguide.workflow.scenario import Scenario
from isoguide.workflow.scenario_file import load_scenario, parse_scenario

COARSE = functools.cache(functools.partial(build_phantom, spacing_mm=(3.0, 3.0, 4.0)))
QUICK = UltrasoundRoomSettings(
    probe=replace(ROCKED_PROBE, lines=80, pixel_mm=0.8),
    sweep_deg=27.0,
    frames=27,
    voxel_mm=1.2,
    locate_deg=20.0,
    locate_frames=20,
)
"""Fewer lines and larger voxels; noise, errors and delays as usual."""
TOLERANCE_MM = load_protocol("demonstration-ultrasound").protocol.tolerance.shift_mm
SMALL = 'title = "Mine"\n[patient]\nsite = "{site}"\n[room.imaging]\nmodel = "{model}"\n{more}'


def quick_room(wanted: Scenario, fraction: int) -> RoomSettings:
    """A room whose beam is over in seconds, and whose ultrasound is quick."""
    settings = coarse_room(wanted, fraction)
    beam = replace(settings.beam, dose_rate_mu_min=12.0 * settings.beam.dose_rate_mu_min)
    machine = MachineSettings(gantry_deg_s=90.0, leaf_mm_s=900.0)
    return settings.with_changes(beam=beam, machine=machine, ultrasound=QUICK)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Course]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(virtual_patient, "build_phantom", lambda site, seed, _spacing_mm: COARSE(site, seed))
        for module in (simulate, demo_course):
            patched.setattr(module, "room_settings", quick_room)
        patched.setattr(demo_course, "EARLIER_PATIENTS", 10)
        patched.setattr(simulate, "_dosimetry", lambda *_: None)
        return folder, demonstrate(folder, fractions=1, seed=2, imaging="ultrasound")


def test_he_is_treated_where_the_plan_wants_him(demo: tuple[Path, Course]) -> None:
    _, course = demo
    (fraction,) = course.fractions
    assert course.surprises == ()
    assert fraction.imaging_model == "tracked ultrasound"
    assert fraction.set_up.residual.mean_mm > 2.0
    assert fraction.was_corrected
    assert fraction.treated.residual.mean_mm < TOLERANCE_MM
    assert fraction.beam_is_off


def test_the_correction_has_the_size_and_the_signs_of_the_one_that_is_needed(
    demo: tuple[Path, Course],
) -> None:
    (fraction,) = demo[1].fractions
    for name in AXES[:3]:
        assert getattr(fraction.measured, name) == pytest.approx(
            getattr(fraction.set_up.needed, name), abs=1.0
        ), name


def test_the_reference_lies_beside_the_planning_ct_in_its_coordinates(demo: tuple[Path, Course]) -> None:
    folder, _ = demo
    reference = read_ultrasound_volume(folder / "planning" / "US.dcm")
    planning = load_planning_set(folder / "planning")
    assert reference.volume.frame == PLANNING
    assert reference.frame_of_reference_uid == planning.image.frame_of_reference_uid
    assert reference.patient_id == planning.image.patient.patient_id
    with open_desk(str(folder / "records")) as desk:
        images = desk.records.course("C0001").simulation.reference_images
        assert desk.store.verify(desk.records.image_hashes()) == ()
    labels = [one.label for one in images if one.kind == "ultrasound reference"]
    assert labels == ["axial", "coronal", "sagittal"]
    assert file_sha256(folder / "planning" / "US.dcm") in {one.sha256 for one in images}


def test_the_scan_of_the_day_states_its_place_in_the_room(demo: tuple[Path, Course]) -> None:
    day = read_ultrasound_volume(demo[0] / "daily" / "fraction-1" / "US.dcm")
    assert day.in_room
    assert day.volume.frame == FIXED


def test_isoguide_align_finds_in_the_files_what_the_room_found(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["fractions"][0]
    answer = align(AlignRequest(folder / "planning", folder / truth["folder"]))
    measured = course.fractions[0].measured
    for name in AXES:
        assert getattr(answer.correction, name) == pytest.approx(getattr(measured, name), abs=0.1), name


def test_the_fraction_is_recorded_and_given_to_other_systems(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    with open_desk(str(folder / "records")) as desk:
        assert desk.records.verify_audit().is_intact
        fraction = desk.records.fraction("C0001", 1)
    assert [image.model for image in fraction.images] == ["tracked ultrasound"]
    assert fraction.decisions[0].action == "correct"
    assert fraction.matches[0].algorithm == course.fractions[0].outcome.registration.algorithm
    exports = folder / "exports" / "fraction-1"
    names = {path.name for path in exports.iterdir()}
    assert names == {"registration-1.dcm", "report-1.dcm", "treatment-record.dcm"}
    assert read_treatment_record(exports / "treatment-record.dcm").record.fraction == 1


def test_the_target_is_followed_where_it_is(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    (delivery,) = course.fractions[0].monitored
    seen = [one.seen for one in delivery.recording.sightings if isinstance(one.seen, TargetSample)]
    assert len(seen) > 10
    truth = delivery.recording.truth
    for one in seen:
        nearest = min(truth, key=lambda true: abs(true.at - one.at))
        assert np.linalg.norm(one.position_mm - nearest.position_mm) < 2.0 * TOLERANCE_MM
    assert delivery.figures.duty_cycle > 0.2
    assert sorted(path.name for path in (folder / MONITORING).glob("*.jsonl")) == ["fraction-1.jsonl"]


def test_the_report_says_what_the_scan_lies_on(demo: tuple[Path, Course]) -> None:
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    assert "ultrasound of the simulation" in page
    assert (
        "The day&#x27;s image (tracked ultrasound)" in page or "The day's image (tracked ultrasound)" in page
    )


@pytest.mark.parametrize("site", ["lung", "head-neck", "liver"])
def test_other_sites_are_not_demonstrated_by_ultrasound(site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"at the site 'prostate' only, not '{site}'"):
        demonstrate(tmp_path / "demo", site=site, fractions=1, imaging="ultrasound")
    assert not (tmp_path / "demo").exists()


def test_the_demonstration_watches_as_its_protocol_says() -> None:
    assert load_protocol(way_of("prostate", "ultrasound").protocol).protocol.monitoring.device == "ultrasound"
    assert demo_scenario("prostate", 2, 0, "ultrasound").prostate_motion is not None


@pytest.mark.parametrize(
    ("site", "model", "more", "why"),
    [
        ("liver", "ultrasound", "", "does of a prostate only"),
        ("prostate", "ultrasound", 'match = "markers"', "shows no implanted markers"),
        ("prostate", "stereo pair", '[monitoring]\ndevice = "ultrasound"\ngate_mm = 3.0', "needs a probe"),
        (
            "prostate",
            "ultrasound",
            'first_fraction = "physical"\n[monitoring]\ndevice = "ultrasound"\ngate_mm = 3.0',
            "needs a probe on the patient in every fraction",
        ),
    ],
)
def test_a_scenario_that_ultrasound_cannot_do_is_refused(site, model, more, why) -> None:
    with pytest.raises(InputError, match=why):
        parse_scenario(SMALL.format(site=site, model=model, more=more), "test.toml")


def test_the_scenarios_that_ship_use_it() -> None:
    for name in ("prostate-ultrasound", "ultrasound-faults"):
        assert load_scenario(name).room.imaging.model == "ultrasound"
