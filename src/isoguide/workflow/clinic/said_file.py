"""What staff said of an image, kept beside its files, so that it can be read again just as it was matched.

It is the last file of an image in the image store, and is there only where something was said. The imager
files of radiographs come right before it.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.errors import UnreadableError
from isoguide.records.image_store import ImageStore
from isoguide.records.plain import DAMAGE, canonical_json, from_plain, to_plain
from isoguide.workflow.clinic.day_image import ImageSaid, TakenImage
from isoguide.workflow.request import RadiographChoice

_BEGIN: Final = b'{"a_image_said"'
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
    a_image_said: int
    machine_isocentre: _Isocentre | None
    source_from_gantry_deg: float | None
    pixels: _Pixels | None
    moments_apart_s: float
    imagers: int
    view_names: tuple[_ViewName, ...]
    content_sha256: str


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image in the store.

    Parameters
    ----------
    files
        Hashes of its files.
    said
        What staff said of it; what names files names them as :func:`stored_files` does.
    content_sha256
        Of what was read of it then; empty where nothing was said, so that the files say all.
    """

    files: tuple[str, ...]
    said: ImageSaid
    content_sha256: str = ""


def keep_image(store: ImageStore, taken: TakenImage, said: ImageSaid) -> tuple[str, ...]:
    """Keep the files of an image, and what was said of it; return all hashes.

    Raises
    ------
    UnreadableError
        If a file cannot be read.
    OutputError
        If the store cannot be written.
    """
    choice = said.radiographs
    if said.machine_isocentre_mm is None and replace(choice, files=()) == RadiographChoice():
        return store.add_all(taken.files)
    names = [path.name for path in taken.files]
    point, pixels = said.machine_isocentre_mm, choice.pixels
    document = _Document(
        a_image_said=1,
        machine_isocentre=_Isocentre(*point) if point is not None else None,
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
    """Tell the files of an image from what was said of it.

    Raises
    ------
    UnreadableError
        If the last file is missing or damaged.
    """
    content = _said_in(store.path_of(hashes[-1])) if hashes else b""
    if not content.startswith(_BEGIN):
        return KeptImage(hashes, ImageSaid())
    try:
        document = from_plain(_Document, json.loads(content), "what staff said of the image")
        pixels = document.pixels
        meaning = PixelMeaning(pixels.relationship, pixels.sign) if pixels is not None else None
    except DAMAGE as error:
        msg = f"what staff said of an image cannot be read ({error}): restore a backup"
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
    said = ImageSaid((point.x_mm, point.y_mm, point.z_mm) if point else None, radiographs=choice)
    return KeptImage(hashes[:count], said, document.content_sha256)


def _said_in(path: Path) -> bytes:
    if path.stat().st_size > _LONGEST_BYTES:
        return b""
    return path.read_bytes()
