"""Who makes a request."""

from dataclasses import dataclass

from isoguide.course import Person
from isoguide.service.sessions import Session
from isoguide.workflow.clinic.accounts import Account


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in, as the records know him at this moment.

    Parameters
    ----------
    account
        Who.
    session
        Of which session the request is.
    address
        Of the computer that it came from.
    """

    account: Account
    session: Session
    address: str

    @property
    def person(self) -> Person:
        """Who signs."""
        return self.account.person

    @property
    def name(self) -> str:
        """The user name: what ``by`` is for everything that this request does."""
        return self.account.person.name

    @property
    def is_administrator(self) -> bool:
        """Whether he says who may sign in."""
        return self.account.is_administrator
