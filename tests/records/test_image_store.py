"""The image store: what goes in comes out byte by byte, or not at all."""

import errno
import hashlib
import os
import resource
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoguide.errors import InputError, OutputError, UnreadableError
from isoguide.records.image_store import ImageStore

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of "abc": FIPS 180-2, appendix B.1."""
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of the empty message: NIST example values."""


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def files_of(store: ImageStore) -> list[Path]:
    return sorted(path for path in store.folder.rglob("*") if path.is_file())


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A disk on which no file can grow further: the write itself fails in the middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_lies_under_the_hash_of_its_content(store: ImageStore) -> None:
    assert store.add_bytes(b"abc") == ABC
    assert store.path_of(ABC) == store.folder / "ba" / ABC[2:]
    assert store.path_of(ABC).read_bytes() == b"abc"


def test_an_empty_file_is_a_file(store: ImageStore) -> None:
    assert store.add_bytes(b"") == NOTHING
    assert store.path_of(NOTHING).read_bytes() == b""


@given(content=st.binary(max_size=4096))
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = ImageStore(tmp_path_factory.mktemp("store"))
    digest = store.add_bytes(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert store.path_of(digest).read_bytes() == content
    assert store.hashes() == (digest,)


def test_a_file_larger_than_one_read_is_copied_and_the_original_stays(
    store: ImageStore, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 12_000
    original = tmp_path / "CT.dcm"
    original.write_bytes(content)
    digest = store.add(original)
    assert store.path_of(digest).read_bytes() == content
    assert original.read_bytes() == content


def test_adding_again_changes_nothing(store: ImageStore) -> None:
    store.add_bytes(b"abc")
    before = (store.folder / "ba" / ABC[2:]).stat()
    assert store.add_bytes(b"abc") == ABC
    after = (store.folder / "ba" / ABC[2:]).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert len(files_of(store)) == 1


def test_the_slices_of_a_series_come_back_in_their_order(store: ImageStore, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.dcm" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    digests = store.add_all([*paths, paths[0]])
    assert [store.path_of(digest).read_bytes() for digest in digests[:5]] == [
        path.name.encode() for path in paths
    ]
    assert digests[5] == digests[0]
    assert len(files_of(store)) == 5


def test_a_series_with_one_missing_slice_leaves_nothing(store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "1.dcm").write_bytes(b"one")
    with pytest.raises(UnreadableError, match=r"2\.dcm cannot be read \(No such file .*send it again"):
        store.add_all([tmp_path / "1.dcm", tmp_path / "2.dcm"])
    assert files_of(store) == []


def test_a_folder_is_no_image(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="Is a directory"):
        store.add(tmp_path)
    assert files_of(store) == []


def test_a_file_that_fails_while_it_is_read_leaves_nothing(store: ImageStore) -> None:
    # A process may not read the unmapped start of its own memory: the file opens, and reading it fails.
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("needs /proc")
    with pytest.raises(UnreadableError, match="/proc/self/mem cannot be read"):
        store.add(memory)
    assert files_of(store) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ba",
        ABC[:-1],
        ABC + "0",
        ABC.upper(),
        "../" + ABC[3:],
        ABC[:-1] + "\n",
        "/" + ABC[1:],
        "g" + ABC[1:],
    ],
)
def test_nothing_but_a_hash_becomes_a_path(store: ImageStore, name: str) -> None:
    for ask in (store.path_of, store.has):
        with pytest.raises(InputError, match="is not a SHA-256"):
            ask(name)
    with pytest.raises(InputError, match="is not a SHA-256"):
        store.verify([name])


def test_a_missing_image_is_said_with_its_remedy(store: ImageStore) -> None:
    assert not store.has(ABC)
    with pytest.raises(UnreadableError, match=f"{ABC[2:]} is missing: restore it from the backup"):
        store.path_of(ABC)
    assert store.verify() == ()
    assert store.verify([ABC]) == (
        f"the image {store.folder / 'ba' / ABC[2:]} is missing: restore it from the backup",
    )


@pytest.mark.parametrize("size", [0, 2, 4])
def test_a_changed_or_cut_image_is_never_handed_out(store: ImageStore, size: int) -> None:
    store.add_bytes(b"abc")
    store.path_of(ABC).write_bytes(b"abd!"[:size])
    assert store.has(ABC)
    with pytest.raises(UnreadableError, match=r"was changed, .* restore it from the backup"):
        store.path_of(ABC)
    (finding,) = store.verify()
    assert str(store.folder / "ba" / ABC[2:]) in finding


def test_sending_an_image_again_mends_the_damaged_one(store: ImageStore) -> None:
    damage(store.folder / "ba" / store.add_bytes(b"abc")[2:])
    store.add_bytes(b"abc")
    assert store.path_of(ABC).read_bytes() == b"abc"


def test_an_image_that_cannot_be_read_is_said(store: ImageStore) -> None:
    (store.folder / "ba" / ABC[2:]).mkdir(parents=True)
    with pytest.raises(UnreadableError, match=r"cannot be read \(Is a directory\): restore"):
        store.path_of(ABC)


def test_files_that_do_not_belong_are_found_and_leftovers_of_a_killed_writer_are_not(
    store: ImageStore,
) -> None:
    store.add_bytes(b"abc")
    (store.folder / "0123.part").write_bytes(b"half")
    strangers = [store.folder / "readme.txt", store.folder / "ba" / "x.part", store.folder / ABC]
    for stranger in strangers:
        stranger.write_bytes(b"?")
    assert store.verify() == tuple(
        f"{path} is no file of the image store: move it away" for path in sorted(strangers)
    )
    assert store.hashes() == (ABC,)


def test_a_full_disk_leaves_nothing(store: ImageStore, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"small")
    large.write_bytes(bytes(100_000))
    with files_no_larger_than(50_000), pytest.raises(OutputError, match="make room"):
        store.add_all([small, large])
    assert files_of(store) == []


def test_a_disk_that_is_full_when_flushed_leaves_nothing(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"image store .*images \(No space left on device\): make room"):
        store.add_bytes(b"abc")
    assert files_of(store) == []


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write to the image store"):
        ImageStore(tmp_path / "images").add_bytes(b"abc")


def test_content_and_then_its_name_are_on_the_disk_before_the_hash_is_returned(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that fsync(2) and rename(2) ask for: the file, the rename, the folder that names it."""
    calls: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("folder" if is_folder else "file")
        real_sync(descriptor)

    def replace(path: Path, target: Path) -> Path:
        calls.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    store.add_bytes(b"abc")
    assert calls == ["file", "rename", "folder", "folder", "folder"]
    calls.clear()
    store.add_bytes(b"abc")  # who renamed it may have been killed before the folder was flushed
    assert calls == ["file", "folder", "folder", "folder"]


def test_writers_at_the_same_time_keep_every_image_once(store: ImageStore) -> None:
    contents = [str(number % 20).encode() * 1000 for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(store.add_bytes, contents))
    assert store.verify(digests) == ()
    assert len(files_of(store)) == 20


def test_progress_of_verifying_is_reported(store: ImageStore) -> None:
    seen: list[float] = []
    for content in (b"a", b"b"):
        store.add_bytes(content)
    store.verify(progress=lambda fraction, _step: seen.append(fraction))
    assert seen == [0.0, 0.5]


def test_only_missing_images_are_copied_from_another_store(store: ImageStore, tmp_path: Path) -> None:
    other = ImageStore(tmp_path / "other")
    hashes = [other.add_bytes(content) for content in (b"abc", b"def", b"not asked for")]
    store.add_bytes(b"abc")
    assert store.take(other, hashes[:2]) == 1
    assert store.hashes() == tuple(sorted(hashes[:2]))
    assert store.take(other, hashes[:2]) == 0


def test_a_damaged_image_of_another_store_is_not_taken(store: ImageStore, tmp_path: Path) -> None:
    other = ImageStore(tmp_path / "other")
    damage(other.folder / "ba" / other.add_bytes(b"abc")[2:])
    with pytest.raises(UnreadableError, match="was changed"):
        store.take(other, [ABC])
    assert store.hashes() == ()
