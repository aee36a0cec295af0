"""The peers of the deformable engine, each set up as its documentation and papers do for CT of the trunk.

All of them get what ours gets: the rigid match, the planning CT and the day's image, and a mask of the body
where both show it. They are given the two images on one grid in memory; only plastimatch, a program, reads
and writes files, which is part of its time. Each runs with two threads.
"""

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from deformable_problem import Floats, FoundField, Problem
from isoguide.geometry.grid import Grid

THREADS: Final = 2
Solver = Callable[[Problem], FoundField]


def timed(solve: Callable[[Problem], tuple[Grid, Floats]], asked: Problem) -> FoundField:
    """Run a solver and take its time."""
    begin, begun = time.perf_counter(), os.times()
    grid, vectors_mm = solve(asked)
    seconds, ended = time.perf_counter() - begin, os.times()
    cpu_seconds = sum(after - before for after, before in zip(ended[:4], begun[:4], strict=True))
    return FoundField(grid, np.ascontiguousarray(vectors_mm, dtype=np.float32), seconds, cpu_seconds)


PLASTIMATCH_STAGES: Final = (("4 4 2", 40, 60), ("2 2 1", 20, 60), ("2 2 1", 10, 40))
"""Subsampling, distance of the nodes in mm, iterations."""
PLASTIMATCH_LAMBDA: Final = {"mse": 0.005, "mi": 0.005}


def plastimatch_commands(folder: Path, asked: Problem) -> str:
    """B-splines over three stages, L-BFGS; squared differences for two CTs, mutual information otherwise."""
    metric = "mse" if asked.is_mono else "mi"
    lines = ["[GLOBAL]"]
    # Without masks: with those of the body and of what is seen its line search ends where it began.
    lines += [f"{name}={folder / name}.mha" for name in ("fixed", "moving")]
    lines += [f"vf_out={folder / 'found.mha'}", "default_value=-1000"]
    for res, spacing_mm, iterations in PLASTIMATCH_STAGES:
        lines += ["[STAGE]", "xform=bspline", "optim=lbfgsb", "impl=plastimatch", "threading=openmp"]
        lines += [f"metric={metric}", f"regularization_lambda={PLASTIMATCH_LAMBDA[metric]}"]
        lines += [f"max_its={iterations}", f"grid_spac={spacing_mm} {spacing_mm} {spacing_mm}", f"res={res}"]
    return "\n".join(lines) + "\n"


def _plastimatch(asked: Problem) -> tuple[Grid, Floats]:
    program = shutil.which("plastimatch")
    if program is None:
        raise FileNotFoundError("plastimatch")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_mha(folder / "fixed.mha", asked.grid, asked.fixed)
        write_mha(folder / "moving.mha", asked.grid, asked.moving)
        (folder / "commands.txt").write_text(plastimatch_commands(folder, asked), encoding="utf-8")
        subprocess.run(
            [program, "register", str(folder / "commands.txt")],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": str(THREADS)},
        )
        return asked.grid, read_mha_vectors(folder / "found.mha", asked.grid)


def write_mha(path: Path, grid: Grid, values: Any) -> None:
    """Write an axial image of float32 as MetaImage, uncompressed."""
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = False\nTransformMatrix = {' '.join(f'{x:g}' for x in grid.direction.T.ravel())}\n"
        f"Offset = {' '.join(f'{x:.6f}' for x in grid.origin_mm)}\nCenterOfRotation = 0 0 0\n"
        f"AnatomicalOrientation = RAI\nElementSpacing = {' '.join(f'{x:.6f}' for x in grid.spacing_mm)}\n"
        f"DimSize = {' '.join(str(n) for n in grid.shape[::-1])}\n"
        "ElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    )
    path.write_bytes(header.encode() + np.ascontiguousarray(values).tobytes())


def read_mha_vectors(path: Path, grid: Grid) -> Floats:
    """Read a field of displacements that lies on a grid."""
    data = path.read_bytes()
    start = data.index(b"\n", data.index(b"ElementDataFile")) + 1
    return np.frombuffer(data[start:], dtype=np.float32).reshape(*grid.shape, 3)


ELASTIX: Final[dict[str, list[str]]] = {
    "Registration": ["MultiMetricMultiResolutionRegistration"],
    "FixedImagePyramid": ["FixedSmoothingImagePyramid"],
    "MovingImagePyramid": ["MovingSmoothingImagePyramid"],
    "NumberOfResolutions": ["4"],
    "ImagePyramidSchedule": ["8", "8", "4", "4", "4", "2", "2", "2", "1", "1", "1", "1"],
    "Transform": ["BSplineTransform"],
    "FinalGridSpacingInPhysicalUnits": ["10", "10", "10"],
    "GridSpacingSchedule": ["8", "4", "2", "1"],
    "HowToCombineTransforms": ["Compose"],
    "Optimizer": ["AdaptiveStochasticGradientDescent"],
    "AutomaticParameterEstimation": ["true"],
    "ASGDParameterEstimationMethod": ["Original"],
    "MaximumNumberOfIterations": ["300"],
    "ImageSampler": ["RandomCoordinate"],
    "NumberOfSpatialSamples": ["3000"],
    "NewSamplesEveryIteration": ["true"],
    "CheckNumberOfSamples": ["true"],
    "MaximumNumberOfSamplingAttempts": ["8"],
    "Interpolator": ["LinearInterpolator"],
    "ResampleInterpolator": ["FinalLinearInterpolator"],
    "NumberOfHistogramBins": ["32"],
    "ErodeMask": ["false"],
    "Metric1Weight": ["0.05"],
    "WriteResultImage": ["false"],
    "RandomSeed": ["1234"],
}
"""After Staring et al., EMPIRE10 (2010), and the thorax maps of the elastix model zoo."""


def _elastix(asked: Problem) -> tuple[Grid, Floats]:
    # ITK's pool of threads crashes elastix when it has two metrics; threads of the platform do not.
    os.environ["ITK_GLOBAL_DEFAULT_THREADER"] = "Platform"
    import itk

    itk.set_nthreads(THREADS)
    fixed, moving = (_itk(asked.grid, one) for one in (asked.fixed, asked.moving))
    similarity = "AdvancedNormalizedCorrelation" if asked.is_mono else "AdvancedMattesMutualInformation"
    parameters = itk.ParameterObject.New()
    chosen = parameters.GetDefaultParameterMap("bspline", 4)
    for name, values in ELASTIX.items():
        chosen[name] = values
    chosen["Metric"] = [similarity, "TransformBendingEnergyPenalty"]
    parameters.AddParameterMap(chosen)
    engine = itk.ElastixRegistrationMethod.New(fixed, moving)
    engine.SetFixedMask(_itk(asked.grid, asked.mask.astype(np.uint8)))
    engine.SetMovingMask(_itk(asked.grid, asked.seen.astype(np.uint8)))
    engine.SetParameterObject(parameters)
    engine.SetNumberOfThreads(THREADS)
    engine.SetLogToConsole(False)  # noqa: FBT003 - the only spelling its wrapper has
    engine.UpdateLargestPossibleRegion()
    laid = itk.TransformixFilter.New(moving)
    laid.SetTransformParameterObject(engine.GetTransformParameterObject())
    laid.ComputeDeformationFieldOn()
    laid.SetLogToConsole(False)  # noqa: FBT003 - the only spelling its wrapper has
    # It writes the field into a folder as well, which is part of its time.
    with tempfile.TemporaryDirectory() as folder:
        laid.SetOutputDirectory(folder)
        laid.UpdateLargestPossibleRegion()
        return asked.grid, itk.array_from_image(laid.GetOutputDeformationField())


def _itk(grid: Grid, values: Any) -> Any:
    import itk

    image = itk.image_from_array(np.ascontiguousarray(values))
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(grid.origin_mm.tolist())
    image.SetDirection(itk.matrix_from_array(np.array(grid.direction)))
    return image


GREEDY: Final = "-m WNCC 3x3x3 -n 100x60x20 -s 2vox 1vox -e 0.5 -wp 0.001 -V 0"


def _greedy(asked: Problem) -> tuple[Grid, Floats]:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses
    from picsl_greedy import Greedy3D

    def image(values: Any) -> Any:
        made = sitk.GetImageFromArray(np.ascontiguousarray(values))
        made.SetSpacing(asked.grid.spacing_mm.tolist())
        made.SetOrigin(asked.grid.origin_mm.tolist())
        made.SetDirection(asked.grid.direction.ravel().tolist())
        return made

    engine = Greedy3D()
    engine.execute(
        f"-i fixed moving -gm mask -mm seen {GREEDY} -threads {THREADS} -o found",
        fixed=image(asked.fixed),
        moving=image(asked.moving),
        mask=image(asked.mask.astype(np.uint8)),
        seen=image(asked.seen.astype(np.uint8)),
        found=None,
    )
    return asked.grid, sitk.GetArrayFromImage(engine["found"])


CONVEX_ADAM_MM: Final = 2.0
CONVEX_ADAM: Final[dict[str, Any]] = {"grid_sp": 6, "disp_hw": 4, "selected_niter": 80, "lambda_weight": 1.25}


def _convex_adam(asked: Problem) -> tuple[Grid, Floats]:
    import torch
    from convexAdam.convex_adam_MIND import convex_adam_pt

    torch.set_num_threads(THREADS)
    voxel_mm = max(CONVEX_ADAM_MM, float(asked.grid.spacing_mm.min()))
    coarse = asked.resampled(voxel_mm)
    voxels = convex_adam_pt(
        coarse.fixed, coarse.moving, dtype=torch.float32, device=torch.device("cpu"), **CONVEX_ADAM
    )
    return coarse.grid, np.asarray(voxels[..., ::-1] * voxel_mm, dtype=np.float32)


SOLVERS: Final[dict[str, Callable[[Problem], tuple[Grid, Floats]]]] = {
    "plastimatch": _plastimatch,
    "itk-elastix": _elastix,
    "picsl-greedy": _greedy,
    "convexAdam": _convex_adam,
}


@cache
def versions() -> dict[str, str]:
    """Versions of the peers that are installed."""
    found = {}
    for name in SOLVERS:
        if name == "plastimatch":
            program = shutil.which(name)
            if program is not None:
                said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
                found[name] = said.stdout.split()[-1]
            continue
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def installed() -> dict[str, Solver]:
    """Those of the peers that are installed."""

    def solver(name: str) -> Solver:
        return lambda asked: timed(SOLVERS[name], asked)

    return {name: solver(name) for name in versions()}


def absent() -> list[str]:
    """Names of the peers that are not."""
    return [name for name in SOLVERS if name not in versions()]


__all__ = ["FoundField", "Problem", "absent", "installed", "timed", "versions"]
