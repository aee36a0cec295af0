"""Write the beam data that ship: the generic machine, made from formulas.

Usage: python tools/generic_machine.py [--check]     with --check nothing is written; 1 if the file is stale
"""

import json
import sys
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dose.machine import generic_6mv
from isoguide.workflow.beam_data import BeamDataFile

ROOT: Final = Path(__file__).resolve().parents[1]
PLACE: Final = ROOT / "src" / "isoguide" / "workflow" / "beam_data" / "machines" / "generic-6mv.json"
TOLERANCE: Final = 1e-5
"""Relative; libraries of other processors round otherwise."""


def numbers(value: object) -> list[float]:
    """Return all numbers of a document in their order."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [float(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def text() -> str:
    """Write the generic machine as its file."""
    document = BeamDataFile.of(generic_6mv()).model_dump(mode="json")
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def is_current() -> bool:
    """Whether the file holds the numbers that the formulas give."""
    there, made = (np.array(numbers(json.loads(one))) for one in (PLACE.read_text(encoding="utf-8"), text()))
    largest = np.abs(made).max(initial=0.0) if len(made) else 0.0
    return len(there) == len(made) and bool(np.allclose(there, made, rtol=TOLERANCE, atol=1e-12 * largest))


def main(arguments: list[str]) -> int:
    """Write the file, or say whether it is current."""
    if arguments == ["--check"]:
        return 0 if is_current() else 1
    PLACE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
