import functools
import json

import pytest

from isoguide.errors import OutputError
from isoguide.registration.result import Verdict
from isoguide.virtual import build_phantom
from isoguide.workflow import example
from isoguide.workflow.write_results import RESULT_NAMES


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            example, "build_phantom", functools.partial(build_phantom, spacing_mm=(3.0, 3.0, 4.0))
        )
        return example.demonstrate(folder / "demo", seed=2)


def test_the_example_is_aligned_close_to_its_truth(demonstration):
    assert demonstration.alignment.verdict is Verdict.ACCEPT
    assert demonstration.error_mm < 0.5
    for name in ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "yaw_deg"):
        assert getattr(demonstration.alignment.correction, name) == pytest.approx(
            getattr(demonstration.truth, name), abs=0.5
        )


def test_inputs_truth_and_results_lie_together(demonstration):
    folder = demonstration.folder

    assert names_in(folder) == sorted(("example", *RESULT_NAMES))
    assert names_in(folder / "example") == ["daily", "planning", "truth.json"]
    truth = json.loads((folder / "example" / "truth.json").read_text())
    assert truth["couch_correction"]["lateral_mm"] == pytest.approx(demonstration.truth.lateral_mm, abs=1e-6)


def test_an_earlier_demonstration_is_not_replaced_unasked(demonstration):
    with pytest.raises(OutputError, match="--force"):
        example.demonstrate(demonstration.folder)
