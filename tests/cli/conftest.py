"""A way to run the command as a shell would."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from known_matches import known_matches

from isoguide.cli import main


class Ending(NamedTuple):
    """What a shell sees."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module", autouse=True)
def _matched_once() -> Iterator[None]:
    with known_matches():
        yield


@pytest.fixture
def isoguide(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ending]:
    """Run ``isoguide ARGUMENTS`` in this process."""

    def run(*arguments: object) -> Ending:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ending(ended.value.code, captured.out, captured.err)

    return run
