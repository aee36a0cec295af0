"""What a file of beam data says, part by part; a value that no beam can have is refused.

Every section turns itself into its part of :class:`isoguide.dose.beam_data.BeamData` and back. Relations
between numbers are checked where both are at hand: shares that add up to 1, solid angles to 4π, places that
increase.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final, Self

import numpy as np
from pydantic import Field, model_validator

from isoguide.dose.beam_data import (
    Collimation,
    HeadModel,
    MachineLimits,
    PencilKernels,
    PointKernel,
    ReferenceConditions,
    Spectrum,
    WedgeData,
)
from isoguide.workflow.strict_toml import Section

_DIGITS: Final = 8
_SUM_TOLERANCE: Final = 0.005

Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Attenuation = Annotated[float, Field(gt=0.0, lt=0.05)]
Many = Annotated[tuple[float, ...], Field(min_length=2, max_length=1000)]
Span = tuple[float, float]
Standing = Annotated[float, Field(ge=150.0, le=800.0)]


def plain(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Write numbers with so many digits that reading them gives the same dose, and no more."""
    return tuple(float(f"{value:.{_DIGITS}g}") for value in np.asarray(values, dtype=np.float64).ravel())


def require_same_length(**lists: Sequence[float]) -> None:
    """Refuse lists of different lengths, naming the shortest and the longest."""
    lengths = {name: len(values) for name, values in lists.items()}
    shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
    if lengths[shortest] != lengths[longest]:
        msg = f"{shortest} has {lengths[shortest]} values but {longest} has {lengths[longest]}: one per place"
        raise ValueError(msg)


def require_increasing(name: str, values: Sequence[float]) -> None:
    """Refuse a list of places that does not increase."""
    for first, second in pairwise(values):
        if second <= first:
            msg = f"{name} must increase, but {second:g} follows {first:g}"
            raise ValueError(msg)


def require_not_negative(name: str, values: Sequence[float]) -> None:
    """Refuse a list that holds a negative value."""
    if min(values) < 0.0:
        msg = f"{name} holds {min(values):g}: it must not be negative"
        raise ValueError(msg)


class ReferenceSection(Section):
    """Where the machine delivers a known dose per monitor unit, in water."""

    field_mm: Annotated[float, Field(ge=20.0, le=400.0)] = Field(description="Side of a square field.")
    source_surface_distance_mm: Annotated[float, Field(ge=500.0, le=1500.0)]
    depth_mm: Annotated[float, Field(ge=10.0, le=300.0)]
    gy_per_mu: Annotated[float, Field(ge=0.001, le=0.1)] = Field(
        description="About 0.01 at the maximum of the depth dose."
    )

    @classmethod
    def of(cls, part: ReferenceConditions) -> Self:
        """Write the conditions."""
        return cls(
            field_mm=part.field_mm,
            source_surface_distance_mm=part.source_surface_distance_mm,
            depth_mm=part.depth_mm,
            gy_per_mu=part.gy_per_mu,
        )

    def part(self) -> ReferenceConditions:
        """Return the conditions."""
        return ReferenceConditions(**self.model_dump())


class SpectrumSection(Section):
    """Photons of the primary beam on the axis."""

    energy_mev: Many = Field(description="Middle of each bin, increasing.")
    energy_fluence: Many = Field(description="Share of the energy fluence per bin, adding up to 1.")
    attenuation_per_mm: Annotated[tuple[Attenuation, ...], Field(min_length=2)] = Field(
        description="μ of water."
    )
    absorption_per_mm: Annotated[tuple[Attenuation, ...], Field(min_length=2)] = Field(
        description="μ_en of water."
    )

    @model_validator(mode="after")
    def _is_a_spectrum(self) -> "SpectrumSection":
        require_same_length(**self.model_dump())
        require_increasing("energy_mev", self.energy_mev)
        require_not_negative("energy_fluence", self.energy_fluence)
        if self.energy_mev[0] <= 0.0 or self.energy_mev[-1] > 50.0:
            low, high = self.energy_mev[0], self.energy_mev[-1]
            msg = f"energy_mev goes from {low:g} to {high:g}: give MeV, not keV"
            raise ValueError(msg)
        total = sum(self.energy_fluence)
        if abs(total - 1.0) > _SUM_TOLERANCE:
            msg = f"energy_fluence adds up to {total:.4f}: it must be 1"
            raise ValueError(msg)
        for whole, taken in zip(self.attenuation_per_mm, self.absorption_per_mm, strict=True):
            if taken >= whole:
                msg = f"absorption_per_mm {taken:g} is not less than attenuation_per_mm {whole:g}"
                raise ValueError(msg)
        return self

    @classmethod
    def of(cls, part: Spectrum) -> Self:
        """Write a spectrum."""
        return cls(
            energy_mev=plain(part.energy_mev),
            energy_fluence=plain(part.energy_fluence),
            attenuation_per_mm=plain(part.attenuation_per_mm),
            absorption_per_mm=plain(part.absorption_per_mm),
        )

    def part(self) -> Spectrum:
        """Return the spectrum."""
        return Spectrum(**{name: np.array(value) for name, value in self.model_dump().items()})


class PencilSection(Section):
    """Dose of a narrow beam in water, as depth parts times lateral parts."""

    attenuation_per_mm: Attenuation = Field(description="m, of the primary beam.")
    build_up_per_mm: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=5)] = Field(
        description="β of each component."
    )
    radius_mm: Many = Field(description="From 0, increasing, at the isocentre.")
    gy_per_mu_mm2: Annotated[tuple[Many, ...], Field(min_length=1, max_length=5)] = Field(
        description="Of each component at each radius, per unit of fluence."
    )

    @model_validator(mode="after")
    def _is_a_kernel(self) -> "PencilSection":
        require_increasing("radius_mm", self.radius_mm)
        if self.radius_mm[0] != 0.0 or self.radius_mm[-1] < 100.0:
            msg = (
                f"radius_mm goes from {self.radius_mm[0]:g} to {self.radius_mm[-1]:g}: give 0 to at least 100"
            )
            raise ValueError(msg)
        if len(self.gy_per_mu_mm2) != len(self.build_up_per_mm):
            msg = (
                f"build_up_per_mm has {len(self.build_up_per_mm)} components but gy_per_mu_mm2 has "
                f"{len(self.gy_per_mu_mm2)}"
            )
            raise ValueError(msg)
        for index, row in enumerate(self.gy_per_mu_mm2):
            require_same_length(**{"radius_mm": self.radius_mm, f"gy_per_mu_mm2[{index + 1}]": row})
        for beta in self.build_up_per_mm:
            if abs(beta - self.attenuation_per_mm) < 1e-6:
                msg = f"build_up_per_mm holds {beta:g}, which is attenuation_per_mm: they must differ"
                raise ValueError(msg)
        return self

    @classmethod
    def of(cls, part: PencilKernels) -> Self:
        """Write pencil kernels."""
        return cls(
            attenuation_per_mm=plain([part.attenuation_per_mm])[0],
            build_up_per_mm=plain(part.build_up_per_mm),
            radius_mm=plain(part.radius_mm),
            gy_per_mu_mm2=tuple(plain(row) for row in part.gy_per_mu_mm2),
        )

    def part(self) -> PencilKernels:
        """Return the kernels."""
        return PencilKernels(
            self.attenuation_per_mm,
            np.array(self.build_up_per_mm),
            np.array(self.radius_mm),
            np.array(self.gy_per_mu_mm2),
        )


class PointSection(Section):
    """Energy deposited in water about a point where photons interact, per ring of angles to the beam."""

    angle_deg: Many = Field(description="Middle of each ring, increasing from 0 to 180.")
    solid_angle_sr: Many = Field(description="Of each ring, adding up to 4π.")
    primary_per_mm_sr: Many = Field(description="A: electrons.")
    primary_decay_per_mm: Many
    scatter_per_mm_sr: Many = Field(description="B: scattered photons.")
    scatter_decay_per_mm: Many

    @model_validator(mode="after")
    def _is_a_kernel(self) -> "PointSection":
        require_same_length(**self.model_dump())
        require_increasing("angle_deg", self.angle_deg)
        if self.angle_deg[0] < 0.0 or self.angle_deg[-1] > 180.0:
            msg = "angle_deg must lie between 0 and 180"
            raise ValueError(msg)
        for name in ("primary_per_mm_sr", "scatter_per_mm_sr"):
            require_not_negative(name, getattr(self, name))
        for name in ("solid_angle_sr", "primary_decay_per_mm", "scatter_decay_per_mm"):
            if min(getattr(self, name)) <= 0.0:
                msg = f"{name} holds {min(getattr(self, name)):g}: it must be positive"
                raise ValueError(msg)
        self._require_sums()
        return self

    def _require_sums(self) -> None:
        sphere = sum(self.solid_angle_sr) / (4.0 * np.pi)
        if abs(sphere - 1.0) > _SUM_TOLERANCE:
            msg = f"solid_angle_sr adds up to {sphere:.3f} of a sphere: it must be 4π"
            raise ValueError(msg)
        part = self.part()
        energy = part.primary_per_mm_sr / part.primary_decay_per_mm
        energy = energy + part.scatter_per_mm_sr / part.scatter_decay_per_mm
        total = float(energy @ part.solid_angle_sr)
        if abs(total - 1.0) > _SUM_TOLERANCE:
            msg = f"the kernel gives back {total:.3f} of the energy that photons release: it must be 1"
            raise ValueError(msg)

    @classmethod
    def of(cls, part: PointKernel) -> Self:
        """Write a point kernel."""
        return cls(**{name: plain(getattr(part, name)) for name in cls.model_fields})

    def part(self) -> PointKernel:
        """Return the kernel."""
        return PointKernel(**{name: np.array(value) for name, value in self.model_dump().items()})


class HeadSection(Section):
    """What leaves the head of the machine besides a point source's flat beam."""

    off_axis_radius_mm: Many = Field(description="From 0, increasing, at the isocentre.")
    off_axis_ratio: Many = Field(description="Primary fluence against the axis, in air; starts with 1.")
    source_sigma_mm: tuple[
        Annotated[float, Field(ge=0.0, le=10.0)], Annotated[float, Field(ge=0.0, le=10.0)]
    ] = Field(
        description="Blur of a field edge by the focal spot at the isocentre, x and y of the collimator."
    )
    extra_focal_share: Annotated[float, Field(ge=0.0, le=0.5)]
    extra_focal_sigma_mm: Annotated[float, Field(gt=0.0, le=200.0)]
    extra_focal_distance_mm: Annotated[float, Field(gt=0.0, lt=400.0)]
    electron_share: Share = Field(
        description="Dose at the surface of an unlimited opening against the reference dose."
    )
    electron_decay_per_mm: Annotated[float, Field(gt=0.0, le=2.0)]
    electron_sigma_mm: Annotated[float, Field(gt=0.0, le=400.0)]

    @model_validator(mode="after")
    def _is_a_head(self) -> "HeadSection":
        require_same_length(off_axis_radius_mm=self.off_axis_radius_mm, off_axis_ratio=self.off_axis_ratio)
        require_increasing("off_axis_radius_mm", self.off_axis_radius_mm)
        if self.off_axis_radius_mm[0] != 0.0 or abs(self.off_axis_ratio[0] - 1.0) > 1e-3:
            msg = "the off-axis ratio must start with 1 at a radius of 0"
            raise ValueError(msg)
        for ratio in self.off_axis_ratio:
            if not 0.2 <= ratio <= 1.5:
                msg = f"off_axis_ratio holds {ratio:g}: no beam has it; give shares of the axis, not percent"
                raise ValueError(msg)
        return self

    @classmethod
    def of(cls, part: HeadModel) -> Self:
        """Write a head."""
        return cls(
            off_axis_radius_mm=plain(part.off_axis_radius_mm),
            off_axis_ratio=plain(part.off_axis_ratio),
            source_sigma_mm=(plain(part.source_sigma_mm)[0], plain(part.source_sigma_mm)[1]),
            **{name: plain([getattr(part, name)])[0] for name in list(cls.model_fields)[3:]},
        )

    def part(self) -> HeadModel:
        """Return the head."""
        said = self.model_dump()
        radius, ratio = (np.array(said.pop(name)) for name in ("off_axis_radius_mm", "off_axis_ratio"))
        return HeadModel(radius, ratio, **said)


class CollimationSection(Section):
    """How well jaws and leaves hold photons back."""

    jaw_transmission: Annotated[float, Field(ge=0.0, le=0.1)]
    leaf_transmission: Annotated[float, Field(ge=0.0, le=0.1)]
    leaf_gap_mm: Annotated[float, Field(ge=0.0, le=6.0)] = Field(
        description="How much wider than planned a field between rounded leaf ends is, both ends together."
    )
    tongue_and_groove_mm: Annotated[float, Field(ge=0.0, le=5.0)]
    jaw_x_distance_mm: Standing = Field(description="From the source to the middle of the jaws.")
    jaw_y_distance_mm: Standing
    leaf_distance_mm: Standing

    @classmethod
    def of(cls, part: Collimation) -> Self:
        """Write the collimation."""
        return cls(**{name: getattr(part, name) for name in cls.model_fields})

    def part(self) -> Collimation:
        """Return the collimation."""
        return Collimation(**self.model_dump())


class WedgeSection(Section):
    """Fluence behind a wedge against that without, from its toe to its heel."""

    identifier: str = Field(min_length=1, description="WedgeID of plans.")
    angle_deg: Annotated[float, Field(gt=0.0, lt=90.0)]
    position_mm: Many = Field(description="From thin to thick, at the isocentre.")
    transmission: Annotated[tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...], Field(min_length=2)] = Field(
        description="At each position."
    )

    @model_validator(mode="after")
    def _gets_thicker(self) -> "WedgeSection":
        require_same_length(position_mm=self.position_mm, transmission=self.transmission)
        require_increasing("position_mm", self.position_mm)
        if not self.position_mm[0] <= 0.0 <= self.position_mm[-1]:
            msg = "position_mm leaves the axis out: give positions on both sides of 0"
            raise ValueError(msg)
        if self.transmission[-1] >= self.transmission[0]:
            msg = "transmission must be less at the heel, which comes last: give it from thin to thick"
            raise ValueError(msg)
        return self

    @classmethod
    def of(cls, part: WedgeData) -> Self:
        """Write a wedge."""
        return cls(**{name: getattr(part, name) for name in cls.model_fields})

    def part(self) -> WedgeData:
        """Return the wedge."""
        return WedgeData(**self.model_dump())


class LimitsSection(Section):
    """What the machine can do; a corrected plan that asks for more is refused."""

    leaf_travel_mm: Span
    leaf_over_travel_mm: Annotated[float, Field(ge=0.0)]
    leaf_span_mm: Positive
    least_gap_mm: Annotated[float, Field(ge=0.0)]
    leaf_speed_mm_per_s: Positive
    jaw_speed_mm_per_s: Positive
    gantry_speed_deg_per_s: Positive
    collimator_speed_deg_per_s: Positive
    jaw_x_mm: Span
    jaw_y_mm: Span
    dose_rate_mu_per_min: Positive
    least_mu: Annotated[float, Field(ge=0.0)]
    most_mu: Positive
    least_segment_mu: Annotated[float, Field(ge=0.0)]
    collimator_deg: Span

    @model_validator(mode="after")
    def _is_a_range(self) -> "LimitsSection":
        for name in ("leaf_travel_mm", "jaw_x_mm", "jaw_y_mm", "collimator_deg"):
            low, high = getattr(self, name)
            if low >= high:
                msg = f"{name} goes from {low:g} to {high:g}: the lower end comes first"
                raise ValueError(msg)
        if self.least_mu >= self.most_mu:
            msg = f"least_mu {self.least_mu:g} is not less than most_mu {self.most_mu:g}"
            raise ValueError(msg)
        return self

    @classmethod
    def of(cls, part: MachineLimits) -> Self:
        """Write the limits."""
        return cls(**{name: getattr(part, name) for name in cls.model_fields})

    def part(self) -> MachineLimits:
        """Return the limits."""
        return MachineLimits(**self.model_dump())
