"""Position reports read back: the six values, their uncertainties, the verdict and what they rest on."""

from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from isoguide.course import AXES
from isoguide.dicom import report_codes as code
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.position_report import BY_HAND_STATEMENT, AxisUncertainty, PositionReport
from isoguide.errors import GeometryError, OutputError, UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.registration.result import Verdict


@tolerating_odd_values
def read_position_report(path: Path) -> PositionReport:
    """Read a report that :func:`isoguide.dicom.write_position_report` wrote.

    Raises
    ------
    UnreadableError
        If the file is damaged, is another kind of object, or lacks a part of the report.
    """
    try:
        dataset = pydicom.dcmread(path)
    except (OSError, InvalidDicomError, EOFError, ValueError) as error:
        msg = f"{path} cannot be read as DICOM ({error}); give a position report"
        raise UnreadableError(msg) from error
    root = Item(dataset, str(path))
    if root.text("SOPClassUID") != Comprehensive3DSRStorage:
        msg = f"{path} is not a Comprehensive 3D SR but '{root.text('SOPClassUID')}'; give a position report"
        raise UnreadableError(msg)
    group = _group(root)
    try:
        return _report(group)
    except (GeometryError, OutputError) as error:
        msg = f"the position report {path} contradicts itself ({error}); write it anew"
        raise UnreadableError(msg) from error


def _report(group: Item) -> PositionReport:
    verdict = _verdict(group)
    available = verdict is not Verdict.NOT_AVAILABLE
    is_by_hand = BY_HAND_STATEMENT in _texts(group, code.COVERAGE)
    is_sure_known = available and not is_by_hand
    return PositionReport(
        verdict=verdict,
        reasons=_texts(group, code.REASON),
        correction=CouchCorrection(**_values(group)) if available else None,
        uncertainty=AxisUncertainty(**_values(group, code.UPPER_UNCERTAINTY)) if is_sure_known else None,
        order_of_operations=_text(group, code.ORDER),
        match_region=_text(group, code.MATCH_REGION),
        algorithm=_text(group, code.ALGORITHM_NAME),
        algorithm_version=_text(group, code.ALGORITHM_VERSION),
        settings=_texts(group, code.ALGORITHM_PARAMETERS),
        degrees_of_freedom=int(_value(_one(group, code.FREEDOM), code.NO_UNIT)),
        is_by_hand=is_by_hand,
    )


def _group(root: Item) -> Item:
    for container in root.items("ContentSequence"):
        for group in container.items("ContentSequence"):
            if any(_is(item, code.VERDICT) for item in group.items("ContentSequence")):
                return group
    msg = f"{root.source} is a structured report without a verdict on a match; give a position report"
    raise UnreadableError(msg)


def _is(item: Item, concept: Code) -> bool:
    name = item.first("ConceptNameCodeSequence")
    return name is not None and _code_is(name, concept)


def _code_is(item: Item, concept: Code) -> bool:
    return (item.text("CodeValue"), item.text("CodingSchemeDesignator")) == concept[:2]


def _find(group: Item, concept: Code) -> Iterator[Item]:
    return (item for item in group.items("ContentSequence") if _is(item, concept))


def _one(group: Item, concept: Code) -> Item:
    for item in _find(group, concept):
        return item
    msg = f"the position report {group.source} does not state '{concept.meaning}'; write it anew"
    raise UnreadableError(msg)


def _texts(group: Item, concept: Code) -> tuple[str, ...]:
    return tuple(item.text("TextValue") for item in _find(group, concept))


def _text(group: Item, concept: Code) -> str:
    return _one(group, concept).text("TextValue")


def _verdict(group: Item) -> Verdict:
    stated = _one(group, code.VERDICT).first("ConceptCodeSequence")
    for verdict, concept in code.VERDICTS.items():
        if stated is not None and _code_is(stated, concept):
            return verdict
    msg = f"the position report {group.source} states an unknown verdict; update isoguide or write it anew"
    raise UnreadableError(msg)


def _values(group: Item, bound: Code | None = None) -> dict[str, float]:
    values = {}
    for axis in AXES:
        concept, unit = code.CORRECTION_CODES[axis]
        item = _one(group, concept)
        _check_relative(item)
        values[axis] = _value(item if bound is None else _one(item, bound), unit)
    return values


def _check_relative(item: Item) -> None:
    """Refuse a value that does not say that it is a correction: its code alone could mean a table reading."""
    derivation = _one(item, code.DERIVATION).first("ConceptCodeSequence")
    if derivation is None or not _code_is(derivation, code.RELATIVE):
        msg = f"the position report {item.source} has a table value that is not a correction; write it anew"
        raise UnreadableError(msg)


def _value(item: Item, unit: Code) -> float:
    measured = item.first("MeasuredValueSequence")
    stated = measured.first("MeasurementUnitsCodeSequence") if measured is not None else None
    if measured is None or stated is None or not _code_is(stated, unit):
        msg = f"the position report {item.source} has a value that is not in '{unit.value}'; write it anew"
        raise UnreadableError(msg)
    exact = measured.number("FloatingPointValue")
    return measured.need_number("NumericValue") if exact is None else exact
