"""Which files of the image store the records refer to."""

import json

from sqlalchemy import Connection, Table, select

from isoguide.records.model import COURSES, DAY_DOSES, IMAGES, MOTIONS
from isoguide.records.plain import Row


def images_of(table: Table, row: Row) -> tuple[str, ...]:
    """Return the hashes of the files in the image store that a row refers to."""
    if table is IMAGES:
        return tuple(json.loads(str(row["sha256"])))
    if table is MOTIONS:
        return (str(row["recording_sha256"]),)
    if table is DAY_DOSES:
        carried = str(row["carried_sha256"])
        return (carried,) if carried else ()
    if table is COURSES and row["simulation"] is not None:
        return tuple(image["sha256"] for image in json.loads(str(row["simulation"]))["reference_images"])
    return ()


def image_hashes(connection: Connection) -> frozenset[str]:
    """Return the hashes of all files in the image store that any row refers to."""
    found: set[str] = set()
    columns = (
        (IMAGES, IMAGES.c.sha256),
        (MOTIONS, MOTIONS.c.recording_sha256),
        (DAY_DOSES, DAY_DOSES.c.carried_sha256),
        (COURSES, COURSES.c.simulation),
    )
    for table, column in columns:
        for row in connection.execute(select(column)).mappings():
            found.update(images_of(table, dict(row)))
    return frozenset(found)
