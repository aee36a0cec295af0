"""Where the day's ultrasound lies relative to the plan, by its own reference or by the planning CT."""

from isoguide.registration.ultrasound.same import register_ultrasound
from isoguide.registration.ultrasound.same_reference import PreparedUltrasound, prepare_ultrasound
from isoguide.registration.ultrasound.settings import UltrasoundSettings
from isoguide.registration.ultrasound.to_ct import register_ultrasound_to_ct
from isoguide.registration.ultrasound.to_ct_planning import PreparedUltrasoundToCt, prepare_ultrasound_to_ct

__all__ = [
    "PreparedUltrasound",
    "PreparedUltrasoundToCt",
    "UltrasoundSettings",
    "prepare_ultrasound",
    "prepare_ultrasound_to_ct",
    "register_ultrasound",
    "register_ultrasound_to_ct",
]
