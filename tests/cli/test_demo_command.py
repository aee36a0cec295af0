import functools

import pytest

from isoguide.virtual import build_phantom
from isoguide.workflow import example


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(
        example, "build_phantom", functools.partial(build_phantom, spacing_mm=(3.0, 3.0, 4.0))
    )


@pytest.mark.usefixtures("coarse")
def test_the_error_is_printed_beside_the_correction(isoguide, tmp_path):
    ending = isoguide("demo", "--out", tmp_path / "demo", "--seed", 4)

    assert ending.code == 0
    for expected in (
        "found",
        "truth",
        "error",
        "Lateral (mm)",
        "Yaw (°)",
        "mean error of the tissue",
        "ACCEPT",
    ):
        assert expected in ending.out
    assert (tmp_path / "demo" / "report.html").is_file()


def test_an_earlier_demonstration_is_kept(isoguide, tmp_path):
    (tmp_path / "example").mkdir()

    ending = isoguide("demo", "--out", tmp_path)

    assert ending.code == 2
    assert "--force" in ending.err
