"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public test data beside the checkout; a user does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public test data beside the checkout is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Folder of reference numbers beside the checkout; a user does not have it."""
    folder = SHARED_DATA.parent / "reference"
    if not folder.is_dir():
        pytest.skip("the reference numbers beside the checkout are absent")
    return folder
