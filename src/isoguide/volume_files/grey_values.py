"""The stored values of an image file, read with SimpleITK."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isoguide.errors import MissingEvidenceError, UnreadableError


def grey_values(path: Path, *, instead: str) -> NDArray[Any]:
    """Read the values of a grey image, as they are stored, the last axis of the file first.

    ``instead`` says what is wrong with several values per place; ``{}`` stands for how many there are.

    Raises
    ------
    MissingEvidenceError
        If SimpleITK is not installed.
    UnreadableError
        If the file is damaged, or each place of it has several values.
    """
    values, components = stored_values(path)
    if components != 1:
        msg = f"{path} has {instead.format(components)}"
        raise UnreadableError(msg)
    return values


def stored_values(path: Path) -> tuple[NDArray[Any], int]:
    """Read the values of an image and how many each place has; where several, they are the last axis.

    Raises
    ------
    MissingEvidenceError
        If SimpleITK is not installed.
    UnreadableError
        If the file is damaged.
    """
    try:
        import SimpleITK as sitk  # noqa: N813 - the name its documentation uses
    except ImportError as error:
        msg = f"{path} needs SimpleITK to be read; install it with: pip install 'isoguide[formats]'"
        raise MissingEvidenceError(msg) from error
    try:
        image: Any = sitk.ReadImage(str(path))  # SimpleITK is typed in part only
    except RuntimeError as error:
        msg = f"{path} is damaged or not what its name says; copy or save it again"
        raise UnreadableError(msg) from error
    values: NDArray[Any] = sitk.GetArrayFromImage(image)
    return values, int(image.GetNumberOfComponentsPerPixel())
