import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from isoguide.workflow.result_json import SCHEMA_FILE, result_document, result_schema, result_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE


def parsed(alignment):
    """What another program reads: strict JSON, checked against the schema."""

    def refuse(name):
        raise AssertionError(name)

    document = json.loads(result_text(result_document(alignment)), parse_constant=refuse)
    jsonschema.Draft202012Validator(result_schema()).validate(document)
    return document


def test_the_schema_is_valid_and_the_published_one_is_the_shipped_one():
    jsonschema.Draft202012Validator.check_schema(result_schema())

    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == result_schema()


def test_an_accepted_match_is_told_in_full(alignment):
    document = parsed(alignment)

    assert document["verdict"] == "accept"
    assert document["couch_correction"]["lateral_mm"] == alignment.correction.lateral_mm
    assert np.array_equal(document["planning_from_daily"], alignment.planning_from_daily.matrix)
    assert document["uncertainty"]["yaw_deg"] == alignment.half_widths["yaw_deg"]
    assert document["inputs"]["planning"]["plan"]["label"] == "EXAMPLE"
    assert document["inputs"]["daily"]["series_instance_uid"] == alignment.daily.series.series_instance_uid
    assert re.fullmatch("[0-9a-f]{64}", document["inputs"]["daily"]["content_sha256"])
    assert document["machine_isocentre"]["evidence"] == alignment.daily.isocentre.evidence
    assert document["target"] == "PTV"


def test_a_couch_of_three_degrees_of_freedom_has_its_residuals(couch_of_three):
    document = parsed(couch_of_three)

    assert document["couch_correction"]["yaw_deg"] == 0.0
    assert document["unconstrained_correction"]["yaw_deg"] != 0.0
    assert document["residual_displacement"][0]["structure"] == "PTV"


def test_no_answer_is_null_and_never_a_number(unavailable):
    document = parsed(unavailable)

    assert document["verdict"] == "not available"
    for name in ("couch_correction", "planning_from_daily", "uncertainty", "quality"):
        assert document[name] is None
    assert document["reasons"] == list(unavailable.reasons)


@pytest.mark.parametrize("field", ["couch_correction", "planning_from_daily"])
def test_the_schema_refuses_an_answer_that_is_not_available_but_there(alignment, unavailable, field):
    document = parsed(unavailable)
    document[field] = parsed(alignment)[field]

    assert not jsonschema.Draft202012Validator(result_schema()).is_valid(document)


def test_numbers_that_are_not_finite_become_null(alignment):
    quality = replace(alignment.registration.quality, condition_number=float("inf"), similarity=float("nan"))
    broken = replace(alignment, registration=replace(alignment.registration, quality=quality))

    document = parsed(broken)

    assert document["quality"]["condition_number"] is None
    assert document["quality"]["similarity"] is None


def test_a_document_with_an_infinite_number_is_never_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        result_text({"value": float("inf")})


def test_settings_of_any_kind_become_plain_values(alignment):
    settings = {
        "array": np.array([1.0, 2.0]),
        "pair": (1, "a"),
        "odd": Path("x"),
        "none": None,
        "nested": {1: True},
    }
    odd = replace(alignment, registration=replace(alignment.registration, settings=settings))

    assert parsed(odd)["settings"] == {
        "array": [1.0, 2.0],
        "pair": [1, "a"],
        "odd": "x",
        "none": None,
        "nested": {"1": True},
    }
