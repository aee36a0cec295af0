"""Times of DICOM files, which mostly carry no zone: they are those of the place where they were made."""

from datetime import datetime


def at_this_station(moment: datetime) -> datetime:
    """Return an aware time: one without a zone is taken for one of this work station (PS3.3 C.12.1)."""
    return moment if moment.tzinfo is not None else moment.astimezone()
