"""Long work says where it is, and a caller may stop it."""

import pytest

from isoguide.errors import Cancelled
from isoguide.progress import part_of, silent


def test_silence_is_the_default():
    assert silent(0.5, "matching") is None


def test_a_part_reports_its_share_of_the_whole():
    heard = []
    report = part_of(lambda fraction, step: heard.append((fraction, step)), 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0):
        report(fraction, "matching")
    assert heard == [(0.2, "matching"), (0.4, "matching"), (pytest.approx(0.6), "matching")]


def test_a_caller_stops_the_work_by_raising():
    def stop(fraction, step):
        raise Cancelled(step)

    with pytest.raises(Cancelled, match="matching"):
        part_of(stop, 0.0, 1.0)(0.1, "matching")
