"""Image-guided radiation therapy: align the day's image to the plan, and say how sure it is.

Not a medical device. Lengths are millimetres, angles degrees, patient coordinates DICOM LPS, and couch
corrections IEC 61217; ``docs/conventions.md`` states each of them once, as code that runs.

The few names here are the doors. Each is loaded when first used, so that ``import isoguide`` costs nothing.
The library never prints and is silent by default; ``logging.getLogger("isoguide")`` hears what it does.
"""

import logging
from typing import TYPE_CHECKING, Final

from isoguide.errors import IsoguideError

if TYPE_CHECKING:
    from isoguide.dicom import load_daily_set, load_planning_set
    from isoguide.geometry.correction import CouchCorrection, couch_correction
    from isoguide.registration import MatchSettings, Registration, Verdict, prepare_planning, register_volumes
    from isoguide.workflow.align import align
    from isoguide.workflow.request import AlignRequest

__version__ = "0.1.0"

__all__ = [
    "AlignRequest",
    "CouchCorrection",
    "IsoguideError",
    "MatchSettings",
    "Registration",
    "Verdict",
    "align",
    "couch_correction",
    "load_daily_set",
    "load_planning_set",
    "prepare_planning",
    "register_volumes",
]

_HOMES: Final = {
    "AlignRequest": "workflow.request",
    "CouchCorrection": "geometry.correction",
    "MatchSettings": "registration",
    "Registration": "registration",
    "Verdict": "registration",
    "align": "workflow.align",
    "couch_correction": "geometry.correction",
    "load_daily_set": "dicom",
    "load_planning_set": "dicom",
    "prepare_planning": "registration",
    "register_volumes": "registration",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())

if (
    not TYPE_CHECKING
):  # a type checker reads the imports above and so still refuses a name that does not exist

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            msg = f"module '{__name__}' has no attribute '{name}'"
            raise AttributeError(msg)
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
