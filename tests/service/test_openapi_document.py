"""The document of the API: complete, the same in every run, and made without any records."""

import json
import runpy
import sys

import pytest
from jsonschema import Draft202012Validator

from isoguide.service.openapi_document import openapi_text

DOCUMENT = json.loads(openapi_text())
WITHOUT_EXAMPLE = {"StepRequest", "MarksRequest", "HandMatchRequest", "ShadowRequest", "SimilarityRequest"}
"""A version alone, and what consists of many numbers."""
OPERATIONS = [
    (f"{verb.upper()} {path}", operation)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
]


def test_it_is_printed_the_same_each_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "isoguide.service.openapi_document")
    runpy.run_module("isoguide.service.openapi_document", run_name="__main__")
    printed = capsys.readouterr().out
    assert printed == openapi_text()
    assert printed == json.dumps(json.loads(printed), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_operation_says_what_it_is_and_how_it_fails(name: str, operation: dict) -> None:
    assert operation["summary"], name
    assert operation["description"], name
    (tag,) = operation["tags"]
    assert tag in {known["name"] for known in DOCUMENT["tags"]}
    for status in ("401", "403", "409", "422", "429", "500", "503"):
        content = operation["responses"][status]["content"]
        assert set(content) == {"application/problem+json"}
        Draft202012Validator(DOCUMENT["components"]["schemas"]["Problem"]).validate(
            content["application/problem+json"]["example"]
        )


def test_no_two_operations_have_one_name() -> None:
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_reference_leads_to_a_schema() -> None:
    named = {part.split('"')[0] for part in json.dumps(DOCUMENT).split('"#/components/schemas/')[1:]}
    assert named <= set(DOCUMENT["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(DOCUMENT["paths"])  # problems are told in one form only


def test_every_example_of_a_document_is_one() -> None:
    shown = set()
    for name, schema in DOCUMENT["components"]["schemas"].items():
        resolved = {**schema, "components": DOCUMENT["components"]}
        for example in schema.get("examples", []):
            # FastAPI leaves out of an example what is null; where null is not allowed, this finds it missing.
            whole = dict.fromkeys(schema["required"]) | example
            Draft202012Validator(resolved).validate(whole)
            shown.add(name)
    assert {"SignInRequest", "SessionDocument", "NewPersonRequest", "PersonDocument"} <= shown


def test_a_page_can_decide_by_every_kind() -> None:
    kinds = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["kind"]["enum"]
    assert {"stale page", "conflict", "person needed", "not signed in", "wrong password"} <= set(kinds)
