"""Every error as a problem document: the table, the sentence, and no family without a status."""

import importlib
import pkgutil

import pytest
from pydantic import ValidationError

import isoguide
from isoguide import errors
from isoguide.errors import IsoguideError
from isoguide.records import ConflictError
from isoguide.service.documents.base import Document
from isoguide.service.problems import problem_responses, response_to, sentence_of, status_and_kind
from isoguide.treatment import refusals


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (errors.InputError, 422, "bad input"),
        (errors.UnreadableError, 422, "unreadable"),
        (errors.MissingEvidenceError, 422, "missing evidence"),
        (errors.UnknownNameError, 404, "not found"),
        (errors.OutputError, 503, "not written"),
        (errors.DeviceError, 502, "device"),
        (errors.LinkLostError, 502, "link lost"),
        (ConflictError, 409, "conflict"),
        (refusals.RefusedError, 409, "refused"),
        (refusals.OutOfOrderError, 409, "out of order"),
        (refusals.PersonNeededError, 409, "person needed"),
        (refusals.NotAllowedError, 409, "not allowed"),
        (refusals.StaleImageError, 409, "stale image"),
    ],
)
def test_an_error_has_its_status_its_kind_and_its_own_sentence(kind, status: int, words: str) -> None:
    answer = response_to(kind("the couch is 3.2 mm off: take a new image"))
    assert answer.status_code == status
    assert answer.media_type == "application/problem+json"
    assert status_and_kind(kind("x")) == (status, words)
    assert b'"detail":"the couch is 3.2 mm off: take a new image"' in answer.body


def test_an_error_that_the_table_does_not_name_is_told_as_its_family() -> None:
    class TiltedError(errors.GeometryError):
        pass

    assert status_and_kind(TiltedError("x")) == (422, "geometry")


def test_every_error_of_isoguide_but_the_root_is_more_than_a_mistake() -> None:
    for found in pkgutil.walk_packages(isoguide.__path__, "isoguide."):
        if found.name.endswith(("errors", "refusals", "accounts")):
            importlib.import_module(found.name)
    family, kinds = [IsoguideError], []
    while family:
        members = family.pop().__subclasses__()
        family += members
        kinds += [one for one in members if one.__module__.startswith("isoguide.")]
    assert len(kinds) > 25
    unnamed = {one.__name__ for one in kinds if status_and_kind(one.__new__(one))[1] == "mistake"}
    assert unnamed == {"ServiceRefusal"}  # the family alone is never raised


def test_a_sentence_is_one_line() -> None:
    answer = response_to(errors.InputError("a name\r\nwith a break"))
    assert b'"detail":"a name  with a break"' in answer.body


def test_an_invalid_request_names_the_field_and_how_many_more() -> None:
    findings = [
        {"type": "missing", "loc": ("body", "couch", "lateral_mm"), "msg": "Field required"},
        {"type": "missing", "loc": ("body", "by"), "msg": "Field required"},
    ]
    assert sentence_of(findings) == (
        "'couch.lateral_mm' of the request cannot be used (field required) (and 1 more): correct it"
    )


def test_a_body_that_is_no_json_is_refused_in_a_sentence(service) -> None:
    client = service.client()
    answer = client.post("/api/session", content=b"{name:", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the body of the request is no JSON: correct it"


def test_an_address_or_a_method_that_there_is_not_is_said(service) -> None:
    client = service.signed_in("anna")
    for method, path, status in (
        ("PUT", "/api/session", 405),
        ("POST", "/api/none", 405),
        ("GET", "/api/none", 404),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["kind"]) == (status, "no such address")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_no_document_takes_a_number_that_is_none(number: str) -> None:
    class Shift(Document):
        lateral_mm: float

    with pytest.raises(ValidationError, match="finite number"):
        Shift.model_validate({"lateral_mm": float(number)})


def test_the_statuses_of_a_route_are_declared_with_an_example_each() -> None:
    declared = problem_responses(404, 502)
    assert set(declared) == {401, 403, 404, 409, 422, 429, 500, 502, 503}
    for status, response in declared.items():
        example = response["content"]["application/problem+json"]["example"]
        assert example["status"] == status
        assert example["detail"].count(".") == example["detail"].count("0.")  # one sentence
