"""Set-up radiographs computed from the planning CT: what the first kV pair of a day is compared with.

As a set-up beam is seen from its source (beam's eye view, collimator at 0°): columns grow along +X of the IEC
gantry, rows along -Y, so that the gantry is at the top (DICOM PS3.3 C.8.8.2, RT Image plane).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition, Plan
from isoguide.projection.materials import attenuation_of
from isoguide.projection.project import project_volume
from isoguide.workflow.pictures import grey_picture
from isoguide.workflow.reference_pictures import PIXELS, ReferencePicture
from isoguide.workflow.words import orientation_letter

ENERGY_KEV: Final = 40.0
"""Bone stands out against soft tissue more than at the 60 keV or so of an image at 120 kV."""
SAD_MM, SID_MM = 1000.0, 1500.0
FIELD_MM: Final = 400.0
"""Edge of the square that is shown, at the isocentre."""
SHOWN_PERCENTILES: Final = (10.0, 99.9)
"""Darkest and brightest part of the patient's shadow; markers of gold may be brighter still."""
GAMMA: Final = 1.8
"""Bones stand out when the dark half of the scale is compressed."""
LATERAL_DEG: Final = (90.0, 270.0)


def setup_angles_deg(plan: Plan) -> tuple[float, float]:
    """Return the gantry angles of the two radiographs: 0° and, from the set-up fields, 90° or 270°.

    90° where the plan has no lateral set-up field.
    """
    fields = [beam for beam in plan.beams if not beam.is_treatment and beam.control_points]
    angles = [beam.control_points[0].gantry_deg % 360.0 for beam in fields]
    return 0.0, next((angle for angle in angles if angle in LATERAL_DEG), LATERAL_DEG[0])


def setup_drrs(
    volume: Volume,
    isocentre_mm: Array,
    patient_position: PatientPosition,
    gantry_deg: Sequence[float] = (0.0, LATERAL_DEG[0]),
    *,
    pixels: int = PIXELS,
) -> tuple[ReferencePicture, ...]:
    """Draw the planned patient as the source at each gantry angle sees him, couch at 0°.

    Parameters
    ----------
    volume
        Planning CT in Hounsfield units, frame PLANNING.
    isocentre_mm
        In the middle of every picture, (3,).
    patient_position
        Of the plan.
    gantry_deg
        Angles of the source.
    pixels
        Rows and columns of the pictures.

    Raises
    ------
    MissingEvidenceError
        If the image has no Hounsfield units.
    GeometryError
        If the position is not supported.
    """
    planning_from_fixed = fixed_from_planning(patient_position, isocentre_mm).inverse()
    views = [setup_view(angle, pixels).in_frame(planning_from_fixed) for angle in gantry_deg]
    shadows = project_volume(attenuation_of(volume, ENERGY_KEV), volume.grid, views)
    return tuple(
        ReferencePicture.of(
            "set-up DRR", f"gantry {angle:g}°", grey_picture(_grey(shadow)), view_letters(view)
        )
        for angle, view, shadow in zip(gantry_deg, views, shadows, strict=True)
    )


def setup_view(gantry_deg: float, pixels: int) -> XrayView:
    """Return the view of a source on the gantry that shows :data:`FIELD_MM` about the isocentre, in FIXED."""
    spacing_mm = FIELD_MM / pixels * SID_MM / SAD_MM
    return gantry_view(
        gantry_deg,
        sad_mm=SAD_MM,
        sid_mm=SID_MM,
        size=(pixels, pixels),
        pixel_spacing_mm=(spacing_mm, spacing_mm),
    )


def view_letters(view: XrayView) -> tuple[str, str, str, str]:
    """Letters of the sides of the body at the left, right, top and bottom edge; a view in a patient frame."""
    return (
        orientation_letter(-view.row_direction),
        orientation_letter(view.row_direction),
        orientation_letter(-view.column_direction),
        orientation_letter(view.column_direction),
    )


def _grey(shadow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale line integrals to 0 to 1, dense parts bright."""
    body = shadow[shadow > 0.05 * shadow.max()]
    if body.size == 0:
        return np.zeros_like(shadow)
    low, high = (float(value) for value in np.percentile(body, SHOWN_PERCENTILES))
    scaled = np.clip((shadow - low) / max(high - low, 1e-6), 0.0, 1.0)
    return np.asarray(scaled**GAMMA, dtype=np.float32)
