"""The error family, grouped by what the caller can do about it.

::

    IsoguideError
    ├── InputError              the data cannot be used: nothing was computed (exit code 2)
    │   ├── UnreadableError     a file is damaged, truncated or not what it claims to be
    │   ├── GeometryError       positions, orientations or frames do not make sense
    │   ├── MismatchError       inputs belong to different patients, frames or positions
    │   ├── AmbiguityError      several candidates: the user has to choose by name or UID
    │   └── MissingEvidenceError   something needed was not given and must not be guessed
    │       └── UnknownNameError      nothing has the name or number that was given
    ├── OutputError             the result could not be written; nothing half written remains (exit code 2)
    ├── DeviceError             a device of the room did not do what it was asked
    │   ├── ImageLostError      an exposure was made and no image came of it
    │   └── LinkLostError       a device does not answer
    └── Cancelled               the user asked to stop

Out of tolerance is not an error: it is a :class:`isoguide.registration.Verdict`.
Each message is one sentence that says what is wrong, with which file or value, and what to do.
"""


class IsoguideError(Exception):
    """Root of every error that isoguide raises on purpose."""


class InputError(IsoguideError):
    """The data given cannot be used, so no number was computed."""


class UnreadableError(InputError):
    """A file is damaged, truncated or not what it claims to be."""


class GeometryError(InputError):
    """Positions, orientations or frames of reference do not make sense."""


class MismatchError(InputError):
    """Inputs belong to different patients, frames of reference or patient positions."""


class AmbiguityError(InputError):
    """Several candidates exist and the user has to choose one explicitly."""


class MissingEvidenceError(InputError):
    """Something that is needed was not given and must not be guessed."""


class UnknownNameError(MissingEvidenceError):
    """Nothing here has the name or number that was given."""


class OutputError(IsoguideError):
    """The result could not be written; nothing half written remains."""


class DeviceError(IsoguideError):
    """A device of the treatment room did not do what it was asked."""


class ImageLostError(DeviceError):
    """An exposure was made and no image came of it."""


class LinkLostError(DeviceError):
    """A device of the treatment room does not answer."""


class Cancelled(IsoguideError):  # noqa: N818 - it is a request of the user, not a failure
    """The user asked to stop."""
