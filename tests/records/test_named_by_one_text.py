"""What the command line takes for --records opens either database, with its images."""

from sqlalchemy import make_url

from isoguide.course import Person, Role
from isoguide.records import Place
from isoguide.workflow.clinic.department import open_desk, upgrade_place


def text_of(place: Place) -> str:
    url = make_url(place.database_url)
    return url.update_query_dict({"images": str(place.images)}).render_as_string(hide_password=False)


def test_records_are_made_and_opened_by_their_address(empty_place: Place) -> None:
    text = text_of(empty_place)
    assert upgrade_place(text) is True
    assert upgrade_place(text) is False
    with open_desk(text) as desk:
        desk.records.add_person(Person("anna", Role.THERAPIST), by="admin")
        sha256 = desk.store.add_bytes(b"an image")
    with open_desk(text) as desk:
        assert desk.records.person("anna").role is Role.THERAPIST
        assert desk.store.path_of(sha256).is_relative_to(empty_place.images)
        assert desk.records.verify_audit().is_intact
