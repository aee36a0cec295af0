"""``room.json``: what a virtual treatment room has to know to play the next fractions of a demonstration."""

import json
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from isoguide.errors import MissingEvidenceError, OutputError, UnreadableError
from isoguide.workflow.scenario import Scenario
from isoguide.workflow.strict_toml import Section

ROOM_FILE: Final = "room.json"


class StationFile(Section):
    """Who lies in the virtual room, on which days, and how fast it works.

    The gantry and the scan are those of a machine in a ring, so that a person who watches need not wait for a
    minute and a half.
    """

    format: Literal[1] = 1
    course_id: str = Field(min_length=1, description="The course in the records.")
    first_fraction: int = Field(ge=1, description="The first fraction that is played here.")
    scenario: Scenario = Field(description="Patient, days and room; the last day is the last that is played.")
    gantry_deg_s: float = Field(default=24.0, ge=0.1, le=100.0, description="Speed of the gantry.")
    scan_s: float = Field(default=10.0, ge=0.1, le=600.0, description="Duration of a cone-beam scan.")

    def plays(self, number: int) -> bool:
        """Tell whether a fraction is played here."""
        return self.first_fraction <= number <= self.scenario.fractions


def write_station_file(file: StationFile, folder: Path) -> Path:
    """Write it into a folder, and return where.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = folder / ROOM_FILE
    # A scenario is what was said: with its defaults written out it would contradict itself.
    said = {name: getattr(file, name) for name in ("format", "gantry_deg_s", "scan_s")}
    document = said | file.model_dump(mode="json", exclude_unset=True)
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {path} ({error.strerror}): free some space or choose another folder"
        raise OutputError(msg) from error
    return path


def read_station_file(folder: Path) -> StationFile:
    """Read that of a demonstration's folder.

    Raises
    ------
    MissingEvidenceError
        If there is none.
    UnreadableError
        If it is not what a demonstration writes; the message names the first key that is wrong.
    """
    path = folder / ROOM_FILE
    if not path.is_file():
        msg = f"{folder} has no {ROOM_FILE}, so it is no demonstration: make one with isoguide demo"
        raise MissingEvidenceError(msg)
    try:
        return StationFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        msg = f"{path} is not what a demonstration writes ({where}: {first['msg']}): make it anew"
        raise UnreadableError(msg) from error
    except OSError as error:
        msg = f"cannot read {path} ({error.strerror}): check its rights"
        raise UnreadableError(msg) from error
