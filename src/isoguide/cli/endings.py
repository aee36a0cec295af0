"""How every command ends: one sentence for what went wrong, an exit code that means one thing."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import typer

from isoguide.cli import INTERRUPTED
from isoguide.errors import Cancelled, IsoguideError

ACCEPTED: Final = 0
LOOK: Final = 1
BAD_INPUT: Final = 2


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, unwound like Ctrl+C so that temporary files go away."""


@contextmanager
def one_sentence_endings() -> Iterator[None]:
    """Turn our errors and interruptions into a sentence on standard error and an exit code."""
    previous = _listen_to_termination()
    try:
        yield
    except _TerminatedError:
        complain("terminated; nothing was left behind")
        raise typer.Exit(INTERRUPTED) from None
    except (KeyboardInterrupt, Cancelled):
        complain("interrupted; nothing was left behind")
        raise typer.Exit(INTERRUPTED) from None
    except IsoguideError as error:
        complain(str(error))
        raise typer.Exit(BAD_INPUT) from None
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def complain(sentence: str) -> None:
    """Write one sentence on standard error; line breaks and control characters in it become spaces."""
    line = "".join(character if character.isprintable() else " " for character in sentence)
    sys.stderr.write(f"isoguide: {line}\n")


def _listen_to_termination() -> "signal._HANDLER | None":
    def unwind(_number: int, _frame: FrameType | None) -> None:
        raise _TerminatedError

    try:
        return signal.signal(signal.SIGTERM, unwind)
    except ValueError:  # not in the main thread: whoever runs us there handles signals
        return None
