"""Beam data of machines: files, choice, fitting."""

from isoguide.workflow.beam_data.choice import choose_beam_data
from isoguide.workflow.beam_data.file import (
    BeamDataFile,
    beam_data_schema_text,
    read_beam_data,
    shipped_machines,
    write_beam_data,
)

__all__ = [
    "BeamDataFile",
    "beam_data_schema_text",
    "choose_beam_data",
    "read_beam_data",
    "shipped_machines",
    "write_beam_data",
]
