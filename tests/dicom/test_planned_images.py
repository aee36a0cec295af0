"""A plan says how far from the source the images of its fields are taken."""

from pathlib import Path

import pydicom
import pytest
from dicom_builders import PLAN, dataset, save
from pydicom.uid import RTIonPlanStorage, RTPlanStorage, RTStructureSetStorage
from radiograph_builders import item

from isoguide.dicom.planned_images import read_planned_images
from isoguide.errors import UnreadableError


def plan_file(folder: Path, sop_class: str, *distances_mm: tuple[float | None, ...]) -> Path:
    ds = dataset(sop_class, PLAN, "RTPLAN")
    beams = [
        item(
            BeamNumber=number,
            PlannedVerificationImageSequence=[
                pydicom.Dataset() if mm is None else item(RTImageSID=mm) for mm in of_beam
            ],
        )
        for number, of_beam in enumerate(distances_mm, start=1)
    ]
    setattr(ds, "IonBeamSequence" if sop_class == RTIonPlanStorage else "BeamSequence", beams)
    return save(ds, folder / "plan.dcm")


@pytest.mark.parametrize("sop_class", [RTPlanStorage, RTIonPlanStorage])
def test_the_distance_of_a_field_is_read(tmp_path, sop_class):
    planned = read_planned_images(
        plan_file(tmp_path, sop_class, (1540.0, 1540.0), (), (None,), (1500.0, 1800.0))
    )
    assert planned.plan_class_uid == sop_class
    assert dict(planned.sid_mm) == {1: (1540.0,), 4: (1500.0, 1800.0)}


def test_another_kind_of_object_is_refused(tmp_path):
    path = save(dataset(RTStructureSetStorage, "1.2.3", "RTSTRUCT"), tmp_path / "rs.dcm")
    with pytest.raises(UnreadableError, match="not an RT Plan; give another file"):
        read_planned_images(path)
