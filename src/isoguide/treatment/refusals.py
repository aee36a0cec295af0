"""Why a step of the fraction is refused; each names the hazard it guards against.

::

    IsoguideError
    └── RefusedError            nothing was done: the step would be unsafe
        ├── OutOfOrderError     the table of states has no such step
        ├── StaleImageError     the image does not show the patient of this moment
        ├── OrderError          the token is used, void, expired or unknown
        ├── PositionError       the couch is not where it has to be
        ├── PersonNeededError   only a person may do this, with a reason
        ├── NotAllowedError     nobody may do this, whoever signs
        └── ClockError          the clock went backwards
"""

from isoguide.errors import IsoguideError


class RefusedError(IsoguideError):
    """The step would be unsafe, so it was not done."""


class OutOfOrderError(RefusedError):
    """The table of states has no such step."""


class StaleImageError(RefusedError):
    """The image does not show this patient as he lies now."""


class OrderError(RefusedError):
    """A couch order is used, void, expired or unknown."""


class PositionError(RefusedError):
    """The couch is not where it has to be."""


class PersonNeededError(RefusedError):
    """Only a person may decide this, and has to say why."""


class NotAllowedError(RefusedError):
    """Nobody may decide this, whoever signs and whatever the reason."""


class ClockError(RefusedError):
    """The clock of the room went backwards, so no age can be trusted."""
