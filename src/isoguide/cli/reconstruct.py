"""Run ``isoguide reconstruct`` and say what came of it."""

from pathlib import Path

from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.workflow.reconstruct import ReconstructRequest, reconstruct_into


def reconstruct_and_show(request: ReconstructRequest, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Reconstruct, write, and print where and what."""
    with shown_progress(wanted=not quiet) as progress:
        made = reconstruct_into(out, request, overwrite=overwrite, progress=progress)
    if quiet:
        return
    grid = made.volume.grid
    size = " × ".join(str(n) for n in grid.shape[::-1])
    voxel = " × ".join(f"{mm:g}" for mm in grid.spacing_mm)
    terminal = console()
    terminal.print(Text(f"{made.projections} projections over {made.arc_deg:.0f}°"))
    terminal.print(Text(f"{size} voxels of {voxel} mm, machine isocentre at 0, 0, 0"))
    terminal.print(Text(f"acquired {made.acquired_at:%Y-%m-%d %H:%M:%S}; grey values, not Hounsfield units"))
    terminal.print(Text(f"written to {made.folder}"))
