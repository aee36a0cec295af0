import numpy as np
import pytest

from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.virtual import DailySettings, Displacement, Phantom, simulate_daily
from isoguide.virtual.patient_body import body_weight
from isoguide.virtual.treatment_couch import couch_top_mm, put_couch, shell_and_foam


def test_a_thin_shell_keeps_its_weight_in_thick_voxels():
    for voxel_mm in (0.5, 1.0, 3.0):
        depth = np.arange(-9.0, 30.0, voxel_mm) + 0.37 * voxel_mm
        total = float((shell_and_foam(depth, voxel_mm) + 1000.0).sum() * voxel_mm)
        below_shell = depth[-1] + voxel_mm / 2.0 - 2.0
        assert total == pytest.approx(2.0 * 820.0 + below_shell * 65.0, rel=0.02)


def test_deep_inside_a_thick_couch_there_is_foam():
    assert shell_and_foam(np.array([55.0]), 1.0)[0] == -935.0


def test_the_couch_never_covers_the_patient():
    grid = Grid.axial(DAILY, (3, 60, 60), (2.0, 2.0, 2.0), (-59.0, -59.0, 0.0))
    values = np.full(grid.shape, -1000.0, dtype=np.float32)
    values[:, 40:45, 20:40] = 50.0
    put_couch(values, grid, 15.0, 0.0)
    assert (values[:, 40:45, 20:40] == 50.0).all()
    assert values[1, 38, 5] > -700.0
    assert (values[:, :35] == -1000.0).all()


def test_the_couch_touches_the_back_in_set_up_position(pelvis: Phantom):
    top_mm = couch_top_mm(pelvis.volume, body_weight(pelvis.volume), pelvis.isocentre_mm, np.zeros(3))
    back_mm = pelvis.structure("BODY").points_mm[:, 1].max() - pelvis.isocentre_mm[1]
    assert top_mm == pytest.approx(back_mm, abs=4.0)


def test_the_couch_stays_in_the_room_when_the_patient_is_displaced(pelvis: Phantom):
    settings = DailySettings.repeat_ct().with_changes(
        shape=(20, 110, 40), spacing_mm=(4.0, 2.5, 4.0), jitter_mm=0.0, noise=0.0
    )
    rows = []
    for up_mm in (0.0, -30.0):
        truth = Displacement(np.array([0.0, up_mm, 0.0]), np.eye(3))
        daily = simulate_daily(
            pelvis.volume,
            truth.planning_from_daily(isocentre_mm=pelvis.isocentre_mm, machine_isocentre_mm=np.zeros(3)),
            isocentre_mm=pelvis.isocentre_mm,
            machine_isocentre_mm=np.zeros(3),
            settings=settings,
            rng=np.random.default_rng(0),
        )
        column = daily.values[10, :, 2].astype(float)
        rows.append(np.flatnonzero(column > -900.0).max())
    assert rows[0] == rows[1]
