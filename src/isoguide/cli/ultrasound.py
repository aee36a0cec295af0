"""``isoguide ultrasound``: tracked sweeps made into volumes, probes calibrated, structures followed."""

import typer

ultrasound_app = typer.Typer(
    name="ultrasound",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Ultrasound: make a volume of a tracked sweep, calibrate a probe.",
)
