"""Write the files of a review into a folder that is to be published."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from isoguide.errors import OutputError
from isoguide.workflow.review.drawing import Picture

PAGE: Final = "report.html"
FIGURES, TABLES = "figures", "tables"


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their names, which may have one folder in front.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for name, content in files.items():
        try:
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            msg = f"cannot write {name} ({error.strerror}): free some space or choose another --out"
            raise OutputError(msg) from error


def encoded(pictures: Sequence[Picture], tables: Mapping[str, str]) -> dict[str, bytes]:
    """Return figures and tables by their names, each kind in its folder."""
    drawn = {f"{FIGURES}/{name}": data for picture in pictures for name, data in picture.files.items()}
    return drawn | {f"{TABLES}/{name}": text.encode() for name, text in tables.items()}
