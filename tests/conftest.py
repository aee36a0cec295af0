"""Fixtures shared by all tests."""

import gc
import importlib
import os
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from small_patient import SmallPatient

    from isoguide.course import SimulationRecord

# Before NumPy is loaded, here and in every program that a test starts: several threads of its linear algebra
# in each of several workers wait for each other by spinning, which takes five to fifteen times the work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same examples in every run and no stopwatch: a test that passed fails only when the code changed.
# To look for new examples: pytest --hypothesis-profile=default
settings.register_profile("isoguide", deadline=None, derandomize=True)
settings.load_profile("isoguide")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later search for garbage, and search more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


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


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> "SmallPatient":
    """The small patient, written once as the files that a clinic exports."""
    from small_patient import write_small_patient

    return write_small_patient(tmp_path_factory.mktemp("patient"))


@pytest.fixture(scope="session")
def simulated(
    tmp_path_factory: pytest.TempPathFactory, patient: "SmallPatient"
) -> tuple[Path, "SimulationRecord"]:
    """An image store with his planning files, and the record that names them."""
    from small_department import simulation_of

    from isoguide.records.image_store import ImageStore

    folder = tmp_path_factory.mktemp("store") / "images"
    return folder, simulation_of(patient, ImageStore(folder))


@pytest.fixture(scope="session")
def prepared_once() -> dict[str, object]:
    """His planning image, once it was prepared: that takes the time."""
    return {}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, prepared_once: dict[str, object]) -> None:
    """The desk prepares his planning image once for all tests."""
    from isoguide.workflow.clinic import desk

    for name in ("planning_of", "prepared_for"):
        slow = getattr(desk, name)

        def cached(*arguments: object, slow=slow, name=name) -> object:
            if name not in prepared_once:
                prepared_once[name] = slow(*arguments)
            return prepared_once[name]

        monkeypatch.setattr(desk, name, cached)
