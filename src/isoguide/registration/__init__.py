"""Where the day's image lies relative to the plan, how sure that is, and why to believe it."""

from isoguide.registration.engine import register_volumes
from isoguide.registration.planning import PreparedPlanning, prepare_planning
from isoguide.registration.result import Quality, Registration, Uncertainty, Verdict
from isoguide.registration.settings import MatchSettings, Region

__all__ = [
    "MatchSettings",
    "PreparedPlanning",
    "Quality",
    "Region",
    "Registration",
    "Uncertainty",
    "Verdict",
    "prepare_planning",
    "register_volumes",
]
