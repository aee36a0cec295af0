"""A service for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from signed_in_client import Service, service_in


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service without a page, its staff with their passwords, and a clock that tests set."""
    with service_in(tmp_path) as opened:
        yield opened
