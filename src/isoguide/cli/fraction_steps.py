"""What a person sees of a fraction, and what a machine's own record says was delivered."""

from pathlib import Path
from typing import Final

import typer
from rich.table import Table
from rich.text import Text

from isoguide.cli import department
from isoguide.cli.department import print_json
from isoguide.cli.terminal import console
from isoguide.course import DeliveryRecord
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment import State
from isoguide.treatment.marks import MarksSetUp
from isoguide.treatment.words import correction_words, pose_words
from isoguide.workflow.clinic.delivered import deliveries_of_record
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.fraction_document import fraction_document
from isoguide.workflow.clinic.fraction_files import export_fraction
from isoguide.workflow.clinic.fraction_status import FractionStatus
from isoguide.workflow.clinic.hand_match import Movement, MovementKind, planning_from_daily_for
from isoguide.workflow.clinic.open_fraction import open_fraction
from isoguide.workflow.clinic.seen import Seen
from isoguide.workflow.motion.motion_words import motion_words

_COLOURS: Final = {State.CLOSED: "green", State.STOPPED: "red", State.HELD: "red"}


def show(status: FractionStatus, *, as_json: bool) -> None:
    """Print where a fraction is."""
    if as_json:
        print_json("fraction", fraction_document(status))
        return
    out = console()
    out.print(Text(f"{status.patient} · {status.key} · {status.protocol}", style="bold"))
    colour = _COLOURS.get(status.state, "cyan")
    out.print(Text(status.state.value.upper(), style=f"bold {colour}"), Text(f"  {status.reason}"), sep="")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, words in _lines(status):
        table.add_row(name, words)
    out.print(table)


def _lines(status: FractionStatus) -> list[tuple[str, str]]:
    found = []
    if status.offline is not None:
        found.append(("systematic", f"{correction_words(status.offline)} is part of the set-up"))
    if status.no_image_because:
        found.append(("schedule", status.no_image_because))
    if status.decision is not None:
        found.append(("protocol", status.decision.rule))
    if status.correction is not None and status.target_pose is not None:
        found += [
            ("correction", correction_words(status.correction)),
            ("couch to", pose_words(status.target_pose)),
        ]
    if status.delivered_mu > 0.0:
        found.append(("delivered", f"{status.delivered_mu:.1f} of {status.planned_mu:.1f} MU"))
    found += [("target", motion_words(motion)) for motion in status.stored.motions]
    if status.stored.assessments:
        newest = status.stored.assessments[-1]
        found.append(("anatomy", "; ".join((newest.verdict, *newest.reasons))))
        found += [("anatomy", alert) for alert in newest.alerts]
    found += [("next", step) for step in status.next_steps]
    return found


def shift_or_engine(shift: str | None, *, engine: bool) -> CouchCorrection | None:
    """Return the correction that somebody found, None where the engine's match is to stand again."""
    if (shift is None) != engine:
        msg = "give either --shift with the correction that you found, or --engine"
        raise typer.BadParameter(msg)
    return department.couch_correction(shift) if shift is not None else None


def match_by_hand(
    desk: Desk, course_id: str, found: CouchCorrection, *, by: str, couch: TableTopPose
) -> FractionStatus:
    """Match the newest image by the correction that somebody typed."""
    opened = open_fraction(desk.records, course_id)
    return desk.match_by_hand(
        course_id,
        planning_from_daily_for(opened, found).matrix,
        by=by,
        couch=couch,
        movements=[Movement(desk.clock.now(), MovementKind.TYPED, found)],
        seen_version=Seen.of(opened.stored),
    )


def show_marks(found: MarksSetUp, *, as_json: bool) -> None:
    """Print the move that the marks call for."""
    if as_json:
        print_json("marks", found)
        return
    out = console()
    out.print(Text("Move the couch", style="bold"), correction_words(found.correction))
    out.print(Text("Couch to", style="bold"), pose_words(found.pose))
    table = Table("mark", "left, mm", box=None, pad_edge=False)
    for name, left_mm in found.residual_mm.items():
        table.add_row(name, f"{left_mm:.1f}")
    out.print(table)
    out.print(f"root mean square {found.rms_mm:.1f} mm")


def deliveries(
    desk: Desk, course_id: str, texts: list[str], record: Path | None
) -> tuple[DeliveryRecord, ...]:
    """Return what was delivered, as staff typed it or a treatment record says."""
    if (record is None) == (not texts):
        msg = "say what was delivered either with --mu for each beam or with --record FILE"
        raise typer.BadParameter(msg)
    opened = open_fraction(desk.records, course_id)
    if record is not None:
        return deliveries_of_record(record, opened)
    return department.deliveries(texts, opened.simulation)


def export(
    desk: Desk, course_id: str, number: int | None, out: Path, *, overwrite: bool, as_json: bool
) -> None:
    """Write the DICOM objects of a fraction and say which."""
    opened = open_fraction(desk.records, course_id, number)
    written = export_fraction(opened.course, opened.stored, desk.store, out, overwrite=overwrite)
    if as_json:
        files = [str(path) for path in written.files]
        print_json("export", {"files": files, "left_out": written.left_out})
        return
    shown = console()
    for path in written.files:
        shown.print(Text(str(path)), soft_wrap=True)
    for why in written.left_out:
        shown.print(Text(f"left out: {why}", style="yellow"))
