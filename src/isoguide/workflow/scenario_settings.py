"""From what a scenario says to the settings of patient, room and treatment."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeVar

from pydantic import BaseModel

from isoguide.errors import InputError
from isoguide.treatment import CouchLimits, FractionLimits
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.faults import Fault
from isoguide.virtual.neck import CHAIN, NeckFlexion
from isoguide.virtual.organ_changes import OrganChanges
from isoguide.virtual.patient_day import CourseSettings
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.room_settings import (
    BeamSettings,
    ConsoleSettings,
    CouchSettings,
    ImagingSettings,
    RoomSettings,
    StereoSettings,
)
from isoguide.virtual.set_up_errors import SetUpErrors
from isoguide.virtual.ultrasound_reference import ORGAN
from isoguide.workflow.scenario import Scenario, Site

_Settings = TypeVar("_Settings")

STRUCTURES_OF: Final[dict[str, tuple[str, ...]]] = {
    "organs.bladder_percent": ("Bladder",),
    "organs.rectum_percent": ("Rectum",),
    "organs.shrinkage_percent": ("GTV",),
    "breathing": ("Lung_L", "Lung_R", "Liver"),
    "prostate_motion": ("Prostate",),
}
"""Of which structures a patient needs one, by the key that changes or moves it."""
SITES_WITH: Final[dict[str, tuple[Site, ...]]] = {
    "organs.bladder_percent": ("prostate",),
    "organs.rectum_percent": ("prostate",),
    "organs.shrinkage_percent": ("lung", "head-neck", "liver"),
    "breathing": ("lung", "liver"),
    "prostate_motion": ("prostate",),
    "neck": ("head-neck",),
}
"""The built-in patients who have what a key needs."""


def course_settings(scenario: Scenario) -> CourseSettings:
    """Return how the patient's days differ."""
    return CourseSettings(
        set_up=SetUpErrors(**scenario.set_up.model_dump()),
        organs=_settings(OrganChanges, scenario.organs),
        neck=_settings(NeckFlexion, scenario.neck),
        breathing=_settings(Breathing, scenario.breathing),
        prostate=_settings(ProstateMotion, scenario.prostate_motion),
    )


def _settings(kind: type[_Settings], section: BaseModel | None) -> _Settings | None:
    return None if section is None else kind(**section.model_dump())


def require_possible(scenario: Scenario, patient: Phantom) -> None:
    """Refuse a section or a key that the patient has no anatomy for.

    Raises
    ------
    InputError
        With the key, what is missing, and who has it.
    """
    if scenario.room.imaging.match == "markers" and not patient.fiducials:
        msg = (
            f'room.imaging.match = "markers": {patient.name} has no implanted seeds; match the anatomy, '
            'or take patient.site = "prostate" or "liver"'
        )
        raise InputError(msg)
    structures = {structure.name for structure in patient.structures if structure.is_volume}
    imaging = scenario.room.imaging
    if "ultrasound" in (imaging.model, imaging.first_fraction) and ORGAN not in structures:
        msg = (
            f'room.imaging.model = "ultrasound": {patient.name} has no structure {ORGAN}; take another '
            'model, or patient.site = "prostate"'
        )
        raise InputError(msg)
    for key in _keys_said(scenario):
        if key == "neck":
            missing = "" if set(CHAIN) <= set(patient.bone_names) else "neck of labelled bones"
        else:
            wanted = STRUCTURES_OF[key]
            missing = "" if structures.intersection(wanted) else f"structure {' or '.join(wanted)}"
        if missing:
            sites = " or ".join(f'"{site}"' for site in SITES_WITH[key])
            msg = (
                f"{key}: {patient.name} has no {missing}, so leave {key} out or take a patient who has, such "
                f"as one with patient.site = {sites}"
            )
            raise InputError(msg)


def _keys_said(scenario: Scenario) -> Iterator[str]:
    """Name what shall change or move and needs anatomy of its own."""
    if scenario.organs is not None:
        changes = scenario.organs.model_dump()
        yield from (key for key in STRUCTURES_OF if changes.get(key.removeprefix("organs.")))
    yield from (key for key in ("neck", "breathing", "prostate_motion") if getattr(scenario, key) is not None)


def room_settings(scenario: Scenario, fraction: int) -> RoomSettings:
    """Return the room of one fraction, counted from 1: the first may be imaged by another model."""
    room, imaging = scenario.room, scenario.room.imaging
    model = (imaging.first_fraction or imaging.model) if fraction == 1 else imaging.model
    return RoomSettings(
        couch=CouchSettings(**room.couch.model_dump()),
        console=ConsoleSettings(**room.console.model_dump()),
        beam=BeamSettings(dose_rate_mu_min=room.dose_rate_mu_min, planned_mu=scenario.plan.meterset_mu),
        imaging=ImagingSettings(
            model=model,
            isocentre_offset_mm=imaging.isocentre_offset_mm,
            sag_mm=imaging.sag_mm,
            image=_day_image(imaging.field_of_view_mm),
        ),
        stereo=StereoSettings(isocentre_offset_mm=imaging.isocentre_offset_mm),
    )


def _day_image(field_of_view_mm: float | None) -> DailySettings:
    usual = DailySettings.cone_beam()
    return usual if field_of_view_mm is None else usual.with_changes(field_of_view_mm=field_of_view_mm)


def fraction_limits(scenario: Scenario) -> FractionLimits:
    """Return what a fraction may do without a person."""
    said = scenario.limits.model_dump()
    couch = CouchLimits(degrees_of_freedom=said.pop("degrees_of_freedom"))
    return replace(FractionLimits(couch=couch), **said)


def scenario_faults(scenario: Scenario) -> tuple[Fault, ...]:
    """Return the faults of the room over the course."""
    return tuple(section.fault() for section in scenario.faults)
