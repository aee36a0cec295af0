"""Radiographs beside DRRs: left is lettered left, and after the correction the bones coincide."""

import base64
import io
import re

import numpy as np
import pytest
from bony_patient import (
    AS_PLANNED,
    ISOCENTRE_MM,
    MAGNIFIED,
    PIXEL_MM,
    PIXELS,
    RADIUS_MM,
    TRUE,
    anatomy,
    ball,
    bony_ct,
    expose,
    lying,
    seen,
    view,
)
from PIL import Image

from isoguide.images.radiograph import Radiograph
from isoguide.workflow.radiographs.report_view_pictures import (
    RadiographScene,
    view_pictures,
)
from isoguide.workflow.shown_markers import ShownMarker


@pytest.fixture(scope="module")
def scene():
    return RadiographScene.of(bony_ct(), ISOCENTRE_MM, (ball(),))


@pytest.fixture(scope="module")
def radiographs():
    return expose(anatomy(), TRUE)


@pytest.fixture(scope="module")
def drawings(scene, radiographs):
    return scene.drawings(seen(radiographs), AS_PLANNED, TRUE.inverse())


def alike(one, other):
    """Correlation of the edges of two pictures."""
    first, second = (np.hypot(*np.gradient(grey))[2:-2, 2:-2].ravel() for grey in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def texts(svg):
    """Text of an SVG with its place."""
    found = re.findall(r'<text class="letter" x="([\d.]+)" y="([\d.]+)">(\w+)</text>', svg)
    return {letters: (float(x), float(y)) for x, y, letters in found}


def test_after_the_correction_the_bones_of_x_ray_and_drr_coincide_and_before_they_did_not(drawings):
    for drawing in drawings:
        assert alike(drawing.after.grey, drawing.xray) > 0.7
        assert alike(drawing.before.grey, drawing.xray) < 0.5


def test_bones_have_the_same_grey_in_both_although_the_x_ray_had_another_energy(drawings):
    """The radiographs are line integrals at 70 keV, the DRR is one at 40 keV."""
    for drawing in drawings:
        assert np.abs(drawing.after.grey - drawing.xray).mean() < 0.05


@pytest.mark.parametrize(
    ("angle_deg", "right"), [(0.0, True), (180.0, False)], ids=["from front", "from back"]
)
def test_a_seed_left_of_the_isocentre_is_drawn_on_the_side_lettered_left(scene, angle_deg, right):
    (radiograph,) = expose(anatomy(), lying(), (view(angle_deg),))
    seed = ShownMarker("1", ISOCENTRE_MM + (20.0, 0.0, 0.0), ISOCENTRE_MM + (21.0, 0.0, 0.0), 2.0)

    (drawing,) = scene.drawings(seen([radiograph]), AS_PLANNED, AS_PLANNED, markers=[seed])
    svg = drawing.blend(drawing.after)

    (left_x, _), (right_x, _) = texts(svg)["L"], texts(svg)["R"]
    (seed_x,) = (float(x) for x in re.findall(r'class="place" cx="([\d.]+)"', svg))
    assert (left_x > right_x) is right
    assert (seed_x > 200.0) is right
    # 20 mm are 28 mm on the panel of 128 pixels of 1.6 mm, drawn 400 wide.
    assert abs(seed_x - 200.0) == pytest.approx(20.0 * MAGNIFIED / (PIXELS * PIXEL_MM) * 400.0, abs=0.2)
    assert texts(svg)["H"][1] < texts(svg)["F"][1]


def test_a_view_from_the_left_front_is_lettered_with_both_sides_and_named_so(drawings):
    """The first tube stands 45 degrees from the front towards the patient's left: rows run left and back."""
    first, second = drawings
    assert first.letters == ("RA", "LP", "H", "F")
    assert first.seen_from == "the patient's left side and front"
    assert second.letters == ("RP", "LA", "H", "F")
    assert second.seen_from == "the patient's right side and front"


def test_a_ball_about_the_isocentre_casts_its_magnified_shadow(scene):
    """Tangents from a point: on the axis the shadow has the radius SID r / sqrt(SAD² - r²)."""
    (radiograph,) = expose(anatomy(), lying(), (view(0.0),))

    (drawing,) = scene.drawings(seen([radiograph]), AS_PLANNED, None)

    ((kind, (line,)),) = drawing.before.outlines
    distance = np.linalg.norm(line - drawing.before.isocentre, axis=1)
    assert kind == "target"
    assert drawing.before.isocentre == pytest.approx([63.5, 63.5])
    assert distance.mean() == pytest.approx(
        2100.0 * RADIUS_MM / np.sqrt(1500.0**2 - RADIUS_MM**2) / PIXEL_MM, abs=0.6
    )
    assert np.ptp(distance) < 2.0


def test_the_target_is_drawn_where_the_patient_lies_and_not_only_where_he_should(scene):
    """Seen from the front a patient 10 mm too far left has his target 14 mm further to the right."""
    moved = lying((10.0, 0.0, 0.0))
    (radiograph,) = expose(anatomy(), moved, (view(0.0),))

    (drawing,) = scene.drawings(seen([radiograph]), AS_PLANNED, moved.inverse())

    ((_, (before,)),) = drawing.before.outlines
    ((_, (after,)),) = drawing.after.outlines
    shift_px = 10.0 * MAGNIFIED / PIXEL_MM
    middle, planned = ((line.max(axis=0) + line.min(axis=0)) / 2.0 for line in (after, before))
    # Half a pixel is a fifth of a voxel.
    assert middle - planned == pytest.approx([shift_px, 0.0], abs=0.5)


def test_a_collimator_and_a_bar_of_the_couch_leave_the_greys_of_the_anatomy_as_they_are(scene, radiographs):
    one = radiographs[0]
    values, counts = one.values.copy(), np.ones((PIXELS, PIXELS), bool)
    values[:, 100:106] += 3.0
    values[:, :20], counts[:, :20] = 9.0, False
    spoilt = Radiograph(one.view, values, "line integral")

    (clean,) = scene.drawings(seen([one]), AS_PLANNED, TRUE.inverse())
    (drawing,) = scene.drawings(seen([spoilt], counts), AS_PLANNED, TRUE.inverse())

    assert drawing.xray.shape == (PIXELS, PIXELS - 20)
    near = slice(25, 75)  # further from the bar than what counts as slow
    difference = drawing.xray[:, near] - clean.xray[:, 20:][:, near]
    assert np.median(np.abs(difference)) < 0.06


def test_saturated_pixels_are_drawn_as_what_no_image_shows(scene, radiographs):
    counts = np.ones((PIXELS, PIXELS), bool)
    counts[50:60, 50:60] = False

    (drawing,) = scene.drawings(seen(radiographs[:1], counts), AS_PLANNED, None)

    assert not np.isfinite(drawing.xray[52:58, 52:58]).any()
    assert np.isfinite(drawing.xray[:45]).all()


def test_organs_are_drawn_in_their_own_colours_and_not_over_the_fused_pictures(radiographs):
    organ = ball(ISOCENTRE_MM + (0.0, 0.0, 40.0), "Bladder", "ORGAN")
    skin, couch = ball(name="Body", kind="EXTERNAL"), ball(name="Couch", kind="SUPPORT")
    far = ball(ISOCENTRE_MM + (0.0, 0.0, 900.0), "Brain", "ORGAN")
    scene = RadiographScene.of(bony_ct(), ISOCENTRE_MM, (ball(), skin, organ, couch, far))

    (drawing,) = scene.drawings(seen(radiographs[:1]), AS_PLANNED, TRUE.inverse())

    assert [(one.name, kind) for one, kind in scene.structures] == [("Bladder", "s1"), ("GTV", "target")]
    assert 'class="s1 thin"' in drawing.image()
    assert 'class="s1 thin"' in drawing.drr(drawing.before, "DRR")
    assert 'class="s1 thin"' not in drawing.blend(drawing.after)
    assert 'class="target"' in drawing.blend(drawing.after)


def test_a_marker_that_was_not_found_is_a_circle_without_a_cross(scene, radiographs):
    lost = ShownMarker("2", ISOCENTRE_MM, None, 2.0)

    (drawing,) = scene.drawings(seen(radiographs[:1]), AS_PLANNED, TRUE.inverse(), markers=[lost])

    assert 'class="place"' in drawing.image()
    assert 'class="seed"' not in drawing.image()


def test_a_marker_where_it_was_planned_lies_in_its_circle_after_and_beside_it_before(scene, radiographs):
    seed = ISOCENTRE_MM + (10.0, -5.0, 8.0)
    marker = ShownMarker("3", seed, TRUE.apply(seed), 2.0)

    (drawing,) = scene.drawings(seen(radiographs[:1]), AS_PLANNED, TRUE.inverse(), markers=[marker])

    (after,), (before,) = drawing.after.markers, drawing.before.markers
    assert after.found == pytest.approx(after.planned, abs=1e-6)
    assert np.linalg.norm(before.found - before.planned) > before.radius
    assert after.radius == pytest.approx(2.0 * MAGNIFIED / PIXEL_MM, rel=0.02)


def test_pictures_for_a_course_are_small_and_lack_an_after_where_there_is_no_answer(scene, radiographs):
    answered = view_pictures(scene, seen(radiographs), AS_PLANNED, TRUE.inverse())
    (refused,) = view_pictures(scene, seen(radiographs[:1]), AS_PLANNED, None)

    assert len(answered) == 2
    assert refused.after is None
    assert all(sum(map(len, (one.image, one.before, one.after))) < 150_000 for one in answered)
    assert "X-ray, view-2.nrrd" in answered[1].image


def test_a_large_detector_is_drawn_smaller_with_the_same_geometry(scene):
    wide = view(0.0)
    (radiograph,) = expose(anatomy(), lying(), (wide,))

    (drawing,) = scene.drawings(seen([radiograph]), AS_PLANNED, None, widest=60)

    assert drawing.xray.shape == (42, 42)
    # The last two of 128 pixels do not fill a block of three.
    assert drawing.before.isocentre == pytest.approx([(63.5 + 0.5) / 3.0 - 0.5] * 2)
    assert drawing.pixel_mm == pytest.approx(3.0 * PIXEL_MM / MAGNIFIED)


def test_pictures_are_images_a_browser_can_show(drawings):
    data = re.search(r"base64,([^\"]+)", drawings[0].difference(drawings[0].after)).group(1)

    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)

    assert picture.shape == (PIXELS, PIXELS, 3)
    assert np.median(picture) == pytest.approx(127.5, abs=20.0)
