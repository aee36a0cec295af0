"""Asking for a password without showing it."""

import getpass
import sys

from isoguide.errors import InputError, MissingEvidenceError


def ask_password(name: str, *, stdin: bool) -> str:
    """Ask twice on the terminal, or read one line of standard input.

    Raises
    ------
    MissingEvidenceError
        If there is no terminal to ask on, or no line.
    InputError
        If the two answers differ.
    """
    if stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            msg = "standard input holds no password: give it as one line"
            raise MissingEvidenceError(msg)
        return line
    if not sys.stdin.isatty():
        msg = (
            "there is no terminal to ask for the password on: give it as one line of standard input, --stdin"
        )
        raise MissingEvidenceError(msg)
    try:
        first = getpass.getpass(f"New password of {name}: ")
        again = getpass.getpass("The same again: ")
    except EOFError:
        msg = "no password was given: nothing was changed"
        raise MissingEvidenceError(msg) from None
    if first != again:
        msg = "the two passwords differ, so nothing was changed: try again"
        raise InputError(msg)
    return first
