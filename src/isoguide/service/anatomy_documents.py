"""What the clinic says of the anatomy of a day, as documents."""

from isoguide.service.documents.anatomy import (
    AnatomyDocument,
    AssessmentDocument,
    DeformationPictures,
)
from isoguide.service.picture_documents import header_of, structure_document
from isoguide.workflow.clinic.day_anatomy import DayAnatomyShown
from isoguide.workflow.clinic.pictures.drawn_anatomy import DrawnAnatomy


def anatomy_document(uid: str, shown: DayAnatomyShown, address: str) -> AnatomyDocument:
    """Say what is known of the anatomy of an image; ``address`` is that of this document."""
    record, image, drawn = shown.record, shown.image, shown.drawn
    assessment = (
        AssessmentDocument.of(record, shown.outdated_because, shown.limits) if record is not None else None
    )
    pictures = None
    if image is not None and drawn is not None:
        pose = tuple(image.counting_pose().matrix.ravel().tolist())
        pictures = _pictures(drawn, pose, address)
    return AnatomyDocument(
        image_uid=uid,
        assessment=assessment,
        not_possible_because=shown.not_possible_because,
        pictures=pictures,
        no_pictures_because=shown.not_drawn_because,
    )


def _pictures(drawn: DrawnAnatomy, pose: tuple[float, ...], address: str) -> DeformationPictures:
    x, y, z = drawn.field.shift
    return DeformationPictures(
        planning_from_daily=pose,
        plan=header_of(drawn.plan, f"{address}/plan/voxels"),
        shift_x=header_of(x, f"{address}/x/voxels"),
        shift_y=header_of(y, f"{address}/y/voxels"),
        shift_z=header_of(z, f"{address}/z/voxels"),
        volume_ratio=header_of(drawn.field.volume_ratio, f"{address}/volume/voxels"),
        longest_mm=drawn.field.longest_mm,
        structures=tuple(structure_document(one, address) for one in drawn.structures),
        not_drawn=drawn.not_drawn,
    )
