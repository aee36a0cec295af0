"""Run ``isoguide inspect`` and show what it found."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from isoguide.cli.terminal import show_inspection, shown_progress
from isoguide.workflow.inspect import inspect_path


def inspect_and_show(path: Path, *, as_json: bool) -> bool:
    """Inspect and print; returns whether everything can be used."""
    with shown_progress(wanted=not as_json) as progress:
        inspection = inspect_path(path, progress)
    if as_json:
        document = {
            "path": str(inspection.path),
            "items": [asdict(item) for item in inspection.items],
            "other_files": [str(other) for other in inspection.other_files],
        }
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        show_inspection(inspection)
    return bool(inspection.items) and not inspection.has_problems
