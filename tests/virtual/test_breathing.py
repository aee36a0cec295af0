import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.virtual import Breathing, CourseSettings, Phantom, ProstateMotion, breathing_phases, draw_days
from isoguide.virtual.breathing import breathing_modes
from isoguide.virtual.motion import LONGEST_S
from isoguide.virtual.tissue_lattice import TissueLattice

REGULAR = Breathing(
    peak_to_peak_mm=10.0,
    amplitude_variation=0.0,
    period_variation=0.0,
    baseline_walk_mm=0.0,
    hysteresis_mm=2.0,
)


def lower_lung_mm(phantom: Phantom) -> np.ndarray:
    """Deep in a lung, near the diaphragm."""
    lattice = TissueLattice(phantom, 7.0)
    lung = lattice.at_nodes(lattice.structure("Lung_R"))
    z = lattice.positions_mm[..., 2]
    low = lung & (z < np.quantile(z[lung], 0.3))
    place = np.unravel_index(np.where(low, lattice.from_bone_mm, 0.0).argmax(), low.shape)
    return lattice.positions_mm[place][None].astype(float)


def test_a_regular_breath_has_its_period_and_its_mean_is_the_planning_position():
    trace = REGULAR.draw(np.random.default_rng(0))
    depth, flow = trace.values.T
    per_breath = round(REGULAR.period_s / trace.step_s)
    np.testing.assert_allclose(depth[per_breath:], depth[:-per_breath], atol=1e-9)
    assert np.ptp(depth) == pytest.approx(1.0, abs=0.01)
    assert depth[: 100 * per_breath].mean() == pytest.approx(0.0, abs=1e-6)
    # Flow is the change of depth: positive while breathing in.
    change = np.gradient(depth, trace.step_s)
    assert np.corrcoef(change, flow)[0, 1] > 0.99
    assert np.abs(flow).max() == pytest.approx(1.0, abs=0.01)


def test_more_time_is_spent_near_the_end_of_breathing_out():
    depth = REGULAR.draw(np.random.default_rng(0)).values[:, 0]
    middle = (depth.max() + depth.min()) / 2.0
    assert np.mean(depth < middle) > 0.58


def test_breaths_differ_the_baseline_drifts_and_coughs_are_deep():
    settings = Breathing(baseline_drift_mm_per_min=0.2, peak_to_peak_mm=12.0, baseline_walk_mm=0.2)
    depth = settings.draw(np.random.default_rng(1)).values[:, 0]
    minutes = depth[: 600 * 10].reshape(10, -1).mean(axis=1)
    assert np.polyfit(np.arange(10.0), minutes, 1)[0] * 12.0 == pytest.approx(0.2, abs=0.12)
    peaks = depth[1:-1][(depth[1:-1] > depth[:-2]) & (depth[1:-1] > depth[2:])]
    assert peaks[:100].std() > 0.05
    quiet = Breathing(coughs_per_min=0.0).draw(np.random.default_rng(2)).values[:, 0]
    coughing = Breathing(coughs_per_min=2.0).draw(np.random.default_rng(2)).values[:, 0]
    assert np.abs(np.diff(coughing)).max() > 1.5 * np.abs(np.diff(quiet)).max()


def test_a_patient_who_does_not_breathe_is_still():
    trace = Breathing(peak_to_peak_mm=0.0, baseline_drift_mm_per_min=1.0).draw(np.random.default_rng(0))
    assert np.abs(trace.values[:, 0]).max() < 1.0
    assert len(trace.values) == LONGEST_S / trace.step_s + 1


def test_the_displacement_is_linear_in_depth_and_flow(thorax: Phantom):
    """u = a U1 + b U2 (Low 2005): any moment is that sum of two fixed fields."""
    day = draw_days(thorax, CourseSettings(breathing=REGULAR, lattice_mm=7.0), 1, np.random.default_rng(0))[0]
    fields = np.array([day.moment(t).field.vectors_mm for t in (0.3, 1.1, 2.6, 3.4)]).reshape(4, -1)
    assert np.linalg.matrix_rank(fields.astype(float), tol=1e-3) == 2


def test_breathing_in_takes_the_lung_towards_the_feet_and_the_way_in_is_not_the_way_out(thorax: Phantom):
    place = lower_lung_mm(thorax)
    phases = breathing_phases(thorax, REGULAR, 10, lattice_mm=7.0)
    path = np.array([(field.moved(place) - place)[0] for field in phases])
    assert path[0, 2] == path[:, 2].min()
    assert 5.0 < np.ptp(path[:, 2]) <= 10.0
    # Phases 2 and 8 are alike in depth: one while breathing out, one while breathing in.
    assert path[2, 2] == pytest.approx(path[8, 2], abs=0.01)
    assert np.linalg.norm(path[2] - path[8]) > 0.5
    assert np.abs(path[5] * [0, 0, 1]).max() < np.abs(path[0, 2])


def test_the_spine_does_not_breathe_and_ribs_a_little(thorax: Phantom):
    field = breathing_phases(thorax, REGULAR, 1, lattice_mm=7.0)[0]
    grid = thorax.anatomy.grid

    def largest(name: str) -> float:
        bone = grid.xyz(np.argwhere(thorax.bone(name))[:, ::-1].astype(float))
        return float(np.linalg.norm(field.moved(bone) - bone, axis=1).max())

    assert largest("T8") < 0.05
    assert largest("humerus left") < 0.05
    assert 0.05 < largest("sternum") < 1.5


def test_a_breath_deeper_than_tissue_allows_becomes_shallower_and_is_told(thorax: Phantom):
    settings = CourseSettings(breathing=Breathing(peak_to_peak_mm=30.0), lattice_mm=7.0)
    day = draw_days(thorax, settings, 1, np.random.default_rng(0))[0]
    told = day.describe()["breathing_peak_to_peak_mm"]
    assert 8.0 < told < 30.0
    for moment in day.moments(0.0, 8.0, 6):
        measured = type(moment.field)(moment.field.grid, moment.field.vectors_mm).steepest
        assert measured <= moment.field.steepest < 0.95


def test_without_labelled_bones_all_bones_count_as_ribs(thorax: Phantom):
    from dataclasses import replace

    plain = replace(thorax, bone_labels=np.zeros_like(thorax.bone_labels), bone_names=(), vertebrae=())
    deep, _ = breathing_modes(TissueLattice(plain, 7.0), REGULAR)
    assert 5.0 < np.abs(deep[..., 2]).max() <= 10.0


def test_a_patient_with_a_liver_alone_breathes(thorax: Phantom):
    from dataclasses import replace

    heart = thorax.structure("Heart")
    liver = replace(thorax, structures=(replace(heart, name="Liver"), thorax.structure("BODY")))
    deep, _ = breathing_modes(TissueLattice(liver, 7.0), REGULAR)
    assert np.abs(deep).max() > 5.0


def test_a_breath_in_no_phases_is_refused(thorax: Phantom):
    with pytest.raises(InputError, match="in 0 phases"):
        breathing_phases(thorax, REGULAR, 0)


def test_the_prostate_drifts_backwards_and_jumps_forwards_and_returns():
    drifting = ProstateMotion((0.0, 0.0, 0.0), (0.0, 0.3, 0.0), 0.0).draw(np.random.default_rng(0))
    np.testing.assert_allclose(drifting.at(600.0), [0.0, 3.0, 0.0], atol=1e-9)
    jumping = ProstateMotion((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.5).draw(np.random.default_rng(0)).values
    assert jumping[:, 1].min() < -2.0
    assert np.median(np.abs(jumping[:, 1])) < 0.5
    np.testing.assert_allclose(jumping[0], 0.0)


def test_the_walk_of_the_prostate_grows_with_the_root_of_time():
    settings = ProstateMotion((0.5, 1.0, 2.0), (0.0, 0.0, 0.0), 0.0)
    paths = np.array([settings.draw(np.random.default_rng(seed)).values[[120, 480]] for seed in range(300)])
    np.testing.assert_allclose(paths[:, 0].std(axis=0), [0.5, 1.0, 2.0], rtol=0.15)
    np.testing.assert_allclose(paths[:, 1].std(axis=0), [1.0, 2.0, 4.0], rtol=0.15)
