"""What all requests of a service share."""

from dataclasses import dataclass

from isoguide.service.page_files import Page
from isoguide.service.sessions import Session, Sessions
from isoguide.service.settings import ServiceSettings
from isoguide.service.sign_in import SignIn
from isoguide.workflow.clinic.accounts import Account, Accounts
from isoguide.workflow.clinic.desk import Desk


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What all requests of a service share."""

    desk: Desk
    settings: ServiceSettings
    accounts: Accounts
    sessions: Sessions
    sign_in: SignIn
    page: Page

    @classmethod
    def of(cls, desk: Desk, settings: ServiceSettings) -> "ServiceState":
        """Return that of a service that has just begun: nobody is signed in."""
        accounts = Accounts(desk.records, settings.hashing)
        return cls(
            desk,
            settings,
            accounts,
            Sessions(settings.session_idle, settings.session_longest, settings.now),
            SignIn(accounts, desk.records, settings.now),
            Page.in_folder(settings.page_folder),
        )

    def standing(self, session: Session) -> Account | None:
        """Return whose session it is, and end it where the records say that it may not go on.

        It reads the records, so that an end of the right to sign or a new password counts at once, whoever
        wrote it. None: the session has ended.
        """
        if self.sessions.get(session.key) is None:
            return None
        account = self.accounts.account(session.account.person.name)
        if account is None or account.password.changed_at != session.account.password.changed_at:
            self.sessions.end(session)
            return None
        return account
