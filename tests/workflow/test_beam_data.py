"""Files of beam data and of measurements: read strictly, chosen openly, fitted and drawn."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import generic_machine
from isoguide.dose.beam_data import BeamData
from isoguide.dose.machine import generic_6mv
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan
from isoguide.workflow.beam_data import (
    beam_data_schema_text,
    choose_beam_data,
    read_beam_data,
    shipped_machines,
    write_beam_data,
)
from isoguide.workflow.beam_data.check import kernel_agreement
from isoguide.workflow.beam_data.file import SCHEMA_FILE
from isoguide.workflow.beam_data.fit import FitRequest, fit_machine, show_picture
from isoguide.workflow.beam_data.measured_file import (
    MEASURED_SCHEMA_FILE,
    load_measurement,
    measured_schema_text,
)
from isoguide.workflow.beam_data.words import machine_lines, water_figures

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
DOCUMENT: dict[str, Any] = json.loads(generic_machine.text())
MEASURED = """
name = "our linac"
machines = ["LINAC1"]
energy_mv = 6.0
source = "water tank, March"
gy_per_mu = 0.0079

[[depth_dose]]
field_mm = [100, 100]
source_surface_mm = 1000
depth_mm = [15, 100, 200]
dose = [100.0, 66.6, 38.4]
"""


def written(tmp_path: Path, **changed: Any) -> Path:
    path = tmp_path / "beam.json"
    path.write_text(json.dumps({**DOCUMENT, **changed}), encoding="utf-8")
    return path


def measured(tmp_path: Path, text: str = MEASURED) -> Path:
    path = tmp_path / "measured.toml"
    path.write_text(text, encoding="utf-8")
    return path


def part(name: str, **changed: Any) -> dict[str, Any]:
    return {name: {**DOCUMENT[name], **changed}}


def plan_of(*machines: str, energy_mv: float = 6.0, fluence_mode: str = "") -> Plan:
    point = ControlPoint(0.0, 0.0, 0.0, 0.0, energy_mv=energy_mv)
    beams = tuple(
        Beam(number, f"B{number}", "TREATMENT", "PHOTON", name, (point,), fluence_mode=fluence_mode)
        for number, name in enumerate(machines, start=1)
    )
    return Plan("1.2.3", "Plan A", PatientPosition.HFS, beams)


# The files --------------------------------------------------------------------------------------------------


def test_the_machine_that_ships_is_the_one_that_formulas_give() -> None:
    assert shipped_machines() == ("generic-6mv",)
    assert generic_machine.is_current(), "run python tools/generic_machine.py"
    shipped = read_beam_data("generic-6mv")
    assert shipped.name == "generic-6mv"
    assert len(shipped.sha256) == 64
    made = generic_6mv().pencil.gy_per_mu_mm2
    assert np.allclose(shipped.pencil.gy_per_mu_mm2, made, rtol=1e-5, atol=1e-12)


def test_beam_data_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_beam_data(generic_6mv(), tmp_path / "again.json")
    again = read_beam_data(tmp_path / "again.json")
    assert again.limits == generic_6mv().limits
    assert again.head.source_sigma_mm == generic_6mv().head.source_sigma_mm
    with pytest.raises(OutputError, match="never overwritten"):
        write_beam_data(generic_6mv(), tmp_path / "again.json")


def test_the_published_schemas_are_those_of_the_files() -> None:
    assert (SCHEMAS / SCHEMA_FILE).read_text(encoding="utf-8") == beam_data_schema_text()
    assert (SCHEMAS / MEASURED_SCHEMA_FILE).read_text(encoding="utf-8") == measured_schema_text()
    Draft202012Validator(json.loads(beam_data_schema_text())).validate(DOCUMENT)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (part("head", off_axis_ratio=[100.0] * 9), "must start with 1"),
        (part("head", off_axis_ratio=[1.0] * 8 + [5.0]), "give shares of the axis, not percent"),
        (part("head", off_axis_radius_mm=[0.0] * 9), "must increase"),
        (part("head", source_sigma_mm=[-1.0, 1.0]), "source_sigma_mm"),
        (part("head", electron_share=1.5), "electron_share = 1.5 is impossible"),
        (part("collimation", leaf_transmission=1.5), "leaf_transmission = 1.5 is impossible"),
        (part("reference", gy_per_mu=1.0), "gy_per_mu = 1.0 is impossible"),
        (part("reference", gy_per_mu=0.01), "not 0.01000: make them anew"),
        (part("spectrum", energy_fluence=[0.5] * 16), "adds up to 8.0000"),
        (part("spectrum", energy_mev=[100.0 * n for n in range(1, 17)]), "give MeV, not keV"),
        (part("spectrum", absorption_per_mm=[0.04] * 16), "is not less than attenuation_per_mm"),
        (part("spectrum", energy_mev=[1.0, 2.0]), "one per place"),
        (part("point_kernel", solid_angle_sr=[0.1] * 48), "of a sphere"),
        (part("point_kernel", scatter_per_mm_sr=[0.1] * 48), "of the energy that photons release"),
        (part("point_kernel", primary_decay_per_mm=[0.0] * 48), "must be positive"),
        (part("point_kernel", primary_per_mm_sr=[-0.1] * 48), "must not be negative"),
        (part("point_kernel", angle_deg=[5.0 * n for n in range(48)]), "between 0 and 180"),
        (part("pencil_kernels", radius_mm=[0.0, 1.0]), "give 0 to at least 100"),
        (part("pencil_kernels", build_up_per_mm=[0.4, 0.02]), "2 components but gy_per_mu_mm2 has 3"),
        (part("pencil_kernels", attenuation_per_mm=5.0), "attenuation_per_mm = 5.0 is impossible"),
        (part("limits", jaw_x_mm=[200.0, -200.0]), "the lower end comes first"),
        (part("limits", least_mu=5000.0), "is not less than most_mu"),
        ({"machines": ["A", "A"]}, "A is there twice"),
        ({"energy_mv": 6000.0}, "energy_mv = 6000.0 is impossible"),
        ({"energy": 6.0}, "energy is not a key of such files"),
        ({"wedges": [{"identifier": "W15", "angle_deg": 15.0, "position_mm": [-100.0, 100.0],
                      "transmission": [0.5, 0.9]}]}, "from thin to thick"),
        ({"wedges": [{"identifier": "W15", "angle_deg": 15.0, "position_mm": [10.0, 100.0],
                      "transmission": [0.9, 0.5]}]}, "leaves the axis out"),
    ],
)  # fmt: skip
def test_a_value_that_no_beam_can_have_is_refused_by_name(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_beam_data(written(tmp_path, **changed))


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="did you mean generic-6mv"):
        read_beam_data("generic-6vm")
    with pytest.raises(MissingEvidenceError, match="there is no file of beam data"):
        read_beam_data(tmp_path / "none.json")
    path = tmp_path / "half.json"
    path.write_text(generic_machine.text()[:2000], encoding="utf-8")
    with pytest.raises(UnreadableError, match="not valid JSON"):
        read_beam_data(path)


def test_beam_data_that_no_file_may_hold_are_not_written(tmp_path: Path) -> None:
    wrong = replace(generic_6mv(), name="")
    with pytest.raises(InputError, match="are not written"):
        write_beam_data(wrong, tmp_path / "wrong.json")
    assert list(tmp_path.iterdir()) == []


def test_a_wedge_comes_back_from_its_file(tmp_path: Path) -> None:
    wedge = {
        "identifier": "W30",
        "angle_deg": 30.0,
        "position_mm": [-100.0, 0.0, 100.0],
        "transmission": [0.9, 0.6, 0.4],
    }
    assert read_beam_data(written(tmp_path, wedges=[wedge])).wedges[0].transmission == (0.9, 0.6, 0.4)


def test_kernels_that_disagree_are_found(tmp_path: Path) -> None:
    assert kernel_agreement(generic_6mv()).is_met
    decays = [3.0 * value for value in DOCUMENT["point_kernel"]["scatter_decay_per_mm"]]
    amplitudes = [3.0 * value for value in DOCUMENT["point_kernel"]["scatter_per_mm_sr"]]
    other = part("point_kernel", scatter_decay_per_mm=decays, scatter_per_mm_sr=amplitudes)
    agreement = kernel_agreement(read_beam_data(written(tmp_path, **other)))
    assert not agreement.is_met
    assert "make the pencil kernels anew" in agreement.words


# The choice -------------------------------------------------------------------------------------------------


def beam_for(tmp_path: Path, *machines: str, **changed: Any) -> BeamData:
    return read_beam_data(written(tmp_path, machines=list(machines), **changed))


def test_data_made_for_the_machine_of_the_plan_are_taken_without_a_word(tmp_path: Path) -> None:
    ours, generic = beam_for(tmp_path, "LINAC1", name="ours"), generic_6mv()
    assert choose_beam_data(plan_of("LINAC1", "LINAC1"), (generic, ours)) == (ours, ())


def test_a_machine_without_data_is_refused_with_the_remedy() -> None:
    with pytest.raises(MissingEvidenceError, match=r"'LINAC9' \(6 MV\).*--machine generic-6mv"):
        choose_beam_data(plan_of("LINAC9"))


@pytest.mark.parametrize(("energy_mv", "fluence_mode"), [(10.0, ""), (6.0, "NON_STANDARD")])
def test_data_of_another_energy_or_filter_are_not_those_of_the_machine(
    tmp_path: Path, energy_mv: float, fluence_mode: str
) -> None:
    plan = plan_of("LINAC1", energy_mv=energy_mv, fluence_mode=fluence_mode)
    with pytest.raises(MissingEvidenceError, match="there are no beam data"):
        choose_beam_data(plan, (beam_for(tmp_path, "LINAC1"),))


def test_a_plan_of_two_machines_needs_data_for_both(tmp_path: Path) -> None:
    one, both = beam_for(tmp_path, "A"), beam_for(tmp_path, "A", "B", name="both")
    assert choose_beam_data(plan_of("A", "B"), (one, both))[0] is both
    with pytest.raises(MissingEvidenceError, match="'A' and 'B'"):
        choose_beam_data(plan_of("A", "B"), (one,))


def test_two_data_for_one_machine_have_to_be_chosen_from(tmp_path: Path) -> None:
    first, second = beam_for(tmp_path, "A", name="new"), beam_for(tmp_path, "A", name="old")
    with pytest.raises(AmbiguityError, match="choose one of new, old"):
        choose_beam_data(plan_of("A"), (first, second))
    assert choose_beam_data(plan_of("A"), (first, second), chosen="old") == (second, ())


def test_a_generic_machine_for_another_one_is_named_in_every_result(tmp_path: Path) -> None:
    machine, assumed = choose_beam_data(plan_of("LINAC9"), chosen="generic-6mv")
    assert machine.name == "generic-6mv"
    assert len(assumed) == 1
    assert "'generic-6mv' of a generic machine" in assumed[0]
    assert "'LINAC9'" in assumed[0]
    path = written(tmp_path, machines=["LINAC1"], name="ours")
    assert "of LINAC1, chosen by name" in choose_beam_data(plan_of("LINAC9"), chosen=str(path))[1][0]


def test_a_plan_that_treats_nothing_has_no_machine() -> None:
    with pytest.raises(MissingEvidenceError, match="no treatment beam"):
        choose_beam_data(plan_of())


# Measurements and fits --------------------------------------------------------------------------------------


def test_a_fit_is_written_with_where_it_comes_from(tmp_path: Path) -> None:
    request = FitRequest(str(measured(tmp_path)), "generic-6mv", tmp_path / "ours.json", tmp_path / "fit.svg")
    fitted = fit_machine(request)
    assert fitted.is_met
    found = read_beam_data(tmp_path / "ours.json")
    assert found.is_for("LINAC1")
    assert found.reference.gy_per_mu == pytest.approx(0.0079)
    assert "starting from 'generic-6mv'; all met within 1 % or 1 mm" in found.provenance
    assert "water tank, March" in found.provenance
    assert any(line.startswith("mind: no profile along x") for line in fitted.lines())
    assert (tmp_path / "fit.svg").read_text().startswith("<?xml")
    with pytest.raises(OutputError, match="exists already"):
        fit_machine(request)


def test_the_published_tables_that_ship_can_be_read() -> None:
    loaded = load_measurement("published-6mv")
    assert len(loaded.beam.depth_doses) == 3
    assert loaded.beam.output_factors is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[15, 100, 200]", "[15, 200, 100]", "must increase"),
        ("[15, 100, 200]", "[15, 100]", "must have the shape"),
        ("[100.0, 66.6, 38.4]", "[100.0, 0.0, 38.4]", "not positive"),
        ("field_mm", "feld_mm", "did you mean field_mm"),
        ("[100, 100]", "[1, 100]", "is impossible"),
        ("source_surface_mm = 1000", "source_surface_mm = 100", "at least 500"),
    ],
)
def test_measurements_that_cannot_be_are_refused_with_the_file(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        load_measurement(str(measured(tmp_path, MEASURED.replace(old, new))))
    assert "measured.toml" in str(refused.value)


def test_profiles_and_output_factors_are_read(tmp_path: Path) -> None:
    text = f"""{MEASURED}
[[profile]]
field_mm = [100, 100]
source_surface_mm = 900
depth_mm = 100
along = "y"
position_mm = [-60, 0, 60]
dose = [10, 100, 10]

[output_factors]
source_surface_mm = 900
depth_mm = 100
side_mm = [40, 100]
factor = [0.86, 1.0]
"""
    beam = load_measurement(str(measured(tmp_path, text))).beam
    assert beam.profiles[0].along == "y"
    assert beam.output_factors is not None
    assert beam.output_factors.factor.tolist() == [0.86, 1.0]


def test_the_measurements_of_the_guide_can_be_read(tmp_path: Path) -> None:
    guide = (SCHEMAS.parent / "how-to" / "fit-a-machine.md").read_text(encoding="utf-8")
    loaded = load_measurement(str(measured(tmp_path, guide.split("```toml")[1].split("```")[0])))
    assert loaded.beam.profiles[0].along == "x"
    assert loaded.written.machines == ("LINAC1",)


def test_a_fit_starts_from_the_same_energy(tmp_path: Path) -> None:
    path = measured(tmp_path, MEASURED.replace("energy_mv = 6.0", "energy_mv = 10.0"))
    with pytest.raises(InputError, match="start from beam data of the same energy"):
        fit_machine(FitRequest(str(path), "generic-6mv", tmp_path / "ours.json"))


def test_a_picture_is_drawn_once_and_in_a_format_that_is_known(tmp_path: Path) -> None:
    show_picture(generic_6mv(), tmp_path / "beam.png")
    assert (tmp_path / "beam.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="exists already"):
        show_picture(generic_6mv(), tmp_path / "beam.png")
    with pytest.raises(OutputError, match=r"neither in .png nor in .svg"):
        show_picture(generic_6mv(), tmp_path / "beam.bmp")


def test_the_words_say_what_a_physicist_looks_for() -> None:
    said = " ".join(machine_lines(generic_6mv(), water_figures(generic_6mv())))
    assert "TPR20,10 0.67" in said
    assert "maximum 15 mm deep" in said
    assert "it has to be chosen, and every result says so" in said
