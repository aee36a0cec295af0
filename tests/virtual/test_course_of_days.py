"""Days of a virtual course: what is drawn, what stays rigid, what is refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, InputError
from isoguide.virtual import (
    Breathing,
    CourseSettings,
    NeckFlexion,
    OrganChanges,
    PatientDay,
    Phantom,
    ProstateMotion,
    SetUpErrors,
    build_phantom,
    draw_days,
)
from isoguide.virtual.neck import CHAIN, bone_motions, stiff_joints
from isoguide.virtual.patient_day import NECK_LATTICE_MM
from isoguide.virtual.tissue_lattice import TissueLattice

COARSE_MM = 7.0
"""Nodes for tests: laws hold on any lattice."""
PELVIC = CourseSettings(
    organs=OrganChanges(bladder_percent=30.0, rectum_percent=20.0, weight_loss_mm=6.0),
    prostate=ProstateMotion(walk_mm=(1.0, 1.0, 1.0)),
    lattice_mm=COARSE_MM,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def pelvic_days(pelvis: Phantom) -> tuple[PatientDay, ...]:
    return draw_days(pelvis, PELVIC, 2, rng())


def voxels_mm(phantom: Phantom, name: str) -> np.ndarray:
    from isoguide.images.mask import structure_mask

    grid = phantom.anatomy.grid
    mask = structure_mask(phantom.structure(name), grid)
    return grid.xyz(np.argwhere(mask)[:, ::-1].astype(float))


def bone_mm(phantom: Phantom, name: str) -> np.ndarray:
    return phantom.anatomy.grid.xyz(np.argwhere(phantom.bone(name))[:, ::-1].astype(float))


def test_the_default_course_is_one_of_rigid_days(pelvis: Phantom):
    for day in draw_days(pelvis, CourseSettings(), 3, rng()):
        moment = day.moment(1e6)
        assert moment.field is None
        assert day.is_still
        told = day.describe()
        assert [told[f"set_up_{way}_mm"] for way in ("left", "back", "head")] == pytest.approx(
            day.displacement.translation_mm
        )
        angles = [told[f"set_up_about_{axis}_deg"] for axis in "xyz"]
        turned = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        np.testing.assert_allclose(turned, day.displacement.rotation, atol=1e-9)


def test_systematic_errors_stay_and_random_ones_change_with_the_spread_asked_for():
    """Variance between patients and between days of 400 patients, as de Boer and Heijmen define Σ and σ."""
    settings = SetUpErrors((3.0, 1.0, 0.0), (1.0, 2.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1.5))
    courses = [settings.draw(20, rng(seed)) for seed in range(400)]
    shifts = np.array([[day.translation_mm for day in course] for course in courses])
    np.testing.assert_allclose(shifts.std(axis=1).mean(axis=0), [1.0, 2.0, 0.0], rtol=0.05)
    between = np.sqrt(shifts.mean(axis=1).var(axis=0) - np.array([1.0, 4.0, 0.0]) / 20.0)
    np.testing.assert_allclose(between, [3.0, 1.0, 0.0], rtol=0.1)
    angles = [day.angle_deg for course in courses for day in course]
    assert np.sqrt(np.mean(np.square(angles))) == pytest.approx(1.5, rel=0.05)
    assert SetUpErrors.none().draw(2, rng())[1].angle_deg == 0.0


def test_on_fixed_days_nothing_is_drawn_and_the_other_days_are_as_without_them():
    drawn = SetUpErrors().draw(3, np.random.default_rng(5))
    fixed = SetUpErrors(fixed_mm=(5.0, -3.0, 2.0), fixed_fractions=(2,)).draw(3, np.random.default_rng(5))

    assert fixed[1].translation_mm.tolist() == [5.0, -3.0, 2.0]
    assert fixed[1].rotation.tolist() == np.eye(3).tolist()
    for day in (0, 2):
        assert fixed[day].translation_mm.tolist() == drawn[day].translation_mm.tolist()
    always = SetUpErrors(fixed_deg=(0.0, 0.0, 10.0)).draw(2, np.random.default_rng(5))
    for day in always:
        assert day.translation_mm.tolist() == [0.0, 0.0, 0.0]
        # Ten degrees about z, the axis from foot to head: left turns towards the back.
        np.testing.assert_allclose(day.rotation @ [1, 0, 0], [0.984808, 0.173648, 0.0], atol=1e-6)


def test_the_same_seed_draws_the_same_course_and_each_source_has_its_own_numbers(
    pelvis: Phantom, pelvic_days
):
    again = draw_days(pelvis, PELVIC, 2, rng())
    rigid = draw_days(pelvis, CourseSettings(), 2, rng())
    for first, second, plain in zip(pelvic_days, again, rigid, strict=True):
        a, b = (day.moment(77.0).field for day in (first, second))
        np.testing.assert_array_equal(a.vectors_mm, b.vectors_mm)
        np.testing.assert_array_equal(first.displacement.translation_mm, plain.displacement.translation_mm)


def test_bladder_and_rectum_have_the_volume_that_is_told_and_change_from_day_to_day(pelvis, pelvic_days):
    planned_ml = len(voxels_mm(pelvis, "Bladder")) * pelvis.anatomy.grid.spacing_mm.prod() / 1000.0
    told = [day.describe()["bladder_ml"] for day in pelvic_days]
    assert np.std(told) > 0.03 * planned_ml
    for day in pelvic_days:
        # Counted independently: points of a fine box whose origin lies in the bladder.
        cloud = voxels_mm(pelvis, "Bladder")
        low, high = cloud.min(axis=0) - 15.0, cloud.max(axis=0) + 15.0
        places = rng(3).uniform(low, high, (40_000, 3))
        origin = np.rint(pelvis.anatomy.grid.index(day.anatomy.origin_of(places))).astype(int)
        lookup = {tuple(v) for v in np.rint(pelvis.anatomy.grid.index(cloud)).astype(int)}
        share = np.mean([tuple(v) in lookup for v in origin])
        counted_ml = share * np.prod(high - low) / 1000.0
        assert counted_ml == pytest.approx(day.describe()["bladder_ml"], rel=0.05)


def test_the_prostate_and_every_bone_of_the_pelvis_stay_rigid(pelvis: Phantom, pelvic_days):
    for day in pelvic_days:
        field = day.moment(200.0).field
        moved = field.moved(voxels_mm(pelvis, "Prostate")) - voxels_mm(pelvis, "Prostate")
        assert np.ptp(moved, axis=0).max() < 0.001
        # So the distances between the gold seeds in it stay, as a marker match assumes.
        seeds = np.array([fiducial.position_mm for fiducial in pelvis.fiducials])
        np.testing.assert_allclose(field.moved(seeds) - seeds, np.tile(moved[0], (len(seeds), 1)), atol=0.001)
        for name in ("sacrum", "femur left", "hip right"):
            np.testing.assert_allclose(field.moved(bone_mm(pelvis, name)), bone_mm(pelvis, name), atol=1e-6)


def test_a_fuller_rectum_pushes_the_prostate_forwards(pelvis: Phantom):
    settings = CourseSettings(organs=OrganChanges(rectum_percent=30.0), lattice_mm=COARSE_MM)
    days = draw_days(pelvis, settings, 3, rng(2))
    prostate = voxels_mm(pelvis, "Prostate")[:1]
    for day in days:
        forwards = -(day.anatomy.moved(prostate) - prostate)[0, 1]
        planned_ml = len(voxels_mm(pelvis, "Rectum")) * pelvis.anatomy.grid.spacing_mm.prod() / 1000.0
        assert forwards * (day.describe()["rectum_ml"] - planned_ml) > 0.0


def test_weight_loss_takes_the_skin_of_the_belly_inwards_and_not_that_of_the_back(pelvis: Phantom):
    settings = CourseSettings(organs=OrganChanges(weight_loss_mm=6.0), lattice_mm=COARSE_MM)
    first, last = draw_days(pelvis, settings, 2, rng())
    assert first.anatomy.longest_mm == pytest.approx(0.0, abs=1e-6)
    body = voxels_mm(pelvis, "BODY")
    column = body[np.abs(body[:, :1] - pelvis.isocentre_mm[0])[:, 0] < 3.0]
    belly = column[np.argmin(column[:, 1])]
    moved = last.anatomy.moved(belly[None])[0] - belly
    assert 3.0 < moved[1] < 7.5
    back = body[np.argmax(body[:, 1])]
    assert np.linalg.norm(last.anatomy.moved(back[None])[0] - back) < 1.0


def test_a_tumour_has_lost_40_percent_of_its_volume_on_the_last_day(thorax: Phantom):
    settings = CourseSettings(organs=OrganChanges(shrinkage_percent=40.0))
    first, last = draw_days(thorax, settings, 2, rng())
    ratio = last.describe()["gtv_ml"] / first.describe()["gtv_ml"]
    assert ratio == pytest.approx(0.6, abs=0.03)


def test_the_prostate_starts_at_set_up_where_it_was_and_then_moves(pelvis: Phantom):
    settings = CourseSettings(prostate=ProstateMotion(walk_mm=(1.0, 1.0, 1.0)), lattice_mm=COARSE_MM)
    day = draw_days(pelvis, settings, 1, rng())[0]
    places = voxels_mm(pelvis, "Prostate")[::50]
    np.testing.assert_allclose(day.moment(0.0).moved(places), places, atol=1e-5)
    assert np.linalg.norm(day.moment(300.0).moved(places) - places, axis=1).min() > 0.2
    for moment in day.moments(0.0, 600.0, 5):
        assert moment.field.steepest < 0.95
        again = moment.field.origin_of(moment.moved(places))
        np.testing.assert_allclose(again, places, atol=0.001)


@pytest.fixture(scope="module")
def fine_head() -> Phantom:
    """Joints of the neck are 2 mm wide: coarser voxels would weld them."""
    return build_phantom("head-neck", 1, (2.0, 2.0, 2.4))


def test_every_bone_of_a_bent_neck_keeps_its_shape(fine_head: Phantom):
    """Distances within a bone change by at most 0.01 mm, while the head goes centimetres."""
    settings = CourseSettings(neck=NeckFlexion((0.0, 0.0, 0.0), (6.0, 3.0, 3.0)))
    day = draw_days(fine_head, settings, 1, rng(5))[0]
    told = np.array([day.describe()[f"neck_about_{axis}_deg"] for axis in "xyz"])
    motions = bone_motions(fine_head, told, stiff_joints(TissueLattice(fine_head, NECK_LATTICE_MM)))
    assert motions["skull"].angle_deg > 3.0
    for name in fine_head.bone_names:
        bone = bone_mm(fine_head, name)
        if len(bone) < 2:
            continue
        pairs = rng(1).integers(0, len(bone), (400, 2))
        before = np.linalg.norm(bone[pairs[:, 0]] - bone[pairs[:, 1]], axis=1)
        moved = day.anatomy.moved(bone)
        after = np.linalg.norm(moved[pairs[:, 0]] - moved[pairs[:, 1]], axis=1)
        assert np.abs(after - before).max() < 0.01, name
        np.testing.assert_allclose(moved, motions[name].apply(bone), atol=0.01)


def test_a_nod_takes_the_skull_forwards_and_the_shoulders_stay(fine_head: Phantom):
    """Rx(+) takes head (z) to front (-y): chin towards the chest."""
    motions = bone_motions(fine_head, np.array([5.0, 0.0, 0.0]))
    top = bone_mm(fine_head, "skull")[:, 2].max()
    crown = np.array([[fine_head.isocentre_mm[0], fine_head.isocentre_mm[1], top]])
    assert (motions["skull"].apply(crown) - crown)[0, 1] < -10.0
    assert motions["T1"].angle_deg == 0.0
    assert motions["skull"].angle_deg == pytest.approx(5.0, abs=1e-6)
    assert motions["C5"].angle_deg == pytest.approx(2.5, abs=1e-6)


def test_joints_that_nodes_cannot_tell_apart_do_not_bend(head_neck: Phantom):
    """With nodes 12 mm apart neighbouring vertebrae share nodes: they move as one, each rigid."""
    assert not stiff_joints(TissueLattice(head_neck, NECK_LATTICE_MM))
    assert {"C4", "C5"} <= stiff_joints(TissueLattice(head_neck, 12.0))
    half = bone_motions(head_neck, np.array([5.0, 0.0, 0.0]), frozenset({"C4", "C5", "C6"}))
    assert half["C4"].angle_deg == half["C7"].angle_deg == pytest.approx(5.0 / 3.0)
    with pytest.raises(InputError, match="its bones touch each other"):
        bone_motions(head_neck, np.array([5.0, 0.0, 0.0]), frozenset(CHAIN))


def test_a_patient_without_neck_cannot_bend_it(pelvis: Phantom):
    with pytest.raises(InputError, match="cannot bend: it has no labelled T1, C7"):
        draw_days(pelvis, CourseSettings(neck=NeckFlexion()), 1, rng())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (CourseSettings(breathing=Breathing()), "cannot breathe: it has no structure 'Lung_L'"),
        (CourseSettings(organs=OrganChanges(shrinkage_percent=10.0)), "has no structure 'GTV'"),
        (CourseSettings(breathing=Breathing(), prostate=ProstateMotion()), "cannot be combined"),
    ],
)
def test_what_the_patient_does_not_have_cannot_change(pelvis: Phantom, settings, message):
    with pytest.raises(InputError, match=message):
        draw_days(pelvis, settings, 1, rng())


def test_a_displacement_that_takes_the_target_out_of_the_image_is_refused(pelvis: Phantom):
    far = SetUpErrors((0.0, 0.0, 0.0), (100.0, 100.0, 100.0))
    with pytest.raises(
        GeometryError, match=r"on day \d+ the displacement takes the target \d+ mm away, out of"
    ):
        draw_days(pelvis, CourseSettings(set_up=far), 30, rng())


def test_a_course_without_days_and_a_time_before_set_up_are_refused(pelvis: Phantom, pelvic_days):
    with pytest.raises(InputError, match="0 fractions has no days"):
        draw_days(pelvis, CourseSettings(), 0, rng())
    with pytest.raises(InputError, match="no truth -1 s after set-up"):
        pelvic_days[0].moment(-1.0)
    with pytest.raises(InputError, match="no truth 3601 s after set-up: ask for 0 to 3600 s"):
        pelvic_days[0].moment(3601.0)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Breathing(period_s=0.0), "breathing period_s is 0"),
        (lambda: Breathing(peak_to_peak_mm=-3.0), "breathing peak_to_peak_mm is -3"),
        (lambda: ProstateMotion(transients_per_min=float("nan")), "transients_per_min is nan"),
        (lambda: OrganChanges(shrinkage_percent=120.0), "shrinkage_percent is 120"),
        (lambda: SetUpErrors(random_mm=(1.0, 2.0, -1.0)), "random_mm is -1"),
        (lambda: SetUpErrors(random_deg=(1.0, 2.0)), "random_deg needs three values"),
        (lambda: SetUpErrors(fixed_mm=(101.0, 0.0, 0.0)), "fixed_mm is 101"),
        (lambda: SetUpErrors(fixed_deg=(0.0, -21.0, 0.0)), "fixed_deg is -21"),
        (lambda: SetUpErrors(fixed_fractions=(1,)), "fixed_fractions .* without fixed_mm or fixed_deg"),
        (lambda: SetUpErrors(fixed_mm=(1.0, 0.0, 0.0), fixed_fractions=(0,)), "counted from 1, not 0"),
        (
            lambda: SetUpErrors(fixed_mm=(1.0, 0.0, 0.0), fixed_fractions=(4,)).draw(
                3, np.random.default_rng(0)
            ),
            "names day 4, but the course has 3",
        ),
        (lambda: NeckFlexion(random_deg=(30.0, 0.0, 0.0)), "random_deg is 30"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, name):
    with pytest.raises(InputError, match=name):
        make()
