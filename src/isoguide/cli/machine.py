"""``isoguide machine``: beam data of machines, shown, checked and fitted to measurements."""

from pathlib import Path
from typing import Annotated

import typer

from isoguide.cli.endings import ACCEPTED, LOOK, one_sentence_endings

machine_app = typer.Typer(
    name="machine",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Beam data that doses are computed with: list and show them, check a file, fit one to measurements.",
)
BeamArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A file of beam data (JSON), or the name of some that ship.")
]


@machine_app.command(name="list")
def list_command() -> None:
    """List the beam data and the measurements that ship.

    **Examples**

    `isoguide machine list`
    """
    with one_sentence_endings():
        from isoguide.cli.machine_views import show_shipped

        show_shipped()


@machine_app.command(name="show")
def show_command(
    file: BeamArgument = "generic-6mv",
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw depth doses and profiles (PNG or SVG)."),
    ] = None,
) -> None:
    """Say what a beam does to water: depth doses, quality, output factors, field edges.

    **Examples**

    `isoguide machine show generic-6mv --picture beam.png`

    `isoguide machine show our-linac.json`
    """
    with one_sentence_endings():
        from isoguide.cli.machine_views import show_machine

        show_machine(file, picture)


@machine_app.command(name="check")
def check_command(file: BeamArgument) -> None:
    """Check a file of beam data key by key, and whether its kernels agree; 1 where they do not.

    **Examples**

    `isoguide machine check our-linac.json`
    """
    with one_sentence_endings():
        from isoguide.cli.machine_views import check_machine

        is_met = check_machine(file)
    raise typer.Exit(ACCEPTED if is_met else LOOK)


@machine_app.command(name="fit")
def fit_command(
    measured: Annotated[
        str,
        typer.Argument(metavar="MEASURED", help="Depth doses, profiles and output factors (TOML)."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file of beam data to write.")],
    start: Annotated[
        str, typer.Option("--start", metavar="FILE", help="Beam data to start from: a file, or a name.")
    ] = "generic-6mv",
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw measured and computed curves (PNG or SVG)."),
    ] = None,
) -> None:
    """Fit beam data to what was measured in water; 1 where a curve is not met within 1 % or 1 mm.

    **Examples**

    `isoguide machine fit our-linac.toml --out our-linac.json --picture fit.png`

    `isoguide machine fit published-6mv --out published.json`
    """
    with one_sentence_endings():
        from isoguide.cli.machine_views import fit_and_show
        from isoguide.workflow.beam_data.fit import FitRequest

        is_met = fit_and_show(FitRequest(measured, start, out, picture))
    raise typer.Exit(ACCEPTED if is_met else LOOK)
