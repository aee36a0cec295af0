"""The patient of a scenario, with what his images are matched to."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from isoguide.dicom import load_planning_set
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import PatientPosition, Plan
from isoguide.progress import Progress, silent
from isoguide.registration import MatchSettings, prepare_planning, prepare_radiographs
from isoguide.registration.day_match import Prepared
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerKind,
    MarkerMatchSettings,
    PreparedMarkers,
    as_the_planning_ct_shows,
)
from isoguide.registration.ultrasound import prepare_ultrasound
from isoguide.virtual import Phantom, build_phantom
from isoguide.virtual.kv_pair import arm_views, stereo_views
from isoguide.virtual.markers import SEED_DIAMETER_MM, SEED_LENGTH_MM
from isoguide.virtual.phantom import Site
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.ultrasound_reference import simulation_ultrasound
from isoguide.workflow.scenario import Matched, Scenario
from isoguide.workflow.target import choose_target, surface_points_mm

SITE_OF: Final[dict[str, Site]] = {
    "prostate": "pelvis",
    "lung": "thorax",
    "head-neck": "head-neck",
    "liver": "abdomen",
}
"""The clinic's names of the built-in patients, and the part of the body that each one is."""
ROTATION_SIGMA_DEG: Final = 1.5
"""How far a patient may be turned from where the set-up puts him, about each axis: what lets three or four
seeds exclude that one of them migrated."""


@dataclass(frozen=True, slots=True, eq=False)
class VirtualPatient:
    """A patient with a plan: built in, or from a planning export.

    ``plan`` is None where the room's own arc is delivered; ``name`` says who it is.
    """

    phantom: Phantom
    patient_position: PatientPosition
    plan: Plan | None
    name: str
    _prepared: dict[tuple[str, Matched], Prepared] = field(default_factory=dict, repr=False)

    @property
    def target_points_mm(self) -> Array | None:
        """Where accuracy matters, (n, 3) planning LPS; None where nothing is drawn as a target."""
        target = choose_target(self.phantom.structures, self.phantom.isocentre_mm)
        return surface_points_mm(target) if target is not None else None

    def prepared(self, room: RoomSettings, matched: Matched) -> Prepared:
        """Return the planning side of the match of a room's images, made when it is first asked for.

        Raises
        ------
        MissingEvidenceError
            If markers shall be matched and the planning CT shows none.
        InputError
            If the imager sees too little of the patient.
        """
        model = room.imaging.model
        imager = model if model.endswith("pair") or model == "ultrasound" else "volume"
        key = (imager, matched)
        if key not in self._prepared:
            self._prepared[key] = self._prepare(room, matched)
        return self._prepared[key]

    def _prepare(self, room: RoomSettings, matched: Matched) -> Prepared:
        phantom, isocentre_mm, points_mm = self.phantom, self.phantom.isocentre_mm, self.target_points_mm
        if matched == "markers":
            count = len(phantom.fiducials)
            seeds = DeclaredMarkers(MarkerKind.SEED, SEED_LENGTH_MM, SEED_DIAMETER_MM, max(count, 1))
            return PreparedMarkers(
                as_the_planning_ct_shows(phantom.fiducials, seeds, phantom.volume),
                seeds,
                isocentre_mm,
                isocentre_mm[None] if points_mm is None else points_mm,
                MarkerMatchSettings(rotation_sigma_deg=ROTATION_SIGMA_DEG),
            )
        if room.imaging.model == "ultrasound":
            return prepare_ultrasound(
                simulation_ultrasound(phantom, room.ultrasound),
                centre_mm=isocentre_mm,
                target_points_mm=points_mm,
            )
        views = _views(room, phantom.site)
        if views:
            planned = fixed_from_planning(self.patient_position, isocentre_mm).inverse()
            return prepare_radiographs(
                phantom.volume,
                isocentre_mm=isocentre_mm,
                views=[view.in_frame(planned) for view in views],
                target_points_mm=points_mm,
            )
        return prepare_planning(
            phantom.volume,
            isocentre_mm=isocentre_mm,
            settings=MatchSettings(),
            target_points_mm=points_mm,
        )


def _views(room: RoomSettings, site: str | None) -> tuple[XrayView, ...]:
    """Return the nominal views of a room that takes radiographs, in FIXED."""
    if room.imaging.model == "stereo pair":
        return stereo_views(room.stereo)
    if room.imaging.model == "arm pair":
        imaging = room.imaging.for_site(site)
        return arm_views(imaging, imaging.arm_source_deg)
    return ()


def virtual_patient(scenario: Scenario, progress: Progress = silent) -> VirtualPatient:
    """Build the patient of a scenario, or read the export that it names.

    Raises
    ------
    InputError
        If the export cannot be used: no plan, an isocentre outside the image or the body.
    """
    said = scenario.patient
    if said.ct is not None:
        progress(0.0, "Reading the planning export")
        try:
            return _patient_of_export(Path(said.ct))
        except InputError as error:
            msg = f'patient.ct = "{said.ct}" has to be a folder with one CT, its structures and plan: {error}'
            raise type(error)(msg) from error
    progress(0.0, "Building a virtual patient")
    seed = said.seed if said.seed is not None else scenario.seed
    phantom = build_phantom(SITE_OF[said.site or "prostate"], seed, said.voxel_mm)
    return VirtualPatient(phantom, PatientPosition.HFS, None, f"Virtual {said.site} patient {seed}")


def _patient_of_export(folder: Path) -> VirtualPatient:
    from isoguide.virtual import virtual_from_ct

    planning = load_planning_set(folder)
    plan, structure_set = planning.plan, planning.structure_set
    if plan is None:
        msg = f"{folder} holds no plan, so the isocentre is not known: add the RT Plan"
        raise MissingEvidenceError(msg)
    phantom = virtual_from_ct(
        planning.image.volume,
        structure_set.structures if structure_set is not None else (),
        plan.isocentre_mm(),
        f"patient of {folder.name}",
    )
    return VirtualPatient(phantom, plan.patient_position, plan, f"Patient of {folder.name}")
