"""``isoguide protocol``: written protocols, checked, shown and put into use."""

from typing import Annotated

import typer

from isoguide.cli.endings import one_sentence_endings
from isoguide.cli.options import PLACE, ByOption, JsonOption, RecordsOption

protocol_app = typer.Typer(
    name="protocol",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Written protocols: check a file, show it in plain sentences, put a version into use.",
)
FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A protocol file (TOML), or the name of one that ships.")
]


@protocol_app.command(name="check")
def check_command(file: FileArgument, json: JsonOption = False) -> None:
    """Check a protocol, and say in plain sentences what it asks for and where its numbers come from.

    **Examples**

    `isoguide protocol check prostate-seeds`

    `isoguide protocol check our-spine.toml --json`
    """
    with one_sentence_endings():
        from isoguide.cli.protocol_views import show_protocol
        from isoguide.workflow.protocol_file import load_protocol

        show_protocol(load_protocol(file), as_json=json)


@protocol_app.command(name="list")
def list_command(
    in_use: Annotated[
        bool, typer.Option("--in-use", help="Those in the records, not those that ship.")
    ] = False,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """List the protocols that ship, or those that are in use.

    **Examples**

    `isoguide protocol list`

    `isoguide protocol list --in-use`
    """
    with one_sentence_endings():
        from isoguide.cli.protocol_views import show_in_use, show_shipped
        from isoguide.workflow.clinic.department import open_desk

        if not in_use:
            show_shipped(as_json=json)
            return
        with open_desk(records) as desk:
            show_in_use(desk.records.protocols(), as_json=json)


@protocol_app.command(name="add")
def add_command(
    file: FileArgument,
    by: ByOption,
    records: RecordsOption = PLACE,
    json: JsonOption = False,
) -> None:
    """Put a version of a protocol into use: it is kept as it is written, and never changes.

    **Examples**

    `isoguide protocol add lung-sbrt --by "Dr. Berg"`

    `isoguide protocol add our-spine.toml --by "Dr. Berg"`
    """
    with one_sentence_endings():
        from isoguide.cli.department import print_json
        from isoguide.cli.terminal import console
        from isoguide.workflow.clinic.department import open_desk
        from isoguide.workflow.protocol_file import load_protocol

        loaded = load_protocol(file)
        with open_desk(records) as desk:
            desk.records.person(by)
            desk.records.add_protocol(loaded.protocol, loaded.text, by=by)
        if json:
            print_json("protocol", {"name": loaded.protocol.name, "version": loaded.protocol.version})
        else:
            console().print(f"{loaded.protocol.label} is in use")
