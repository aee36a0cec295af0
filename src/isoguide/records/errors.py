"""What a database can refuse besides bad input and bad places.

::

    IsoguideError
    └── ConflictError           somebody else changed it since it was read: look again
"""

from isoguide.errors import IsoguideError


class ConflictError(IsoguideError):
    """Somebody else changed this since it was read, so nothing was written: look again, then decide."""
