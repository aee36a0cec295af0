"""A service for each test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from signed_in_client import Service, make_staffed, service_on


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records in which the staff has its passwords."""
    folder = tmp_path_factory.mktemp("staffed") / "records"
    make_staffed(folder)
    return folder


@pytest.fixture
def open_service(staffed: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Open a service with these settings."""
    with ExitStack() as opened:

        def service(**settings: object) -> Service:
            shutil.copytree(staffed, tmp_path / "records")
            return opened.enter_context(service_on(tmp_path / "records", **settings))

        yield service


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    """A service without a page, its staff with their passwords, and a clock that tests set."""
    return open_service()
