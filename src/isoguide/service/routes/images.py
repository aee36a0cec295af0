"""Pictures as numbers: volumes, structures, dose, radiographs, what lies over them, what a pose means."""

from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.requests import HTTPConnection

from isoguide.errors import InputError
from isoguide.geometry.transforms import RigidTransform
from isoguide.service import picture_documents
from isoguide.service.dependencies import UserDep
from isoguide.service.documents.fraction import SimilarityAnswer, SimilarityRequest
from isoguide.service.documents.images import (
    DailyPictures,
    MatchFigures,
    PlannedStructures,
    PlanningPictures,
    ShadowOverlays,
    ShadowRequest,
)
from isoguide.service.problems import problem_responses
from isoguide.service.voxel_response import bytes_response, sha256_of
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.clinic.pictures.review_picture import PlaneName
from isoguide.workflow.clinic.pictures.ultrasound_voxels import UltrasoundPart

router = APIRouter(tags=["pictures"], responses=problem_responses(404))

PLANNING: Final = "/courses/{course_id}/planning"
IMAGE: Final = "/courses/{course_id}/fractions/{number}/images/{uid}"
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
BYTES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": _BINARY}},
    304: {"description": "Whoever asks has them."},
}
PNG: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/png": _BINARY}}}


async def _gallery(connection: HTTPConnection) -> Gallery:
    gallery: Gallery = connection.app.state.gallery
    return gallery


GalleryDep = Annotated[Gallery, Depends(_gallery)]
"""The pictures of the department."""


def _image(course_id: str, number: int, uid: str, gallery: GalleryDep, user: UserDep) -> OpenImage:
    del user
    return gallery.image(course_id, number, uid)


ImageDep = Annotated[OpenImage, Depends(_image)]
"""The image that the address names."""
Version = Annotated[str | None, Query(alias="v", description="SHA-256 that a document named.")]


def _pose(image: OpenImage, numbers: tuple[float, ...]) -> RigidTransform:
    return image.day.pose(np.array(numbers, dtype=np.float64).reshape(4, 4))


@router.get(PLANNING, summary="What is drawn of a plan")
def read_planning(course_id: str, gallery: GalleryDep, user: UserDep) -> PlanningPictures:
    """Return planning CT and dose, each with where its voxels are fetched."""
    del user
    return picture_documents.planning_pictures(gallery, course_id, f"/api/courses/{course_id}/planning")


@router.get(f"{PLANNING}/structures", summary="The structures of a plan")
def read_structures(course_id: str, gallery: GalleryDep, user: UserDep) -> PlannedStructures:
    """Return the structures that are drawn, each with where its distance is fetched."""
    del user
    return picture_documents.planned_structures(gallery, course_id, f"/api/courses/{course_id}/planning")


@router.get(f"{PLANNING}/voxels", summary="The planning CT", response_class=Response, responses=BYTES)
def read_planning_voxels(
    course_id: str, request: Request, gallery: GalleryDep, user: UserDep, v: Version = None
) -> Response:
    """Return Hounsfield units as little-endian int16: the very values that are matched."""
    del user
    voxels = gallery.planning_voxels(course_id)
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(
    f"{PLANNING}/ultrasound/{{part}}",
    summary="The ultrasound of the simulation",
    response_class=Response,
    responses=BYTES,
)
def read_reference_ultrasound(
    course_id: str,
    part: UltrasoundPart,
    request: Request,
    gallery: GalleryDep,
    user: UserDep,
    v: Version = None,
) -> Response:
    """Return brightness, the mask of the fan, or that of the shadows as little-endian int16."""
    del user
    voxels = gallery.reference_voxels(course_id).part(part)
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(
    f"{PLANNING}/structures/{{structure}}/distance",
    summary="A structure as its signed distance",
    response_class=Response,
    responses=BYTES,
)
def read_structure_distance(
    course_id: str, structure: int, request: Request, gallery: GalleryDep, user: UserDep, v: Version = None
) -> Response:
    """Return 1/32 mm as little-endian int16, negative inside: where it is zero, the structure was drawn."""
    del user
    voxels = gallery.structure(course_id, structure).distance
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(f"{PLANNING}/dose/voxels", summary="The planned dose", response_class=Response, responses=BYTES)
def read_dose_voxels(
    course_id: str, request: Request, gallery: GalleryDep, user: UserDep, v: Version = None
) -> Response:
    """Return cGy as little-endian int16 on the dose's own grid."""
    del user
    voxels = gallery.dose(course_id).voxels
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(IMAGE, summary="What is drawn of an image of the day")
def read_image(image: ImageDep, course_id: str, number: int, uid: str) -> DailyPictures:
    """Return the volume, the radiographs or the ultrasound, with where their values are fetched."""
    address = f"/api/courses/{course_id}/fractions/{number}/images/{uid}"
    return picture_documents.daily_pictures(image, address)


@router.get(f"{IMAGE}/voxels", summary="A volume of the day", response_class=Response, responses=BYTES)
def read_image_voxels(image: ImageDep, request: Request, v: Version = None) -> Response:
    """Return grey values as little-endian int16: the very values that were matched."""
    voxels = image.voxels()
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(
    f"{IMAGE}/ultrasound/{{part}}", summary="A day's ultrasound", response_class=Response, responses=BYTES
)
def read_image_ultrasound(
    image: ImageDep, part: UltrasoundPart, request: Request, v: Version = None
) -> Response:
    """Return brightness, the mask of the fan, or that of the shadows as little-endian int16."""
    voxels = image.ultrasound().part(part)
    return bytes_response(request, voxels.content, voxels.sha256, wanted=v)


@router.get(
    f"{IMAGE}/views/{{index}}/pixels",
    summary="A radiograph",
    response_class=Response,
    responses=BYTES,
)
def read_view_pixels(image: ImageDep, index: int, request: Request, v: Version = None) -> Response:
    """Return grey values for display as uint8, row by row."""
    shown = image.view(index)
    return bytes_response(request, shown.grey.tobytes(), shown.sha256, wanted=v)


@router.post(
    f"{IMAGE}/views/{{index}}/drr",
    summary="The planning CT as a radiograph sees it in a pose",
    response_class=Response,
    responses=BYTES,
)
def draw_drr(image: ImageDep, index: int, body: ShadowRequest) -> Response:
    """Return uint8 of the size of the view, on the same grey values."""
    grey = image.drr(index, _pose(image, body.planning_from_daily), is_quick=body.is_quick)
    return Response(grey.tobytes(), media_type="application/octet-stream")


@router.post(f"{IMAGE}/views/{{index}}/overlays", summary="What lies over a radiograph in a pose")
def draw_overlays(image: ImageDep, index: int, body: ShadowRequest) -> ShadowOverlays:
    """Return outlines of structures, markers and the isocentre of the plan, in pixels of the view."""
    pose = _pose(image, body.planning_from_daily)
    return picture_documents.shadow_overlays(image.overlays(index, pose))


@router.get(f"{IMAGE}/figures", summary="Why to believe the engine's match")
def read_figures(image: ImageDep, uid: str) -> MatchFigures:
    """Make the match again from the kept files; its figures are shown only if it is the recorded one."""
    try:
        return picture_documents.match_figures(uid, image.found_again())
    except InputError as error:
        return picture_documents.no_figures(uid, str(error))


@router.post(f"{IMAGE}/similarity", summary="What a pose would mean")
def try_pose(image: ImageDep, body: SimilarityRequest) -> SimilarityAnswer:
    """Return the correction that would be proposed for a pose, and how well the images agree there."""
    pose = _pose(image, body.planning_from_daily)
    return picture_documents.similarity_answer(image.try_pose(pose), image.similarity(pose))


@router.get(f"{IMAGE}/picture", summary="One picture for the review", response_class=Response, responses=PNG)
def read_picture(
    image: ImageDep, request: Request, plane: PlaneName = "axial", *, corrected: bool = True
) -> Response:
    """Return plan and day's image over each other: as the match that counts says, or as the patient lay."""
    content = image.picture(plane, corrected=corrected)
    return bytes_response(request, content, sha256_of(content), wanted=None, media_type="image/png")
