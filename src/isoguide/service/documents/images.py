"""Pictures as numbers: volumes, structures, dose, radiographs and what is drawn over them."""

from typing import Literal

from pydantic import Field

from isoguide.service.documents.base import Document, ImageKind, Sixteen, Three


class VolumeHeader(Document):
    """Where voxels are; the voxels follow as little-endian int16, i fastest, then j, then k."""

    size: tuple[int, int, int] = Field(description="Voxels along i, j, k.")
    spacing_mm: Three
    origin_mm: Three = Field(description="Centre of voxel (0, 0, 0), LPS.")
    direction: tuple[float, ...] = Field(
        min_length=9, max_length=9, description="3×3 by rows: columns are the directions of i, j, k."
    )
    bytes: int
    address: str = Field(
        description="Where the voxels are fetched; what lies there never changes, so that it may be kept."
    )
    sha256: str = Field(description="Of the bytes.")


class StructureDocument(Document):
    """A structure of the plan as a signed distance (1/32 mm, negative inside) on a grid around it."""

    number: int
    name: str
    color: tuple[int, int, int] = Field(description="ROIDisplayColor.")
    kind: Literal["target", "organ", "external", "other"]
    interpreted_type: str = Field(description="RTROIInterpretedType, such as PTV.")
    distance: VolumeHeader


class DoseDocument(Document):
    """A dose in steps on its own grid: the planned one in the frame of reference of the planning CT."""

    volume: VolumeHeader
    steps_per_gy: int = Field(description="100 for a whole plan: cGy. More for one fraction.")
    largest_gy: float
    prescription_gy: float | None


class WindowPreset(Document):
    """Window centre and width in HU."""

    name: str
    centre_hu: float
    width_hu: float


class PlannedStructures(Document):
    """The structures of the plan: made after the images, which are looked at first."""

    structures: tuple[StructureDocument, ...]
    not_drawn: tuple[str, ...] = Field(
        (), description="Why further structures are not drawn, a sentence each."
    )


class UltrasoundMasks(Document):
    """How far the sound reached, and where it says nothing of the tissue: each below zero inside."""

    fan: VolumeHeader
    shadow: VolumeHeader | None = Field(
        description="Behind bone or gas; null where nothing lies in a shadow."
    )


class UltrasoundReference(Document):
    """The ultrasound of the simulation: brightness 0 to 255, -32768 where nothing was seen."""

    volume: VolumeHeader
    masks: UltrasoundMasks
    taken_at: str
    windows: tuple[WindowPreset, ...] = Field(description="Of brightness.")


class PlanningPictures(Document):
    """What is drawn of the plan, but for its structures."""

    volume: VolumeHeader = Field(description="The planning CT.")
    ultrasound: UltrasoundReference | None = Field(description="Null where the simulation took none.")
    taken_at: str
    patient_position: str
    frame_of_reference_uid: str
    isocentre_mm: Three
    dose: DoseDocument | None
    no_dose_because: str = Field(description="Why there are no isodoses; empty where there are.")
    windows: tuple[WindowPreset, ...]


class ViewDocument(Document):
    """A radiograph: grey values for display as uint8, row by row, and its geometry.

    Positions in a view are (column, row); whole numbers are the middles of pixels.
    """

    index: int
    name: str
    columns: int
    rows: int
    pixel_mm: float = Field(description="Size of a pixel at the isocentre.")
    address: str
    sha256: str = Field(description="Of the grey values.")
    isocentre: tuple[float, float] = Field(description="Where the machine isocentre is in the view.")
    right_axis: Three = Field(description="Direction in which columns grow: a unit vector, daily LPS.")
    down_axis: Three = Field(description="Direction in which rows grow: a unit vector, daily LPS.")
    left: str = Field(description="Letters of the patient's side at the left edge; two where oblique.")
    right: str
    top: str
    bottom: str


class DailyPictures(Document):
    """The day's image."""

    uid: str
    kind: ImageKind
    acquired_at: str
    volume: VolumeHeader | None = Field(
        description="A CT, or an ultrasound volume: brightness 0 to 255, -32768 where nothing was seen."
    )
    ultrasound: UltrasoundMasks | None = Field(description="Of an ultrasound volume.")
    matched_to: Literal["planning CT", "ultrasound reference"] = Field(
        description="What the engine matches the image to. Ultrasound matched to the CT is for review."
    )
    views: tuple[ViewDocument, ...]
    is_hounsfield: bool = Field(description="False for grey values that are no Hounsfield units.")
    machine_isocentre_mm: Three = Field(description="Daily LPS.")
    uncorrected: Sixteen = Field(description="planning_from_daily of a patient who needs no correction.")
    windows: tuple[WindowPreset, ...]


class ShadowRequest(Document):
    """Where the patient is taken to lie."""

    planning_from_daily: Sixteen
    is_quick: bool = Field(
        default=False,
        description="A DRR of the same size with half the detail, soon: for a pose that is about to be left. "
        "Nobody decides on it.",
    )


class OutlineDocument(Document):
    """A structure in projection, in pixels (column, row) of the view."""

    name: str
    color: tuple[int, int, int]
    lines: tuple[tuple[tuple[float, float], ...], ...]


class MarkerPlace(Document):
    """An implanted marker in a view, in pixels (column, row)."""

    name: str
    expected: tuple[float, float]
    found: tuple[float, float] | None
    tolerance_px: float


class ShadowOverlays(Document):
    """What lies over a radiograph for a pose."""

    isocentre: tuple[float, float] = Field(description="Of the plan, in this pose.")
    outlines: tuple[OutlineDocument, ...]
    markers: tuple[MarkerPlace, ...]
    were_markers_sought: bool = Field(
        default=False,
        description="Whether the match looked for markers: where it did not, none is found and none lost.",
    )


class RegionResidualDocument(Document):
    """How one region would still like to move after the match."""

    centre_mm: Three = Field(description="Planning LPS.")
    shift_mm: Three
    similarity: float | None


class MatchFigures(Document):
    """Why to believe the engine's match; the figures are null where there are none."""

    image_uid: str
    not_available_because: str = Field(default="", description="One sentence; empty where the figures hold.")
    similarity: float | None
    overlap_fraction: float | None
    starts_agreeing: tuple[int, int] = Field(
        description="Starts that ended at the answer, of how many; (0, 0) where there are no starts."
    )
    largest_at_target_mm: float | None = Field(description="95 % of the error at the target.")
    weakest_direction: str
    residuals: tuple[RegionResidualDocument, ...]
    region_centre_mm: Three | None
    region_size_mm: Three | None
