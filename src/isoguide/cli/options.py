"""Options that the commands of a department share; nothing heavy is imported for them."""

from typing import Annotated, Final

import typer

PLACE: Final = "isoguide-records"
"""Folder in which the records are looked for where nobody says otherwise."""
RecordsOption = Annotated[
    str,
    typer.Option(
        "--records",
        metavar="PLACE",
        envvar="ISOGUIDE_RECORDS",
        help="The records: a folder, or postgresql://USER@HOST/NAME?images=FOLDER.",
    ),
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does this; has to be on the staff.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
CourseArgument = Annotated[str, typer.Argument(metavar="COURSE", help="Its name, such as C0001.")]
CouchOption = Annotated[
    str,
    typer.Option(
        "--couch",
        metavar="LAT,LNG,VRT[,PITCH,ROLL,YAW]",
        help="The couch as it is read now, IEC 61217, mm and degrees.",
    ),
]
