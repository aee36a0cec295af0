"""The document of the API: complete, the same in every run, and made without any records."""

import json
import runpy
import sys

import pytest
from jsonschema import Draft202012Validator

from isoguide.service.openapi_document import openapi_text

WITHOUT_EXAMPLE = {"StepRequest", "MarksRequest", "HandMatchRequest", "ShadowRequest", "SimilarityRequest"}
"""A version alone, and what consists of many numbers."""


@pytest.fixture(scope="module")
def document() -> dict:
    return json.loads(openapi_text())


def operations_of(document: dict) -> dict[str, dict]:
    return {
        f"{verb.upper()} {path}": operation
        for path, item in document["paths"].items()
        for verb, operation in item.items()
    }


def test_it_is_printed_the_same_each_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "isoguide.service.openapi_document")
    runpy.run_module("isoguide.service.openapi_document", run_name="__main__")
    printed = capsys.readouterr().out
    assert printed == openapi_text()
    assert printed == json.dumps(json.loads(printed), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_every_operation_says_what_it_is_and_how_it_fails(document: dict) -> None:
    tags = {known["name"] for known in document["tags"]}
    problem = Draft202012Validator(document["components"]["schemas"]["Problem"])
    operations = operations_of(document)
    assert len(operations) > 50
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        (tag,) = operation["tags"]
        assert tag in tags, name
        for status in ("401", "403", "409", "422", "429", "500", "503"):
            content = operation["responses"][status]["content"]
            assert set(content) == {"application/problem+json"}, (name, status)
            example = content["application/problem+json"]["example"]
            assert problem.is_valid(example), (name, status, example)


def test_no_two_operations_have_one_name(document: dict) -> None:
    names = [operation["operationId"] for operation in operations_of(document).values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_to_a_schema(document: dict) -> None:
    named = {part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]}
    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(document["paths"])  # problems are told in one form only


def test_every_example_of_a_document_is_one(document: dict) -> None:
    shown = set()
    for name, schema in document["components"]["schemas"].items():
        resolved = {**schema, "components": document["components"]}
        for example in schema.get("examples", []):
            # FastAPI leaves out of an example what is null; where null is not allowed, this finds it missing.
            whole = dict.fromkeys(schema["required"]) | example
            Draft202012Validator(resolved).validate(whole)
            shown.add(name)
    assert {"SignInRequest", "SessionDocument", "NewPersonRequest", "PersonDocument"} <= shown


def test_a_page_can_decide_by_every_kind(document: dict) -> None:
    kinds = document["components"]["schemas"]["Problem"]["properties"]["kind"]["enum"]
    assert {"stale page", "conflict", "person needed", "not signed in", "wrong password"} <= set(kinds)
