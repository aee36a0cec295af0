"""Set-up radiographs computed from the planning CT: what the first kV pair of a day is compared with.

As a set-up beam is seen from its source (beam's eye view, collimator at 0°): columns grow along +X of the IEC
gantry, rows along -Y, so that the gantry is at the top (DICOM PS3.3 C.8.8.2, RT Image plane).
"""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.volume import Volume
from isoguide.plan import Beam, PatientPosition, Plan
from isoguide.projection.materials import water_and_bone
from isoguide.projection.project import project_volume
from isoguide.projection.spectrum import attenuation_per_mm
from isoguide.workflow.pictures import Picture, grey_picture
from isoguide.workflow.reference_pictures import PIXELS, ReferencePicture
from isoguide.workflow.words import orientation_letter

Float32 = NDArray[np.float32]
Weights = Literal["all", "bone", "soft"]
WEIGHTS: Final[tuple[Weights, ...]] = get_args(Weights)
"""What of the patient casts the shadow: bone and soft tissue add up to all."""

ENERGY_KEV: Final = 40.0
"""Bone stands out against soft tissue more than at the 60 keV or so of an image at 120 kV."""
SAD_MM, SID_MM = 1000.0, 1500.0
FIELD_MM: Final = 400.0
"""Edge of the square that is shown, at the isocentre."""
SHOWN_PERCENTILES: Final = (1.0, 99.9)
"""Darkest and brightest part of the patient's shadow; markers of gold may be brighter still."""
SHOWN_SHARE: Final = 0.6
"""Middle of the picture, along an edge, that this is taken from: shoulders would darken the rest."""
GAMMA: Final = 1.8
"""Bones stand out when the dark half of the scale is compressed; bones alone need no help."""
LATERAL_DEG: Final = (90.0, 270.0)


def setup_fields(plan: Plan) -> tuple[Beam, ...]:
    """Return the set-up fields of a plan in its order; names decide nothing.

    They are fields of the delivery type SETUP (PS3.3 C.8.8.14). Some planning systems write TREATMENT for
    them and give them no meterset: such a field counts where other fields of the plan do have one.
    """
    are_computed = any(beam.is_treatment and beam.meterset_mu is not None for beam in plan.beams)
    return tuple(
        beam
        for beam in plan.beams
        if beam.control_points
        and (
            beam.delivery_type == "SETUP" or (are_computed and beam.is_treatment and beam.meterset_mu is None)
        )
    )


def setup_angles_deg(plan: Plan) -> tuple[float, float]:
    """Return the gantry angles of the two radiographs: 0° and, from the set-up fields, 90° or 270°.

    90° where the plan has no lateral set-up field.
    """
    angles = [beam.control_points[0].gantry_deg % 360.0 for beam in setup_fields(plan)]
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
    return tuple(
        ReferencePicture.of("set-up DRR", f"gantry {angle:g}°", shadow_picture(shadow), view_letters(view))
        for angle, view, shadow in zip(gantry_deg, views, shadows(volume, views), strict=True)
    )


def shadows(volume: Volume, views: Sequence[XrayView], weights: Weights = "all") -> Float32:
    """Return the line integrals (views, rows, columns) of the attenuation at :data:`ENERGY_KEV`.

    Parameters
    ----------
    volume
        Planning CT in Hounsfield units.
    views
        In its frame, all with one detector size.
    weights
        Everything, or only what the decomposition into water and bone calls bone or soft tissue.

    Raises
    ------
    MissingEvidenceError
        If the image has no Hounsfield units.
    GeometryError
        If a view has another frame or size.
    """
    water, bone = water_and_bone(volume).fractions
    water_per_mm, bone_per_mm = (
        np.float32(attenuation_per_mm(material, np.array([ENERGY_KEV]))[0]) for material in ("water", "bone")
    )
    if weights == "bone":
        attenuation = bone * bone_per_mm
    elif weights == "soft":
        attenuation = water * water_per_mm
    else:
        attenuation = water * water_per_mm + bone * bone_per_mm
    return project_volume(attenuation, volume.grid, views)


def setup_view(
    gantry_deg: float,
    pixels: int,
    *,
    field_mm: float = FIELD_MM,
    sad_mm: float = SAD_MM,
    sid_mm: float = SID_MM,
) -> XrayView:
    """Return the view of a source on the gantry that shows a square about the isocentre, in FIXED.

    Parameters
    ----------
    gantry_deg
        Angle of the source.
    pixels
        Rows and columns.
    field_mm
        Edge of the square at the isocentre.
    sad_mm, sid_mm
        From the source to the isocentre and to the detector.

    Raises
    ------
    GeometryError
        If a number is not positive.
    """
    spacing_mm = field_mm / pixels * sid_mm / sad_mm
    return gantry_view(
        gantry_deg,
        sad_mm=sad_mm,
        sid_mm=sid_mm,
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


def shadow_picture(shadow: Float32, weights: Weights = "all") -> Picture:
    """Draw line integrals (rows, columns), dense parts bright; shape (rows, columns, 3)."""
    low, high = shown_range(shadow)
    scaled = np.clip((shadow - low) / max(high - low, 1e-6), 0.0, 1.0)
    return grey_picture(np.asarray(scaled if weights == "bone" else scaled**GAMMA, dtype=np.float32))


def shown_range(shadow: Float32) -> tuple[float, float]:
    """Return what of line integrals (rows, columns) is drawn black and white: about the isocentre."""
    margins = [round(size * (1.0 - SHOWN_SHARE) / 2.0) for size in shadow.shape]
    middle = shadow[tuple(slice(n, size - n) for n, size in zip(margins, shadow.shape, strict=True))]
    body = middle[middle > 0.05 * middle.max()]
    if body.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(body, SHOWN_PERCENTILES))
    return low, high
