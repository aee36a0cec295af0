"""From what a scenario says to the settings of patient, room and treatment."""

from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from isoguide.treatment import CouchLimits, FractionLimits
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.faults import Fault
from isoguide.virtual.neck import NeckFlexion
from isoguide.virtual.organ_changes import OrganChanges
from isoguide.virtual.patient_day import CourseSettings
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.room_settings import (
    BeamSettings,
    CouchSettings,
    ImagingSettings,
    RoomSettings,
)
from isoguide.virtual.set_up_errors import SetUpErrors
from isoguide.workflow.scenario import Scenario

_Settings = TypeVar("_Settings")


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


def room_settings(scenario: Scenario, fraction: int) -> RoomSettings:
    """Return the room of one fraction, counted from 1: the first may be imaged by another model."""
    room, imaging = scenario.room, scenario.room.imaging
    model = (imaging.first_fraction or imaging.model) if fraction == 1 else imaging.model
    return RoomSettings(
        couch=CouchSettings(**room.couch.model_dump()),
        beam=BeamSettings(dose_rate_mu_min=room.dose_rate_mu_min, planned_mu=scenario.plan.meterset_mu),
        imaging=ImagingSettings(
            model=model,
            isocentre_offset_mm=imaging.isocentre_offset_mm,
            sag_mm=imaging.sag_mm,
        ),
    )


def fraction_limits(scenario: Scenario) -> FractionLimits:
    """Return what a fraction may do without a person."""
    said = scenario.limits.model_dump()
    couch = CouchLimits(degrees_of_freedom=said.pop("degrees_of_freedom"))
    return replace(FractionLimits(couch=couch), **said)


def scenario_faults(scenario: Scenario) -> tuple[Fault, ...]:
    """Return the faults of the room over the course."""
    return tuple(section.fault() for section in scenario.faults)
