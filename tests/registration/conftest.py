"""Virtual patients and their prepared plans, made once."""

import pytest
from virtual_cases import image_of, levels_of, lying

from isoguide.registration import prepare_planning
from isoguide.virtual import build_phantom


@pytest.fixture(scope="session")
def pelvis():
    return build_phantom("pelvis", 0, (1.7, 1.7, 2.5))


@pytest.fixture(scope="session")
def head():
    return build_phantom("head-neck", 0, (1.6, 1.6, 2.5))


@pytest.fixture(scope="session")
def prepared_pelvis(pelvis):
    return prepare_planning(pelvis.volume, isocentre_mm=pelvis.isocentre_mm)


@pytest.fixture(scope="session")
def prepared_head(head):
    return prepare_planning(head.volume, isocentre_mm=head.isocentre_mm)


@pytest.fixture(scope="session")
def displaced_truth(pelvis):
    """The usual case: some millimetres and degrees."""
    return lying(pelvis, (6.0, -4.0, 9.0), (1.5, -2.0, 3.0))


@pytest.fixture(scope="session")
def displaced_image(pelvis, displaced_truth):
    return image_of(pelvis, displaced_truth)


@pytest.fixture(scope="session")
def displaced_levels(displaced_image):
    return levels_of(displaced_image)
