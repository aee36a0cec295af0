"""What both documents of a review are made of. Models are filled from the values of the same names."""

from dataclasses import asdict
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from isoguide.geometry.frames import Array
from isoguide.review.anatomy_trends import AnatomyAlert
from isoguide.review.dose_trends import DoseAlert

SCHEMA_VERSION: Final = "1.2"
"""Major: a reader of the previous one may break. Minor: fields were added."""


class Record(BaseModel):
    """Strict, immutable, without numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, from_attributes=True)


def alert_values(alert: AnatomyAlert | DoseAlert) -> dict[str, Any]:
    """Return what an alert and its run of days hold, by name."""
    own = asdict(alert)
    run: dict[str, Any] = own.pop("run")
    return run | own


Three = tuple[float, float, float]


class EstimateRecord(Record):
    """A value with both ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


class TrendRecord(Record):
    """Change per fraction, in the unit of what changes."""

    slope: EstimateRecord
    p_slope: float
    theil_sen: EstimateRecord
    p_kendall: float


class TestedRecord(Record):
    """A p value, and the one adjusted for all tests of its kind (Benjamini and Hochberg)."""

    p_value: float
    adjusted: float


class SixRecord(Record):
    """Six numbers along IEC 61217 fixed axes."""

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float
    roll_deg: float
    yaw_deg: float


def six_record(values: Array) -> SixRecord:
    """Return six numbers (6,) by their names."""
    numbers = zip(SixRecord.model_fields, values.tolist(), strict=True)
    return SixRecord(**dict(numbers))


def three(values: Array) -> Three:
    """Return three numbers (3,) as plain ones."""
    first, second, third = values.tolist()
    return first, second, third


class DoseRecord(Record):
    """Imaging dose in one metric; different metrics never add."""

    metric: str
    exposures: int
    total: float
    per_exposure: float
    per_course: float = Field(description="Mean over the courses with a dose in this metric.")
    largest_course: str
    largest: float


class ConductRecord(Record):
    """Counts, and rates per fraction; null without a fraction."""

    fractions: int
    images: int
    images_per_fraction: float | None
    imaged: EstimateRecord | None = Field(description="With a usable image.")
    imaged_again: EstimateRecord | None = Field(
        description="More exposures than the first and, where a corrected position was verified, the second."
    )
    overridden: EstimateRecord | None
    stopped: EstimateRecord | None


class LengthsRecord(Record):
    """Lengths of the shift in mm, of days and of patients' means."""

    mean_mm: float
    median_mm: float
    p95_mm: float
    largest_mm: float
    patient_median_mm: float
    patient_p95_mm: float
    patient_largest_mm: float


class MarginRecord(Record):
    """What one recipe asks for: lateral, longitudinal, vertical, mm."""

    name: str
    formula: str
    assumes: str
    source: str
    checked: str
    mm: tuple[EstimateRecord, ...]
