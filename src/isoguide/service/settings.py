"""How a service is set up; everything has a reason, and tests set the clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from isoguide.errors import InputError
from isoguide.workflow.clinic.accounts import HashingCost
from isoguide.workflow.clinic.department import utc_now
from isoguide.workflow.clinic.uploads import UploadLimits

PAGE_FOLDER: Final = Path(__file__).with_name("page")
"""Where the built page lies in the package."""
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
"""Names of this computer for itself."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How a service is set up.

    Parameters
    ----------
    host_names
        Under which names it is reached; a request for another one is refused, because a foreign page can make
        a browser believe that its own name means this computer (DNS rebinding).
    secure_cookie
        Whether the cookie of a session is sent over TLS only; over TLS it always is.
    session_idle
        After so long without anybody at the screen a session ends: a console left open is a door left open.
    session_longest
        After so long every session ends; a shift is shorter.
    page_folder
        Where the built page lies; without an ``index.html`` in it there is no page.
    hashing
        What the hash of a password costs.
    now
        Says the time, aware UTC.
    inbox
        Into which folder the machines of the department export; None where they do not.
    uploads
        How much a browser may send.

    Raises
    ------
    InputError
        If a session would end before it began.
    """

    host_names: frozenset[str] = field(default=frozenset(LOOPBACK_NAMES))
    secure_cookie: bool = False
    session_idle: timedelta = timedelta(minutes=15)
    session_longest: timedelta = timedelta(hours=12)
    page_folder: Path = PAGE_FOLDER
    hashing: HashingCost = field(default_factory=HashingCost)
    now: Callable[[], datetime] = utc_now
    inbox: Path | None = None
    uploads: UploadLimits = field(default_factory=UploadLimits)

    def __post_init__(self) -> None:
        if not timedelta() < self.session_idle <= self.session_longest:
            minutes = self.session_idle / timedelta(minutes=1)
            most = self.session_longest / timedelta(minutes=1)
            msg = f"a session cannot end after {minutes:g} minutes: give more than 0 and at most {most:g}"
            raise InputError(msg)
