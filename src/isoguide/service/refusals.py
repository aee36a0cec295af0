"""What the service itself refuses, before anybody asks what was wanted.

::

    IsoguideError
    └── ServiceRefusal
        ├── NotSignedInError          nobody is signed in, or not any more
        ├── ForeignRequestError       the request does not come from the page of this service
        ├── StalePageError            the page is of another version
        ├── AdministratorNeededError  only an administrator may do this
        ├── TooManyError              too often, or too many wrong passwords
        └── NoSuchAddressError        there is nothing at this address
"""

from isoguide.errors import IsoguideError


class ServiceRefusal(IsoguideError):  # noqa: N818 - the family of what is refused, not a failure
    """The service does not let this request through."""


class NotSignedInError(ServiceRefusal):
    """Nobody is signed in, or not any more."""


class ForeignRequestError(ServiceRefusal):
    """The request does not come from the page of this service."""


class StalePageError(ServiceRefusal):
    """The page is of another version than the service."""


class AdministratorNeededError(ServiceRefusal):
    """Only an administrator may do this."""


class NoSuchAddressError(ServiceRefusal):
    """There is nothing at this address."""


class TooManyError(ServiceRefusal):
    """Too often, or too many wrong passwords.

    Parameters
    ----------
    sentence
        What is said.
    retry_after_s
        After so many seconds it may go.
    """

    def __init__(self, sentence: str, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
