"""The virtual treatment room: a linac, a couch and an imager around one virtual patient on one day."""

from collections.abc import Sequence
from datetime import datetime

from isoguide.plan import Plan
from isoguide.treatment.ports import Room
from isoguide.virtual.faults import Fault
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.truth import RoomTruth


class VirtualRoom:
    """A treatment room that exists only in software, behind the ports that a real one has.

    The patient lies on the couch at second 0, displaced as ``day`` says, with the couch at
    ``settings.planned_pose``. Everything after that happens through :attr:`room`; :attr:`truth` knows what
    really happened.

    Parameters
    ----------
    patient
        Who lies there.
    day
        How he lies there and what moves.
    settings
        What the room is like.
    faults
        What goes wrong; those of other fractions than ``day.number`` are left out.
    seed
        Of delays, noise and UIDs: the same seed makes the same fraction.
    started_at
        Second 0, aware.
    plan
        What is delivered; one arc of ``settings.beam.planned_mu`` when not given.
    patient_id
        What the imager writes into its images; that of the plan.
    """

    room: Room
    truth: RoomTruth
    settings: RoomSettings

    def __init__(  # noqa: PLR0913 - who, when, where, and what goes wrong
        self,
        patient: Phantom,
        day: PatientDay,
        *,
        settings: RoomSettings,
        started_at: datetime,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        plan: Plan | None = None,
        patient_id: str = "",
    ) -> None:
        raise NotImplementedError
