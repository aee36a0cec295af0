"""RTK is an optional extra: what needs it skips where it is absent."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from scan_files import skip_without_rtk

from isoguide.projection.rtk import prepare_rtk


@pytest.fixture(scope="session")
def rtk():
    skip_without_rtk()
    prepare_rtk()
