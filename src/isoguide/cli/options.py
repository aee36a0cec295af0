"""Options that commands share, with one text each; nothing heavy is imported for them."""

from pathlib import Path
from typing import Annotated, Final

import typer

PLACE: Final = "isoguide-records"
"""Folder in which the records are looked for where nobody says otherwise."""
CHOICES: Final = "Which of several"
MISSING: Final = "What files do not say"
RADIOGRAPHS: Final = "Radiographs"
DOSE: Final = "Dose and goals"
"""Panels of the help."""
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
CourseArgument = Annotated[str, typer.Argument(metavar="COURSE", help="Its name, such as C0001.")]
CouchOption = Annotated[
    str,
    typer.Option(
        "--couch",
        metavar="LAT,LNG,VRT[,PITCH,ROLL,YAW]",
        help="The couch as it is read now, IEC 61217, mm and degrees.",
    ),
]

# How to answer.
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace results that exist in --out.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no text.")]
NoProgressOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]

# What to read.
ExportArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PLANNING", help="Planning export: a folder with CT, RT Structure Set and RT Plan."
    ),
]
PlanningArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PLANNING",
        help="Planning export: a folder with CT, RT Structure Set and RT Plan, or a volume file.",
    ),
]
PlanningSeriesOption = Annotated[
    str | None, typer.Option(metavar="UID", help="Which planning CT series.", rich_help_panel=CHOICES)
]
DailySeriesOption = Annotated[
    str | None, typer.Option(metavar="UID", help="Which image series of the day.", rich_help_panel=CHOICES)
]
PlanOption = Annotated[
    str | None, typer.Option(metavar="UID", help="Which RT Plan.", rich_help_panel=CHOICES)
]
StructuresOption = Annotated[
    str | None,
    typer.Option("--structures", metavar="UID", help="Which RT Structure Set.", rich_help_panel=CHOICES),
]
BeamOption = Annotated[
    int | None, typer.Option(help="Use the isocentre of this beam.", rich_help_panel=CHOICES)
]
IsocentreOption = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,Z",
        help="Plan isocentre, mm, DICOM LPS, instead of the plan's.",
        rich_help_panel=MISSING,
    ),
]
MachineIsocentreOption = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,Z|image-origin",
        help="Machine isocentre in the day's image, where its files do not say.",
        rich_help_panel=MISSING,
    ),
]
PatientPositionOption = Annotated[
    str | None,
    typer.Option(
        metavar="HFS|FFS|...", help="How the patient lies, where no file says so.", rich_help_panel=MISSING
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(
        metavar="mm",
        help="Take volume files that state no unit as millimetres.",
        rich_help_panel=MISSING,
    ),
]

ImagerOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Geometry of the device that took them; repeatable.",
        rich_help_panel=RADIOGRAPHS,
    ),
]
ViewOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE=VIEW|DEGREES",
        help="Which view of its imager, or at which gantry angle, a file was taken; repeatable.",
        rich_help_panel=RADIOGRAPHS,
    ),
]
SourceFromGantryOption = Annotated[
    float | None,
    typer.Option(
        metavar="DEG",
        help="RT Images in kV: from the gantry angle to that of the source.",
        rich_help_panel=RADIOGRAPHS,
    ),
]
PixelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIN:1|LOG:-1|...",
        help="How pixels follow the X-rays, where no file says so: linear or logarithmic, and its sign.",
        rich_help_panel=RADIOGRAPHS,
    ),
]

# What to compute, and what to hold it against.
MachineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Beam data of the machine: one that ships, such as generic-6mv, or a file.",
        rich_help_panel=DOSE,
    ),
]
GoalOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GOAL", help="A goal, such as 'PTV D95% >= 95 %'; repeatable.", rich_help_panel=DOSE
    ),
]
ProtocolOption = Annotated[
    str | None,
    typer.Option(metavar="PROTOCOL", help="Goals and limits of a protocol: a file, or one that ships."),
]
StructureOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only this one beside the target, not all; repeatable."),
]
