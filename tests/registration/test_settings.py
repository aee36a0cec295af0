"""Settings refuse what cannot be meant and record what was used."""

import json

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.registration import MatchSettings, Region


def test_a_box_is_centred_and_sized_in_millimetres():
    region = Region.box(np.array([1.0, 2.0, 3.0]), (10.0, 20.0, 30.0))
    np.testing.assert_array_equal(region.low_mm, [-4.0, -8.0, -12.0])
    np.testing.assert_array_equal(region.high_mm, [6.0, 12.0, 18.0])
    assert region.name == "box:10x20x30"


def test_a_cube_needs_one_size():
    region = Region.box(np.zeros(3), 80.0)
    assert region.name == "box:80"
    np.testing.assert_array_equal(region.high_mm - region.low_mm, 80.0)


@pytest.mark.parametrize("size_mm", [0.0, -5.0, np.nan, np.inf, (10.0, 0.0, 10.0)])
def test_a_box_without_volume_is_refused(size_mm):
    with pytest.raises(InputError, match="must be positive"):
        Region.box(np.zeros(3), size_mm)


def test_a_structure_region_keeps_its_own_copy():
    mask = np.ones((2, 2, 2), dtype=bool)
    region = Region.structure("PTV", mask)
    mask[:] = False
    assert region.mask.all()
    assert not region.mask.flags.writeable


def test_an_empty_structure_is_refused_by_name():
    with pytest.raises(InputError, match="'PTV' is empty"):
        Region.structure("PTV", np.zeros((2, 2, 2), dtype=bool))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"content": "metal"}, "not 'metal'"), ({"degrees_of_freedom": 5}, "3, 4 or 6, not 5")],
)
def test_settings_that_do_not_exist_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        MatchSettings(**changes)


def test_the_record_of_the_settings_can_be_written_as_text():
    settings = MatchSettings(region=Region.structure("PTV", np.ones((3, 3, 3), dtype=bool)), content="bone")
    record = json.loads(json.dumps(settings.as_record()))
    assert record["region"] == "PTV"
    assert record["content"] == "bone"
    assert record["degrees_of_freedom"] == 6
