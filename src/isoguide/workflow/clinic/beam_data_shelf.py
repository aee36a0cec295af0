"""The beam data that a department may compute doses with: those that ship, and those of its own machines."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from isoguide.dose.beam_data import BeamData
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.plan import Plan
from isoguide.workflow.beam_data import choose_beam_data, read_beam_data, shipped_machines
from isoguide.workflow.clinic.pictures.plan_scene import PlanScene

OWN_BEAM_DATA: Final = "beam-data"
"""Folder beside that of the images with the beam data of a department's own machines."""
SUFFIX: Final = ".json"


@cache
def _shipped(name: str) -> BeamData:
    return read_beam_data(name)


@dataclass(frozen=True, slots=True)
class BeamDataShelf:
    """The beam data that a department may compute with: those that ship, and its own.

    Parameters
    ----------
    folder
        Where its own lie, one file for each, named after it; need not be there.
    """

    folder: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of all of them, the department's own first; an own one hides one that ships."""
        own = sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}"))
        return (*own, *(name for name in shipped_machines() if name not in own))

    def read(self, name: str) -> BeamData:
        """Return those of a name.

        Raises
        ------
        MissingEvidenceError
            If there are none of that name.
        InputError
            If its file cannot be used.
        """
        known = self.names()
        if name not in known:  # a name comes from a page: it is never taken for a path
            msg = f"there are no beam data '{name}': choose one of {', '.join(known) or 'none'}"
            raise MissingEvidenceError(msg)
        own = self.folder / f"{name}{SUFFIX}"
        return read_beam_data(own) if own.is_file() else _shipped(name)

    def chosen(self, plan: PlanScene, name: str | None) -> tuple[BeamData, tuple[str, ...]]:
        """Return the beam data for a plan, and what is assumed about them.

        Parameters
        ----------
        plan
            Of a course.
        name
            Of beam data; None for those of the machine that the plan names.

        Raises
        ------
        MissingEvidenceError
            If the course has no plan, there are no beam data of the name, or none for the plan's machine.
        InputError
            If a file cannot be used, or several are for the plan's machine.
        """
        planned = plan_of(plan)
        if name is not None:
            wanted = self.read(name)
            return choose_beam_data(planned, [wanted], chosen=wanted.name)
        try:
            return choose_beam_data(planned, [self.read(one) for one in self.names()])
        except MissingEvidenceError as error:
            machines = " and ".join(sorted({f"'{one.machine}'" for one in planned.beams if one.is_treatment}))
            msg = (
                f"there are no beam data for the machine {machines or 'of no treatment beam'} of plan "
                f"'{planned.label}': choose which stand for them, or put those of the machine into "
                f"{self.folder.name}"
            )
            raise MissingEvidenceError(msg) from error

    def problem(self, plan: PlanScene) -> str:
        """Say why the beam data have to be named by who asks; empty where the plan's machine has some."""
        try:
            self.chosen(plan, None)
        except InputError as error:
            return str(error)
        return ""


def plan_of(plan: PlanScene) -> Plan:
    """Return the beams of a course.

    Raises
    ------
    MissingEvidenceError
        If it has no plan.
    """
    if plan.planning.plan is None:
        course_id = plan.course.line.course_id
        msg = f"course {course_id} has no plan, so nobody knows its beams: register it with its plan"
        raise MissingEvidenceError(msg)
    return plan.planning.plan
