"""Phantom files: where the beads of a calibration phantom are, and the rough views of its images."""

from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import Field, model_validator

from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.xray_view import XrayView
from isoguide.workflow.radiographs.strict_json import read_json
from isoguide.workflow.radiographs.view_section import Point, ViewSection
from isoguide.workflow.strict_toml import Section

LARGEST_RATIO: Final = 1.5
"""Beads are found by their size: the largest may be so much larger than the smallest."""


class Bead(Section):
    """A dense ball."""

    position_mm: Point = Field(description="Of its middle, IEC fixed, with the phantom as it stood.")
    diameter_mm: Annotated[float, Field(gt=0.0, le=20.0)]


class RoughView(ViewSection):
    """A view as far as it is known, in IEC fixed."""

    name: str = Field(min_length=1)


class PhantomFile(Section):
    """Beads and, for each image in turn, a rough view."""

    beads: tuple[Bead, ...] = Field(min_length=1)
    views: tuple[RoughView, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _beads_are_alike(self) -> "PhantomFile":
        diameters = [bead.diameter_mm for bead in self.beads]
        if max(diameters) > LARGEST_RATIO * min(diameters):
            msg = f"beads of {min(diameters):g} to {max(diameters):g} mm differ too much: list one size"
            raise ValueError(msg)
        return self

    @property
    def beads_mm(self) -> Array:
        """Positions (n, 3)."""
        return np.array([bead.position_mm for bead in self.beads])

    def diameter_px(self, view: XrayView) -> float:
        """Return the diameter of the shadow of a bead in the middle of the phantom."""
        depth_mm = float((self.beads_mm.mean(axis=0) - view.source_mm) @ view.normal)
        mean_mm = float(np.mean([bead.diameter_mm for bead in self.beads]))
        magnification = view.source_detector_distance_mm / depth_mm
        return mean_mm * magnification / float(np.mean(view.pixel_spacing_mm))


def load_phantom(path: Path | str) -> tuple[PhantomFile, tuple[XrayView, ...]]:
    """Read a phantom file, and its rough views in FIXED.

    Raises
    ------
    MissingEvidenceError, UnreadableError, InputError
        If there is no such file, it is not JSON, or says something impossible.
    GeometryError
        If the axes of a rough view are not orthonormal.
    """
    phantom = read_json(Path(path), PhantomFile, "phantom file")
    return phantom, tuple(view.view(FIXED) for view in phantom.views)
