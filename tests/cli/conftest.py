"""The workflow's small patient, and a way to run the command as a shell would."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))

from small_patient import SmallPatient, write_small_patient

from isoguide.cli import main


class Ending(NamedTuple):
    """What a shell sees."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> SmallPatient:
    return write_small_patient(tmp_path_factory.mktemp("patient"))


@pytest.fixture
def isoguide(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ending]:
    """Run ``isoguide ARGUMENTS`` in this process."""

    def run(*arguments: object) -> Ending:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ending(ended.value.code, captured.out, captured.err)

    return run
