"""Files that a browser sends: whose they are, how many, for how long, and that nothing stays behind."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_patient import SmallPatient

from isoguide.errors import InputError, MissingEvidenceError, OutputError, UnknownNameError
from isoguide.workflow.clinic.uploads import Receiver, Upload, UploadLimits, Uploads, spoken_of


class Clock:
    at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def uploads(place: Path, clock: Clock) -> Iterator[Uploads]:
    opened = Uploads(UploadLimits(files=100, total_bytes=10_000_000, per_person=2), clock)
    yield opened
    opened.close()
    assert list(place.iterdir()) == []


@pytest.fixture(scope="session")
def plan(patient: SmallPatient) -> bytes:
    return (patient.planning / "RP.dcm").read_bytes()


def send(receiver: Receiver, **files: bytes) -> None:
    for name, content in files.items():
        receiver.begin_file(name)
        receiver.write(content)


def sent(uploads: Uploads, by: str, **files: bytes) -> Upload:
    with uploads.receiving(by) as receiver:
        send(receiver, **files)
        return uploads.keep(receiver)


def folders(place: Path) -> list[Path]:
    return [folder for root in place.iterdir() for folder in root.iterdir()]


def test_an_upload_says_what_it_holds_and_when_it_goes_away(
    uploads: Uploads, clock: Clock, plan: bytes
) -> None:
    upload = sent(uploads, "anna", plan=plan, notes=b"hello")
    assert (upload.files, upload.total_bytes) == (2, len(plan) + 5)
    assert any(item.startswith("plan:") for item in upload.items)
    assert "1 files that are no DICOM" in upload.items
    assert upload.expires_at == clock.at + timedelta(hours=1)


def test_files_have_names_of_our_own_whatever_they_were_called(uploads: Uploads, plan: bytes) -> None:
    hostile = {"../../etc/passwd": plan, "C:\\keys\\id": b"a", "a.nrrd": b"NRRD0004", "x\x00y\n": b"b"}
    upload = sent(uploads, "anna", **hostile)
    assert sorted(path.name for path in upload.folder.iterdir()) == [
        "file-000001",
        "file-000002",
        "file-000003",
        "file-000004",
    ]
    assert list(upload.names.values()) == ["passwd", "id", "a.nrrd", "xy"]


@pytest.mark.parametrize("files", [{}, {"a": b"hello", "b.nrrd": b"NRRD0004\ndata file: /etc/passwd\n"}])
def test_a_folder_that_is_no_study_is_refused_and_nothing_stays(
    uploads: Uploads, place: Path, files: dict[str, bytes]
) -> None:
    with pytest.raises(MissingEvidenceError, match=r"is nothing of DICOM.*choose the exported folder"):
        sent(uploads, "anna", **files)
    assert folders(place) == []


def test_too_many_files_or_bytes_are_refused_and_nothing_stays(
    uploads: Uploads, place: Path, plan: bytes
) -> None:
    with pytest.raises(InputError, match="more than 100 files"):
        sent(uploads, "anna", **{str(number): plan[:10] for number in range(101)})
    with pytest.raises(InputError, match=r"larger than 0\.01 GB"):
        sent(uploads, "anna", **{str(number): bytes(1_000_000) for number in range(11)})
    assert folders(place) == []


def test_what_breaks_off_leaves_nothing(uploads: Uploads, place: Path, plan: bytes) -> None:
    def broken_off() -> None:
        with uploads.receiving("anna") as receiver:
            send(receiver, plan=plan)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_off()
    assert folders(place) == []


def test_a_disk_that_is_full_is_said(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with uploads.receiving("anna") as receiver:
        monkeypatch.setattr(Path, "open", full)
        with pytest.raises(OutputError, match="No space left"):
            receiver.begin_file("a")


def test_only_who_sent_it_may_use_it(uploads: Uploads, plan: bytes) -> None:
    upload = sent(uploads, "anna", plan=plan)
    for use in (uploads.require, uploads.take, uploads.drop):
        with pytest.raises(UnknownNameError, match="there is no such upload of ben"):
            use(upload.upload_id, "ben")
    assert uploads.take(upload.upload_id, "anna") is upload


def test_it_is_used_by_one_job_and_goes_away_with_it(uploads: Uploads, place: Path, plan: bytes) -> None:
    upload = sent(uploads, "anna", plan=plan)
    uploads.take(upload.upload_id, "anna")
    for use in (uploads.take, uploads.drop):
        with pytest.raises(InputError, match="is being used already"):
            use(upload.upload_id, "anna")
    uploads.give_back(upload, was_used=True)
    assert folders(place) == []
    with pytest.raises(UnknownNameError):
        uploads.take(upload.upload_id, "anna")


def test_what_was_not_used_can_be_used_again_until_it_expires(
    uploads: Uploads, place: Path, clock: Clock, plan: bytes
) -> None:
    upload = sent(uploads, "anna", plan=plan)
    uploads.take(upload.upload_id, "anna")
    clock.at += timedelta(hours=2)
    assert upload.folder.is_dir(), "an upload in use does not expire"
    uploads.give_back(upload, was_used=False)
    with pytest.raises(UnknownNameError, match="it has expired or was used"):
        uploads.take(upload.upload_id, "anna")
    assert folders(place) == []


def test_a_further_upload_takes_the_place_of_the_oldest_of_the_same_person(
    uploads: Uploads, plan: bytes
) -> None:
    other = sent(uploads, "ben", plan=plan)
    first, *rest = (sent(uploads, "anna", plan=plan) for _ in range(3))
    with pytest.raises(UnknownNameError):
        uploads.require(first.upload_id, "anna")
    for upload in rest:
        uploads.require(upload.upload_id, "anna")
    uploads.require(other.upload_id, "ben")


def test_a_person_sends_a_few_at_once(uploads: Uploads, plan: bytes) -> None:
    with uploads.receiving("anna"), uploads.receiving("anna"):
        with pytest.raises(InputError, match="2 uploads of anna are coming in"), uploads.receiving("anna"):
            raise AssertionError
        assert sent(uploads, "ben", plan=plan).files == 1


def test_an_error_speaks_of_files_as_the_sender_called_them(uploads: Uploads, plan: bytes) -> None:
    upload = sent(uploads, "anna", **{"export/CT 17.dcm": plan})
    (own,) = upload.folder.iterdir()
    with pytest.raises(InputError) as refused, spoken_of(upload) as folder:
        raise InputError(f"{own} is damaged, and {folder} holds nothing else: export it again")
    assert str(refused.value) == "'CT 17.dcm' is damaged, and the upload holds nothing else: export it again"


def test_what_a_killed_service_left_behind_is_removed(uploads: Uploads, place: Path, plan: bytes) -> None:
    old, young = place / "isoguide-uploads-old", place / "isoguide-uploads-young"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (0.0, 0.0))
    sent(uploads, "anna", plan=plan)
    assert not old.exists()
    assert young.exists()
    young.rmdir()
