"""What a user installs: light to import, silent, typed, and from a lock that names no machine."""

import importlib
import logging
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import isoguide

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def module_names() -> list[str]:
    found = [one.name for one in pkgutil.walk_packages(isoguide.__path__, "isoguide.")]
    # Importing these runs what they are for.
    return sorted(name for name in found if not name.endswith(("__main__", "migrations.env")))


def requirements(name: str) -> list[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("-", "#", " "))]


def test_importing_isoguide_loads_no_compiler_no_plotting_and_no_dicom_library() -> None:
    heavy = ("numba", "matplotlib", "scipy", "pydicom", "highdicom", "SimpleITK", "typer", "rich")
    code = f"import sys, isoguide; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_every_module_can_be_imported_and_says_what_it_is() -> None:
    modules = [importlib.import_module(name) for name in module_names()]
    assert [module.__name__ for module in modules if not module.__doc__] == []
    missing = [
        f"{module.__name__}.{public}"
        for module in modules
        for public in getattr(module, "__all__", ())
        if not hasattr(module, public)
    ]
    assert missing == []


def test_every_name_that_isoguide_offers_is_there_and_no_other() -> None:
    for name in isoguide.__all__:
        assert getattr(isoguide, name).__module__.startswith("isoguide.")
    with pytest.raises(AttributeError, match="no attribute 'align_everything'"):
        _ = isoguide.align_everything


def test_the_library_is_silent_until_somebody_listens() -> None:
    handlers = logging.getLogger("isoguide").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_the_package_ships_its_types() -> None:
    assert (Path(isoguide.__path__[0]) / "py.typed").is_file()


def test_the_version_is_the_one_to_cite() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(rf"^version: {re.escape(isoguide.__version__)}$", citation, re.MULTILINE)


def test_the_lock_is_made_from_what_the_package_asks_for() -> None:
    assert requirements("runtime.in") == PROJECT["dependencies"]
    for extra, packages in PROJECT["optional-dependencies"].items():
        assert requirements(f"{extra}.in") == packages


def test_only_one_module_loads_the_reconstruction_toolkit() -> None:
    # It is loaded by name, which the contracts on imports cannot see.
    package = ROOT / "src" / "isoguide"
    naming = [path for path in package.rglob("*.py") if re.search(r"[\"' ]itk[.\"' ]", path.read_text())]
    assert [path.relative_to(package).as_posix() for path in naming] == ["projection/rtk.py"]


@pytest.mark.parametrize("name", ["dev", "benchmark"])
def test_the_lock_pins_and_hashes_every_package_and_names_no_address(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 3
    for pin in pins:
        assert re.match(r"[\w.-]+==[\w.]+", pin), f"not pinned: {pin.splitlines()[0]}"
        assert "--hash=sha256:" in pin, f"not hashed: {pin.splitlines()[0]}"
    assert "://" not in lock
    for wanted in requirements(f"{name}.in"):
        package = re.split(r"[<>=]", wanted)[0].lower()
        assert re.search(rf"^{re.escape(package)}==", lock, re.MULTILINE), f"{package} is not locked"


def test_the_wheel_holds_the_whole_package_and_its_command(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("isoguide-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("isoguide/")}
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert b"isoguide = isoguide.cli:main" in archive.read(entry_points)
    package = Path(isoguide.__path__[0])
    there = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == there
