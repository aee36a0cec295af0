"""Blocks of voxels hold what their voxels hold, and give it back where it was."""

import numpy as np
import pytest

from isoguide.dose.blocks import Blocks

SHAPE = (7, 8, 9)


@pytest.mark.parametrize(
    ("spacing_mm", "voxels"),
    [((2.5, 2.5, 2.5), (2, 2, 2)), ((1.0, 2.0, 3.0), (2, 3, 6)), ((4.0, 6.5, 7.0), (1, 1, 1))],
)
def test_a_block_is_as_large_as_it_may_be(
    spacing_mm: tuple[float, float, float], voxels: tuple[int, int, int]
) -> None:
    assert Blocks.of(SHAPE, np.array(spacing_mm)).voxels == voxels


def test_blocks_hold_all_that_their_voxels_hold() -> None:
    values = np.random.default_rng(3).uniform(0.0, 2.0, SHAPE).astype(np.float32)
    blocks = Blocks(SHAPE, (2, 3, 4))
    means = blocks.means(values)
    assert means.shape == blocks.count == (6, 5, 5)
    assert means.sum() * 24 == pytest.approx(float(values.sum()), rel=1e-5)
    assert means[1, 1, 1] == pytest.approx(float(values[:2, :3, :4].mean()), rel=1e-5)


@pytest.mark.parametrize("voxels", [2, 3, 4])
def test_blocks_make_nothing_wider(voxels: int) -> None:
    """The second moment of a row about its middle stays what it was, wherever the row lies in its blocks."""
    width = []
    at = np.arange(48.0)
    for place in range(20, 20 + voxels):
        values = np.zeros((1, 1, 48), np.float32)
        values[0, 0, place : place + 6] = 1.0
        found = Blocks(values.shape, (1, 1, voxels))
        row = found.onto_voxels(found.means(values))[0, 0].astype(np.float64)
        width.append(((at - place - 2.5) ** 2 * row).sum() / row.sum())
    assert np.mean(width) == pytest.approx(35.0 / 12.0, abs=0.01)


@pytest.mark.parametrize("voxels", [(1, 1, 1), (2, 3, 4)])
def test_what_rises_evenly_comes_back_as_it_was(voxels: tuple[int, int, int]) -> None:
    k, j, i = np.indices((24, 24, 24), np.float32)
    values = 1.0 + 0.5 * k + 0.25 * j + 2.0 * i
    blocks = Blocks(values.shape, voxels)
    inside = (slice(8, -8),) * 3
    np.testing.assert_allclose(blocks.onto_voxels(blocks.means(values))[inside], values[inside], rtol=1e-5)
