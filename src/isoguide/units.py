"""The unit vocabulary, carried by names (``shift_mm``, ``gantry_deg``), and the few converters.

Lengths are millimetres and angles are degrees in every signature; radians live only in a local ``*_rad``.
"""

MM_PER_CM = 10.0
MM_PER_M = 1000.0
MM_PER_MICROMETRE = 1e-3


def wrap_deg(angle_deg: float) -> float:
    """Bring an angle into (-180, 180], so that 358.03 reads as -1.97.

    Raises
    ------
    ValueError
        If the angle is not finite.
    """
    wrapped_deg = 180.0 - (180.0 - angle_deg) % 360.0
    if wrapped_deg != wrapped_deg:  # NaN is the one value that differs from itself
        msg = f"the angle {angle_deg} is not finite"
        raise ValueError(msg)
    return wrapped_deg
