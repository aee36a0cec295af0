"""What a machine does to water: everything a dose calculation has to know about one photon beam.

Lengths in mm at the isocentre unless said otherwise; depths in mm of water. A fluence of 1 is what an open
40 cm × 40 cm field delivers on the axis at the isocentre per monitor unit, in air.

Sources: Bortfeld, Schlegel and Rhein, Med. Phys. 20 (1993) 311 (pencil kernels by singular value
decomposition); Ahnesjö, Med. Phys. 16 (1989) 577 (point kernels on collapsed cones); Sharpe et al., Phys.
Med. Biol. 42 (1997) 589 (extra-focal source).
"""

from dataclasses import dataclass, replace
from typing import Final, Self

from isoguide.geometry.frames import Array, frozen_array

TYPICAL_DEPTH_MM: Final = 100.0
"""How deep the isocentre lies below the skin of the patient that the pencil kernels are made for."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceConditions:
    """Where the machine delivers a known dose per monitor unit, in water.

    Parameters
    ----------
    field_mm
        Side of the square field at the isocentre.
    source_surface_distance_mm, depth_mm
        Where water begins and how deep the point lies.
    gy_per_mu
        The dose there.
    """

    field_mm: float
    source_surface_distance_mm: float
    depth_mm: float
    gy_per_mu: float


@dataclass(frozen=True, slots=True, eq=False)
class PencilKernels:
    """Dose of a narrow beam in water as a short sum: depth part times lateral part.

    ``D(r, d) = Σ_i D_i(d) · w_i(r)`` with ``D_i(d) = β_i / (β_i - m) · (exp(-m d) - exp(-β_i d))``; the dose
    at a distance z from the source carries the factor ``(SAD / z)²`` besides. The kernels hold for patients
    whose surface is :data:`TYPICAL_DEPTH_MM` nearer to the source than the isocentre, with what the beam
    widens on its way; :meth:`for_surface` gives those of another distance.

    Parameters
    ----------
    attenuation_per_mm
        m, of the primary beam.
    build_up_per_mm
        β_i, (components,).
    radius_mm
        Radii (n,) from 0, increasing, at the isocentre.
    gy_per_mu_mm2
        w_i(r), (components, n): Gy per unit of fluence and mm² of field at the isocentre.
    """

    attenuation_per_mm: float
    build_up_per_mm: Array
    radius_mm: Array
    gy_per_mu_mm2: Array

    def __post_init__(self) -> None:
        build_up = frozen_array(self.build_up_per_mm, (-1,), "build-up of the pencil kernels")
        radius = frozen_array(self.radius_mm, (-1,), "radii of the pencil kernels")
        shape = (len(build_up), len(radius))
        object.__setattr__(self, "build_up_per_mm", build_up)
        object.__setattr__(self, "radius_mm", radius)
        object.__setattr__(self, "gy_per_mu_mm2", frozen_array(self.gy_per_mu_mm2, shape, "pencil kernels"))

    def for_surface(self, source_surface_mm: float, source_axis_mm: float) -> Self:
        """Return the kernels for a patient whose surface is at another distance from the source.

        Scatter spreads in mm of the patient, while kernels count mm at the isocentre: where the patient is
        farther from the source, they are narrower there. Without this a surface at the isocentre gets 1 to 2
        % too little at depth.
        """
        wider = (source_surface_mm + TYPICAL_DEPTH_MM) / source_axis_mm
        return replace(self, radius_mm=self.radius_mm / wider, gy_per_mu_mm2=self.gy_per_mu_mm2 * wider**2)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Photons of the primary beam on the axis.

    Parameters
    ----------
    energy_mev
        Middle of each bin, (n,), increasing.
    energy_fluence
        Share of the energy fluence per bin, (n,), adding up to 1.
    attenuation_per_mm, absorption_per_mm
        Linear coefficients μ and μ_en of water per bin, (n,).
    """

    energy_mev: Array
    energy_fluence: Array
    attenuation_per_mm: Array
    absorption_per_mm: Array

    def __post_init__(self) -> None:
        energy = frozen_array(self.energy_mev, (-1,), "energies of the spectrum")
        object.__setattr__(self, "energy_mev", energy)
        for name in ("energy_fluence", "attenuation_per_mm", "absorption_per_mm"):
            value = frozen_array(getattr(self, name), (len(energy),), name.replace("_", " "))
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, eq=False)
class PointKernel:
    """Energy deposited in water about a point where photons interact, per angle to the beam.

    Fraction of the released energy per mm and steradian at the distance r, times r²:
    ``h(r, θ) r² = A_θ exp(-a_θ r) + B_θ exp(-b_θ r)``: primary (electrons) and scattered photons. Over all
    angles and distances it adds up to 1. Distances scale with the density relative to water.

    With depth the beam hardens, and electrons take a larger share: the A term spreads the energy that
    ``ψ μ_en`` releases and the B term that of ``ψ (μ - μ_en)``, each scaled so that at the surface both are
    the whole, ``ψ μ`` (see :func:`isoguide.dose.machine.released_shares`).

    Parameters
    ----------
    angle_deg
        Middle of each polar ring, (n,), from 0 to 180.
    solid_angle_sr
        Of each ring, (n,), adding up to 4π.
    primary_per_mm_sr, primary_decay_per_mm
        A_θ and a_θ, (n,).
    scatter_per_mm_sr, scatter_decay_per_mm
        B_θ and b_θ, (n,).
    """

    angle_deg: Array
    solid_angle_sr: Array
    primary_per_mm_sr: Array
    primary_decay_per_mm: Array
    scatter_per_mm_sr: Array
    scatter_decay_per_mm: Array

    def __post_init__(self) -> None:
        angle = frozen_array(self.angle_deg, (-1,), "angles of the point kernel")
        object.__setattr__(self, "angle_deg", angle)
        for name in (
            "solid_angle_sr",
            "primary_per_mm_sr",
            "primary_decay_per_mm",
            "scatter_per_mm_sr",
            "scatter_decay_per_mm",
        ):
            value = frozen_array(getattr(self, name), (len(angle),), name.replace("_", " "))
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, eq=False)
class HeadModel:
    """What leaves the head of the machine besides a point source's flat beam.

    Parameters
    ----------
    off_axis_radius_mm, off_axis_ratio
        Primary fluence against the axis, in air, by radius at the isocentre, both (n,).
    source_sigma_mm
        Standard deviation of the focal spot, seen at the isocentre plane through the collimator edge nearest
        to it: the blur of a field edge there, in x and y of the collimator.
    extra_focal_share, extra_focal_sigma_mm, extra_focal_distance_mm
        Share of the fluence of the widest field that comes from the flattening filter, as a Gaussian disc at
        this distance from the source.
    electron_share, electron_decay_per_mm, electron_sigma_mm
        Contaminating electrons: dose per monitor unit at the surface of an opening without limits, at the
        distance of the isocentre, against that of the reference conditions; how it falls with depth in
        water; and the standard deviation by which it blurs the opening, at the isocentre.
    """

    off_axis_radius_mm: Array
    off_axis_ratio: Array
    source_sigma_mm: tuple[float, float]
    extra_focal_share: float
    extra_focal_sigma_mm: float
    extra_focal_distance_mm: float
    electron_share: float
    electron_decay_per_mm: float
    electron_sigma_mm: float

    def __post_init__(self) -> None:
        radius = frozen_array(self.off_axis_radius_mm, (-1,), "radii of the off-axis ratio")
        object.__setattr__(self, "off_axis_radius_mm", radius)
        ratio = frozen_array(self.off_axis_ratio, (len(radius),), "off-axis ratios")
        object.__setattr__(self, "off_axis_ratio", ratio)


@dataclass(frozen=True, slots=True)
class Collimation:
    """How well jaws and leaves hold photons back.

    Parameters
    ----------
    jaw_transmission, leaf_transmission
        Fluence that gets through, against the open beam; of leaves with what leaks between them.
    leaf_gap_mm
        Dosimetric leaf gap: how much wider a field between rounded leaf ends is than the plan says, both
        ends together.
    tongue_and_groove_mm
        Width of the strip along an exposed leaf side that the leaf beside it would have opened.
    jaw_x_distance_mm, jaw_y_distance_mm, leaf_distance_mm
        From the source to the middle of jaws and leaves: past edges there a point sees the extra-focal
        source.
    """

    jaw_transmission: float
    leaf_transmission: float
    leaf_gap_mm: float
    tongue_and_groove_mm: float
    jaw_x_distance_mm: float = 406.0
    jaw_y_distance_mm: float = 318.0
    leaf_distance_mm: float = 510.0


@dataclass(frozen=True, slots=True)
class WedgeData:
    """Fluence behind a wedge against that without, along its direction, from its toe to its heel.

    Parameters
    ----------
    identifier, angle_deg
        WedgeID of plans, and nominal angle.
    position_mm, transmission
        From thin to thick, at the isocentre, the axis at 0, both (n,).
    """

    identifier: str
    angle_deg: float
    position_mm: tuple[float, ...]
    transmission: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What the machine can do; a corrected plan that asks for more is refused.

    Parameters
    ----------
    leaf_travel_mm
        Lowest and highest position of a leaf end.
    leaf_over_travel_mm
        How far a leaf may pass the axis.
    leaf_span_mm
        Largest distance between the positions of two leaves of one bank.
    least_gap_mm
        Between opposing leaves where they may not touch; they may where it is 0.
    leaf_speed_mm_per_s, jaw_speed_mm_per_s, gantry_speed_deg_per_s, collimator_speed_deg_per_s
        Highest speeds.
    jaw_x_mm, jaw_y_mm
        Lowest and highest position of the jaws.
    dose_rate_mu_per_min
        Highest.
    least_mu, most_mu
        Monitor units of a beam.
    least_segment_mu
        Of one segment of a static beam.
    collimator_deg
        Lowest and highest angle of the collimator, counted from -180 to 180.
    """

    leaf_travel_mm: tuple[float, float]
    leaf_over_travel_mm: float
    leaf_span_mm: float
    least_gap_mm: float
    leaf_speed_mm_per_s: float
    jaw_speed_mm_per_s: float
    gantry_speed_deg_per_s: float
    collimator_speed_deg_per_s: float
    jaw_x_mm: tuple[float, float]
    jaw_y_mm: tuple[float, float]
    dose_rate_mu_per_min: float
    least_mu: float
    most_mu: float
    least_segment_mu: float
    collimator_deg: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class BeamData:
    """One photon beam of one machine, or of machines that were matched to each other.

    Parameters
    ----------
    name
        What it is called in results.
    machines
        Values of TreatmentMachineName that it holds for; empty: for none by name (a generic machine has to be
        chosen, and is named as an approximation in every result).
    energy_mv, is_flattened
        NominalBeamEnergy, and whether there is a flattening filter.
    source_axis_distance_mm
        Of all its beams.
    reference
        Where the dose per monitor unit is known.
    spectrum, pencil, point, head, collimation, wedges, limits
        The parts.
    provenance
        Where the numbers come from, one sentence.
    sha256
        Of the document it was read from; empty for one made in memory.
    """

    name: str
    machines: tuple[str, ...]
    energy_mv: float
    is_flattened: bool
    source_axis_distance_mm: float
    reference: ReferenceConditions
    spectrum: Spectrum
    pencil: PencilKernels
    point: PointKernel
    head: HeadModel
    collimation: Collimation
    wedges: tuple[WedgeData, ...]
    limits: MachineLimits
    provenance: str
    sha256: str = ""

    def is_for(self, machine: str) -> bool:
        """Whether the data were made for the machine that a plan names."""
        return machine in self.machines
