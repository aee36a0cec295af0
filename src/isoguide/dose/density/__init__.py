"""The density of the day, for dose: planning CT in the day's body, or the day's image in Hounsfield units."""

from isoguide.dose.density.methods import (
    DEFAULT_CLASSES,
    TissueClass,
    density_images,
    shading_corrected,
    stitched_override,
    virtual_ct,
)
from isoguide.dose.density.outline import body_of_ct, outlined_body, outlines_of
from isoguide.dose.density.result import DensityImage, DensityMethod, Disagreement, disagreement
from isoguide.dose.density.warp import warped_planning

__all__ = [
    "DEFAULT_CLASSES",
    "DensityImage",
    "DensityMethod",
    "Disagreement",
    "TissueClass",
    "body_of_ct",
    "density_images",
    "disagreement",
    "outlined_body",
    "outlines_of",
    "shading_corrected",
    "stitched_override",
    "virtual_ct",
    "warped_planning",
]
