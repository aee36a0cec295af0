"""What the day's image is like: size, field of view, grey values and artefacts."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class DailySettings:
    """What the day's image is like.

    Parameters
    ----------
    shape
        Voxels ``[k, j, i]``.
    spacing_mm
        Voxel size along x, y, z.
    centre_offset_mm
        Centre of the grid minus the machine isocentre, x, y, z.
    jitter_mm
        The centre is moved by up to this much on top, at random, so that voxels never coincide by design.
    is_hounsfield
        True for a calibrated CT, False for cone-beam grey values.
    field_of_view_mm
        Diameter of the cylinder about the rotation axis that the image shows; None shows everything.
    cone_ends_mm
        How much shorter the cylinder is at its rim than on its axis, at each end.
    fill_value
        Grey value where nothing was imaged; vendors write 0, -1000 or -1024.
    value_scale, value_shift
        Grey value = scale × (HU + 1000) - 1000 + shift.
    cupping
        Loss in the middle of the patient, HU.
    shading
        Amplitude of slow brightness changes, HU (standard deviation), as scatter leaves behind.
    streaks
        Amplitude of line artefacts from the densest spots, HU (standard deviation near the spot).
    rings
        Amplitude of rings about the rotation axis, HU (standard deviation).
    noise
        Standard deviation of the noise, HU.
    noise_grain_mm
        Correlation length of the noise in the axial plane.
    blur_mm
        Standard deviation of the additional blur, in plane and along z.
    remove_couch
        Take the simulator's couch out first.
    couch
        Put another couch under the patient, fixed in the room.
    deformation_mm
        Largest displacement of soft tissue away from bones and target.
    gas_pockets
        New bowel gas, a number of bubbles in soft tissue away from the target.
    metal_seeds
        Dense spots of 4 mm inside the patient.
    """

    shape: tuple[int, int, int] = (90, 256, 256)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0)
    centre_offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    jitter_mm: float = 2.0
    is_hounsfield: bool = True
    field_of_view_mm: float | None = None
    cone_ends_mm: float = 0.0
    fill_value: int = -1024
    value_scale: float = 1.0
    value_shift: float = 0.0
    cupping: float = 0.0
    shading: float = 0.0
    streaks: float = 0.0
    rings: float = 0.0
    noise: float = 0.0
    noise_grain_mm: float = 0.8
    blur_mm: tuple[float, float] = (0.0, 0.0)
    remove_couch: bool = True
    couch: bool = False
    deformation_mm: float = 0.0
    gas_pockets: int = 0
    metal_seeds: int = 0

    def with_changes(self, **changes: Any) -> "DailySettings":
        """Return the same settings with some replaced by name.

        Raises
        ------
        TypeError
            If a name is unknown.
        """
        return replace(self, **changes)

    @classmethod
    def exact(cls) -> "DailySettings":
        """Nothing but the displacement: for tests of geometry."""
        return cls(jitter_mm=0.0, remove_couch=False)

    @classmethod
    def cone_beam(cls) -> "DailySettings":
        """Return settings of a linac's cone-beam CT with a 25 cm field of view."""
        return cls(
            is_hounsfield=False,
            field_of_view_mm=250.0,
            cone_ends_mm=12.0,
            value_scale=0.88,
            value_shift=35.0,
            cupping=90.0,
            shading=18.0,
            streaks=25.0,
            rings=5.0,
            noise=35.0,
            blur_mm=(0.4, 0.4),
            couch=True,
        )

    @classmethod
    def repeat_ct(cls) -> "DailySettings":
        """Return settings of a helical CT of the treatment day."""
        return cls(
            shape=(90, 320, 320), spacing_mm=(1.1, 1.1, 2.5), noise=12.0, noise_grain_mm=0.7, couch=True
        )
