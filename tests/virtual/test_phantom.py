from itertools import pairwise

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING
from isoguide.images.mask import structure_mask
from isoguide.virtual import Phantom, build_phantom


def mask_of(phantom: Phantom, name: str) -> np.ndarray:
    return structure_mask(phantom.structure(name), phantom.volume.grid)


def test_a_phantom_is_a_planning_ct_in_hounsfield_units(phantom: Phantom):
    assert phantom.volume.grid.frame == PLANNING
    assert phantom.volume.values.dtype == np.int16
    assert phantom.volume.is_hounsfield
    assert phantom.volume.values.min() >= -1024
    assert np.linalg.norm(phantom.volume.grid.centre_mm) > 100.0
    assert phantom.anatomy.grid is phantom.volume.grid


def test_every_tissue_has_its_hounsfield_units(phantom: Phantom):
    inside = phantom.volume.values[mask_of(phantom, "BODY")]
    for low, high, at_least in ((-150, -60, 0.07), (0, 90, 0.15), (200, 1400, 0.02)):
        assert np.mean((inside > low) & (inside < high)) > at_least
    assert np.mean(inside > 1400) < 0.01


def test_air_is_minus_1000_and_lung_about_minus_750(thorax: Phantom):
    lung = thorax.anatomy.values[mask_of(thorax, "Lung_L")]
    assert -840 < np.median(lung) < -700
    assert np.median(thorax.anatomy.values[:, 0]) == pytest.approx(-1000.0, abs=1.0)


def test_the_isocentre_lies_in_the_target_and_the_target_in_the_body(phantom: Phantom):
    body, target = mask_of(phantom, "BODY"), mask_of(phantom, "PTV")
    i, j, k = np.rint(phantom.volume.grid.index(phantom.isocentre_mm)).astype(int)
    assert target[k, j, i]
    assert body[target].all()
    litres = target.sum() * np.prod(phantom.volume.grid.spacing_mm) * 1e-6
    assert 0.015 < litres < 0.3


def test_organs_lie_in_the_body_and_have_types_a_plan_can_use(phantom: Phantom):
    body = mask_of(phantom, "BODY")
    types = {structure.interpreted_type for structure in phantom.structures}
    assert {"EXTERNAL", "PTV", "ORGAN"} <= types
    assert len({s.name for s in phantom.structures}) == len({s.number for s in phantom.structures}) >= 6
    for structure in phantom.structures:
        organ = structure_mask(structure, phantom.volume.grid)
        assert organ.sum() > 20, structure.name
        assert body[organ].mean() > 0.97, structure.name


def test_contours_are_closed_planar_polygons_on_slices(phantom: Phantom):
    for structure in phantom.structures:
        assert structure.frame == PLANNING
        for contour in structure.contours:
            assert contour.kind == "CLOSED_PLANAR"
            assert np.ptp(contour.xyz_mm[:, 2]) == 0.0
            k = phantom.volume.grid.index(contour.xyz_mm[:1])[0, 2]
            assert k == pytest.approx(round(k), abs=0.01)


def test_left_and_right_differ(phantom: Phantom):
    body = mask_of(phantom, "BODY")
    middle = phantom.volume.grid.index(phantom.isocentre_mm)[0]
    half = int(min(middle, body.shape[2] - 1 - middle)) - 1
    left = phantom.anatomy.values[:, :, int(middle) : int(middle) + half]
    right = phantom.anatomy.values[:, :, int(middle) - half : int(middle)][:, :, ::-1]
    assert np.mean(np.abs(left - right) > 100.0) > 0.03


@pytest.mark.parametrize(
    ("site", "expected"), [("thorax", 11), ("head_neck", 8), ("pelvis", 5), ("abdomen", 9)]
)
def test_the_spine_shows_its_vertebrae_where_it_says(site, expected, request):
    phantom = request.getfixturevalue(site)
    assert len(phantom.vertebrae) >= expected
    heights = [vertebra.centre_mm[2] for vertebra in phantom.vertebrae]
    assert heights == sorted(heights, reverse=True)
    for vertebra in phantom.vertebrae:
        i, j, k = np.rint(phantom.volume.grid.index(vertebra.centre_mm)).astype(int)
        near = phantom.anatomy.values[max(k - 1, 0) : k + 2, j - 1 : j + 2, i - 1 : i + 2]
        assert near.mean() > 110.0, vertebra.level


def test_neighbouring_vertebrae_resemble_each_other_without_being_the_same(thorax: Phantom):
    """One pitch off must tempt a registration, and context must be able to tell."""
    grid, values = thorax.anatomy.grid, thorax.anatomy.values
    patches = []
    for vertebra in thorax.vertebrae[2:-2]:
        i, j, k = np.rint(grid.index(vertebra.centre_mm)).astype(int)
        patches.append(values[k - 2 : k + 3, j - 6 : j + 20, i - 12 : i + 13].ravel())
    likeness = [float(np.corrcoef(a, b)[0, 1]) for a, b in pairwise(patches)]
    assert min(likeness) > 0.5
    assert max(likeness) < 0.97


def test_the_anatomy_is_the_planning_ct_without_noise_and_couch(pelvis: Phantom):
    bladder = mask_of(pelvis, "Bladder")
    assert pelvis.anatomy.values[bladder].std() < pelvis.volume.values[bladder].std()
    difference = (
        pelvis.volume.values[mask_of(pelvis, "BODY")] - pelvis.anatomy.values[mask_of(pelvis, "BODY")]
    )
    assert difference.std() == pytest.approx(14.0, rel=0.05)
    assert pelvis.anatomy.values[:, -1].max() < -990.0


def test_the_same_seed_gives_the_same_patient_and_another_seed_another():
    small = (5.0, 5.0, 8.0)
    first, again, other = (build_phantom("head-neck", seed, small) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.volume.values, again.volume.values)
    np.testing.assert_array_equal(first.isocentre_mm, again.isocentre_mm)
    assert not np.array_equal(first.isocentre_mm, other.isocentre_mm)
    assert first.volume.values.shape != other.volume.values.shape or not np.array_equal(
        first.volume.values, other.volume.values
    )


def test_an_unknown_site_and_an_unknown_structure_are_refused(pelvis: Phantom):
    with pytest.raises(
        InputError, match="unknown site 'knee': choose one of pelvis, thorax, head-neck, abdomen"
    ):
        build_phantom("knee")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InputError, match="no structure 'Spleen'; it has BODY, PTV"):
        pelvis.structure("Spleen")


def test_every_bone_is_dense_and_a_thing_of_its_own(phantom: Phantom):
    assert phantom.bone_labels.shape == phantom.volume.grid.shape
    assert phantom.bone_labels.max() == len(phantom.bone_names)
    assert phantom.site is not None
    large = [name for name in phantom.bone_names if phantom.bone(name).sum() > 100]
    assert len(large) >= 8
    for name in large:
        if name not in ("skull", "mandible"):  # these hold air and teeth
            assert phantom.anatomy.values[phantom.bone(name)].mean() > 150.0, name


def test_every_vertebra_has_its_label_where_its_body_is(phantom: Phantom):
    for vertebra in phantom.vertebrae[1:-1]:
        i, j, k = np.rint(phantom.volume.grid.index(vertebra.centre_mm)).astype(int)
        assert phantom.bone(vertebra.level)[k, j, i], vertebra.level


def test_the_head_has_skull_mandible_and_neck_as_separate_bones(head_neck: Phantom):
    assert {"skull", "mandible", *(f"C{n}" for n in range(1, 8)), "T1"} <= set(head_neck.bone_names)
    with pytest.raises(InputError, match="no bone 'femur left'; it has skull"):
        head_neck.bone("femur left")


def test_the_abdomen_has_its_organs_in_their_places_and_sizes(abdomen: Phantom):
    litres = np.prod(abdomen.volume.grid.spacing_mm) * 1e-6
    size = {s.name: mask_of(abdomen, s.name).sum() * litres for s in abdomen.structures}
    assert 1.1 < size["Liver"] < 2.3
    assert 0.1 < size["Kidney_L"] < 0.22
    assert 0.1 < size["Kidney_R"] < 0.22
    assert 0.08 < size["Spleen"] < 0.3
    middle = {name: mask_of(abdomen, name).nonzero()[2].mean() for name in ("Liver", "Spleen", "Stomach")}
    assert middle["Liver"] < middle["Stomach"] < middle["Spleen"]
    liver = mask_of(abdomen, "Liver")
    assert liver[mask_of(abdomen, "GTV")].mean() > 0.97
    assert 45.0 < np.median(abdomen.anatomy.values[liver]) < 75.0
