"""The values that staff read at the machine, as options state them; the one JSON document of a command."""

import json
import sys

import numpy as np
import typer

from isoguide.course import Accessory, DeliveryRecord, ImagingDose, ProtocolAction, Role, SimulationRecord
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.records import AuditHead
from isoguide.records.plain import Plain, to_plain

SCHEMA_VERSION = "1.0"
_SHA256_LETTERS = 64


def print_json(kind: str, content: object) -> None:
    """Print one JSON document: what it is, its version, and the content."""
    plain: Plain = to_plain(content)
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, "content": plain}
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def couch_pose(text: str, option: str = "--couch") -> TableTopPose:
    """Read three or six numbers: lateral, longitudinal, vertical, and pitch, roll, yaw."""
    return TableTopPose(*_three_or_six(text, option))


def couch_correction(text: str, option: str = "--shift") -> CouchCorrection:
    """Read three or six numbers: lateral, longitudinal, vertical, and pitch, roll, yaw."""
    return CouchCorrection(*_three_or_six(text, option))


def _three_or_six(text: str, option: str) -> list[float]:
    values = _numbers(text)
    if values is None or len(values) not in (3, 6):
        msg = f"{option} needs 3 numbers in mm, or 6 with pitch, roll and yaw in degrees, not '{text}'"
        raise typer.BadParameter(msg)
    return [*values, 0.0, 0.0, 0.0][:6]


def mark_positions(texts: list[str]) -> dict[str, Array]:
    """Read ``NAME=X,Y,Z``: where each mark is in the room, mm."""
    found: dict[str, Array] = {}
    for text in texts:
        name, equals, point = text.partition("=")
        values = _numbers(point)
        if not equals or values is None or len(values) != 3:
            msg = f"--mark needs NAME=X,Y,Z in mm like 'left=-201.5,3.0,12.5', not '{text}'"
            raise typer.BadParameter(msg)
        if name in found:
            msg = f"--mark names '{name}' twice: give each mark once"
            raise typer.BadParameter(msg)
        found[name] = np.array(values)
    return found


def accessories(texts: list[str]) -> tuple[Accessory, ...]:
    """Read ``KIND:LABEL[@INDEX]``, such as ``MASK:head mask@H2``."""
    found = []
    for text in texts:
        kind, colon, rest = text.partition(":")
        label, _, index = rest.partition("@")
        if not colon or not kind.strip() or not label.strip():
            msg = f"--device needs KIND:LABEL or KIND:LABEL@INDEX like 'MASK:head mask@H2', not '{text}'"
            raise typer.BadParameter(msg)
        found.append(Accessory(kind.strip(), label.strip(), index.strip()))
    return tuple(found)


def deliveries(texts: list[str], simulation: SimulationRecord) -> tuple[DeliveryRecord, ...]:
    """Read ``BEAM=MU`` or ``BEAM=MU:ENDED``; how a beam ended is NORMAL unless it is said."""
    planned = {beam.number: beam for beam in simulation.beams}
    found = []
    for text in texts:
        number, equals, rest = text.partition("=")
        amount, _, ended = rest.partition(":")
        values = _numbers(amount)
        if not equals or not number.strip().isdecimal() or values is None or len(values) != 1:
            msg = f"--mu needs BEAM=MU or BEAM=MU:OPERATOR like '1=201.5', not '{text}'"
            raise typer.BadParameter(msg)
        beam = planned.get(int(number))
        if beam is None:
            known = ", ".join(f"{one.number} ({one.name})" for one in simulation.beams)
            msg = f"--mu names beam {number}, and the plan has {known}"
            raise typer.BadParameter(msg)
        found.append(
            DeliveryRecord(beam.number, beam.name, beam.meterset_mu, values[0], ended.strip() or "NORMAL")
        )
    return tuple(found)


def imaging_dose(text: str | None) -> ImagingDose | None:
    """Read ``VALUE:METRIC``: a number means nothing without its metric."""
    if text is None:
        return None
    value, _, metric = text.partition(":")
    values = _numbers(value)
    if values is None or len(values) != 1 or values[0] < 0.0 or not metric.strip():
        msg = f"--dose needs VALUE:METRIC like '4.49:CTDIw, mGy', not '{text}'"
        raise typer.BadParameter(msg)
    return ImagingDose(values[0], metric.strip())


def action(text: str | None) -> ProtocolAction | None:
    """Read what is to be done about a match, in the words of the protocol."""
    if text is None:
        return None
    try:
        return ProtocolAction(text)
    except ValueError:
        known = ", ".join(f"'{one}'" for one in ProtocolAction)
        msg = f"--action needs one of {known}, not '{text}'"
        raise typer.BadParameter(msg) from None


def known_role(text: str) -> Role:
    """Read therapist, physicist or oncologist."""
    try:
        return Role(text)
    except ValueError:
        msg = f"--role needs one of {', '.join(Role)}, not '{text}'"
        raise typer.BadParameter(msg) from None


def audit_head(text: str | None) -> AuditHead | None:
    """Read ``SEQ:SHA256``."""
    if text is None:
        return None
    seq, _, sha256 = text.partition(":")
    if not seq.isdecimal() or len(sha256) != _SHA256_LETTERS:
        msg = f"--expect needs SEQ:SHA256 as isoguide audit verify prints it, not '{text}'"
        raise typer.BadParameter(msg)
    return AuditHead(int(seq), sha256.lower())


def _numbers(text: str) -> list[float] | None:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None
