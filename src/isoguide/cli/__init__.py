"""The command line: the same doors as from Python, from a terminal."""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

CRASHED = 70
"""Exit code of a mistake of ours (EX_SOFTWARE of BSD); 0, 1 and 2 mean something about the patient."""
INTERRUPTED = 2
"""An interrupted run has no answer, like one with bad input: whoever reads the code needs to know no more."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command ``isoguide`` and exit.

    Exit codes: 0 accepted, 1 review needed or not available, 2 no answer (bad input or usage, interrupted),
    70 a mistake of isoguide.
    """
    try:
        from isoguide.cli.app import run

        code = run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:  # before any command began
        sys.stderr.write("isoguide: interrupted; nothing was left behind\n")
        code = INTERRUPTED
    except Exception:  # noqa: BLE001 - a crash must not exit with 1, which is an answer about the patient
        traceback.print_exc()
        sys.stderr.write("isoguide: this is a mistake of isoguide, please report the lines above\n")
        code = CRASHED
    if code == INTERRUPTED and arguments is None:
        _leave_at_once(code)
    sys.exit(code)


def _leave_at_once(code: int) -> NoReturn:
    """End the process without waiting for its threads.

    Temporary files are gone by now. A signal that strikes while ``concurrent.futures`` starts a thread leaves
    that thread unknown to its pool, and an ordinary exit would wait for it for ever.
    """
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
