"""Scans as files: RTK's own pair, the geometry written by RTK and the stack by hand."""

import importlib.util

import numpy as np
import pytest

from isoguide.projection.rtk import prepare_rtk, rtk_geometry, rtk_part


def skip_without_rtk():
    if importlib.util.find_spec("itk") is None or importlib.util.find_spec("itk.RTKPython") is None:
        pytest.skip("RTK (the extra 'reconstruction') is not installed")


def write_rtk_scan(folder, scan, values):
    """Write ``geometry.xml`` and ``projections.mha`` for values (projections, rows, columns)."""
    prepare_rtk()
    folder.mkdir(parents=True, exist_ok=True)
    name = "rtkThreeDCircularProjectionGeometryXMLFileWriter"
    geometry = rtk_geometry(scan.views())
    writer = getattr(rtk_part(name), name).New()
    writer.SetObject(geometry)
    writer.SetFilename(str(folder / "geometry.xml"))
    writer.WriteFile()
    # RTK's rows run the other way.
    write_stack(folder / "projections.mha", values[:, ::-1], scan.pixel_spacing_mm)


def write_stack(path, values, spacing_mm):
    count, rows, columns = values.shape
    across, along = -(columns - 1) / 2 * spacing_mm[0], -(rows - 1) / 2 * spacing_mm[1]
    header = "\n".join(
        (
            "ObjectType = Image",
            "NDims = 3",
            "BinaryData = True",
            "BinaryDataByteOrderMSB = False",
            "CompressedData = False",
            "TransformMatrix = 1 0 0 0 1 0 0 0 1",
            f"Offset = {across} {along} 0",
            f"ElementSpacing = {spacing_mm[0]} {spacing_mm[1]} 1",
            f"DimSize = {columns} {rows} {count}",
            "ElementType = MET_FLOAT",
            "ElementDataFile = LOCAL\n",
        )
    )
    path.write_bytes(header.encode() + np.ascontiguousarray(values, dtype="<f4").tobytes())
