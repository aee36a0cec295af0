"""Two radiographs and a planning CT: how the couch has to move, as the same document as for a volume."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

sys.path.append(str(Path(__file__).parents[1] / "registration"))

from jsonschema import Draft202012Validator
from radiograph_cases import ISOCENTRE_MM, PAIR, anatomy, bony_ct, errors_mm, expose, lying

from isoguide.cli.terminal import show_alignment
from isoguide.errors import InputError
from isoguide.registration import Verdict
from isoguide.workflow.align import align
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.result_json import result_document, result_schema
from isoguide.workflow.write_results import write_results

TRUE = lying((4.0, -3.0, 5.0), (1.0, -0.5, 1.5))


def write(folder: Path, views=PAIR, truth=TRUE) -> AlignRequest:
    """Write planning CT, radiographs by exact line integrals, and the views file, without DICOM."""
    volume = bony_ct()
    image = SimpleITK.GetImageFromArray(volume.values)
    image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm])
    image.SetOrigin([float(mm) for mm in volume.grid.origin_mm])
    SimpleITK.WriteImage(image, str(folder / "plan.nrrd"))
    entries = []
    for number, radiograph in enumerate(expose(anatomy(), truth, views), start=1):
        name = f"view-{number}.nrrd"
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(radiograph.values), str(folder / name))
        one = radiograph.view
        entries.append(
            {
                "file": name,
                "source_mm": one.source_mm.tolist(),
                "detector_centre_mm": one.detector_centre_mm.tolist(),
                "row_direction": one.row_direction.tolist(),
                "column_direction": one.column_direction.tolist(),
                "pixel_spacing_mm": list(one.pixel_spacing_mm),
                "size": list(one.size),
            }
        )
    (folder / "views.json").write_text(json.dumps({"views": entries}), encoding="utf-8")
    x, y, z = ISOCENTRE_MM.tolist()
    return AlignRequest(folder / "plan.nrrd", folder / "views.json", isocentre_mm=(x, y, z))


@pytest.fixture(scope="module")
def request_and_answer(tmp_path_factory: pytest.TempPathFactory):
    request = write(tmp_path_factory.mktemp("views"))
    return request, align(request)


def test_the_patient_is_found_where_the_truth_says(request_and_answer) -> None:
    _, answer = request_and_answer
    assert answer.verdict is not Verdict.NOT_AVAILABLE
    assert errors_mm(answer.planning_from_daily, TRUE).max() < 0.5


def test_a_patient_4_mm_too_far_left_is_moved_4_mm_to_the_right(request_and_answer) -> None:
    """Head first supine: the patient's left is at +X; the rotation is small and about the isocentre."""
    _, answer = request_and_answer
    assert answer.correction.lateral_mm == pytest.approx(-4.0, abs=0.5)
    assert answer.correction.longitudinal_mm == pytest.approx(-5.0, abs=0.5)
    assert answer.correction.vertical_mm == pytest.approx(-3.0, abs=0.5)


def test_the_document_is_the_same_as_for_a_volume(request_and_answer) -> None:
    _, answer = request_and_answer
    document = result_document(answer)
    Draft202012Validator(result_schema()).validate(document)
    assert document["inputs"]["daily"]["kind"] == "radiographs"
    assert document["inputs"]["daily"]["images"] == 2
    assert np.allclose(document["planning_from_daily"], answer.planning_from_daily.matrix)
    assert document["quality"]["inverse_inconsistency_mm"] is None
    assert any("PATIENT NOT CHECKED" in words for words in document["warnings"])


@pytest.fixture(scope="module")
def one_view(tmp_path_factory: pytest.TempPathFactory):
    return align(write(tmp_path_factory.mktemp("one"), PAIR[:1]))


def test_one_view_alone_gives_no_number(one_view) -> None:
    answer = one_view
    assert answer.verdict is Verdict.NOT_AVAILABLE
    document = result_document(answer)
    Draft202012Validator(result_schema()).validate(document)
    assert document["planning_from_daily"] is None
    assert answer.correction is None


def test_one_view_says_what_it_shows_but_no_depth(one_view) -> None:
    """The view looks halfway between front and side: what lies across it is seen, nothing along it."""
    shown = result_document(one_view)["radiographs"]["without_depth"]
    view, moved_mm = PAIR[0], np.array([4.0, -3.0, 5.0])
    assert shown["depth"] == "not available"
    across = [moved_mm @ view.row_direction, moved_mm @ view.column_direction]
    np.testing.assert_allclose(shown["shift_mm"], across, atol=0.5)
    np.testing.assert_allclose(np.abs(shown["depth_direction"]), [0.7071, 0.7071, 0.0], atol=1e-3)
    assert shown["verdict"] in ("accept", "review")


def test_one_view_in_words_has_no_depth_either(one_view, capsys) -> None:
    show_alignment(one_view)
    shown = " ".join(capsys.readouterr().out.split())
    assert "The one view shows the patient" in shown
    assert "depth not available" in shown
    assert "NOT AVAILABLE" in shown


def test_a_view_that_looks_past_the_patient_is_named(tmp_path: Path) -> None:
    aside = PAIR[1].detector_centre_mm + 600.0 * PAIR[1].row_direction
    with pytest.raises(InputError, match=r"view 2 shows only 0 places .*view 2 is .*view-2.nrrd"):
        align(write(tmp_path, (PAIR[0], replace(PAIR[1], detector_centre_mm=aside))))


def test_what_radiographs_cannot_have_is_refused_in_a_sentence(request_and_answer) -> None:
    request, _ = request_and_answer
    with pytest.raises(InputError, match="leave --machine-isocentre out"):
        align(replace(request, machine_isocentre_mm=(0.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="leave --roi and --content out"):
        align(replace(request, region=RegionChoice(box_mm=(80.0, 80.0, 80.0))))


def test_a_pair_leaves_a_report_with_pictures_and_no_dicom_objects(request_and_answer, tmp_path) -> None:
    _, answer = request_and_answer
    written = write_results(answer, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "result.json"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count('class="picture"') == 18
    assert any("they need both images as DICOM" in words for words in written.warnings)
