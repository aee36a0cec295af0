"""The one place where a password is compared: at sign-in, and again under a signature."""

from collections.abc import Callable
from datetime import datetime, timedelta

from isoguide.records import Records
from isoguide.service.rate_limit import GUESSES_OF_A_NAME, GUESSES_OF_AN_ADDRESS, GuessLimit
from isoguide.service.refusals import TooManyError
from isoguide.workflow.clinic.accounts import Account, Accounts, SignInError


class SignIn:
    """Compares passwords, no faster than guessing may go, and writes down what came of it.

    Parameters
    ----------
    accounts
        Who may sign in.
    records
        Their audit is told.
    now
        Says the time.
    """

    def __init__(self, accounts: Accounts, records: Records, now: Callable[[], datetime]) -> None:
        self._accounts, self._records = accounts, records
        self._by_name = GuessLimit(GUESSES_OF_A_NAME, now)
        self._by_address = GuessLimit(GUESSES_OF_AN_ADDRESS, now)

    def check(self, name: str, password: str, *, address: str, purpose: str) -> Account:
        """Return who gives this name and password.

        Parameters
        ----------
        name, password
            What was given.
        address
            Of the computer it came from.
        purpose
            For the audit: "sign in", or what is signed.

        Raises
        ------
        SignInError
            If they do not go together.
        TooManyError
            If there were too many wrong ones just now.
        """
        wait = self._count(name, address)
        try:
            account = self._accounts.check_password(name, password)
        except SignInError:
            self._note_failure(name, address, purpose, wait)
            raise
        except BaseException:  # nothing was compared, so nobody has guessed
            self._by_name.give_back(name)
            self._by_address.give_back(address)
            raise
        self._by_name.forget(name)
        self._by_address.give_back(address)
        self._records.note(purpose, f"person {name}", by=name, address=address)
        return account

    def _count(self, name: str, address: str) -> timedelta:
        """Count a guess before it is made, so that many at once gain nothing; return its wait if wrong."""
        wait = self._by_address.take(address)
        try:
            return max(wait, self._by_name.take(name))
        except TooManyError:
            self._by_address.give_back(address)
            raise

    def _note_failure(self, name: str, address: str, purpose: str, wait: timedelta) -> None:
        # A name that nobody has may be a password in the wrong field: it is not written down.
        known = any(member.person.name == name for member in self._records.people())
        subject = f"person {name}" if known else "a name that nobody has"
        self._records.note(f"failed: {purpose}", subject, by="console", address=address)
        if wait:
            wait_s = wait / timedelta(seconds=1)
            self._records.note("lock sign-in", subject, by="console", address=address, wait_s=wait_s)
