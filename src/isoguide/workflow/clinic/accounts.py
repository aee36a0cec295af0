"""Who may sign in: passwords, kept as argon2id hashes and never as themselves.

The rules are those of NIST SP 800-63B (section 5.1.1.2): length counts, composition does not, and what
everybody tries first is refused.
"""

import secrets
import threading
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from isoguide.course import Person
from isoguide.errors import InputError, IsoguideError, UnknownNameError
from isoguide.records import Records, StoredPassword
from isoguide.records.plain import plain_text
from isoguide.treatment.refusals import NotAllowedError
from isoguide.workflow.clinic.common_passwords import COMMON_PASSWORDS

SHORTEST_PASSWORD: Final = 12
"""Letters: guessed without pause at the pace that sign-in allows, it outlives the machine."""
LONGEST_PASSWORD: Final = 1024
"""Letters: long enough for any sentence, and nobody keeps the computer busy with a book."""
CHECKS_AT_ONCE: Final = 2
"""Each check fills its memory; many at once would take that of the images."""
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 of Crockford: no letter that reads like another one."""
_GROUPS, _IN_GROUP = 4, 5


class SignInError(IsoguideError):
    """A name and a password that do not go together."""


@dataclass(frozen=True, slots=True)
class HashingCost:
    """What one hash costs.

    The defaults are the second recommendation of RFC 9106 (section 4) for argon2id, where memory is shared
    with other work: 64 MiB, three passes, four lanes. The first one takes 2 GiB per sign-in.
    """

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in now."""

    person: Person
    is_administrator: bool
    password: StoredPassword = field(repr=False)


class Accounts:
    """Passwords of a department; may be shared by threads.

    Parameters
    ----------
    records
        Where people and hashes are kept.
    cost
        Of a new hash; one of another cost is made anew when its owner signs in.
    """

    def __init__(self, records: Records, cost: HashingCost | None = None) -> None:
        cost = cost or HashingCost()
        self._records = records
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._places = threading.BoundedSemaphore(CHECKS_AT_ONCE)
        # Compared with where there is no password, so that the time does not tell which names exist.
        self._nobody = self._hash(secrets.token_urlsafe())

    def account(self, name: str) -> Account | None:
        """Return somebody who may sign in now; None if nobody of this name may."""
        try:
            password = self._records.password_of(plain_text(name))
            if password is None:
                return None
            return Account(self._records.person(name), password.is_administrator, password)
        except InputError:
            return None

    def accounts(self) -> tuple[Account, ...]:
        """Return everybody who may sign in now, by name."""
        kept = {one.name: one for one in self._records.passwords()}
        return tuple(
            Account(one.person, kept[one.person.name].is_administrator, kept[one.person.name])
            for one in self._records.people()
            if one.is_active and one.person.name in kept
        )

    def has_administrator(self) -> bool:
        """Whether there is somebody who says who may sign in."""
        return any(one.is_administrator for one in self.accounts())

    def check_password(self, name: str, password: str) -> Account:
        """Return who it is that gives this name and this password.

        A name without a password takes as long as a wrong password, and the sentence is the same.

        Raises
        ------
        SignInError
            If they do not go together, or the person may not sign any more.
        """
        account = self.account(name)
        kept = account.password.password_hash if account is not None else self._nobody
        is_right = self._is_right(kept, password)
        if account is None or not is_right:
            msg = "the user name or the password is wrong, or the right to sign has ended: try again, or ask"
            raise SignInError(f"{msg} an administrator")
        if self._hasher.check_needs_rehash(kept):
            return self._keep(name, password, by=name)
        return account

    def set_password(
        self, name: str, password: str, *, by: str, is_administrator: bool | None = None
    ) -> Account:
        """Give somebody a password: one's own, or as an administrator that of anybody; return who has it.

        Parameters
        ----------
        name, password
            Whose, and which.
        by
            Who sets it.
        is_administrator
            Whether he says who may sign in; as it is when None.

        Raises
        ------
        InputError
            If the password is too easy to guess.
        NotAllowedError
            If ``by`` is neither the person nor an administrator.
        UnknownNameError
            If nobody has this user name.
        """
        require_good_password(name, password)
        self._records.person(name)
        if is_administrator is not None or by != name:
            self.require_administrator(by)
        if is_administrator is False:
            self._require_another_administrator(name)
        return self._keep(name, password, by=by, is_administrator=is_administrator)

    def add(self, person: Person, password: str, *, by: str, is_administrator: bool = False) -> None:
        """Add somebody to the staff with a password.

        Raises
        ------
        NotAllowedError
            If ``by`` is no administrator.
        InputError
            If the password is too easy to guess, or the user name is taken; nobody was added then.
        """
        self.require_administrator(by)
        require_good_password(person.name, password)
        self._records.add_person(person, by=by)
        self._keep(person.name, password, by=by, is_administrator=is_administrator)

    def make_administrator(self, person: Person, password: str, *, by: str = "") -> None:
        """Make somebody an administrator, and add him to the staff where he is not yet.

        Parameters
        ----------
        person, password
            Who, and with which password.
        by
            An administrator; empty for the first one, who makes himself.

        Raises
        ------
        NotAllowedError
            If ``by`` is no administrator, or is empty and there is one.
        InputError
            If the password is too easy to guess, or the staff has this name in another role.
        """
        self.require_may_make_administrator(by)
        require_good_password(person.name, password)
        self._on_staff(person, by=by or person.name)
        self._keep(person.name, password, by=by or person.name, is_administrator=True)

    def require_may_make_administrator(self, by: str) -> None:
        """Refuse who may not make an administrator; nobody (an empty name) may make the first one.

        Raises
        ------
        NotAllowedError
            If he may not.
        """
        known = ", ".join(one.person.name for one in self.accounts() if one.is_administrator)
        if known and not by:
            msg = f"there is an administrator already ({known}): let him make another one, with --by"
            raise NotAllowedError(msg)
        if by:
            self.require_administrator(by)

    def end(self, name: str, *, by: str, reason: str) -> None:
        """Say that somebody may neither sign nor sign in any more.

        Raises
        ------
        NotAllowedError
            If ``by`` is no administrator, or nobody would be left to say who may sign in.
        InputError
            If it is so already.
        """
        self.require_administrator(by)
        self._require_another_administrator(name)
        self._records.set_active(name, is_active=False, by=by, reason=reason)

    def require_administrator(self, name: str) -> None:
        """Refuse who does not say who may sign in.

        Raises
        ------
        NotAllowedError
            If he does not.
        """
        account = self.account(name)
        if account is None or not account.is_administrator:
            msg = f"'{name}' is no administrator and may not do this: an administrator has to"
            raise NotAllowedError(msg)

    def _require_another_administrator(self, name: str) -> None:
        if {one.person.name for one in self.accounts() if one.is_administrator} <= {name}:
            msg = f"'{name}' is the only administrator: make another one first"
            raise NotAllowedError(msg)

    def _on_staff(self, person: Person, *, by: str) -> None:
        try:
            known = self._records.person(person.name)
        except UnknownNameError:
            self._records.add_person(person, by=by)
            return
        if known.role is not person.role:
            msg = f"{known} is on the staff already, and not as {person.role}: give that role"
            raise InputError(msg)

    def _keep(self, name: str, password: str, *, by: str, is_administrator: bool | None = None) -> Account:
        self._records.set_password(name, self._hash(password), by=by, is_administrator=is_administrator)
        account = self.account(name)
        if account is None:
            msg = f"the right of '{name}' to sign ended while the password was set: look at the staff"
            raise SignInError(msg)
        return account

    def _hash(self, password: str) -> str:
        with self._places:
            return self._hasher.hash(_normal(password))

    def _is_right(self, kept: str, password: str) -> bool:
        plain = _normal(password)
        with self._places:
            try:
                return self._hasher.verify(kept, plain[:LONGEST_PASSWORD]) and len(plain) <= LONGEST_PASSWORD
            except (VerificationError, InvalidHashError, UnicodeEncodeError):
                return False


def require_good_password(name: str, password: str) -> None:
    """Refuse a password that is easy to guess.

    Raises
    ------
    InputError
        If it is too short, too long, the user name, or one that everybody tries first.
    """
    plain = _normal(password)
    if not plain.isprintable():
        msg = "the password holds a character that no keyboard has: choose another one"
        raise InputError(msg)
    if len(plain) < SHORTEST_PASSWORD:
        msg = f"the password has {len(plain)} characters, and it takes {SHORTEST_PASSWORD}: make a sentence"
        raise InputError(msg)
    if len(plain) > LONGEST_PASSWORD:
        msg = f"the password has {len(plain)} characters, and {LONGEST_PASSWORD} are the most: shorten it"
        raise InputError(msg)
    lower = plain.casefold()
    around_name = lower.split(_normal(name).casefold(), 1) if name else [lower]
    is_name = len(around_name) == 2 and not "".join(around_name).strip("0123456789")
    if is_name or len(set(lower)) == 1:
        msg = "the password is the user name or one character over and over: choose another one"
        raise InputError(msg)
    if lower in COMMON_PASSWORDS:
        msg = "the password is one that everybody tries first: choose another one"
        raise InputError(msg)


def random_password() -> str:
    """Return a password of 100 random bits that can be read out, such as "k7f3m-08qzt-wd5ne-r2x9c"."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_IN_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _normal(password: str) -> str:
    """Return the one spelling of the same letters, whatever keyboard wrote them (NFKC)."""
    return unicodedata.normalize("NFKC", password)
