"""Fixtures shared by all tests."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run and no stopwatch: a test that passed fails only when the code changed.
# To look for new examples: pytest --hypothesis-profile=default
settings.register_profile("isoguide", deadline=None, derandomize=True)
settings.load_profile("isoguide")

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


@pytest.fixture
def interpreted_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every kernel as plain Python, so that coverage sees its lines; for tiny arrays only."""
    import isoguide.kernels

    for found in pkgutil.walk_packages(isoguide.kernels.__path__, "isoguide.kernels."):
        module = importlib.import_module(found.name)
        for name, kernel in vars(module).copy().items():
            if hasattr(kernel, "py_func"):
                monkeypatch.setattr(module, name, kernel.py_func)
