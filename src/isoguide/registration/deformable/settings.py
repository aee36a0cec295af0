"""How hard a deformable registration tries: plain values, so that a result can carry and repeat them."""

from dataclasses import asdict, dataclass, replace

from isoguide.errors import InputError

MOST_SAMPLES = 3.0e6
"""A box of as many samples is registered in some seconds on two cores."""


@dataclass(frozen=True, slots=True)
class DeformableSettings:
    """How a deformable registration is made.

    Parameters
    ----------
    spacing_mm
        Distance of the samples of the images at the finest level, at most.
    finest_mm
        Where the planned body is small, samples are closer together than that, down to this.
    steps_per_node
        Samples from node to node of the displacement field: the nodes lie ``spacing_mm`` times this apart.
    levels
        Resolutions, each twice as coarse as the next.
    iterations
        At most so many Gauss-Newton steps per level.
    smoothness
        How stiff tissue is: the larger, the less a displacement may change from place to place.
    bending_mm2
        How stiff tissue is against a change of its stretch from place to place; even growth costs nothing.
    bone_stiffness
        How many times stiffer bone is; it may turn freely.
    largest_mm
        How far the coarse search looks.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    spacing_mm: float = 2.0
    finest_mm: float = 1.0
    steps_per_node: int = 2
    levels: int = 3
    iterations: int = 20
    smoothness: float = 1.0
    bending_mm2: float = 60.0
    bone_stiffness: float = 50.0
    largest_mm: float = 24.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.spacing_mm <= 10.0:
            msg = f"images are registered at 0.5 to 10 mm, not at {self.spacing_mm:g} mm"
            raise InputError(msg)
        if not (1 <= self.steps_per_node <= 8 and 1 <= self.levels <= 6 and self.iterations >= 1):
            msg = "a deformable registration needs 1 to 8 samples per node, 1 to 6 levels and 1 or more steps"
            raise InputError(msg)
        if not (self.smoothness > 0.0 and 0.0 <= self.largest_mm <= 100.0):
            msg = "smoothness must be positive, and the coarse search reach 0 to 100 mm"
            raise InputError(msg)

    @property
    def node_mm(self) -> float:
        """Distance of the nodes of the displacement field."""
        return self.spacing_mm * self.steps_per_node

    def fitted_to(self, volume_mm3: float, voxel_mm: float) -> "DeformableSettings":
        """Return the settings for a box: samples as close as its size and the image's voxels allow.

        Parameters
        ----------
        volume_mm3
            Of the box that is solved.
        voxel_mm
            Smallest edge of the image's voxels.
        """
        for finer, steps, more in ((1.0, 3, 1), (1.5, 2, 0)):
            worth = max(self.finest_mm, 0.8 * voxel_mm) <= finer < self.spacing_mm
            if worth and volume_mm3 / finer**3 <= MOST_SAMPLES:
                return replace(self, spacing_mm=finer, steps_per_node=steps, levels=self.levels + more)
        return self

    def as_record(self) -> dict[str, object]:
        """Plain values for the result's provenance."""
        return asdict(self)
