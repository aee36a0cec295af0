"""The inbox: its exports, by name only, and none that is still arriving."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from isoguide.errors import MissingEvidenceError, UnknownNameError, UnreadableError
from isoguide.workflow.clinic.inbox import Inbox

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return Inbox(folder, lambda: NOW)


def export(inbox: Inbox, name: str, age_s: float, files: int = 2) -> Path:
    folder = inbox.folder / name
    (folder / "series").mkdir(parents=True)
    for number in range(files):
        path = folder / "series" / f"{number}.dcm"
        path.write_bytes(b"x")
        os.utime(path, (NOW.timestamp() - age_s - number,) * 2)
    return folder


def test_exports_come_with_the_newest_first(inbox: Inbox) -> None:
    export(inbox, "yesterday", 86400.0)
    export(inbox, "morning", 600.0, files=3)
    (inbox.folder / "empty").mkdir()
    (inbox.folder / ".hidden").mkdir()
    (inbox.folder / "a file").write_bytes(b"x")
    assert [(one.name, one.files) for one in inbox.entries()] == [("morning", 3), ("yesterday", 2)]
    assert inbox.entries()[0].modified_at == NOW - timedelta(seconds=600)


def test_an_export_is_found_by_its_name(inbox: Inbox) -> None:
    assert inbox.require(export(inbox, "morning", 600.0).name) == inbox.folder / "morning"


@pytest.mark.parametrize("name", ["..", ".", "", "../other", "morning/series", "morning/", "/etc", "MORNING"])
def test_a_path_or_another_name_is_none(inbox: Inbox, name: str) -> None:
    export(inbox, "morning", 600.0)
    export(Inbox(inbox.folder.parent, inbox.now), "other", 600.0)
    with pytest.raises(UnknownNameError, match="the inbox has no such folder"):
        inbox.require(name)


def test_a_link_to_elsewhere_is_none(inbox: Inbox, tmp_path: Path) -> None:
    (inbox.folder / "link").symlink_to(export(Inbox(tmp_path, inbox.now), "elsewhere", 600.0))
    assert inbox.entries() == ()
    with pytest.raises(UnknownNameError):
        inbox.require("link")


def test_an_export_that_still_arrives_has_to_be_waited_for(inbox: Inbox) -> None:
    export(inbox, "morning", 3.0)
    with pytest.raises(MissingEvidenceError, match="was written to 3 s ago: wait until it is complete"):
        inbox.require("morning")


def test_where_there_is_no_inbox_the_list_is_empty(tmp_path: Path) -> None:
    none = Inbox(None, lambda: NOW)
    assert none.entries() == ()
    with pytest.raises(MissingEvidenceError, match="has no inbox: upload the image"):
        none.require("morning")
    with pytest.raises(UnreadableError, match="cannot be read"):
        Inbox(tmp_path / "gone", lambda: NOW).entries()
