"""How an image was read, kept beside its files, so that it can be read again just as it was matched.

An export may say where the machine isocentre is in an object that is no part of the image, and staff may say
it, or how radiographs were taken. A document with that is the last file of an image in the image store; the
imager files of radiographs come right before it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.errors import UnreadableError
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.records.image_store import ImageStore
from isoguide.records.plain import DAMAGE, canonical_json, from_plain, to_plain
from isoguide.workflow.clinic.day_image import ImageSaid, TakenImage
from isoguide.workflow.request import RadiographChoice

_BEGIN: Final = b'{"a_reading_of_image"'
"""Names are sorted, so that every such document begins like this, and no DICOM file does."""
_LONGEST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _ViewName:
    file: int
    view: str


@dataclass(frozen=True, slots=True)
class _Pixels:
    relationship: Literal["LIN", "LOG"]
    sign: Literal[-1, 1]


@dataclass(frozen=True, slots=True)
class _Isocentre:
    x_mm: float
    y_mm: float
    z_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class _Document:
    a_reading_of_image: int
    is_volume: bool
    machine_isocentre: _Isocentre
    source_from_gantry_deg: float | None
    pixels: _Pixels | None
    moments_apart_s: float
    imagers: int
    view_names: tuple[_ViewName, ...]
    content_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class KeptImage:
    """An image in the store.

    Parameters
    ----------
    files
        Hashes of its files.
    said
        What has to be said of it; what names files names them as :func:`stored_files` does.
    machine_isocentre_mm
        In the frame in which it was matched, (3,); None where that was not kept: the files have to say it.
    content_sha256
        Of what was read of it then; empty where nothing was read, because the room gave the image itself.
    """

    files: tuple[str, ...]
    said: ImageSaid
    machine_isocentre_mm: Array | None = None
    content_sha256: str = ""


def keep_image(store: ImageStore, taken: TakenImage, said: ImageSaid) -> tuple[str, ...]:
    """Keep the files of an image, and how they were read; return all hashes.

    Parameters
    ----------
    store
        Where.
    taken
        The image; without a content hash where the room gave it and only its files were written.
    said
        What staff said of it.

    Raises
    ------
    UnreadableError
        If a file cannot be read.
    OutputError
        If the store cannot be written.
    """
    choice = said.radiographs
    names = [path.name for path in taken.files]
    pixels = choice.pixels
    document = _Document(
        a_reading_of_image=1,
        is_volume=isinstance(taken.image.content, Volume),
        machine_isocentre=_Isocentre(*map(float, taken.image.machine_isocentre_mm)),
        source_from_gantry_deg=choice.source_from_gantry_deg,
        pixels=_Pixels(pixels.relationship, pixels.sign) if pixels is not None else None,
        moments_apart_s=choice.moments_apart_s,
        imagers=len(choice.imagers),
        view_names=tuple(_ViewName(names.index(name), view) for name, view in choice.view_names),
        content_sha256=taken.content_sha256,
    )
    files = store.add_all([*taken.files, *choice.imagers])
    return (*files, store.add_bytes(canonical_json(to_plain(document)).encode()))


def kept_image(store: ImageStore, hashes: tuple[str, ...]) -> KeptImage:
    """Tell the files of an image from how they were read.

    Raises
    ------
    UnreadableError
        If the last file is missing or damaged.
    """
    content = _document_in(store.path_of(hashes[-1])) if hashes else b""
    if not content.startswith(_BEGIN):
        return KeptImage(hashes, ImageSaid())
    try:
        document = from_plain(_Document, json.loads(content), "how the image was read")
        pixels = document.pixels
        meaning = PixelMeaning(pixels.relationship, pixels.sign) if pixels is not None else None
    except DAMAGE as error:
        msg = f"how an image was read cannot be told ({error}): restore a backup"
        raise UnreadableError(msg) from error
    count = len(hashes) - 1 - document.imagers
    choice = RadiographChoice(
        imagers=tuple(store.path_of(name) for name in hashes[count:-1]),
        view_names=tuple((f"{one.file:05d}.dcm", one.view) for one in document.view_names),
        source_from_gantry_deg=document.source_from_gantry_deg,
        pixels=meaning,
        moments_apart_s=document.moments_apart_s,
    )
    point = document.machine_isocentre
    place_mm = (point.x_mm, point.y_mm, point.z_mm)
    said = ImageSaid(place_mm if document.is_volume else None, radiographs=choice)
    return KeptImage(hashes[:count], said, np.array(place_mm), document.content_sha256)


def _document_in(path: Path) -> bytes:
    if path.stat().st_size > _LONGEST_BYTES:
        return b""
    return path.read_bytes()
