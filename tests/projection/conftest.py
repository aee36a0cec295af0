"""RTK is an optional extra: what needs it skips where it is absent."""

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def rtk():
    if importlib.util.find_spec("itk") is None or importlib.util.find_spec("itk.RTKPython") is None:
        pytest.skip("RTK (the extra 'reconstruction') is not installed")
    from isoguide.projection.rtk import prepare_rtk

    prepare_rtk()
