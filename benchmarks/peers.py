"""The peers, each with a configuration that its own documentation would call sensible for rigid CT matching.

All of them get what our engine gets: the planning CT cropped to the region of match (±100 mm around the
isocentre), a mask of the body there, the daily image with a mask of its field of view, and the set-up
position as the start. Each runs with two threads. Images are handed over in memory; only the registration
is timed.
"""

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cases import Case
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.anatomy import field_of_view, find_body
from isoguide.registration.pyramid import Level, crop, make_level

HALF_MM = 100.0
THREADS = 2


@dataclass(frozen=True, eq=False)
class Problem:
    """One case as the peers see it; the day's image is at the set-up position: the start is identity."""

    fixed: Any
    fixed_mask: Any
    moving: Any
    moving_mask: Any
    isocentre_mm: Array
    initial: RigidTransform


@dataclass(frozen=True, eq=False)
class Answer:
    """What a peer found and how long it took."""

    planning_from_daily: RigidTransform
    seconds: float


def problem(case: Case) -> Problem:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    isocentre = case.source.isocentre_mm
    planning, values = crop(
        case.source.planning.grid, case.source.planning.values, isocentre - HALF_MM, isocentre + HALF_MM
    )
    coarse = make_level(planning, values, 4.0, interpolate=False)
    body = Level(coarse.grid, find_body(coarse, isocentre).astype(np.float32))
    shown = np.isfinite(field_of_view(case.daily.values)).astype(np.uint8)
    start = case.source.initial
    moved = case.daily.grid
    moving_grid = Grid(
        moved.frame, moved.shape, moved.spacing_mm, start.apply(moved.origin_mm), moved.direction
    )
    fixed = image(planning, values.astype(np.float32))
    coarse_mask = image(body.grid, body.values)
    fixed_mask = sitk.Cast(
        sitk.Resample(coarse_mask, fixed, sitk.Transform(), sitk.sitkLinear) > 0.5, sitk.sitkUInt8
    )
    return Problem(
        fixed,
        fixed_mask,
        image(moving_grid, case.daily.values.astype(np.float32)),
        image(moving_grid, shown),
        isocentre,
        start,
    )


def image(grid: Grid, values: Any) -> Any:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    image = sitk.GetImageFromArray(np.ascontiguousarray(values))
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(grid.origin_mm.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def _answer(moved_from_planning: Array, task: Problem, seconds: float) -> Answer:
    """Peers answer fixed to moving (LPS); the moving image had been placed at the set-up position."""
    shifted = RigidTransform(PLANNING, PLANNING, moved_from_planning).inverse()
    return Answer(shifted @ task.initial, seconds)


def run_simpleitk(task: Problem) -> Answer:
    """SimpleITK: Mattes mutual information (50 bins, random samples), 4 levels, regular-step descent."""
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(THREADS)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([0.5, 0.2, 0.1, 0.05], 42)
    method.SetMetricFixedMask(task.fixed_mask)
    method.SetMetricMovingMask(task.moving_mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=4.0, minStep=1e-3, numberOfIterations=300, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([8, 4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0, 1.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    start = sitk.Euler3DTransform()
    start.SetCenter(task.isocentre_mm.tolist())
    method.SetInitialTransform(start, inPlace=False)
    begin = time.perf_counter()
    found = method.Execute(task.fixed, task.moving)
    seconds = time.perf_counter() - begin
    return _answer(_sitk_matrix(found), task, seconds)


def _sitk_matrix(transform: Any) -> Array:
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(axis))) - origin for axis in np.eye(3)]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack(columns, axis=1)
    matrix[:3, 3] = origin
    return matrix


def run_elastix(task: Problem) -> Answer:
    """itk-elastix: its default rigid map (mutual information, adaptive stochastic descent), 5 levels."""
    import itk

    itk.set_nthreads(THREADS)
    fixed, moving = _itk(task.fixed, np.float32), _itk(task.moving, np.float32)
    parameters = itk.ParameterObject.New()
    rigid = parameters.GetDefaultParameterMap("rigid", 5)
    rigid["AutomaticTransformInitialization"] = ["false"]
    rigid["AutomaticScalesEstimation"] = ["true"]
    rigid["MaximumNumberOfIterations"] = ["1000"]
    rigid["NumberOfSpatialSamples"] = ["4096"]
    rigid["NewSamplesEveryIteration"] = ["true"]
    rigid["NumberOfHistogramBins"] = ["32"]
    rigid["BSplineInterpolationOrder"] = ["1"]
    rigid["WriteResultImage"] = ["false"]
    rigid["ErodeMask"] = ["false"]
    parameters.AddParameterMap(rigid)
    begin = time.perf_counter()
    engine = itk.ElastixRegistrationMethod.New(fixed, moving)
    engine.SetFixedMask(_itk(task.fixed_mask, np.uint8))
    engine.SetMovingMask(_itk(task.moving_mask, np.uint8))
    engine.SetParameterObject(parameters)
    engine.SetNumberOfThreads(THREADS)
    engine.SetLogToConsole(False)  # noqa: FBT003 - the only spelling its wrapper has
    engine.UpdateLargestPossibleRegion()
    seconds = time.perf_counter() - begin
    result = engine.GetTransformParameterObject().GetParameterMap(0)
    return _answer(_euler_matrix(result), task, seconds)


def _itk(image: Any, kind: type) -> Any:
    import itk
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    other = itk.image_from_array(sitk.GetArrayFromImage(image).astype(kind))
    other.SetSpacing(list(image.GetSpacing()))
    other.SetOrigin(list(image.GetOrigin()))
    other.SetDirection(itk.matrix_from_array(np.array(image.GetDirection()).reshape(3, 3)))
    return other


def _euler_matrix(result: Any) -> Array:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    values = [float(value) for value in result["TransformParameters"]]
    transform = sitk.Euler3DTransform()
    transform.SetComputeZYX(result["ComputeZYX"][0] == "true")
    transform.SetCenter([float(value) for value in result["CenterOfRotationPoint"]])
    transform.SetParameters(values)
    return _sitk_matrix(transform)


def run_greedy(task: Problem) -> Answer:
    """picsl-greedy: rigid, patch NCC of radius 4, 3 levels, random search for the large displacements."""
    from picsl_greedy import Greedy3D

    engine = Greedy3D()
    begin = time.perf_counter()
    engine.execute(
        "-i fixed moving -gm mask -mm seen -a -dof 6 -m NCC 4x4x4 -n 100x60x20 "
        f"-ia-identity -search 500 15 50 -threads {THREADS} -V 0 -o found",
        fixed=task.fixed,
        moving=task.moving,
        mask=task.fixed_mask,
        seen=task.moving_mask,
        found=None,
    )
    seconds = time.perf_counter() - begin
    ras = np.asarray(engine["found"], dtype=np.float64)
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    return _answer(flip @ ras @ flip, task, seconds)


PEERS: dict[str, Callable[[Problem], Answer]] = {
    "itk-elastix": run_elastix,
    "picsl-greedy": run_greedy,
    "SimpleITK": run_simpleitk,
}


def installed() -> dict[str, Callable[[Problem], Answer]]:
    """Those of the peers that are installed."""

    def is_here(name: str) -> bool:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return True

    return {name: run for name, run in PEERS.items() if is_here(name)}


def versions() -> dict[str, str]:
    """Versions of the peers that are installed."""
    return {name: importlib.metadata.version(name) for name in PEERS}
