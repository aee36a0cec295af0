"""How every command ends: one sentence for what went wrong, an exit code that means one thing."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import typer

from isoguide.cli import INTERRUPTED
from isoguide.errors import Cancelled, IsoguideError

if TYPE_CHECKING:
    from isoguide.progress import Progress

ACCEPTED: Final = 0
LOOK: Final = 1
BAD_INPUT: Final = 2
_Request = TypeVar("_Request")
_Request_contra = TypeVar("_Request_contra", contravariant=True)
_Answer = TypeVar("_Answer")
_Answer_co = TypeVar("_Answer_co", covariant=True)


class _IntoFolder(Protocol[_Request_contra, _Answer_co]):
    def __call__(
        self, request: _Request_contra, target: Path, /, *, overwrite: bool, progress: "Progress"
    ) -> _Answer_co: ...


@dataclass(frozen=True)
class Reply:
    """How the answer is wanted: in a folder or not, for a person or for a program."""

    out: Path | None
    as_json: bool = False
    overwrite: bool = False
    quiet: bool = False

    def give(
        self,
        request: _Request,
        answer: "Callable[[_Request, Progress], _Answer]",
        answer_into: _IntoFolder[_Request, _Answer],
        *,
        text: Callable[[_Answer], str],
        show: Callable[[_Answer], None],
    ) -> _Answer:
        """Work the answer out under a bar, write it where wanted, print it, and return it.

        Parameters
        ----------
        request
            What is asked.
        answer
            Answers without writing.
        answer_into
            Answers and writes all results into a folder, at once or not at all.
        text
            The JSON document.
        show
            Prints for a person; where the results are is said after it.
        """
        from isoguide.cli.terminal import show_place, shown_progress

        with shown_progress(wanted=not self.quiet) as progress:
            if self.out is None:
                found = answer(request, progress)
            else:
                found = answer_into(request, self.out, overwrite=self.overwrite, progress=progress)
        if self.as_json:
            sys.stdout.write(text(found))
        elif not self.quiet:
            show(found)
            show_place(self.out)
        return found


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
