"""The projector beside its peers: time per ray and error against exact line integrals, in one run.

Run with ``python benchmarks/projector.py [--repeats N] [--write]``; ``--write`` puts the table into
docs/benchmarks.md. Everything runs on two threads, volumes in memory:

* RTK's JosephForwardProjectionImageFilter through its Python package: the time of ``Update()`` for a stack of
  views; its gantry turns about IEC y, so volumes lie in IEC axes;
* ``plastimatch drr`` (Debian) with its default algorithm ("exact", Siddon; "uniform" takes ten times as
  long), no conversion of values: the time it prints, without reading and writing; it turns about patient z;
* nanodrr (PyTorch, on the processor): the time of ``render`` without gradients, one view after another, with
  as many samples along a ray as bring its 95 % error to ours (``SAMPLES``), on the larger volume, at most two
  repetitions because it takes minutes; the table says if it is absent;
* ours on both: the time of ``project_volume`` with all its preparation of the volume, as it is (air around
  the object is left out) and with that prevented by two voxels of 1e-9 in opposite corners.

Every engine integrates the same voxels along the same rays from the same angles. Errors are those of rays
that do not graze an edge (as in tests/projection/test_project.py), relative to their own true value.
"""

import argparse
import importlib.metadata
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_x
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.projection.analytic import Solid
from isoguide.projection.project import project_volume, project_volumes
from page import put_between_marks
from radiograph_peers import missing, torch_camera

Float32 = NDArray[np.float32]
SAD_MM, SID_MM, PIXELS, SPACING_MM = 1000.0, 1500.0, 512, 0.8
ANGLES_DEG = (0.0, 30.0, 60.0, 90.0)
SAMPLES = 400


UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Patient LPS axes (supine) from IEC fixed axes: the rows are x to the left, y to the back, z to the head."""

BODY = (
    Solid("ellipsoid", np.array([4.3, -3.1, 2.7]), np.array([105.0, 112.0, 75.0]), 0.02),
    Solid("cylinder", np.array([3.1, -3.1, -30.3]), np.array([21.0, 21.0, 60.0]), 0.02, rotation_x(-80.0)),
    Solid("ellipsoid", np.array([-40.3, 20.1, 8.3]), np.array([25.0, 35.0, 28.0]), -0.012),
)
"""A trunk with a spine and a lung, in IEC fixed coordinates."""


@dataclass(frozen=True, eq=False)
class Task:
    """Voxels in the axes of one engine, and the views in the same axes."""

    name: str
    grid: Grid
    values: Float32
    views: tuple[XrayView, ...]
    solids: tuple[Solid, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine made of a task: images like ``task.views`` and the seconds of each repetition."""

    images: Float32
    seconds: list[float]


def task(name: str, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], axes: Array) -> Task:
    """Build the trunk in axes that are turned from IEC fixed axes by the rotation ``axes``."""
    origin = [-(n - 1) / 2.0 * step for n, step in zip(shape[::-1], spacing_mm, strict=True)]
    grid = Grid.axial(FIXED, shape, spacing_mm, (origin[0], origin[1], origin[2]))
    solids = tuple(
        Solid(solid.shape, axes @ solid.centre_mm, solid.half_mm, solid.per_mm, axes @ solid.axes)
        for solid in BODY
    )
    values = sum((solid.voxels(grid) for solid in solids), start=np.zeros(shape, np.float32))
    return Task(name, grid, values, tuple(turned(angle_deg, axes) for angle_deg in ANGLES_DEG), solids)


def turned(angle_deg: float, axes: Array) -> XrayView:
    view = gantry_view(
        angle_deg,
        sad_mm=SAD_MM,
        sid_mm=SID_MM,
        size=(PIXELS, PIXELS),
        pixel_spacing_mm=(SPACING_MM, SPACING_MM),
    )
    vectors = (view.source_mm, view.detector_centre_mm, view.row_direction, view.column_direction)
    source, detector, row, column = (axes @ vector for vector in vectors)
    return XrayView(FIXED, source, detector, row, column, view.pixel_spacing_mm, view.size)


def ours(job: Task, repeats: int, *, skip_air: bool = True) -> Answer:
    values = job.values
    if not skip_air:
        values = values.copy()
        values[0, 0, 0] = values[-1, -1, -1] = 1e-9
    project_volume(
        values[:4, :4, :4], Grid.axial(FIXED, (4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), job.views
    )
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        images = project_volume(values, job.grid, job.views)
        seconds.append(time.perf_counter() - begin)
    return Answer(images, seconds)


def ours_two_materials(job: Task, repeats: int) -> Answer:
    both = np.maximum(np.stack([job.values, job.values]), np.float32(0.0))
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        images = project_volumes(both, job.grid, job.views)
        seconds.append(time.perf_counter() - begin)
    return Answer(images[1], seconds[1:])


def rtk(job: Task, repeats: int) -> Answer:
    import itk
    from itk import RTK as toolkit  # noqa: N811 - the name of the module

    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(2)
    image_type = itk.Image[itk.F, 3]
    volume = itk.image_from_array(job.values)
    volume.SetSpacing(job.grid.spacing_mm.tolist())
    volume.SetOrigin(job.grid.origin_mm.tolist())
    geometry = toolkit.ThreeDCircularProjectionGeometry.New()
    for angle_deg in ANGLES_DEG:
        geometry.AddProjection(SAD_MM, SID_MM, angle_deg)
    seconds = []
    for _ in range(repeats):
        blank = itk.image_from_array(np.zeros((len(ANGLES_DEG), PIXELS, PIXELS), np.float32))
        blank.SetSpacing([SPACING_MM, SPACING_MM, 1.0])
        blank.SetOrigin([-(PIXELS - 1) / 2.0 * SPACING_MM] * 2 + [0.0])
        projector = toolkit.JosephForwardProjectionImageFilter[image_type, image_type].New()
        projector.SetInput(0, blank)
        projector.SetInput(1, volume)
        projector.SetGeometry(geometry)
        begin = time.perf_counter()
        projector.Update()
        seconds.append(time.perf_counter() - begin)
    return Answer(itk.array_from_image(projector.GetOutput())[:, ::-1], seconds)


def nanodrr(job: Task, repeats: int) -> Answer:
    """Trilinear samples along each ray, all of them in memory: so one view after the other."""
    import torch
    from nanodrr.data import Subject
    from nanodrr.drr import render
    from torchio import ScalarImage

    torch.set_num_threads(2)
    values = np.ascontiguousarray(job.values.transpose(2, 1, 0))
    image = ScalarImage(tensor=torch.from_numpy(values)[None], affine=job.grid.xyz_from_index)
    subject = Subject.from_images(image, convert_to_mu=False)
    cameras = [torch_camera(view, np.zeros(3), SPACING_MM * SAD_MM / SID_MM) for view in job.views]
    seconds = []
    for _ in range(min(repeats, 2)):
        images = []
        begin = time.perf_counter()
        with torch.no_grad():
            for inverse_intrinsics, world_from_camera, distance_mm, _ in cameras:
                shown = render(
                    subject,
                    torch.tensor(inverse_intrinsics[None], dtype=torch.float32),
                    torch.tensor(world_from_camera[None], dtype=torch.float32),
                    torch.tensor([distance_mm]),
                    PIXELS,
                    PIXELS,
                    n_samples=SAMPLES,
                )
                images.append(shown[0, 0].numpy())
        seconds.append(time.perf_counter() - begin)
    return Answer(np.stack(images), seconds)


def plastimatch(job: Task, repeats: int) -> Answer:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_metaimage(folder / "volume.mha", job)
        side_mm = f"{PIXELS * SPACING_MM} {PIXELS * SPACING_MM}"
        command = ["plastimatch", "drr", "-A", "cpu", "-i", "exact", "-P", "none", "-t", "pfm"]
        command += ["-r", f"{PIXELS} {PIXELS}", "-z", side_mm, "--sad", str(SAD_MM), "--sid", str(SID_MM)]
        command += ["-o", "0 0 0", "-I", str(folder / "volume.mha"), "-O", str(folder / "view")]
        # It starts at the patient's left, where our last angle is, and turns the other way. Its values are
        # in cm times our attenuation per mm.
        command += ["-y", "0", "-a", str(len(ANGLES_DEG)), "-N", f"{ANGLES_DEG[1] - ANGLES_DEG[0]}"]
        seconds = []
        for _ in range(repeats):
            output = subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "2"},
            ).stdout
            found = re.search(r"Total time: ([\d.]+)", output)
            seconds.append(float(found.group(1)) if found else np.nan)
        images = [10.0 * read_pfm(folder / f"view{n:04d}.pfm") for n in range(len(ANGLES_DEG))][::-1]
    return Answer(np.stack(images), seconds)


def write_metaimage(path: Path, job: Task) -> None:
    def line(values: Array) -> str:
        return " ".join(f"{value:g}" for value in values)

    head = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        f"Offset = {line(job.grid.origin_mm)}",
        f"ElementSpacing = {line(job.grid.spacing_mm)}",
        f"DimSize = {' '.join(str(n) for n in job.grid.shape[::-1])}",
        "ElementType = MET_FLOAT",
        "ElementDataFile = LOCAL\n",
    ]
    path.write_bytes("\n".join(head).encode() + job.values.tobytes())


def read_pfm(path: Path) -> Float32:
    _, size, _, data = path.read_bytes().split(b"\n", 3)
    columns, rows = (int(n) for n in size.split())
    return np.frombuffer(data, dtype="<f4").reshape(rows, columns)


def truth(job: Task, view: XrayView) -> tuple[Array, NDArray[np.bool_]]:
    """Return the exact image and which rays do not graze an edge, [row, column]."""
    column, row = np.meshgrid(np.arange(PIXELS), np.arange(PIXELS))
    pixels_mm = view.pixel_mm(np.stack([column, row], axis=-1).astype(np.float64))

    def image(shift_mm: Array) -> Array:
        ends_mm = pixels_mm + shift_mm
        parts = [solid.line_integrals(view.source_mm, ends_mm) for solid in job.solids]
        return np.asarray(np.sum(parts, axis=0))

    exact, bend = image(np.zeros(3)), np.zeros((PIXELS, PIXELS))
    across, down = 4.5 * view.row_direction, 4.5 * view.column_direction
    for step in (across, down, across + down, across - down):
        bend = np.maximum(bend, np.abs(image(step) + image(-step) - 2.0 * exact))
    return exact, np.asarray((exact > 0.3 * exact.max()) & (bend < 0.02 * exact))


def errors(job: Task, answer: Answer) -> Array:
    parts = []
    for view, image in zip(job.views, answer.images, strict=True):
        exact, clear = truth(job, view)
        parts.append(np.abs(image[clear] / exact[clear] - 1.0))
    return np.concatenate(parts)


def compare(repeats: int) -> list[tuple[str, ...]]:
    volumes = (
        ("256 × 256 × 256, 1 mm", 256, 256, 1.0),
        ("512 × 512 × 100, 0.5 × 0.5 × 2.5 mm", 512, 100, 2.5),
    )
    rows: list[tuple[str, ...]] = []
    for name, across, slices, slice_mm in volumes:
        pixel_mm = 256.0 / across
        room = task(name, (across, slices, across), (pixel_mm, slice_mm, pixel_mm), np.eye(3))
        rooms: tuple[tuple[str, Callable[[Task, int], Answer]], ...] = (
            ("isoguide", ours),
            ("isoguide, air included", lambda job, n: ours(job, n, skip_air=False)),
            ("itk-rtk", rtk),
        )
        rows += table_rows(room, "about y", rooms, repeats)
        patient = task(name, (slices, across, across), (pixel_mm, pixel_mm, slice_mm), UPRIGHT)
        engines: tuple[tuple[str, Callable[[Task, int], Answer]], ...] = (
            ("isoguide", ours),
            ("isoguide, air included", lambda job, n: ours(job, n, skip_air=False)),
            ("isoguide, two materials at once", ours_two_materials),
            ("plastimatch", plastimatch),
            *((("nanodrr", nanodrr),) if across == PIXELS else ()),
        )
        rows += table_rows(patient, "about z", engines, repeats)
    return rows


def table_rows(
    job: Task, axis: str, engines: Sequence[tuple[str, Callable[[Task, int], Answer]]], repeats: int
) -> list[tuple[str, ...]]:
    rows = []
    base = np.nan
    for name, run in engines:
        if name == "nanodrr" and (install := missing(name)):
            rows.append((f"{job.name}, {axis}", name, f"absent: {install}", *[""] * 4))
            continue
        answer = run(job, repeats)
        nanoseconds = statistics.median(answer.seconds) / answer.images.size * 1e9
        base = nanoseconds if name == "isoguide" else base
        error = errors(job, answer)
        percent = (100.0 * value for value in (np.median(error), np.quantile(error, 0.95), error.max()))
        figures = [
            f"{nanoseconds:.0f}",
            f"{nanoseconds / base:.1f} ×",
            *(f"{value:.3f}" for value in percent),
        ]
        rows.append((f"{job.name}, {axis}", name, *figures))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def versions() -> str:
    names = ["isoguide", "numpy", "numba", "itk-rtk"]
    names += [] if missing("nanodrr") else ["nanodrr", "torch"]
    found = [f"{name} {importlib.metadata.version(name)}" for name in names]
    found.append(
        subprocess.run(["plastimatch", "--version"], check=True, capture_output=True, text=True).stdout
    )
    listed = ", ".join(part.strip() for part in found)
    return f"Python {platform.python_version()}, {listed}; {os.cpu_count()} cores."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    head = (
        "volume, rotation",
        "engine",
        "ns per ray",
        "time, ours = 1",
        "median %",
        "95 % below %",
        "worst %",
    )
    lines = [versions(), "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in compare(arguments.repeats)]
    text = "\n".join(lines)
    print(text)
    if arguments.write:
        put_between_marks("projector", text)


if __name__ == "__main__":
    main()
