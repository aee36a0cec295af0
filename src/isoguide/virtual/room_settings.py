"""What the virtual room is like: speeds, latencies and imperfections, each of them known truth.

All classes refuse impossible values with an :class:`~isoguide.errors.InputError` that names the value.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, TableTopPose
from isoguide.plan import PatientPosition
from isoguide.projection.cone_beam import HEAD, PELVIS, THORAX, ConeBeamScan
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.setting_limits import require, require_each
from isoguide.virtual.ultrasound_settings import UltrasoundRoomSettings
from isoguide.virtual.watch_settings import WatchSettings

ImageModel = Literal["image-domain", "physical", "stereo pair", "arm pair", "ultrasound"]
IMAGE_MODELS: Final[tuple[ImageModel, ...]] = get_args(ImageModel)

_PRESET_OF_SITE: Final = {"head-neck": HEAD, "thorax": THORAX, "abdomen": THORAX, "pelvis": PELVIS}

RADIOGRAPHY: Final = ImagingPhysics(bow_tie_radius_mm=0.0, lag_share=0.0, blur_mm=0.25)
"""A single exposure: no bow-tie filter, nothing before it that could linger, and pixels small enough to show
what focal spot and scintillator blur."""
ARM_RADIOGRAPHY: Final = replace(RADIOGRAPHY, photons_per_pixel=1e7)
"""About 40 mAs at 120 kV, which a lateral pelvis takes."""
PLANNED_POSE: Final = TableTopPose(0.0, 850.0, -120.0)
"""A couch as it stands for a treatment of the trunk."""

Axis3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a device takes: log-normal, because a delay has a tail and is never negative.

    Parameters
    ----------
    median_s
        Half of all delays are shorter.
    spread
        Standard deviation of the logarithm; 0 is the same delay every time.
    """

    median_s: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        require("median_s", self.median_s, 0.0, 3600.0)
        require("spread", self.spread, 0.0, 3.0)

    def draw_s(self, rng: np.random.Generator) -> float:
        """Draw one delay in seconds."""
        return float(self.median_s * np.exp(self.spread * rng.standard_normal()))


@dataclass(frozen=True, slots=True)
class CouchSettings:
    """The 6-DoF couch.

    Parameters
    ----------
    speed_mm_s, speed_deg_s
        Of each drive; all drives start together and the slowest decides when the couch has stopped.
    start_delay
        From the order to the first movement.
    backlash_mm, backlash_deg
        Lost motion of each drive when it reverses. The scales sit on the motor's side and do not see it: the
        table lags by half of it behind whatever direction the drive came from. Angles are what a mechanic
        measures at the isocentre.
    turntable_axis_mm
        Where the axis of the turntable passes through the plane of the isocentre, IEC fixed (x, y): the table
        walks out on a circle about this point when it turns. (0, 0) is a perfect turntable.
    read_out_mm, read_out_deg
        Smallest step that the scales show; 0 shows everything.
    largest_tilt_deg
        Pitch and roll stop at their ends, ± this much.
    """

    speed_mm_s: float = 20.0
    speed_deg_s: float = 1.0
    start_delay: Latency = Latency(0.5, 0.2)
    backlash_mm: float = 0.2
    backlash_deg: float = 0.1
    turntable_axis_mm: tuple[float, float] = (0.2, -0.1)
    read_out_mm: float = 0.1
    read_out_deg: float = 0.01
    largest_tilt_deg: float = 3.0

    def __post_init__(self) -> None:
        require("speed_mm_s", self.speed_mm_s, 0.1, 1000.0)
        require("speed_deg_s", self.speed_deg_s, 0.01, 100.0)
        require("largest_tilt_deg", self.largest_tilt_deg, 0.0, 30.0)
        for name in ("backlash_mm", "backlash_deg", "read_out_mm", "read_out_deg"):
            require(name, getattr(self, name), 0.0, 10.0)
        require_each("turntable_axis_mm", (*self.turntable_axis_mm, 0.0), -20.0, 20.0)


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """The moving parts of the linac.

    Parameters
    ----------
    gantry_deg_s, collimator_deg_s, leaf_mm_s
        Speeds of gantry, collimator and leaves (at the isocentre).
    kv_arm_deg
        How far clockwise from the treatment head the source of the kV arm stands, seen facing the gantry.
    """

    gantry_deg_s: float = 6.0
    collimator_deg_s: float = 15.0
    leaf_mm_s: float = 25.0
    kv_arm_deg: float = 90.0

    def __post_init__(self) -> None:
        for name in ("gantry_deg_s", "collimator_deg_s", "leaf_mm_s"):
            require(name, getattr(self, name), 0.01, 1000.0)
        require("kv_arm_deg", self.kv_arm_deg, -180.0, 180.0)


@dataclass(frozen=True, slots=True)
class BeamSettings:
    """The treatment beam.

    Parameters
    ----------
    dose_rate_mu_min
        At most; the plan goes slower where gantry or leaves cannot follow.
    planned_mu
        Meterset of the fraction where the room is given no plan.
    on_delay, hold_delay
        From the order to radiation, and from the order to none. Reported: 280 to 1650 ms for beam on, 131 to
        149 ms for beam hold (Naylor 2025, Dierl 2025).
    gate_on_delay, gate_off_delay
        In a gated delivery, from a permission to radiation and from its end to none: an interface of the
        machine itself is quicker than its operator's panel [K]; both stay below the 500 ms of AAPM TG-76.
    heartbeat_s
        The machine holds by itself when it was not asked for its status for longer than this.
    """

    dose_rate_mu_min: float = 600.0
    planned_mu: float = 200.0
    on_delay: Latency = Latency(0.7, 0.3)
    hold_delay: Latency = Latency(0.14, 0.03)
    gate_on_delay: Latency = Latency(0.3, 0.1)
    gate_off_delay: Latency = Latency(0.09, 0.15)
    heartbeat_s: float = 2.0

    def __post_init__(self) -> None:
        require("dose_rate_mu_min", self.dose_rate_mu_min, 1.0, 100_000.0)
        require("planned_mu", self.planned_mu, 1.0, 100_000.0)
        require("heartbeat_s", self.heartbeat_s, 0.05, 60.0)


@dataclass(frozen=True, slots=True)
class ImagingSettings:
    """The imager.

    Parameters
    ----------
    model
        "image-domain": the truth made to look like a cone-beam CT (fast); "physical": projections through the
        moving patient, reconstructed; "stereo pair": radiographs of the room's two tubes; "arm pair": of the
        kV arm at two angles; "ultrasound": a tracked probe on the perineum.
    image
        What the image of the image-domain model is like.
    isocentre_offset_mm
        Where the imaging isocentre truly is, IEC fixed: the system takes it for the treatment isocentre
        (0, 0, 0). A patient aligned by the images ends up off by exactly this.
    sag_mm
        Amplitude of the imager's sag along the gantry axis, ``sag × cos(angle of the kV source)``: sinusoidal
        with the gantry angle as flex maps are (Jaffray et al., IJROBP 53:1337, 2002). A whole turn blurs;
        part of a turn shifts as well.
    origin_mm
        Where the images' coordinates have the isocentre, daily LPS: never (0, 0, 0) by right.
    scan
        The protocol: where the kV source turns, how long, and for the physical model what it sees. None is
        the preset of the patient's site.
    physics
        Scatter, noise, lag and their corrections, for the physical model.
    delay, reconstruction_delay
        From the order to the exposure, and from its end to the image.
    radiography
        Scatter and noise of a radiograph of the kV arm: more photons than a frame of a scan has.
    arm_source_deg
        Where the source of the kV arm stands for the two radiographs of a pair, degrees of the gantry circle.
    radiograph_pixel_mm
        Pixels of a radiograph of the kV arm; a cone-beam scan reads the same panel out in larger ones.
    radiograph_delay, read_out_delay
        From the order (the arm in its place) to the exposure of a radiograph, and from there to the image.
    moments
        With how many states of his anatomy a patient is imaged who moves during the scan; more show breathing
        better and take longer.
    """

    model: ImageModel = "image-domain"
    image: DailySettings = field(default_factory=DailySettings.cone_beam)
    isocentre_offset_mm: Axis3 = (0.0, 0.0, 0.0)
    sag_mm: float = 0.0
    origin_mm: Axis3 = (1.3, -2.1, 0.7)
    scan: ConeBeamScan | None = None
    physics: ImagingPhysics = field(default_factory=ImagingPhysics)
    delay: Latency = Latency(5.0, 0.3)
    reconstruction_delay: Latency = Latency(8.0, 0.2)
    radiography: ImagingPhysics = ARM_RADIOGRAPHY
    arm_source_deg: tuple[float, float] = (0.0, 90.0)
    radiograph_pixel_mm: float = 0.4
    radiograph_delay: Latency = Latency(1.0, 0.2)
    read_out_delay: Latency = Latency(1.0, 0.2)
    moments: int = 8

    def __post_init__(self) -> None:
        if self.model not in IMAGE_MODELS:
            msg = f"unknown imaging model '{self.model}': choose one of {', '.join(IMAGE_MODELS)}"
            raise InputError(msg)
        require_each("isocentre_offset_mm", self.isocentre_offset_mm, -50.0, 50.0)
        require_each("origin_mm", self.origin_mm, -1000.0, 1000.0)
        require("sag_mm", self.sag_mm, -20.0, 20.0)
        require("moments", self.moments, 1, 1000)
        require("radiograph_pixel_mm", self.radiograph_pixel_mm, 0.05, 10.0)
        require_each("arm_source_deg", (*self.arm_source_deg, 0.0), -360.0, 360.0)

    @property
    def protocol(self) -> ConeBeamScan:
        """The scan, that of the pelvis where none was chosen."""
        return self.scan or PELVIS

    def for_site(self, site: str | None) -> "ImagingSettings":
        """Return the same settings with the preset of a built-in site, unless a scan was chosen."""
        return replace(self, scan=self.scan or _PRESET_OF_SITE.get(site or "", PELVIS))


@dataclass(frozen=True, slots=True)
class StereoSettings:
    """Two X-ray tubes fixed in the room, each with its own flat panel across the isocentre.

    Parameters
    ----------
    source_angles_deg
        Where each source stands seen along the gantry axis, on the circle of the IEC gantry (0° above, 90° at
        +X): 135° and 225° are the two sides of the floor.
    tilt_deg
        How far both sources are tilted out of that plane, towards the gantry.
    source_axis_mm, source_detector_mm
        Distances from source to isocentre and to the panel.
    size, pixel_spacing_mm
        Columns and rows of a panel, and its pixels.
    isocentre_offset_mm
        Where the pair's isocentre truly is, IEC fixed; the images are labelled as if it were (0, 0, 0).
    physics
        Scatter and noise of a single exposure.
    """

    source_angles_deg: tuple[float, float] = (135.0, 225.0)
    tilt_deg: float = 0.0
    source_axis_mm: float = 2240.0
    source_detector_mm: float = 3620.0
    size: tuple[int, int] = (512, 512)
    pixel_spacing_mm: float = 0.4
    isocentre_offset_mm: Axis3 = (0.0, 0.0, 0.0)
    physics: ImagingPhysics = RADIOGRAPHY

    def __post_init__(self) -> None:
        require("source_axis_mm", self.source_axis_mm, 500.0, 10_000.0)
        require("source_detector_mm", self.source_detector_mm, 1.05 * self.source_axis_mm, 20_000.0)
        require("pixel_spacing_mm", self.pixel_spacing_mm, 0.05, 10.0)
        require("tilt_deg", self.tilt_deg, -80.0, 80.0)
        require_each("source_angles_deg", (*self.source_angles_deg, 0.0), -360.0, 360.0)
        require_each("isocentre_offset_mm", self.isocentre_offset_mm, -50.0, 50.0)
        require_each("size", (*self.size, 8), 8, 8192)


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """How long the work at the console takes; meanwhile the patient breathes and images grow old.

    From the reconstructed image to the decision it takes 79 ± 51 s in the mean over 117 301 cone-beam CTs (Li
    et al., "How long does it take? An analysis of volumetric image assessment time", Radiotherapy and
    Oncology, 2016). How that is shared between match and decision is an assumption.

    Parameters
    ----------
    match_s
        From the image to the match: it is loaded, matched and drawn.
    decision_s
        From the match to what is done about it: somebody looks and approves, confirms, images again or stops.
    """

    match_s: float = 10.0
    decision_s: float = 70.0

    def __post_init__(self) -> None:
        require("match_s", self.match_s, 0.0, 3600.0)
        require("decision_s", self.decision_s, 0.0, 3600.0)


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """Everything about the room.

    Parameters
    ----------
    couch, machine, beam, imaging, stereo, ultrasound
        The devices.
    console
        The work outside.
    watch
        What watches the target during the beam.
    planned_pose
        Where the couch stands when the patient lies as planned.
    patient_position
        DICOM PatientPosition of the plan.
    """

    couch: CouchSettings = field(default_factory=CouchSettings)
    machine: MachineSettings = field(default_factory=MachineSettings)
    beam: BeamSettings = field(default_factory=BeamSettings)
    imaging: ImagingSettings = field(default_factory=ImagingSettings)
    stereo: StereoSettings = field(default_factory=StereoSettings)
    ultrasound: UltrasoundRoomSettings = field(default_factory=UltrasoundRoomSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    planned_pose: TableTopPose = PLANNED_POSE
    patient_position: PatientPosition = PatientPosition.HFS

    def __post_init__(self) -> None:
        if self.patient_position not in PATIENT_POSITIONS:
            known = ", ".join(PATIENT_POSITIONS)
            msg = f"the patient position '{self.patient_position}' is not one of {known}"
            raise InputError(msg)

    def with_changes(self, **changes: Any) -> "RoomSettings":
        """Return the same room with some parts replaced by name.

        Raises
        ------
        TypeError
            If a name is unknown.
        """
        return replace(self, **changes)

    @classmethod
    def perfect(cls) -> "RoomSettings":
        """Return a room without imperfections and an imager that adds nothing: for tests of geometry."""
        nothing = Latency()
        return cls(
            couch=CouchSettings(
                start_delay=nothing,
                backlash_mm=0.0,
                backlash_deg=0.0,
                turntable_axis_mm=(0.0, 0.0),
                read_out_mm=0.0,
                read_out_deg=0.0,
            ),
            beam=BeamSettings(
                on_delay=nothing, hold_delay=nothing, gate_on_delay=nothing, gate_off_delay=nothing
            ),
            imaging=ImagingSettings(
                image=DailySettings.exact(),
                delay=nothing,
                reconstruction_delay=nothing,
                radiograph_delay=nothing,
                read_out_delay=nothing,
            ),
            console=ConsoleSettings(match_s=0.0, decision_s=0.0),
        )
