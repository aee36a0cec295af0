"""Where the records are: a database and a folder of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from isoguide.errors import InputError, MissingEvidenceError

DATABASE_FILE: Final = "isoguide.db"
IMAGE_FOLDER: Final = "images"
IMAGES_OPTION: Final = "images"
"""What an address names the folder of images with."""
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+pg8000",
    "postgresql+pg8000": "postgresql+pg8000",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database and the folder of the image store that belongs to it.

    Parameters
    ----------
    database_url
        ``sqlite:///FOLDER/isoguide.db``, or ``postgresql+pg8000://USER@HOST/NAME`` for a department
        (``postgresql+pg8000://USER@/NAME?unix_sock=/run/postgresql/.s.PGSQL.5432`` on the same machine).
    images
        Folder of the image store.

    Raises
    ------
    InputError
        If the text is no such address.
    """

    database_url: str
    images: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "database_url", _known(self.database_url))

    @classmethod
    def embedded(cls, folder: Path) -> Self:
        """Return the place in a folder of one's own: ``FOLDER/isoguide.db`` and ``FOLDER/images``."""
        url = URL.create("sqlite", database=str(folder / DATABASE_FILE))
        return cls(url.render_as_string(hide_password=False), folder / IMAGE_FOLDER)

    @classmethod
    def parse(cls, text: str, *, images: Path | None = None) -> Self:
        """Return the place that a user names by a folder or by the address of a database.

        Parameters
        ----------
        text
            Path of a folder, or an address with ``://`` in it; that of a server names the folder of its
            images with ``?images=FOLDER``.
        images
            Folder of the image store, where the text does not name it; beside an embedded database if not
            given.

        Raises
        ------
        InputError
            If the address is not that of a database isoguide can use.
        MissingEvidenceError
            If a database server is named without a folder for the images.
        """
        if "://" not in text:
            place = cls.embedded(Path(text))
            return place if images is None else cls(place.database_url, images)
        url = make_url(_known(text))
        named = url.query.get(IMAGES_OPTION)
        if isinstance(named, str) and named:
            images = Path(named)
        url = url.difference_update_query([IMAGES_OPTION])
        if images is None and not url.drivername.startswith("sqlite"):
            msg = (
                f"the place {_shown(url)} has no folder for images: name one that all its users can reach, "
                "with ?images=FOLDER behind it"
            )
            raise MissingEvidenceError(msg)
        return cls(
            url.render_as_string(hide_password=False),
            images or Path(url.database or "").parent / IMAGE_FOLDER,
        )

    @property
    def url(self) -> URL:
        """The address as SQLAlchemy takes it."""
        return make_url(self.database_url)

    @property
    def database_file(self) -> Path | None:
        """The file of an embedded database, None for a server."""
        if not self.url.drivername.startswith("sqlite"):
            return None
        return Path((self.url.database or "").removeprefix("file:"))

    def __str__(self) -> str:
        """As messages name it: the file, or the address without its password."""
        return str(self.database_file or _shown(self.url))


def _known(text: str) -> str:
    """Return the address with its driver spelled out."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        msg = "the address of the records cannot be read: give a folder, or postgresql://USER@HOST/NAME"
        raise InputError(msg) from error
    if url.drivername not in _DRIVERS or not url.database or url.database == ":memory:":
        msg = (
            f"'{_shown(url)}' names no database isoguide keeps records in: give a folder or postgresql://..."
        )
        raise InputError(msg)
    return url.set(drivername=_DRIVERS[url.drivername]).render_as_string(hide_password=False)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
