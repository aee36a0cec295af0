from pathlib import Path

import pytest

from isoguide.errors import InputError, MissingEvidenceError
from isoguide.records import Place


def test_a_folder_is_a_place_with_a_database_and_images_in_it() -> None:
    place = Place.parse("clinic/records")
    assert place == Place.embedded(Path("clinic/records"))
    assert place.database_file == Path("clinic/records/isoguide.db")
    assert place.images == Path("clinic/records/images")
    assert str(place) == "clinic/records/isoguide.db"


def test_the_images_can_be_on_another_disk() -> None:
    assert Place.parse("records", images=Path("big")).images == Path("big")
    assert Place.parse("sqlite:///a/b.db").images == Path("a/images")


def test_one_text_names_a_server_and_the_folder_of_its_images() -> None:
    place = Place.parse("postgresql://otto@db/isoguide?images=/data/images&application_name=desk")
    assert place.images == Path("/data/images")
    assert place.database_url == "postgresql+pg8000://otto@db/isoguide?application_name=desk"


def test_a_server_is_named_without_its_driver_and_needs_a_folder_for_images() -> None:
    place = Place.parse("postgresql://otto:secret@db/isoguide", images=Path("share"))
    assert place.database_url == "postgresql+pg8000://otto:secret@db/isoguide"
    assert place.database_file is None
    with pytest.raises(MissingEvidenceError, match="has no folder for images"):
        Place.parse("postgresql://db/isoguide")


def test_no_message_shows_a_password() -> None:
    assert "secret" not in str(Place.parse("postgresql://otto:secret@db/isoguide", images=Path("share")))
    with pytest.raises(MissingEvidenceError) as refused:
        Place.parse("postgresql://otto:secret@db/isoguide")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["mysql://db/isoguide", "sqlite://", "sqlite:///:memory:", "postgresql://db"]
)
def test_an_address_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no database isoguide keeps records in"):
        Place.parse(text, images=Path("images"))


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read: give a folder"):
        Place.parse("://", images=Path("images"))
