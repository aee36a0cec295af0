"""``isoguide serve``: the console of a department in a browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoguide.cli.endings import one_sentence_endings
from isoguide.cli.options import PLACE, RecordsOption

if TYPE_CHECKING:
    from isoguide.service.server import Listening
    from isoguide.service.settings import ServiceSettings


def serve_command(
    host: Annotated[str, typer.Option(help="Name or address of this computer to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    records: RecordsOption = PLACE,
    demo: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Open the department of a demonstration, with its virtual room connected."
        ),
    ] = None,
    inbox: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where machines export to: its folders are offered as images."),
    ] = None,
    session_minutes: Annotated[
        int, typer.Option(min=1, max=720, help="A session ends after so long without use.")
    ] = 15,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front speaks TLS; needs --public-name.")
    ] = False,
    proxy_address: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address of that proxy: what it says of a browser is believed."),
    ] = "127.0.0.1",
    public_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name by which browsers reach the service; can be repeated."),
    ] = None,
    allow_unencrypted: Annotated[
        bool,
        typer.Option("--allow-unencrypted", help="Let passwords and images cross the network unencrypted."),
    ] = False,
) -> None:
    """Open the console of a department in a browser, until Ctrl+C.

    One process serves the records that it names. Other computers reach it through a proxy that speaks TLS;
    `docs/how-to/run-the-console.md` says how.

    **Examples**

    `isoguide serve`

    `isoguide serve --demo demo/`

    `isoguide serve --records department/ --port 8081`

    `isoguide serve --behind-proxy --public-name console.clinic.example`
    """
    with one_sentence_endings():
        from datetime import timedelta

        from isoguide.service.server import Listening
        from isoguide.service.settings import ServiceSettings

        listening = Listening(
            host,
            port,
            tuple(public_name or ()),
            proxy=proxy_address if behind_proxy else None,
            allow_unencrypted=allow_unencrypted,
        )
        settings = ServiceSettings(
            host_names=listening.host_names,
            secure_cookie=behind_proxy,
            session_idle=timedelta(minutes=session_minutes),
            inbox=inbox,
        )
        if demo is not None:
            _serve_demonstration(demo, listening, settings)
        else:
            _serve_department(records, listening, settings)
        _say("the console has ended")


def _say(words: str) -> None:
    from rich.text import Text

    from isoguide.cli.terminal import console

    console().print(Text(words), soft_wrap=True)


def _serve_department(records: str, listening: "Listening", settings: "ServiceSettings") -> None:
    from isoguide.service.server import serve
    from isoguide.workflow.clinic.department import open_desk

    with open_desk(records) as desk:
        serve(
            desk,
            listening,
            settings,
            announce=lambda address: _say(f"the console is at {address}; Ctrl+C ends it"),
        )


def _serve_demonstration(folder: Path, listening: "Listening", settings: "ServiceSettings") -> None:
    from isoguide.service.server import ConnectedRooms, serve
    from isoguide.workflow.clinic.demonstration import open_demonstration

    with open_demonstration(folder) as shown:

        def announce(address: str) -> None:
            _say(f"the console is at {address}; Ctrl+C ends it")
            _say(
                f"sign in as {shown.sign_in_file} says; the next patient is brought in, which takes a minute"
            )
            shown.begin()

        rooms = ConnectedRooms((shown.drive,), shown.events)
        serve(shown.desk, listening, settings, rooms=rooms, announce=announce)
