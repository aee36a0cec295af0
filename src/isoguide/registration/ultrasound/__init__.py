"""Where the day's ultrasound lies relative to the plan: matched to its own reference."""

from isoguide.registration.ultrasound.same import register_ultrasound
from isoguide.registration.ultrasound.same_reference import PreparedUltrasound, prepare_ultrasound
from isoguide.registration.ultrasound.settings import UltrasoundSettings

__all__ = ["PreparedUltrasound", "UltrasoundSettings", "prepare_ultrasound", "register_ultrasound"]
