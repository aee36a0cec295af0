"""Run ``isoguide demo`` and show how far the answer is from the truth."""

from pathlib import Path

from isoguide.cli.terminal import show_demonstration, shown_progress
from isoguide.registration.result import Verdict
from isoguide.workflow.example import demonstrate


def demonstrate_and_show(out: Path, *, seed: int, overwrite: bool) -> bool:
    """Make and align the example and print it beside the truth; returns whether the answer was accepted."""
    with shown_progress(wanted=True) as progress:
        demonstration = demonstrate(out, seed=seed, overwrite=overwrite, progress=progress)
    show_demonstration(demonstration)
    return demonstration.alignment.verdict is Verdict.ACCEPT
