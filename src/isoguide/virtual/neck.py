"""The neck bends: every vertebra and the skull move rigidly, soft tissue follows."""

from dataclasses import dataclass

from isoguide.virtual.setting_limits import require_each

LARGEST_DEG = 10.0


@dataclass(frozen=True, slots=True)
class NeckFlexion:
    """Standard deviations of how far the head is turned against the shoulders, spread over the joints.

    Parameters
    ----------
    systematic_deg, random_deg
        About x (nodding), y (turning sideways in the plane of the couch), z (looking aside): drawn once per
        patient, and every day. Typical magnitudes 1 to 2° [K].

    Raises
    ------
    InputError
        If a value is negative, not finite or beyond 10°.
    """

    systematic_deg: tuple[float, float, float] = (1.0, 0.7, 0.7)
    random_deg: tuple[float, float, float] = (1.5, 0.7, 0.7)

    def __post_init__(self) -> None:
        for name in ("systematic_deg", "random_deg"):
            require_each(f"neck flexion {name}", getattr(self, name), 0.0, LARGEST_DEG)
