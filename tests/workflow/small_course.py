"""A coarse virtual patient and a coarse imager, so that a whole fraction takes about a second."""

from dataclasses import replace

from isoguide.virtual.room_settings import RoomSettings
from isoguide.workflow.course import Course
from isoguide.workflow.scenario import Scenario
from isoguide.workflow.scenario_file import parse_scenario
from isoguide.workflow.scenario_settings import room_settings
from isoguide.workflow.simulate import simulate
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient

HEAD = 'title = "A test of <b>isoguide</b>"\nseed = 3\n'
PATIENT = '[patient]\nsite = "prostate"\nvoxel_mm = [3.0, 3.0, 4.0]\n'


def scenario(text: str = "", *, first: str = "") -> Scenario:
    return parse_scenario(HEAD + first + PATIENT + text, "test.toml")


def coarse_room(wanted: Scenario, fraction: int) -> RoomSettings:
    """The room of a scenario, with an imager of coarse voxels and a beam that is soon through."""
    settings = room_settings(wanted, fraction)
    image = settings.imaging.image.with_changes(shape=(44, 90, 90), spacing_mm=(3.0, 3.0, 4.0))
    return settings.with_changes(
        imaging=replace(settings.imaging, image=image),
        beam=replace(settings.beam, dose_rate_mu_min=4.0 * settings.beam.dose_rate_mu_min),
    )


def small_patient() -> VirtualPatient:
    return virtual_patient(scenario())


def small_course(patient: VirtualPatient, text: str = "", *, first: str = "", report: bool = False) -> Course:
    return simulate(scenario(text, first=first), patient=patient, for_report=report)
