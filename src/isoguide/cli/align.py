"""Run ``isoguide align`` and show its answer."""

import sys
from pathlib import Path

from isoguide.cli.terminal import show_alignment, shown_progress
from isoguide.registration.result import Verdict
from isoguide.workflow.align import align
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.result_json import result_document, result_text
from isoguide.workflow.write_results import align_into


def align_and_show(
    request: AlignRequest, out: Path | None, *, as_json: bool, overwrite: bool, quiet: bool
) -> bool:
    """Align, write where wanted, print; returns whether the answer was accepted."""
    with shown_progress(wanted=not quiet) as progress:
        if out is None:
            alignment = align(request, progress)
        else:
            alignment = align_into(request, out, overwrite=overwrite, progress=progress)
    if as_json:
        sys.stdout.write(result_text(result_document(alignment)))
    elif not quiet:
        show_alignment(alignment, results=str(out) if out is not None else None)
    return alignment.verdict is Verdict.ACCEPT
