"""Files of the image store, gathered in a folder of their own."""

from pathlib import Path

import pytest

from isoguide.errors import UnreadableError
from isoguide.records.image_store import ImageStore
from isoguide.workflow.clinic.course_planning import stored_files


def test_the_files_are_there_although_the_store_was_named_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = ImageStore(Path("images"))
    hashes = [store.add_bytes(content) for content in (b"plan", b"structures")]
    with stored_files(store, hashes) as folder:
        assert [path.read_bytes() for path in sorted(folder.iterdir())] == [b"plan", b"structures"]
    assert not folder.exists()


def test_a_file_that_the_store_has_lost_is_named(tmp_path):
    store = ImageStore(tmp_path / "images")
    sha256 = store.add_bytes(b"plan")
    store.path_of(sha256).unlink()
    with pytest.raises(UnreadableError, match="is missing: restore it"), stored_files(store, [sha256]):
        pass
