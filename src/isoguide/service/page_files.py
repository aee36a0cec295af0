"""The built page: files of the package, or a plain word that it was not built."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from starlette.responses import FileResponse, HTMLResponse, Response

from isoguide.errors import UnreadableError
from isoguide.service.refusals import NoSuchAddressError

INDEX: Final = "index.html"
BUILD: Final = "build.json"
"""Says in ``build`` which build the page is; without it the hash of the index does."""
ASSETS: Final = "assets"
"""Folder of files that have their hash in their name and so never change."""
_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>isoguide</title></head>
<body><h1>isoguide</h1>
<p>The service runs, and its page was not built: build it in <code>console/</code>, or install a wheel, which
holds it. The document of the API is at <a href="/api/openapi.json">/api/openapi.json</a>.</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A folder with the page.

    Parameters
    ----------
    folder
        Where it lies.
    build
        Which build it is; empty where there is no page.
    """

    folder: Path
    build: str

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Return the page in a folder.

        Raises
        ------
        UnreadableError
            If it does not say which build it is.
        """
        index = folder / INDEX
        if not index.is_file():
            return cls(folder, "")
        said = folder / BUILD
        if not said.is_file():
            return cls(folder, hashlib.sha256(index.read_bytes()).hexdigest()[:16])
        try:
            build = json.loads(said.read_text(encoding="utf-8"))["build"]
        except (ValueError, KeyError, TypeError):
            build = ""
        if not isinstance(build, str) or not build:
            msg = f"{said} does not say which build the page is: build the page again"
            raise UnreadableError(msg)
        return cls(folder, build)

    def _file(self, path: str) -> Path | None:
        try:
            file = (self.folder / path).resolve()
        except ValueError:  # a name that no file can have
            return None
        return file if file.is_file() and file.is_relative_to(self.folder.resolve()) else None

    def answer(self, path: str) -> Response:
        """Return a file of the page; its index for an address that the page itself understands.

        Raises
        ------
        NoSuchAddressError
            If a file is asked for that is not there.
        """
        if not self.build:
            return HTMLResponse(_NOT_BUILT, 503, {"Cache-Control": "no-store"})
        file = self._file(path)
        if file is not None:
            never_changes = path.startswith(f"{ASSETS}/")
            cache = "public, max-age=31536000, immutable" if never_changes else "no-cache"
            return FileResponse(file, headers={"Cache-Control": cache})
        if "." in path.rpartition("/")[2] or path.startswith(f"{ASSETS}/"):
            msg = "the page has no such file: load the page again"
            raise NoSuchAddressError(msg)
        return FileResponse(self.folder / INDEX, headers={"Cache-Control": "no-cache"})
