"""Run ``isoguide reconstruct`` and say what came of it."""

from pathlib import Path
from typing import cast, get_args

import typer
from rich.text import Text

from isoguide.cli.terminal import console, shown_progress
from isoguide.motion.sorting import SortBy, SortSettings
from isoguide.workflow.reconstruct import Reconstruction, ReconstructRequest, reconstruct_into
from isoguide.workflow.reconstruct_phases import BreathingRequest, reconstruct_phases_into


def reconstruct_and_show(request: ReconstructRequest, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Reconstruct, write, and print where and what."""
    with shown_progress(wanted=not quiet) as progress:
        made = reconstruct_into(out, request, overwrite=overwrite, progress=progress)
    if quiet:
        return
    _show_image(made)
    console().print(Text(f"written to {made.folder}"))


def reconstruct_phases_and_show(
    request: ReconstructRequest, breathing: BreathingRequest, out: Path, *, overwrite: bool, quiet: bool
) -> None:
    """Sort by breath, reconstruct, write, and print where and what."""
    with shown_progress(wanted=not quiet) as progress:
        made = reconstruct_phases_into(out, request, breathing, overwrite=overwrite, progress=progress)
    if quiet:
        return
    _show_image(made.whole)
    terminal = console()
    breaths = made.breaths
    sure = "" if made.quality is None else f", which explains {100.0 * made.quality:.0f} % of what changes"
    terminal.print(
        Text(
            f"{len(breaths.all)} breaths of {breaths.period_s:.1f} s, {len(breaths.alike)} of them alike, "
            f"by the {breaths.signal.source}{sure}"
        )
    )
    of_each = ", ".join(f"{one.percent:g} % of {one.projections}" for one in made.phases)
    terminal.print(Text(f"by {breathing.sorting.by}: {of_each} projections"))
    for warning in made.warnings:
        terminal.print(Text(f"warning: {warning}", style="yellow"))
    terminal.print(Text(f"written to {made.whole.folder} and {made.phases[0].folder.parent}"))


def breathing_request(
    text: str | None, scan_seconds: float | None, bins: int | None, sort: str | None
) -> BreathingRequest | None:
    """Read how a scan is sorted by breath; None where it is not."""
    if text is None:
        given = {"--scan-seconds": scan_seconds, "--bins": bins, "--sort": sort}
        alone = next((name for name, value in given.items() if value is not None), None)
        if alone is not None:
            msg = f"{alone} says how a breath is sorted: give --breathing auto or a signal with it"
            raise typer.BadParameter(msg)
        return None
    by = sort or "phase"
    if by not in get_args(SortBy):
        msg = f"--sort needs phase or amplitude, not '{by}'"
        raise typer.BadParameter(msg)
    # By amplitude, equal shares of the time: depths that are passed quickly would have few projections.
    settings = SortSettings(SortSettings().bins if bins is None else bins, cast("SortBy", by), "count")
    return BreathingRequest(None if text == "auto" else Path(text), scan_seconds, settings)


def _show_image(made: Reconstruction) -> None:
    grid = made.volume.grid
    size = " × ".join(str(n) for n in grid.shape[::-1])
    voxel = " × ".join(f"{mm:g}" for mm in grid.spacing_mm)
    terminal = console()
    terminal.print(Text(f"{made.projections} projections over {made.arc_deg:.0f}°"))
    terminal.print(Text(f"{size} voxels of {voxel} mm, machine isocentre at 0, 0, 0"))
    terminal.print(Text(f"acquired {made.acquired_at:%Y-%m-%d %H:%M:%S}; grey values, not Hounsfield units"))
