"""B-mode ultrasound of a virtual patient.

Every scan line collects echoes: speckle from scatterers that belong to the tissue, and reflections where the
impedance changes, the stronger the squarer the sound meets the boundary. Both are weakened by attenuation and
by what boundaries reflected before, blurred by pulse and beam, mixed with the noise of the receiver,
amplified with depth, and shown on a logarithmic scale. Sound is assumed to go straight at 1540 m/s: no
refraction, no aberration, no reverberation; nor is tissue pressed in by the probe.

Method: convolution of a scatterer field with a separable point spread function (Bamber and Dickinson 1980,
Phys. Med. Biol. 25:463), on demodulated echoes, so that the amplitude of fully developed speckle is Rayleigh
distributed (Wagner et al. 1983, IEEE Trans. Sonics Ultrason. 30:156).
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, ULTRASOUND_IMAGE, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.kernels.speckle import blurred_across_lines, scattered
from isoguide.virtual.acoustics import FLUID, LIVER, MATERIALS, OUTSIDE, AcousticTissue
from isoguide.virtual.ultrasound_probe import UltrasoundProbe

Floats = NDArray[np.float32]

DEPTH_STEP_MM: Final = 0.15
"""Distance of samples along a line, a third of a wavelength at 3.5 MHz; echoes are demodulated."""
CELL_MM: Final = 0.3
"""Edge of a cell of tissue with one scatterer."""
TABLE_SIZE: Final = 1 << 16
PULSE_WAVELENGTHS: Final = 1.5
"""Axial full width at half maximum, in wavelengths: half of a pulse of three cycles."""
BEAM_FACTOR: Final = 1.2
"""Lateral full width at half maximum, in wavelengths times f-number."""
SMALLEST_F_NUMBER: Final = 2.0
"""Nearer than aperture times this, the active aperture shrinks with depth."""
BOUNDARY_MM: Final = 3.0
"""Over this way an impedance step counts as one boundary: voxels blur it."""
FAINTEST_REFLECTION: Final = 0.005
REFLECTION_DB: Final = 42.0
"""Echo of a perfect mirror that the sound meets squarely, against the speckle of liver: an assumption."""
MIRROR_POWER: Final = 4
"""The echo of a boundary goes with this power of the cosine of the angle at which it is met."""
ROUGHNESS: Final = 0.35
"""Share of a boundary's echo that varies from place to place."""
GAIN_DB_CM_MHZ: Final = 0.54
"""Depth gain makes up for average soft tissue."""
GEL_MM: Final = 12.0
"""Gaps between face and skin up to this are filled with gel, which has the impedance of tissue."""
TRACE: Final = 0.001
"""More than this share of a sample outside the skin counts."""
SMOOTHING_VOXELS: Final = 0.7
"""Boundaries of tissues are smoother than voxels."""
LIVER_GREY: Final = 0.5
"""Where the speckle of liver stands on the scale from black to white."""
FWHM: Final = float(2.0 * np.sqrt(2.0 * np.log(2.0)))
NEPER_DB: Final = float(20.0 / np.log(10.0))


class TissueOrigin(Protocol):
    """Says where tissue lies in the planning CT, as a displacement field does."""

    def origin_of(self, points_mm: Array) -> Array:
        """Return places (n, 3) in the planning CT of tissue that is at places (n, 3) now, planning LPS."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScanLines:
    """Amplitudes along the scan lines of a probe, before they are compressed to grey values.

    Parameters
    ----------
    amplitude
        Of the echoes after depth gain, float32 ``[line, depth]``; 1 is the root mean square of liver speckle.
    depths_mm
        Below the face, (depths,).
    """

    amplitude: Floats
    depths_mm: Array


def simulate_ultrasound(
    tissue: AcousticTissue,
    probe: UltrasoundProbe,
    frame_from_image: RigidTransform,
    *,
    rng: np.random.Generator,
    frame_from_planning: RigidTransform | None = None,
    field: TissueOrigin | None = None,
) -> UltrasoundImage:
    """Make an ultrasound image.

    Parameters
    ----------
    tissue
        The patient as in the planning CT.
    probe
        The transducer.
    frame_from_image
        Pose of the probe: from :data:`~isoguide.geometry.frames.ULTRASOUND_IMAGE` to PLANNING or to
        the room.
    rng
        Noise of the receiver. The speckle belongs to the tissue.
    frame_from_planning
        Where the patient lies now; needed when the pose is not in PLANNING.
    field
        How his tissue is displaced against the planning CT.

    Returns
    -------
    UltrasoundImage
        With the pose it was made at, which is the truth.

    Raises
    ------
    GeometryError
        If the frames do not meet.
    """
    planning_from_image = _planning_from_image(frame_from_image, frame_from_planning)
    lines = scan_lines(tissue, probe, planning_from_image, rng=rng, field=field)
    return scan_converted(lines, probe, frame_from_image)


def scan_lines(
    tissue: AcousticTissue,
    probe: UltrasoundProbe,
    planning_from_image: RigidTransform,
    *,
    rng: np.random.Generator,
    field: TissueOrigin | None = None,
) -> ScanLines:
    """Simulate the echoes that an image is made of; parameters as in :func:`simulate_ultrasound`."""
    depths_mm = np.arange(0.5, probe.depth_mm / DEPTH_STEP_MM) * DEPTH_STEP_MM
    places_mm = _places_mm(probe, planning_from_image, depths_mm, field)
    path = _path(tissue, probe, places_mm, depths_mm).for_lines(probe)
    beam = beam_taps(probe, depths_mm)
    echoes = _speckle(tissue, probe, planning_from_image, places_mm)
    # A boundary is thinner than the pulse: a rough one adds fewer independent cells than speckle does.
    rough = np.float32(ROUGHNESS * np.sqrt(_pulse_power(probe)))
    strength = path.brightness + rough * path.reflection
    echoes *= (strength / speckle_rms(probe, beam, depths_mm))[..., None]
    echoes[..., 0] += path.reflection
    echoes *= path.transmission[..., None]
    received = pulsed(blurred_across_lines(echoes, beam), probe)
    received += receiver_noise(probe, received.shape[:2], depths_mm, rng)
    return ScanLines(np.hypot(received[..., 0], received[..., 1]), depths_mm)


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """What happens along the scan lines, float32 ``[line, depth]``.

    ``brightness`` and ``reflection`` are amplitudes of speckle and boundaries against liver speckle,
    ``transmission`` what is left of them on the way there and back, depth gain included.
    """

    brightness: Floats
    reflection: Floats
    transmission: Floats

    def for_lines(self, probe: UltrasoundProbe) -> "_Path":
        """Return it for all lines of a probe, where it was looked up for some."""
        if probe.path_step == 1:
            return self
        whole = [
            np.repeat(one, probe.path_step, axis=0)[: probe.lines]
            for one in (self.brightness, self.reflection, self.transmission)
        ]
        return _Path(*whole)


def _planning_from_image(
    frame_from_image: RigidTransform, frame_from_planning: RigidTransform | None
) -> RigidTransform:
    if frame_from_image.from_frame != ULTRASOUND_IMAGE:
        msg = f"the pose of a probe starts at '{ULTRASOUND_IMAGE}', not at '{frame_from_image.from_frame}'"
        raise GeometryError(msg)
    if frame_from_planning is not None:
        return frame_from_planning.inverse() @ frame_from_image
    if frame_from_image.to_frame != PLANNING:
        msg = (
            f"the probe's pose is in '{frame_from_image.to_frame}' and nothing says where the patient lies "
            "there; give frame_from_planning"
        )
        raise GeometryError(msg)
    return frame_from_image


def _places_mm(
    probe: UltrasoundProbe,
    planning_from_image: RigidTransform,
    depths_mm: Array,
    field: TissueOrigin | None,
) -> Array:
    """Return where in the planning CT the tissue at every sample lies, (line, depth, 3)."""
    on_plane = probe.on_plane_mm(probe.angles_rad[:, None], depths_mm[None, :])
    places_mm = planning_from_image.apply(
        np.concatenate([on_plane, np.zeros((*on_plane.shape[:2], 1))], axis=-1)
    )
    if field is None:
        return places_mm
    lines, depths = places_mm.shape[:2]
    nodes = [
        np.linspace(0, n - 1, max(n // step, 2)).round().astype(int) for n, step in ((lines, 4), (depths, 8))
    ]
    coarse = places_mm[np.ix_(*nodes)]
    pulled = field.origin_of(coarse.reshape(-1, 3)).reshape(coarse.shape) - coarse
    where = np.meshgrid(
        np.interp(np.arange(lines), nodes[0], np.arange(len(nodes[0]))),
        np.interp(np.arange(depths), nodes[1], np.arange(len(nodes[1]))),
        indexing="ij",
    )
    for axis in range(3):
        places_mm[..., axis] += ndimage.map_coordinates(pulled[..., axis], where, order=1, prefilter=False)
    return places_mm


def _speckle(
    tissue: AcousticTissue, probe: UltrasoundProbe, planning_from_image: RigidTransform, places_mm: Array
) -> Floats:
    """Return the demodulated echoes of the scatterers, float32 (line, depth, 2)."""
    table = np.random.default_rng([tissue.seed, TABLE_SIZE]).standard_normal(
        (TABLE_SIZE, 2), dtype=np.float32
    )
    table *= np.float32(np.sqrt(0.5))
    offsets_mm, weights = slice_profile(probe)
    across_mm = offsets_mm[:, None] * planning_from_image.rotation[:, 2]
    flat = scattered(places_mm.reshape(-1, 3), across_mm, weights, table, CELL_MM)
    return flat.reshape(*places_mm.shape[:2], 2)


def _path(tissue: AcousticTissue, probe: UltrasoundProbe, places_mm: Array, depths_mm: Array) -> _Path:
    middles = np.minimum(np.arange(0, probe.lines, probe.path_step) + probe.path_step // 2, probe.lines - 1)
    impedance, attenuation, brightness, outside = _sampled(tissue, places_mm[middles])
    touches = outside[:, min(round(GEL_MM / DEPTH_STEP_MM), len(depths_mm) - 1)] < TRACE
    gel = (outside >= TRACE) & (depths_mm < GEL_MM) & touches[:, None]
    impedance[gel] = np.log(MATERIALS[LIVER].impedance_mrayl)
    attenuation[gel] = MATERIALS[FLUID].attenuation_db_cm_mhz
    brightness[gel] = 10.0 ** (MATERIALS[FLUID].brightness_db / 20.0)
    met, cosine = _boundaries(impedance, probe, depths_mm)
    half = _half_boundary()
    lost_db = np.cumsum(attenuation, axis=1) * np.float32(2.0 * probe.frequency_mhz * DEPTH_STEP_MM / 10.0)
    passed = np.cumsum(np.log1p(-np.minimum(met**2, 0.9999)), axis=1) * np.float32(
        DEPTH_STEP_MM / BOUNDARY_MM
    )
    # What a boundary takes away is missing behind it, not in its own echo.
    lost_db[:, half:] -= np.float32(NEPER_DB) * passed[:, :-half]
    gain_db = _gain_db(probe, depths_mm)
    mirrors = np.where(_peaks(met), met * cosine**MIRROR_POWER, 0.0)
    thin = np.float32(10.0 ** (REFLECTION_DB / 20.0) / _pulse_taps(probe).max())
    return _Path(
        brightness,
        mirrors.astype(np.float32) * thin,
        np.power(10.0, (gain_db - lost_db) / 20.0, dtype=np.float32),
    )


def _sampled(tissue: AcousticTissue, places_mm: Array) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ln impedance, attenuation, brightness and the share of outside at places, trilinear.

    Beyond the image of the patient there is nothing to see, and no boundary at its end.
    """
    index = np.moveaxis(tissue.grid.index(places_mm), -1, 0)[::-1]
    last = np.array(tissue.grid.shape) - 1
    low = np.clip(np.floor(index.min(axis=(1, 2))).astype(int), 0, last)
    high = np.clip(np.ceil(index.max(axis=(1, 2))).astype(int), 0, last) + 1
    box = tissue.materials[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    inside = ((index >= -0.5) & (index <= (last + 0.5)[:, None, None])).all(axis=0)
    tables = np.array(
        [
            [np.log(one.impedance_mrayl) for one in MATERIALS],
            [one.attenuation_db_cm_mhz for one in MATERIALS],
            [one.brightness_db for one in MATERIALS],
            [float(number == OUTSIDE) for number in range(len(MATERIALS))],
        ],
        dtype=np.float32,
    )
    coordinates = (index - low[:, None, None]).astype(np.float32)
    smoothed = [ndimage.gaussian_filter(table[box], SMOOTHING_VOXELS, truncate=2.5) for table in tables]
    sampled = [
        ndimage.map_coordinates(volume, coordinates, order=1, prefilter=False, mode="nearest")
        for volume in smoothed
    ]
    # Between tissues the logarithm changes evenly, so that black fluid ends where its outline is.
    brightness = np.power(10.0, sampled[2] / 20.0, dtype=np.float32) * inside
    return sampled[0], sampled[1], brightness, sampled[3]


def _half_boundary() -> int:
    return round(BOUNDARY_MM / DEPTH_STEP_MM / 2.0)


def _boundaries(impedance: Floats, probe: UltrasoundProbe, depths_mm: Array) -> tuple[Floats, Floats]:
    """Return reflection coefficients of amplitude, and the cosine of the angle at which boundaries are met.

    ``tanh(ln(Z2 / Z1) / 2)`` is ``(Z2 - Z1) / (Z2 + Z1)``, also where the step takes several samples.
    """
    half = _half_boundary()
    along = _difference(impedance, half, axis=1)
    turn_rad = np.deg2rad(probe.fan_deg) / (probe.lines - 1) * probe.path_step
    aside = max(round(half * DEPTH_STEP_MM / (turn_rad * (probe.radius_mm + probe.depth_mm / 2.0))), 1)
    across = _difference(impedance, aside, axis=0)
    along_slope = np.abs(along) / np.float32(2.0 * half * DEPTH_STEP_MM)
    across_slope = across / (2.0 * aside * turn_rad * (probe.radius_mm + depths_mm)).astype(np.float32)
    cosine = along_slope / np.maximum(np.hypot(along_slope, across_slope), np.float32(1e-9))
    return np.abs(np.tanh(along / 2.0)), cosine


def _difference(values: Floats, half: int, axis: int) -> Floats:
    """Return the difference between the neighbours on both sides at ``half`` samples; edges go on."""
    count = values.shape[axis]
    ahead = np.minimum(np.arange(count) + half, count - 1)
    behind = np.maximum(np.arange(count) - half, 0)
    return np.asarray(np.take(values, ahead, axis=axis) - np.take(values, behind, axis=axis))


def _peaks(met: Floats) -> NDArray[np.bool_]:
    """Tell where along the lines a boundary is strongest: a pulse sees it there, and only there."""
    smooth = ndimage.gaussian_filter1d(met, 2.0, axis=1)
    highest = ndimage.maximum_filter1d(smooth, 2 * _half_boundary() + 1, axis=1)
    return np.asarray((smooth == highest) & (met > FAINTEST_REFLECTION))


def _gain_db(probe: UltrasoundProbe, depths_mm: Array) -> Floats:
    return (2.0 * GAIN_DB_CM_MHZ * probe.frequency_mhz * depths_mm / 10.0).astype(np.float32)


def slice_profile(probe: UltrasoundProbe) -> tuple[Array, Array]:
    """Return offsets (m,) across the plane in mm and how much scatterers there count."""
    sigma_mm = probe.slice_mm / FWHM
    count = int(np.ceil(2.5 * sigma_mm / CELL_MM))
    offsets_mm = np.arange(-count, count + 1, dtype=np.float64) * CELL_MM
    weights = np.asarray(np.exp(-0.5 * (offsets_mm / sigma_mm) ** 2), dtype=np.float64)
    return offsets_mm, weights / weights.sum()


def beam_taps(probe: UltrasoundProbe, depths_mm: Array) -> Floats:
    """Return the weights of neighbouring lines at every depth, float32 (tap, depth)."""
    f_number = np.maximum(depths_mm / probe.aperture_mm, SMALLEST_F_NUMBER)
    width_mm = BEAM_FACTOR * probe.wavelength_mm * f_number
    apart_mm = np.deg2rad(probe.fan_deg) / (probe.lines - 1) * (probe.radius_mm + depths_mm)
    sigma = width_mm / FWHM / apart_mm
    half = int(np.ceil(3.0 * sigma.max()))
    taps = np.exp(-0.5 * (np.arange(-half, half + 1)[:, None] / sigma) ** 2)
    return np.asarray(taps / taps.sum(axis=0), dtype=np.float32)


def _pulse_taps(probe: UltrasoundProbe) -> Array:
    sigma = PULSE_WAVELENGTHS * probe.wavelength_mm / FWHM / DEPTH_STEP_MM
    half = int(np.ceil(4.0 * sigma))
    taps = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum())


def pulsed(echoes: Floats, probe: UltrasoundProbe) -> Floats:
    """Return echoes [line, depth, 2] blurred along the lines by the probe's pulse."""
    return np.asarray(ndimage.correlate1d(echoes, _pulse_taps(probe), axis=1, mode="nearest"))


def speckle_rms(probe: UltrasoundProbe, beam: Floats, depths_mm: Array) -> Floats:
    """Return what pulse, beam and slice leave of the scatterers' amplitude at every depth, (depths,).

    Neighbouring samples share cells: over a distance t of less than a cell, 1 - t of them.
    """
    offsets_mm, weights = slice_profile(probe)
    apart_mm = np.deg2rad(probe.fan_deg) / (probe.lines - 1) * (probe.radius_mm + depths_mm)
    power = _shared(weights[:, None], np.full(1, offsets_mm[1] - offsets_mm[0]))
    power = power * _pulse_power(probe)
    return np.sqrt(power * _shared(beam.astype(np.float64), apart_mm)).astype(np.float32)


def _pulse_power(probe: UltrasoundProbe) -> float:
    return float(_shared(_pulse_taps(probe)[:, None], np.full(1, DEPTH_STEP_MM))[0])


def _shared(taps: Array, apart_mm: Array) -> Array:
    """Power that a sum with these weights (tap, n) keeps of cells seen at these distances (n,)."""
    power = np.zeros(taps.shape[1])
    for lag in range(len(taps)):
        common = np.maximum(1.0 - lag * apart_mm / CELL_MM, 0.0)
        if not common.any():
            break
        product = (taps[lag:] * taps[: len(taps) - lag]).sum(axis=0)
        power += common * product * (1.0 if lag == 0 else 2.0)
    return power


def receiver_noise(
    probe: UltrasoundProbe, shape: tuple[int, int], depths_mm: Array, rng: np.random.Generator
) -> Floats:
    """Return the receiver's noise, as narrow in frequency as the pulse, after depth gain."""
    white = rng.standard_normal((*shape, 2), dtype=np.float32)
    level = np.power(10.0, (probe.noise_db + _gain_db(probe, depths_mm)) / 20.0)
    keeps = np.sqrt(2.0 * np.square(_pulse_taps(probe)).sum())
    return np.asarray(pulsed(white, probe) * (level / keeps).astype(np.float32)[:, None])


def scan_converted(
    lines: ScanLines, probe: UltrasoundProbe, frame_from_image: RigidTransform
) -> UltrasoundImage:
    """Return scan lines as the image that a scanner shows, with the pose it was made at."""
    half_rad = np.deg2rad(probe.fan_deg) / 2.0
    reach_mm = probe.radius_mm + probe.depth_mm
    columns = int(np.ceil(reach_mm * np.sin(half_rad) / probe.pixel_mm))
    top_mm = probe.radius_mm * (np.cos(half_rad) - 1.0)
    x_mm = np.arange(-columns, columns + 1) * probe.pixel_mm
    y_mm = np.arange(top_mm, probe.depth_mm, probe.pixel_mm)
    along_mm = y_mm[:, None] + probe.radius_mm
    depth_mm = np.hypot(x_mm, along_mm) - probe.radius_mm
    angle_rad = np.arctan2(x_mm, along_mm)
    in_fan = (depth_mm >= 0.0) & (depth_mm <= probe.depth_mm) & (np.abs(angle_rad) <= half_rad)
    level_db = 20.0 * np.log10(np.maximum(lines.amplitude, np.float32(1e-9)))
    where = [(angle_rad / half_rad + 1.0) * (probe.lines - 1) / 2.0, depth_mm / DEPTH_STEP_MM - 0.5]
    shown_db = ndimage.map_coordinates(level_db, where, order=1, prefilter=False, mode="nearest")
    grey = 255.0 * (LIVER_GREY + shown_db / probe.dynamic_range_db)
    values = np.where(in_fan, np.clip(np.rint(grey), 0.0, 255.0), 0.0).astype(np.uint8)
    return UltrasoundImage(
        values=values,
        in_fan=in_fan,
        corner_mm=np.array([x_mm[0], y_mm[0]]),
        pixel_spacing_mm=(probe.pixel_mm, probe.pixel_mm),
        frame_from_image=frame_from_image,
        dynamic_range_db=probe.dynamic_range_db,
    )
