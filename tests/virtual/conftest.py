"""Virtual patients in coarse voxels, built once per session: tests need their geometry, not their beauty."""

import pytest

from isoguide.virtual import Phantom, build_phantom

COARSE_MM = (3.0, 3.0, 5.0)


@pytest.fixture(scope="session")
def pelvis() -> Phantom:
    return build_phantom("pelvis", 1, COARSE_MM)


@pytest.fixture(scope="session")
def thorax() -> Phantom:
    return build_phantom("thorax", 1, COARSE_MM)


@pytest.fixture(scope="session")
def head_neck() -> Phantom:
    return build_phantom("head-neck", 1, COARSE_MM)


@pytest.fixture(scope="session")
def abdomen() -> Phantom:
    return build_phantom("abdomen", 1, COARSE_MM)


@pytest.fixture(scope="session", params=["pelvis", "thorax", "head-neck", "abdomen"])
def phantom(request: pytest.FixtureRequest) -> Phantom:
    return request.getfixturevalue(request.param.replace("-", "_"))
