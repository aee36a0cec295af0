"""The commands and their options. Everything heavy is imported inside, so that ``--help`` is quick."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

import isoguide
from isoguide.cli import INTERRUPTED, options
from isoguide.cli.adapt import adapt_command
from isoguide.cli.assess import assess_command
from isoguide.cli.course import course_app
from isoguide.cli.dose import dose_command
from isoguide.cli.dvh import dvh_command
from isoguide.cli.endings import ACCEPTED, BAD_INPUT, LOOK, Reply, complain, one_sentence_endings
from isoguide.cli.fraction import fraction_app
from isoguide.cli.imager import imager_app
from isoguide.cli.machine import machine_app
from isoguide.cli.monitor import monitor_command
from isoguide.cli.protocol import protocol_app
from isoguide.cli.records import audit_app, db_app
from isoguide.cli.review import review_app
from isoguide.cli.serve import serve_command
from isoguide.cli.staff import staff_app
from isoguide.cli.ultrasound import ultrasound_app

app = typer.Typer(
    name="isoguide",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
all_commands = functools.cache(get_command)
"""Reading the options of some fifty commands takes a tenth of a second: once in a process is enough."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; a usage error becomes one sentence."""
    try:
        code = all_commands(app).main(args=list(arguments), prog_name="isoguide", standalone_mode=False)
    except TyperException as error:
        sentence = error.format_message()
        if sentence:  # without a command, help was shown and there is nothing to add
            complain(sentence)
        return BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted; nothing was left behind")
        return INTERRUPTED
    return code if isinstance(code, int) else ACCEPTED


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"isoguide {isoguide.__version__}\n")
        raise typer.Exit


@app.callback()
def isoguide_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Align the day's image to the treatment plan, and say how sure it is. Not a medical device.

    **Examples**

    See what a folder holds: `isoguide inspect export/`

    Align the day's image: `isoguide align plan/ cbct/ --out result/`

    See how the anatomy has changed: `isoguide assess plan/ cbct/ --out result/`

    Compute the dose of the plan: `isoguide dose plan/ --machine generic-6mv --out dose/`
    See how much dose structures get: `isoguide dvh dose.dcm plan/ --goal 'PTV D95% >= 57 Gy'`

    Correct the beams for the day: `isoguide adapt plan/ cbct/ --machine generic-6mv --out adapted/`

    Make that image of projections: `isoguide reconstruct scan/ --patient-position HFS --out cbct/`

    Make the images of a plan's set-up fields: `isoguide drr plan/ --out images/`

    See how a target moved during the beam: `isoguide monitor fraction-3.jsonl --out report/`

    Treat a virtual patient: `isoguide demo`

    Break the virtual machine: `isoguide simulate couch-stops-short`

    Open the console of a department: `isoguide serve`

    **Exit codes of all commands**

    0: all is well. The match was accepted (align), the anatomy is for decision and within its limits
    (assess, adapt), every goal is met (dose, dvh), everything can be used (inspect), every fraction ended
    as expected (simulate, demo), images were made (reconstruct, drr).

    1: somebody has to look. The match needs review or is not available, a goal is missed, something cannot be
    used, a fraction ended otherwise, a gate asked to align anew or stopped.

    2: no answer. Bad input or usage, or an interruption: one sentence says what is wrong, and nothing was
    written.

    70: a mistake of isoguide. Please report it.
    """
    del version


@app.command(name="align")
def align_command(
    planning: options.PlanningArgument,
    daily: Annotated[
        list[Path],
        typer.Argument(
            metavar="DAILY",
            help="The day's CT or cone-beam CT: a folder or a volume file; or radiographs: a folder or the "
            "files of a pair (RT Image, DX, CR, XA), or a views file; or ultrasound: a DICOM volume placed "
            "in the room, or a tracked sequence (.igs.mha).",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Write registration.dcm, report.dcm, report.html and result.json there."),
    ] = None,
    json: options.JsonOption = False,
    roi: Annotated[
        str,
        typer.Option(help="Where to match: auto, box:SIZE_MM about the isocentre, or a structure's name."),
    ] = "auto",
    content: Annotated[str, typer.Option(help="What to match: auto, bone or soft.")] = "auto",
    engine: Annotated[
        str,
        typer.Option(help="What to match by: anatomy, markers, or auto (markers where --markers is given)."),
    ] = "auto",
    markers: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:COUNT:LENGTHxDIAMETER",
            help="Implanted markers, mm: seed:3:5x1, coil:4:10x0.5, sphere:3:2.",
        ),
    ] = None,
    dof: Annotated[int, typer.Option(help="What the couch can do: 3 (shifts), 4 (shifts and yaw) or 6.")] = 6,
    beam: options.BeamOption = None,
    isocentre: options.IsocentreOption = None,
    machine_isocentre: options.MachineIsocentreOption = None,
    planning_series: options.PlanningSeriesOption = None,
    daily_series: options.DailySeriesOption = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    patient_position: options.PatientPositionOption = None,
    units: options.UnitsOption = None,
    imager: options.ImagerOption = None,
    view: options.ViewOption = None,
    source_from_gantry: options.SourceFromGantryOption = None,
    pixels: options.PixelsOption = None,
    moments_apart: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="Within this a patient counts as lying still.",
            rich_help_panel=options.RADIOGRAPHS,
        ),
    ] = 60.0,
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Calibration of the tracked probe that took a sequence.",
            rich_help_panel="Ultrasound",
        ),
    ] = None,
    ultrasound_reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The reference of the simulation, where PLANNING holds none or several.",
            rich_help_panel="Ultrasound",
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            help="What to match it to: reference, ct (for review only), or auto (the reference where there "
            "is one).",
            rich_help_panel="Ultrasound",
        ),
    ] = "auto",
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Align the day's image to the plan.

    Prints the couch correction (IEC 61217) with its 95 % uncertainty, and a verdict with its reasons.

    **Examples**

    `isoguide align plan/ cbct/ --out result/`

    `isoguide align plan/ cbct/ --roi PTV --dof 4 --json`

    `isoguide align plan/ cbct/ --roi box:120 --content bone --machine-isocentre image-origin`

    `isoguide align plan.nii.gz day.nii.gz --isocentre -7.5,-234,16 --machine-isocentre 0,0,0`

    `isoguide align plan/ pair/ --imager left.json --imager right.json --json`

    `isoguide align plan/ a.dcm b.dcm --source-from-gantry 90 --markers seed:3:5x1 --json`

    `isoguide align plan.nrrd views.json --isocentre -7.5,-234,16 --json`

    `isoguide align plan/ ultrasound.dcm --out result/`

    `isoguide align plan/ sweep.igs.mha --probe probe.json --out result/`
    """
    with one_sentence_endings():
        # Inside: importing takes seconds, and an interruption then has to end like any other.
        from isoguide.cli import values
        from isoguide.cli.align import align_and_show
        from isoguide.workflow.request import AlignRequest, RadiographChoice, UltrasoundChoice

        ultrasound = UltrasoundChoice(probe, ultrasound_reference, values.against(against))
        radiographs = RadiographChoice(
            files=tuple(daily) if len(daily) > 1 else (),
            imagers=tuple(imager or ()),
            view_names=values.view_names(view or ()),
            source_from_gantry_deg=source_from_gantry,
            pixels=values.pixels(pixels),
            moments_apart_s=moments_apart,
        )
        request = AlignRequest(
            planning=planning,
            daily=daily[0],
            region=values.region(roi),
            content=values.content(content),
            degrees_of_freedom=values.degrees_of_freedom(dof),
            beam=beam,
            isocentre_mm=values.point(isocentre, "--isocentre"),
            machine_isocentre_mm=values.machine_isocentre(machine_isocentre),
            planning_series_uid=planning_series,
            daily_series_uid=daily_series,
            plan_uid=plan,
            structure_set_uid=structures,
            patient_position=values.patient_position(patient_position),
            assume_mm=values.units(units),
            engine=values.engine(engine),
            markers=values.markers(markers),
            radiographs=radiographs,
            ultrasound=ultrasound,
        )
        accepted = align_and_show(request, Reply(out, as_json=json, overwrite=force, quiet=quiet))
    raise typer.Exit(ACCEPTED if accepted else LOOK)


app.command(name="assess")(assess_command)
app.command(name="dose")(dose_command)
app.command(name="dvh")(dvh_command)
app.command(name="adapt")(adapt_command)


@app.command(name="reconstruct")
def reconstruct_command(
    projections: Annotated[
        Path,
        typer.Argument(metavar="PROJECTIONS", help="A folder with the projections of one cone-beam scan."),
    ],
    out: Annotated[Path, typer.Option(help="Write the DICOM series to the folder CBCT there.")],
    patient_position: Annotated[
        str | None, typer.Option(metavar="HFS|FFS|...", help="How the patient lay; projections do not say.")
    ] = None,
    patient_id: Annotated[str, typer.Option(metavar="ID", help="Whose image it becomes.")] = "",
    patient_name: Annotated[str, typer.Option(metavar="FAMILY^GIVEN", help="Name of the patient.")] = "",
    voxel: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Voxel size in mm, 1.5,1.5,2.5 unless given.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z", help="Extent in mm about the isocentre, all that was seen unless given."
        ),
    ] = None,
    breathing: Annotated[
        str | None,
        typer.Option(
            metavar="TRACE.csv|auto",
            help="Also make an image of each phase of breathing, to the folder 4DCBCT: by a signal (columns "
            "seconds since the start of the scan, value_mm), or by the breath in the projections.",
        ),
    ] = None,
    scan_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="How long the scan took; needed with --breathing.")
    ] = None,
    bins: Annotated[
        int | None, typer.Option(metavar="N", help="Into how many a breath is sorted, 10 unless given.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="phase|amplitude", help="By time since breathing in, unless given, or by depth."
        ),
    ] = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Reconstruct the day's cone-beam CT from projections (FDK), and the phases of breathing in it.

    Reads Varian TrueBeam and OBI, Elekta XVI and RTK scans. Needs `pip install 'isoguide[reconstruction]'`.

    **Examples**

    `isoguide reconstruct scan/ --patient-position HFS --out day1/`

    `isoguide reconstruct scan/ --patient-position HFS --voxel 1,1,2 --size 260,260,180 --out day1/`

    `isoguide reconstruct scan/ --patient-position HFS --breathing auto --scan-seconds 240 --out day1/`
    """
    with one_sentence_endings():
        from isoguide.cli import values
        from isoguide.cli.reconstruct import (
            breathing_request,
            reconstruct_and_show,
            reconstruct_phases_and_show,
        )
        from isoguide.dicom import PatientIdentity
        from isoguide.projection.reconstruct import ReconstructionSettings
        from isoguide.workflow.reconstruct import ReconstructRequest

        voxel_mm = values.point(voxel, "--voxel", like="1,1,2") or ReconstructionSettings().voxel_mm
        size_mm = values.point(size, "--size", like="260,260,180")
        request = ReconstructRequest(
            projections=projections,
            patient_position=values.patient_position(patient_position),
            patient=PatientIdentity(patient_id=patient_id, name=patient_name),
            settings=ReconstructionSettings(voxel_mm=voxel_mm, size_mm=size_mm),
        )
        sorted_by = breathing_request(breathing, scan_seconds, bins, sort)
        if sorted_by is None:
            reconstruct_and_show(request, out, overwrite=force, quiet=quiet)
        else:
            reconstruct_phases_and_show(request, sorted_by, out, overwrite=force, quiet=quiet)


@app.command(name="drr")
def drr_command(
    planning: options.ExportArgument,
    out: Annotated[Path, typer.Option(help="Write the DICOM series to the folder DRR there.")],
    angle: Annotated[
        list[float] | None,
        typer.Option(metavar="DEG", help="Look from this gantry angle, couch at 0, instead; repeatable."),
    ] = None,
    size: Annotated[float, typer.Option(metavar="MM", help="Edge of the image at the isocentre.")] = 400.0,
    pixels: Annotated[int, typer.Option(metavar="N", help="Rows and columns.")] = 512,
    sid: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Source to image; what the plan says, or 1500, unless given."),
    ] = None,
    weights: Annotated[str, typer.Option(help="What casts the shadow: all, bone or soft.")] = "all",
    png: Annotated[bool, typer.Option("--png", help="Also draw pictures with letters and a cross.")] = False,
    outline: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Outline this structure in the pictures; repeatable."),
    ] = None,
    beam: options.BeamOption = None,
    isocentre: options.IsocentreOption = None,
    planning_series: options.PlanningSeriesOption = None,
    plan: options.PlanOption = None,
    structures: options.StructuresOption = None,
    patient_position: options.PatientPositionOption = None,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Compute the reference images of a plan's set-up fields (DRRs) as DICOM RT Images.

    One image for each set-up field, seen from its gantry angle, with its couch angle.

    **Examples**

    `isoguide drr plan/ --out images/`

    `isoguide drr plan/ --weights bone --png --outline PTV --out images/`

    `isoguide drr plan/ --angle 0 --angle 270 --size 300 --pixels 1024 --out images/`
    """
    with one_sentence_endings():
        from isoguide.cli import values
        from isoguide.cli.drr import drr_and_show, read_weights
        from isoguide.workflow.drr_request import DrrRequest

        request = DrrRequest(
            planning=planning,
            angles_deg=tuple(angle or ()),
            size_mm=size,
            pixels=pixels,
            sid_mm=sid,
            weights=read_weights(weights),
            pictures=png,
            outlined=tuple(outline or ()),
            beam=beam,
            isocentre_mm=values.point(isocentre, "--isocentre"),
            planning_series_uid=planning_series,
            plan_uid=plan,
            structure_set_uid=structures,
            patient_position=values.patient_position(patient_position),
        )
        drr_and_show(request, out, overwrite=force, quiet=quiet)


@app.command(name="inspect")
def inspect_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or a file.")],
    json: options.JsonOption = False,
) -> None:
    """Say in plain words what a folder holds and what is wrong with it.

    Exits with 0 when everything can be used, with 1 when something cannot.

    **Examples**

    `isoguide inspect export/`

    `isoguide inspect day.nii.gz --json`
    """
    with one_sentence_endings():
        from isoguide.cli.inspect import inspect_and_show

        is_sound = inspect_and_show(path, as_json=json)
    raise typer.Exit(ACCEPTED if is_sound else LOOK)


@app.command(name="simulate")
def simulate_command(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario file (TOML), or the name of one that ships.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write report.html and course.json there.")] = None,
    json: options.JsonOption = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the scenarios that ship.")] = False,
    force: options.ForceOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Treat a virtual patient on a virtual machine, closed loop, beside the truth.

    A scenario says who is treated, how his days differ, what is wrong with the room, and what is expected.
    Exits with 0 when every fraction ended as expected, with 1 when one did not.

    **Examples**

    `isoguide simulate --list`

    `isoguide simulate prostate --out result/`

    `isoguide simulate my-scenario.toml --json`
    """
    with one_sentence_endings():
        from isoguide.cli.simulate import list_scenarios, simulate_and_show

        if list_all:
            list_scenarios()
            raise typer.Exit(ACCEPTED)
        is_expected = simulate_and_show(scenario, out, as_json=json, overwrite=force, quiet=quiet)
    raise typer.Exit(ACCEPTED if is_expected else LOOK)


@app.command(name="demo")
def demo_command(
    site: Annotated[
        str, typer.Option(metavar="SITE", help="prostate, lung, head-neck or liver.")
    ] = "prostate",
    fractions: Annotated[int, typer.Option(min=1, max=49, help="How many days are treated.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Another number makes another patient and course.")] = 0,
    imaging: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help="cone-beam; radiographs: stereo (two tubes), arm (two angles), seeds (stereo, on seeds); or "
            "ultrasound (prostate only).",
        ),
    ] = "cone-beam",
    out: Annotated[Path, typer.Option(help="Where patient, images and report go.")] = Path("isoguide-demo"),
    force: options.ForceOption = False,
) -> None:
    """Treat a virtual patient from simulation to the last fraction, and compare with the truth.

    A virtual patient is scanned, planned and written as DICOM files; each day it is set up, imaged, aligned,
    moved and treated on a machine that exists only in software.

    **Examples**

    `isoguide demo`

    `isoguide demo --site lung --fractions 5 --seed 7 --out my-demo`

    `isoguide demo --imaging seeds --fractions 3 --out seeds-demo`
    """
    with one_sentence_endings():
        from isoguide.cli.demo import demonstrate_and_show

        is_expected = demonstrate_and_show(site, fractions, out, seed=seed, imaging=imaging, overwrite=force)
    raise typer.Exit(ACCEPTED if is_expected else LOOK)


app.command(name="monitor")(monitor_command)
app.command(name="serve")(serve_command)

for _group in (
    course_app,
    fraction_app,
    review_app,
    protocol_app,
    staff_app,
    db_app,
    audit_app,
    imager_app,
    machine_app,
    ultrasound_app,
):
    app.add_typer(_group)
