"""Preparing a plan: where templates lie, and what is refused."""

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.volume import Volume
from isoguide.registration import MatchSettings, Region, prepare_planning
from isoguide.registration.templates import LEVER_MM


def hounsfield_at(volume, points_mm):
    i, j, k = np.rint(volume.grid.index(points_mm)).astype(int).T
    return volume.values[k, j, i]


def test_templates_lie_in_the_body_around_the_isocentre(pelvis, prepared_pelvis):
    for templates, half_mm in ((prepared_pelvis.fine, 100.0), (prepared_pelvis.coarse, 140.0)):
        assert (np.abs(templates.centres_mm - pelvis.isocentre_mm) <= half_mm + 6.0).all()
        assert (hounsfield_at(pelvis.volume, templates.centres_mm) > -500).mean() > 0.97


def test_templates_hold_every_motion_to_a_similar_degree(prepared_pelvis):
    information = prepared_pelvis.fine.information.sum(axis=0)
    assert np.linalg.cond(information) < 30.0
    assert np.trace(information[3:, 3:]) > 0.1 * np.trace(information[:3, :3]), f"a lever of {LEVER_MM} mm"


def test_bone_templates_are_near_bone(pelvis):
    bone = prepare_planning(
        pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=MatchSettings(content="bone")
    )
    samples = bone.fine.centres_mm[:, None] + bone.fine.offsets_mm
    brightest = hounsfield_at(pelvis.volume, samples.reshape(-1, 3)).reshape(samples.shape[:2]).max(axis=1)
    assert (brightest > 130).mean() > 0.97


def test_soft_tissue_templates_keep_off_bone_and_air(pelvis):
    soft = prepare_planning(
        pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=MatchSettings(content="soft")
    )
    samples = soft.fine.centres_mm[:, None] + soft.fine.offsets_mm
    values = hounsfield_at(pelvis.volume, samples.reshape(-1, 3))
    assert ((values > -300) & (values < 400)).mean() > 0.99


def test_a_box_holds_all_templates(pelvis):
    centre = pelvis.isocentre_mm + [10.0, -5.0, 0.0]
    region = Region.box(centre, (120.0, 100.0, 80.0))
    prepared = prepare_planning(
        pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=MatchSettings(region=region)
    )
    assert (prepared.fine.centres_mm > region.low_mm - 2.0).all()
    assert (prepared.fine.centres_mm < region.high_mm + 2.0).all()


def test_a_structure_holds_all_templates_within_its_margin(pelvis):
    structure = next(s for s in pelvis.structures if s.interpreted_type == "PTV")
    mask = structure_mask(structure, pelvis.volume.grid)
    settings = MatchSettings(region=Region.structure(structure.name, mask), structure_margin_mm=8.0)
    prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)
    kji = np.argwhere(mask)
    inside_mm = pelvis.volume.grid.xyz(kji[:, ::-1].astype(float))
    for centre in prepared.fine.centres_mm[::20]:
        assert np.linalg.norm(inside_mm - centre, axis=1).min() < 8.0 + 3.0


def test_a_structure_without_margin_holds_its_templates(pelvis):
    structure = next(s for s in pelvis.structures if s.interpreted_type == "PTV")
    mask = structure_mask(structure, pelvis.volume.grid)
    settings = MatchSettings(region=Region.structure(structure.name, mask), structure_margin_mm=0.0)
    prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)
    i, j, k = np.rint(pelvis.volume.grid.index(prepared.fine.centres_mm)).astype(int).T
    assert mask[k, j, i].mean() > 0.95


def test_accuracy_is_judged_at_the_target_or_around_the_isocentre(pelvis, prepared_pelvis):
    away = np.linalg.norm(prepared_pelvis.target_points_mm - pelvis.isocentre_mm, axis=1)
    np.testing.assert_allclose(away, [0.0, *[30.0] * 6])
    target = pelvis.isocentre_mm + np.array([[0.0, 0.0, 70.0]])
    prepared = prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, target_points_mm=target)
    np.testing.assert_array_equal(prepared.target_points_mm, target)


def test_progress_is_told_in_order(pelvis):
    told = []
    prepare_planning(
        pelvis.volume, isocentre_mm=pelvis.isocentre_mm, progress=lambda done, what: told.append((done, what))
    )
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert all(what for _, what in told)


def test_an_isocentre_outside_the_image_is_refused(pelvis):
    with pytest.raises(InputError, match=r"\(0\.0, 0\.0, 900\.0\) mm lies outside the planning image"):
        prepare_planning(pelvis.volume, isocentre_mm=np.array([0.0, 0.0, 900.0]))


def small_volume(value):
    grid = Grid.axial(PLANNING, (40, 60, 60), (3.0, 3.0, 3.0), (-90.0, -90.0, -60.0))
    return Volume(grid, np.full(grid.shape, value, np.int16))


def test_an_image_of_air_is_refused():
    with pytest.raises(InputError, match="no body near the isocentre"):
        prepare_planning(small_volume(-1000), isocentre_mm=np.zeros(3))


def test_a_body_without_contrast_is_refused():
    with pytest.raises(InputError, match=r"holds only 0 places to match on.*choose a larger --roi"):
        prepare_planning(small_volume(40), isocentre_mm=np.zeros(3))


def test_a_box_too_small_to_match_on_is_refused(pelvis):
    settings = MatchSettings(region=Region.box(pelvis.isocentre_mm, 15.0), content="bone")
    with pytest.raises(InputError, match="'box:15' with content 'bone' holds only"):
        prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)


def test_a_mask_of_another_image_is_refused(pelvis):
    settings = MatchSettings(region=Region.structure("PTV", np.ones((3, 3, 3), dtype=bool)))
    with pytest.raises(InputError, match=r"mask of 'PTV' has the shape \(3, 3, 3\)"):
        prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm, settings=settings)
