import numpy as np
import pytest

from isoguide.kernels.wires import (
    best_templates,
    best_templates_reference,
    wire_shapes,
    wire_shapes_reference,
)

WIRES = np.array([[3.2, 2.6, 0.5, -0.2, 5.0], [2.0, 4.0, 2.2, 0.1, 0.0]])
PLACES = np.argwhere(np.ones((7, 7))).astype(float)


def templates():
    """Two templates of unit length and mean 0: a bar and a slope, as the kernel takes them."""
    bar, slope = np.array([-1.0, 2.0, -1.0]), np.array([-1.0, 0.0, 0.0, 1.0])
    steps = np.array([[-1, 0], [0, 0], [1, 0], [0, -1], [0, 0], [0, 1], [1, 1]])
    weights = np.concatenate([bar / np.linalg.norm(bar), slope / np.linalg.norm(slope)])
    return np.array([0, 3, 7]), steps, weights


def assert_shapes_are_right():
    values, slopes = wire_shapes(PLACES, WIRES, 0.3)
    np.testing.assert_allclose(values, wire_shapes_reference(PLACES, WIRES, 0.3), atol=1e-12)
    for parameter in range(5):
        step = np.zeros_like(WIRES)
        step[:, parameter] = 1e-6
        ahead, behind = (wire_shapes_reference(PLACES, WIRES + sign * step, 0.3) for sign in (1.0, -1.0))
        np.testing.assert_allclose(slopes[:, parameter], (ahead - behind) / 2e-6, atol=1e-8)


def assert_templates_are_right():
    image = np.random.default_rng(3).standard_normal((6, 7))
    pixels = np.argwhere(np.ones((4, 5))) + 1
    best, which = best_templates(image, pixels, *templates())
    known, chosen = best_templates_reference(image, pixels, *templates())
    np.testing.assert_allclose(best, known, atol=1e-12)
    np.testing.assert_array_equal(which[best > 0.0], chosen[best > 0.0])


def test_the_shape_of_a_wire_and_its_slopes_are_those_of_the_plain_statement():
    assert_shapes_are_right()


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_shapes_are_the_same():
    assert_shapes_are_right()


def test_templates_correlate_as_in_the_plain_statement():
    assert_templates_are_right()


@pytest.mark.usefixtures("interpreted_kernels")
def test_interpreted_templates_correlate_the_same():
    assert_templates_are_right()


def test_a_template_correlates_fully_with_itself_on_any_background():
    firsts, steps, weights = templates()
    image = np.full((5, 5), 7.0)
    image[tuple((np.array([2, 2]) + steps[:3]).T)] += 3.0 * weights[:3]

    best, which = best_templates(image, np.array([[2, 2]]), firsts, steps, weights)

    assert best[0] == pytest.approx(1.0)
    assert which[0] == 0
