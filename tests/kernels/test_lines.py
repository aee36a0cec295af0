import numpy as np
import pytest

from isoguide.kernels.lines import closed_lines, closed_lines_reference


def pieces(lengths, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    count = sum(lengths)
    names = rng.permutation(2 * count)[:count]
    loops = np.split(names, np.cumsum(lengths)[:-1])
    enter, leave = names, np.concatenate([np.roll(loop, -1) for loop in loops])
    order = rng.permutation(count)
    return enter[order], leave[order], 2 * count


def assert_follows(lengths, seed):
    found, expected = closed_lines(*pieces(lengths, seed)), closed_lines_reference(*pieces(lengths, seed))
    assert sorted(len(line) for line in found) == sorted(lengths)
    for line, known in zip(found, expected, strict=True):
        np.testing.assert_array_equal(line, known)


@pytest.mark.parametrize("lengths", [(4,), (4, 9, 30), (1, 2, 500)])
def test_pieces_in_any_order_become_the_lines_they_were_cut_from(lengths):
    assert_follows(lengths, 7)


def test_interpreted_lines_are_the_same(interpreted_kernels):
    assert_follows((5, 6), 1)


def test_no_pieces_make_no_line():
    none = np.empty(0, dtype=np.int64)
    assert closed_lines(none, none, 10) == []
