"""Cone-beam reconstruction beside RTK's own FDK: processor time and error against an exactly known body.

Run with ``python benchmarks/reconstruction.py [--repeats N] [--patient SITE ...]``. Both engines get the same
projections (line integrals of analytic solids, no noise), the same voxels and the same filter (no Hann
window, no truncation correction) in this process, after one run to warm up:

* RTK: displaced-detector and Parker weights, then ``FDKConeBeamReconstructionFilter`` with default subsets;
* ours: the same weights through RTK, then our ramp filter and back-projection.

Error: root mean square over voxels further than 5 mm from every edge, against the true values, in HU. The
difference between the two engines is given beside it. ``--patient`` then measures the physical cone-beam CT
of a virtual patient, stage by stage.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_daily, fixed_from_planning
from isoguide.images.volume import Volume
from isoguide.projection.analytic import Solid
from isoguide.projection.cone_beam import HEAD, PELVIS, THORAX, ConeBeamScan, acquire_projections
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.reconstruct import OUTSIDE_HU, reconstruct
from isoguide.projection.rtk import (
    prepare_rtk,
    rtk_filter,
    rtk_geometry,
    rtk_image,
    rtk_part,
    updated,
    values_of,
)
from isoguide.virtual import build_phantom
from isoguide.virtual.phantom import Site

Float32 = NDArray[np.float32]
WATER_PER_MM = 0.02
FROM_EDGES_MM = 5.0

ALONG_Y = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).T
BODY = (
    Solid("cylinder", np.zeros(3), np.array([75.0, 105.0, 500.0]), WATER_PER_MM, ALONG_Y),
    Solid("ellipsoid", np.array([45.0, 5.0, 12.0]), np.array([25.0, 30.0, 28.0]), WATER_PER_MM),
    Solid("ellipsoid", np.array([-45.0, -5.0, 8.0]), np.array([24.0, 28.0, 26.0]), -0.7 * WATER_PER_MM),
)
"""A body with a dense and a light part, in FIXED; the second and third add to the first."""


def body_for(scan: ConeBeamScan) -> tuple[Solid, ...]:
    """Small enough for the field of view of the head protocol."""
    return (
        BODY if scan.panel_offset_mm else (replace(BODY[0], half_mm=np.array([75.0, 90.0, 500.0])), *BODY[1:])
    )


def projections_of(scan: ConeBeamScan, solids: Sequence[Solid]) -> ProjectionSet:
    columns, rows = scan.size
    pixels = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(float)
    images = [
        sum(solid.line_integrals(view.source_mm, view.pixel_mm(pixels)) for solid in solids)
        for view in scan.views()
    ]
    values = np.stack(images).reshape(-1, rows, columns).astype(np.float32)
    return ProjectionSet(values, scan.views(), scan.seconds, WATER_PER_MM, scan.name)


def rtk_fdk(projections: ProjectionSet, like: Volume) -> Float32:
    """RTK alone, on the grid of ``like``; HU-like values."""
    view, grid = projections.views[0], like.grid
    stack = projections.values[:, ::-1].copy()
    corner_mm = -(np.array(view.size) - 1.0) / 2.0 * view.pixel_spacing_mm
    image = rtk_image(stack, np.array([*view.pixel_spacing_mm, 1.0]), np.array([*corner_mm, 0.0]))
    geometry = rtk_geometry(projections.views)
    for name in ("rtkDisplacedDetectorImageFilterIF3", "rtkParkerShortScanImageFilterIF3"):
        weighting = rtk_filter(name)
        weighting.SetGeometry(geometry)
        weighting.SetInput(image)
        image = updated(weighting, projections.source)
    fixed_from_image = fixed_from_daily("HFS", np.zeros(3))
    empty = np.zeros(grid.shape, dtype=np.float32)
    origin_mm = fixed_from_image.apply(grid.origin_mm)
    fdk = rtk_part("rtkFDKConeBeamReconstructionFilter").rtkFDKConeBeamReconstructionFilterIF3.New()
    fdk.SetGeometry(geometry)
    fdk.SetInput(0, rtk_image(empty, grid.spacing_mm, origin_mm, fixed_from_image.rotation))
    fdk.SetInput(1, image)
    relative = values_of(updated(fdk, projections.source)) / np.float32(WATER_PER_MM)
    # Cut off where ours is.
    return np.asarray(np.maximum(1000 * relative - 1000, OUTSIDE_HU + 1), dtype=np.float32)


def truth_on(volume: Volume, solids: Sequence[Solid]) -> tuple[Float32, NDArray[np.bool_]]:
    """True HU of every voxel, and which voxels are far from edges."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in volume.grid.shape), indexing="ij")
    xyz_mm = volume.grid.xyz(np.stack([i, j, k], axis=-1).astype(float))
    fixed_mm = fixed_from_daily("HFS", np.zeros(3)).apply(xyz_mm)
    inside = [solid.contains(fixed_mm) for solid in solids]
    per_mm = sum(solid.per_mm * within for solid, within in zip(solids, inside, strict=True))
    far = volume.values > OUTSIDE_HU
    sampling = volume.grid.spacing_mm[::-1]
    for within in (*inside, far.copy()):
        for side in (within, ~within):
            far &= (ndimage.distance_transform_edt(side, sampling=sampling) > FROM_EDGES_MM) | ~side
    return np.asarray(per_mm / WATER_PER_MM * 1000.0 - 1000.0, dtype=np.float32), far


PROTOCOLS = {"pelvis": PELVIS, "thorax": THORAX, "abdomen": THORAX, "head-neck": HEAD}
T = TypeVar("T")


def timed(work: Callable[[], T], repeats: int) -> tuple[T, float, float]:
    """Result, median processor seconds and median wall seconds."""
    result = work()
    cpu, wall = [], []
    for _ in range(repeats):
        cpu_0, wall_0 = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - cpu_0)
        wall.append(time.perf_counter() - wall_0)
    return result, statistics.median(cpu), statistics.median(wall)


def compare(scan: ConeBeamScan, repeats: int) -> str:
    solids = body_for(scan)
    projections = projections_of(scan, solids)
    settings = replace(scan.reconstruction, hann_cut=0.0, truncation_correction=0.0)
    ours, our_cpu, our_wall = timed(lambda: reconstruct(projections, "HFS", settings), repeats)
    theirs, rtk_cpu, rtk_wall = timed(lambda: rtk_fdk(projections, ours), repeats)
    truth, far = truth_on(ours, solids)

    def rms(values: Array | Float32) -> float:
        return float(np.sqrt(np.square(values[far]).mean()))

    voxels = " × ".join(str(n) for n in ours.grid.shape[::-1])
    return (
        f"| {scan.name} | {scan.count} | {voxels} | {our_cpu:.1f} s ({our_wall:.1f} s) | "
        f"{rtk_cpu:.1f} s ({rtk_wall:.1f} s) | {rms(ours.values - truth):.1f} | {rms(theirs - truth):.1f} | "
        f"{rms(ours.values - theirs):.2f} |"
    )


def physical(site: Site, scan: ConeBeamScan) -> str:
    """Cost of one physical cone-beam CT of a virtual patient."""
    phantom = build_phantom(site, spacing_mm=(1.2, 1.2, 2.5))
    planning = phantom.anatomy
    fixed_from_volume = fixed_from_planning("HFS", phantom.isocentre_mm)

    def acquire() -> ProjectionSet:
        rng = np.random.default_rng(0)
        return acquire_projections(lambda _: (planning, fixed_from_volume), scan, ImagingPhysics(), rng)

    projections, acquire_cpu, acquire_wall = timed(acquire, 1)
    _, image_cpu, image_wall = timed(lambda: reconstruct(projections, "HFS", scan.reconstruction), 1)
    return (
        f"| {site} | {scan.name} | {acquire_cpu:.1f} s ({acquire_wall:.1f} s) | "
        f"{image_cpu:.1f} s ({image_wall:.1f} s) |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patient", nargs="*", default=[], choices=get_args(Site), metavar="SITE")
    wanted = parser.parse_args()
    start = time.process_time()
    prepare_rtk()
    loading = time.process_time() - start
    factory = "itkVnlFFTImageFilterInitFactory"  # RTK's ramp filter takes its Fourier transform from here
    getattr(rtk_part(factory), factory).RegisterOneFactory()
    print(f"Loading RTK: {loading:.1f} s of processor time. Times are processor (wall) seconds.\n")
    print(
        "| protocol | projections | voxels | isoguide | RTK | error, HU | RTK's error, HU | difference, HU |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for scan in (HEAD, PELVIS):
        print(compare(scan, wanted.repeats), flush=True)
    if wanted.patient:
        print("\n| patient | protocol | projections | image |\n|---|---|---|---|")
    for site in wanted.patient:
        print(physical(site, PROTOCOLS[site]), flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
