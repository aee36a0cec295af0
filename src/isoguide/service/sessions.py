"""Who is signed in: sessions in the memory of the service, gone with it.

The cookie carries 256 random bits and the service keeps their SHA-256, so that its memory signs nobody in.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from isoguide.service.rate_limit import TokenBucket
from isoguide.workflow.clinic.accounts import Account


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Parameters
    ----------
    key
        Names the session inside the service: the hash of what the cookie carries.
    csrf_token
        What the page sends back with everything that changes something.
    account
        Who, as it was at sign-in.
    begun_at, used_at
        When it began, and when somebody was at the screen last.
    bucket
        How many requests it may make.
    """

    key: str = field(repr=False)
    csrf_token: str = field(repr=False)
    account: Account
    begun_at: datetime
    used_at: datetime
    bucket: TokenBucket


class Sessions:
    """All sessions; may be shared by threads.

    Parameters
    ----------
    idle, longest
        After so long without use, and after so long at all, a session ends.
    now
        Says the time, aware UTC.
    """

    def __init__(self, idle: timedelta, longest: timedelta, now: Callable[[], datetime]) -> None:
        self._idle, self._longest, self._now = idle, longest, now
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self, account: Account) -> tuple[str, Session]:
        """Sign somebody in, and return what the cookie carries and the session."""
        token, now = secrets.token_urlsafe(32), self._now()
        session = Session(_key(token), secrets.token_urlsafe(32), account, now, now, TokenBucket(now))
        with self._lock:
            self._drop_ended(now)
            self._sessions[session.key] = session
        return token, session

    def find(self, token: str) -> Session | None:
        """Return the session of a cookie, None where there is none or it has ended."""
        return self.get(_key(token))

    def get(self, key: str) -> Session | None:
        """Return a session by its key, None where there is none or it has ended."""
        now = self._now()
        with self._lock:
            self._drop_ended(now)
            return self._sessions.get(key)

    def take(self, session: Session) -> None:
        """Count a request of a session.

        Raises
        ------
        TooManyError
            If there were too many.
        """
        with self._lock:
            session.bucket.take(self._now())

    def use(self, session: Session) -> Session:
        """Say that somebody is at the screen, and return the session as it stands now."""
        with self._lock:
            known = self._sessions.get(session.key)
            if known is None:  # it has just ended, and stays so
                return session
            self._sessions[session.key] = replace(known, used_at=self._now())
            return self._sessions[session.key]

    def renew(self, session: Session, account: Account) -> Session:
        """Go on with a session after its owner changed the password; all others of his end by that."""
        with self._lock:
            renewed = replace(session, account=account, used_at=self._now())
            self._sessions[session.key] = renewed
            return renewed

    def expires_at(self, session: Session) -> datetime:
        """Return when a session ends if nobody uses it any more."""
        return min(session.used_at + self._idle, session.begun_at + self._longest)

    def end(self, session: Session) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(session.key, None)

    def _drop_ended(self, now: datetime) -> None:
        # A clock that went backwards would let a session live for ever.
        ended = [
            key
            for key, one in self._sessions.items()
            if now >= self.expires_at(one) or now < one.used_at - timedelta(seconds=1)
        ]
        for key in ended:
            del self._sessions[key]


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
