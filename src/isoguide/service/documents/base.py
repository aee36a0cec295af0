"""What all documents share, and the numbers that many of them hold."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from isoguide.course import AXES
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose

ImageKind = Literal["volume", "radiographs", "ultrasound"]
"""A CT or cone-beam CT, radiographs taken together, or an ultrasound volume."""
Three = tuple[float, float, float]
Sixteen = Annotated[
    tuple[float, ...],
    Field(min_length=16, max_length=16, description="A 4×4 matrix by rows, DICOM LPS, mm."),
]


def three(values: Array) -> Three:
    """Return three numbers (3,) as a document has them."""
    x, y, z = (float(value) for value in values)
    return x, y, z


class Document(BaseModel):
    """Strict, immutable, without numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, from_attributes=True)


class Six(Document):
    """How the couch has to move: first the shift, then the turn about the machine isocentre (IEC 61217)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "lateral_mm": -3.1,
                    "longitudinal_mm": 2.4,
                    "vertical_mm": 0.7,
                    "pitch_deg": 0.3,
                    "roll_deg": -0.1,
                    "yaw_deg": 0.8,
                }
            ]
        }
    )

    lateral_mm: float = Field(description="To the right for somebody at the foot of the couch.")
    longitudinal_mm: float = Field(description="Towards the gantry.")
    vertical_mm: float = Field(description="Up.")
    pitch_deg: float
    roll_deg: float
    yaw_deg: float

    @classmethod
    def of(cls, correction: CouchCorrection) -> Self:
        """Return a correction as a document."""
        return cls(**{name: getattr(correction, name) for name in AXES})

    @classmethod
    def of_array(cls, values: Array) -> Self:
        """Return six numbers (6,) as a document."""
        return cls(**dict(zip(AXES, values.tolist(), strict=True)))

    def correction(self) -> CouchCorrection:
        """Return it as the domain knows it."""
        return CouchCorrection(**self.model_dump())


class CouchPose(Document):
    """Absolute readings of the couch drives (IEC 61217)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0}],
        }
    )

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    support_deg: float = Field(0.0, description="Isocentric rotation of the couch.")
    eccentric_deg: float = 0.0
    eccentric_distance_mm: float = 0.0

    @classmethod
    def of(cls, pose: TableTopPose) -> Self:
        """Return a pose as a document."""
        return cls(**{name: getattr(pose, name) for name in cls.model_fields})

    def pose(self) -> TableTopPose:
        """Return it as the domain knows it."""
        return TableTopPose(**self.model_dump())
