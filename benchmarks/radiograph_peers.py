"""The peers, each as well configured as we could: what was tried, and on what, stands with each.

All of them get what our engine gets: the planning CT, the views, the pair of line integrals (bone is bright,
so that nothing has to be inverted), and the patient as planned for a start. They may use two threads. What
can be prepared from the plan alone is not timed. Settings were tuned on other days than those of the tables.
"""

import importlib.metadata
import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.virtual.patient_body import patient_only
from radiograph_days import Plan

THREADS = 2
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Answer:
    """What an engine made of a case; no transform where it gave none, no covariance where it states none."""

    planning_from_daily: RigidTransform | None
    covariance: Array | None
    seconds: float
    tracking_s: float


Engine = Callable[[Sequence[Radiograph]], Answer]
"""Makes an answer of a pair of radiographs."""


def binned(values: Float32, factor: int) -> Float32:
    """Return means over blocks of pixels; what does not fill a block at the end is left out."""
    rows, columns = (count // factor for count in values.shape)
    blocks = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


# itk-twoprojectionregistration: normalised correlation, Powell's method, Siddon-Jacobs ray casting.
#
# Tuned on days of a pelvis (room pair, ±10 mm ±3°). One level with the tolerances of its example ended 1.3 mm
# off, this 0.5 mm; CT voxels as they are instead of averaged ones took longer and ended where these do, and
# so did removing the couch from the planning CT. The mean is subtracted (off by default), images are averaged
# to about 2 mm and 1 mm at the isocentre, all attenuation counts, and the search ends by itself.


@dataclass(frozen=True, slots=True)
class PowellLevel:
    """One resolution: pixels at the isocentre and voxels, and how the search begins and ends."""

    pixel_mm: float
    voxel_mm: float
    step: float
    step_tolerance: float
    value_tolerance: float


POWELL_LEVELS = (PowellLevel(2.0, 2.4, 4.0, 0.02, 1e-5), PowellLevel(1.0, 2.4, 1.0, 0.005, 1e-6))
POWELL_ITERATIONS, POWELL_LINE_ITERATIONS = 20, 40
LOADED = (
    "Euler3DTransform",
    "NormalizedCorrelationTwoImageToOneImageMetric",
    "PowellOptimizer",
    "SiddonJacobsRayCastInterpolateImageFunction",
    "TwoProjectionImageRegistrationMethod",
)
"""Parts of ITK that would load on first use, within the time of the first match."""
PER_DEGREE = 180.0 / math.pi
"""Scales of the angles: one degree counts as one millimetre."""


@dataclass(frozen=True, eq=False)
class PowellVolume:
    """The CT at a level in its coordinates: the corner of the first voxel is the origin."""

    image: Any
    isocentre_mm: Array


def prepare_itk(task: Plan) -> Engine:
    import itk

    itk.set_nthreads(THREADS)
    for name in LOADED:
        getattr(itk, name)
    volumes = [powell_volume(task, level) for level in POWELL_LEVELS]

    def register(images: Sequence[Radiograph]) -> Answer:
        begin = time.perf_counter()
        parameters = np.zeros(6)
        for level, volume in zip(POWELL_LEVELS, volumes, strict=True):
            transform, parameters = powell(task, images, level, volume, parameters)
        rotation = np.asarray(itk.array_from_matrix(transform.GetMatrix()))
        centre = task.isocentre_mm
        moved = RigidTransform.from_parts(
            DAILY, PLANNING, rotation, centre + parameters[3:] - rotation @ centre
        )
        return Answer(moved.inverse(), None, time.perf_counter() - begin, np.nan)

    return register


def powell_volume(task: Plan, level: PowellLevel) -> PowellVolume:
    planning, grid = task.planning, task.planning.grid
    factors = [max(1, round(level.voxel_mm / mm)) for mm in grid.spacing_mm[::-1]]
    k, j, i = (count // factor for count, factor in zip(grid.shape, factors, strict=True))
    kept = planning.values[: k * factors[0], : j * factors[1], : i * factors[2]].astype(np.float32) + 1000.0
    blocks = kept.reshape(k, factors[0], j, factors[1], i, factors[2]).mean(axis=(1, 3, 5))
    image = itk_image(blocks, grid.spacing_mm * factors[::-1], np.zeros(3))
    return PowellVolume(image, task.isocentre_mm - (grid.origin_mm - grid.spacing_mm / 2.0))


def itk_image(values: Float32, spacing_mm: Array, origin_mm: Array) -> Any:
    import itk

    image = itk.image_from_array(np.ascontiguousarray(values, dtype=np.float32))
    image.SetSpacing([float(value) for value in spacing_mm])
    image.SetOrigin([float(value) for value in origin_mm])
    return image


def powell(
    task: Plan, images: Sequence[Radiograph], level: PowellLevel, volume: PowellVolume, start: Array
) -> tuple[Any, Array]:
    """Search at one level; return its transform and the six parameters (radians, mm)."""
    import itk

    kind = itk.Image[itk.F, 3]
    transform = itk.Euler3DTransform[itk.D].New()
    transform.SetComputeZYX(True)  # noqa: FBT003 - the only spelling its wrapper has
    transform.SetCenter(volume.isocentre_mm.tolist())
    transform.SetParameters(itk_numbers(start))
    metric = itk.NormalizedCorrelationTwoImageToOneImageMetric[kind, kind].New()
    metric.SetSubtractMean(True)  # noqa: FBT003 - the only spelling its wrapper has
    metric.ComputeGradientOff()
    method = itk.TwoProjectionImageRegistrationMethod[kind, kind].New()
    method.SetMetric(metric)
    method.SetTransform(transform)
    method.SetMovingImage(volume.image)
    kept = []
    for number, (view, image) in enumerate(zip(task.views, images, strict=True), start=1):
        fixed, angle, distance_mm = before_source(view, image.values, task.isocentre_mm, level.pixel_mm)
        caster = itk.SiddonJacobsRayCastInterpolateImageFunction[kind, itk.D].New()
        caster.SetProjectionAngle(angle)
        caster.SetFocalPointToIsocenterDistance(distance_mm)
        caster.SetThreshold(0.0)
        caster.SetTransform(transform)
        caster.Initialize()
        getattr(method, f"SetFixedImage{number}")(fixed)
        getattr(method, f"SetFixedImageRegion{number}")(fixed.GetBufferedRegion())
        getattr(method, f"SetInterpolator{number}")(caster)
        kept += [fixed, caster]  # the wrapper does not keep them alive
    search = itk.PowellOptimizer.New()
    search.SetMaximize(False)  # noqa: FBT003 - the only spelling its wrapper has
    search.SetMaximumIteration(POWELL_ITERATIONS)
    search.SetMaximumLineIteration(POWELL_LINE_ITERATIONS)
    search.SetStepLength(level.step)
    search.SetStepTolerance(level.step_tolerance)
    search.SetValueTolerance(level.value_tolerance)
    search.SetScales(itk_numbers(np.array([PER_DEGREE] * 3 + [1.0] * 3)))
    method.SetOptimizer(search)
    method.SetInitialTransformParameters(transform.GetParameters())
    method.StartRegistration()
    found = method.GetLastTransformParameters()
    transform.SetParameters(found)
    return transform, np.array([found.GetElement(index) for index in range(6)])


def itk_numbers(values: Array) -> Any:
    import itk

    numbers = itk.OptimizerParameters[itk.D](len(values))
    for index, value in enumerate(values):
        numbers.SetElement(index, float(value))
    return numbers


def before_source(
    view: XrayView, values: Float32, centre: Array, pixel_mm: float
) -> tuple[Any, float, float]:
    """Return the image in the plane of the isocentre before ITK's camera, its gantry angle, and the distance.

    The camera looks along +y of patient LPS turned about z by the angle; image x is that axis system's x,
    image y its z. So the sources have to lie in the transverse plane of the isocentre, which both pairs do.
    """
    distance_mm = float(view.normal @ (centre - view.source_mm))
    shrunk = distance_mm / view.source_detector_distance_mm
    angle = math.atan2(-view.normal[0], view.normal[1])
    across = np.array([math.cos(angle), math.sin(angle), 0.0]) @ view.row_direction
    up = view.column_direction[2]
    if min(abs(across), abs(up)) < 1.0 - 1e-6:
        msg = "ITK's camera turns in the transverse plane only: give it a pair without tilt"
        raise ValueError(msg)
    seen = values[:: int(np.sign(up)), :: int(np.sign(across))]
    spacing = shrunk * np.array(view.pixel_spacing_mm)
    factor = max(1, round(pixel_mm / float(spacing[0])))
    small = binned(np.ascontiguousarray(seen), factor)
    half = (np.array(view.size) - factor) / 2.0
    origin_mm = np.array([*(-half * spacing), -distance_mm])
    return itk_image(small[None], np.array([*(factor * spacing), 1.0]), origin_mm), angle, distance_mm


# nanodrr: the differentiable ray caster that succeeds DiffDRR, by the same author and several times as fast;
# its PyTorch back end, on the processor. Its own Registration class holds one view; here two share one pose.
#
# Tuned on days of pelvis and thorax (room pair, ±10 mm ±3° and ±25 mm ±6°). Loss and first steps are those of
# its author's xvr: normalised correlation of the image, of patches and of gradients, 1 mm and 0.01 rad. Adam
# on pixels of 2 mm brings the pose near (30 steps were too few from ±25 mm); on pixels of 1 mm L-BFGS needs
# ten evaluations where Adam took thirty, and pixels of 0.5 mm then took one day from 0.12 to 0.09 mm. HU
# become attenuation along one straight line, as they are defined. The couch of the planning CT is removed.

MU_WATER = 0.0192
"""Per mm; nanodrr's own."""
PATCH, GRADIENT_PATCH, SMOOTHING = 9, 11, 2.0
ADAM_PIXEL_MM, ADAM_SAMPLES, ADAM_STEPS, ADAM_MM = 2.0, 100, 60, 1.0
NEWTON_LEVELS = ((1.0, 160, 10), (0.5, 200, 6))
"""Pixels in mm, samples along a ray, evaluations."""


class TorchPose:
    """One pose of the patient before both cameras, and how well they then agree with the radiographs."""

    def __init__(self, subject: Any, task: Plan, images: Sequence[Radiograph]) -> None:
        import torch
        from nanodrr.metrics import (
            GradientNormalizedCrossCorrelation2d,
            MultiscaleNormalizedCrossCorrelation2d,
        )

        self.subject, self.task, self.images = subject, task, images
        # About the isocentre, in mm and hundredths of a radian, which move the picture by about as much.
        self.motion = torch.zeros(1, 6, requires_grad=True)
        self.whole_and_patches = MultiscaleNormalizedCrossCorrelation2d([None, PATCH], [0.5, 0.5])
        self.gradients = GradientNormalizedCrossCorrelation2d(GRADIENT_PATCH, SMOOTHING)

    def look(self, pixel_mm: float, samples: int) -> None:
        """Set the resolution."""
        import torch

        cameras = [torch_camera(view, self.task.isocentre_mm, pixel_mm) for view in self.task.views]
        inverse_intrinsics, world_from_camera, distances, factors = zip(*cameras, strict=True)
        self.inverse_intrinsics = torch.tensor(np.stack(inverse_intrinsics), dtype=torch.float32)
        self.world_from_camera = torch.tensor(np.stack(world_from_camera), dtype=torch.float32)
        self.distances = torch.tensor(distances, dtype=torch.float32)
        pairs = zip(self.images, factors, strict=True)
        seen = np.stack([binned(image.values, factor) for image, factor in pairs])
        self.seen, self.samples = torch.from_numpy(seen)[:, None], samples

    def planning_from_daily(self) -> Any:
        import torch
        from nanodrr.geometry import convert

        centre = torch.eye(4)
        centre[:3, 3] = torch.tensor(self.task.isocentre_mm, dtype=torch.float32)
        turned = convert(0.01 * self.motion[:, 3:], self.motion[:, :3], "so3_log")
        return centre @ turned @ centre.inverse()

    def loss(self) -> Any:
        from nanodrr.drr import render

        shown = render(
            self.subject,
            self.inverse_intrinsics,
            self.planning_from_daily() @ self.world_from_camera,
            self.distances,
            *self.seen.shape[-2:],
            n_samples=self.samples,
        )
        alike = self.whole_and_patches(shown, self.seen) + self.gradients(shown, self.seen)
        return -0.5 * alike.sum()

    def transform(self) -> RigidTransform:
        matrix = self.planning_from_daily()[0].detach().double().numpy()
        left, _, right = np.linalg.svd(matrix[:3, :3])  # single precision is not orthonormal enough
        return RigidTransform.from_parts(PLANNING, DAILY, left @ right, matrix[:3, 3])


def torch_camera(view: XrayView, centre: Array, pixel_mm: float) -> tuple[Array, Array, float, int]:
    """Return nanodrr's inverse intrinsics and pose of a view in binned pixels, its distance, the binning."""
    distance_mm = view.source_detector_distance_mm
    shrunk = float(view.normal @ (centre - view.source_mm)) / distance_mm
    factor = max(1, round(pixel_mm / (shrunk * view.pixel_spacing_mm[0])))
    first = view.first_pixel_mm - view.source_mm
    spacing = np.array(view.pixel_spacing_mm)
    # Its pixels have their middles at halves.
    corner = np.array([first @ view.row_direction, first @ view.column_direction]) - spacing / 2.0
    inverse_intrinsics = np.eye(3)
    inverse_intrinsics[:2, :2] = np.diag(factor * spacing) / distance_mm
    inverse_intrinsics[:2, 2] = corner / distance_mm
    world_from_camera = np.eye(4)
    world_from_camera[:3] = np.column_stack(
        [view.row_direction, view.column_direction, view.normal, view.source_mm]
    )
    return inverse_intrinsics, world_from_camera, distance_mm, factor


def prepare_nanodrr(task: Plan) -> Engine:
    import torch
    from nanodrr.data import Subject
    from torchio import ScalarImage

    torch.set_num_threads(THREADS)
    planning = patient_only(task.planning)
    values = np.ascontiguousarray(planning.values.astype(np.float32).transpose(2, 1, 0))
    image = ScalarImage(tensor=torch.from_numpy(values)[None], affine=planning.grid.xyz_from_index)
    subject = Subject.from_images(image, mu_water=MU_WATER, mu_bone=2.0 * MU_WATER)

    def register(images: Sequence[Radiograph]) -> Answer:
        begin = time.perf_counter()
        pose = TorchPose(subject, task, images)
        pose.look(ADAM_PIXEL_MM, ADAM_SAMPLES)
        descend(pose)
        for pixel_mm, samples, evaluations in NEWTON_LEVELS:
            pose.look(pixel_mm, samples)
            finish(pose, evaluations)
        return Answer(pose.transform(), None, time.perf_counter() - begin, np.nan)

    return register


def descend(pose: TorchPose) -> None:
    """Bring the pose near by Adam, whose steps shrink along a cosine."""
    import torch

    # Adam's steps do not depend on the scale of a parameter: 0.01 rad are one hundredth of a radian.
    steps = torch.optim.Adam([pose.motion], lr=ADAM_MM)
    smaller = torch.optim.lr_scheduler.CosineAnnealingLR(steps, ADAM_STEPS)
    for _ in range(ADAM_STEPS):
        steps.zero_grad()
        pose.loss().backward()
        steps.step()
        smaller.step()


def finish(pose: TorchPose, evaluations: int) -> None:
    """Bring the pose to the optimum by L-BFGS."""
    import torch

    steps = torch.optim.LBFGS(
        [pose.motion], max_iter=evaluations, max_eval=evaluations, line_search_fn="strong_wolfe"
    )

    def closure() -> Any:
        steps.zero_grad()
        loss = 1000.0 * pose.loss()
        loss.backward()
        return loss

    steps.step(closure)


PEERS: dict[str, Callable[[Plan], Engine]] = {
    "itk-twoprojectionregistration": prepare_itk,
    "nanodrr": prepare_nanodrr,
}
"""What a peer prepares from a plan."""
NEEDS = {"itk-twoprojectionregistration": ("itk",), "nanodrr": ("nanodrr", "torchio", "torch")}


def missing(name: str) -> str | None:
    """Return how to install a peer that is not installed, or None."""
    absent = [module for module in NEEDS[name] if importlib.util.find_spec(module) is None]
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "pip install --no-deps --require-hashes -r requirements/benchmark.txt"
    return f"pip install {' '.join(absent)}" if absent else None


def versions() -> list[str]:
    """Return name and version of each peer that is installed, and of PyTorch."""
    names = [name for name in PEERS if not missing(name)]
    names += ["torch"] if "nanodrr" in names else []
    return [f"{name} {importlib.metadata.version(name)}" for name in names]
