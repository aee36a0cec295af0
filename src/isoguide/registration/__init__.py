"""Where the day's image lies relative to the plan, how sure that is, and why to believe it."""

from isoguide.registration.engine import register_volumes
from isoguide.registration.planning import PreparedPlanning, prepare_planning
from isoguide.registration.radiographs.engine import register_radiographs
from isoguide.registration.radiographs.planning import PreparedRadiographs, prepare_radiographs
from isoguide.registration.radiographs.result import RadiographRegistration, WithoutDepth
from isoguide.registration.radiographs.settings import RadiographSettings
from isoguide.registration.result import Quality, Registration, Uncertainty, Verdict
from isoguide.registration.settings import MatchSettings, Region

__all__ = [
    "MatchSettings",
    "PreparedPlanning",
    "PreparedRadiographs",
    "Quality",
    "RadiographRegistration",
    "RadiographSettings",
    "Region",
    "Registration",
    "Uncertainty",
    "Verdict",
    "WithoutDepth",
    "prepare_planning",
    "prepare_radiographs",
    "register_radiographs",
    "register_volumes",
]
