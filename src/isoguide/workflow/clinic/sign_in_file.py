"""``sign-in.txt``: the passwords of a demonstration's virtual staff, readable by nobody but who made it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from isoguide.course import Person
from isoguide.errors import OutputError
from isoguide.records import Records
from isoguide.workflow.clinic.accounts import Accounts, random_password

SIGN_IN: Final = "sign-in.txt"
_HEAD: Final = (
    "How the virtual staff of this demonstration sign in at the console: user name and password.\n\n"
)


def let_sign_in(records: Records, people: Sequence[Person], folder: Path) -> Path:
    """Give people on the staff random passwords, and write them into a folder; return the file.

    Parameters
    ----------
    records
        Of a demonstration: the passwords of a department stand in no file.
    people
        Who is on the staff; the first one becomes the administrator.
    folder
        Gets the file, which only its owner may read.

    Raises
    ------
    OutputError
        If the file cannot be written, or is there already.
    NotAllowedError
        If there is an administrator already.
    """
    accounts = Accounts(records)
    chosen = {person.name: random_password() for person in people}
    first, *others = people
    accounts.make_administrator(first, chosen[first.name])
    for person in others:
        accounts.set_password(person.name, chosen[person.name], by=first.name)
    wide = max(map(len, chosen))
    path = folder / SIGN_IN
    try:
        # The rights are there before the first letter is.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_HEAD + "".join(f"{name:<{wide}}  {chosen[name]}\n" for name in chosen))
    except OSError as error:
        msg = f"cannot write {path} ({error.strerror}): choose another folder"
        raise OutputError(msg) from error
    return path
