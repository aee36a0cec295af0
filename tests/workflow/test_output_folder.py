import pytest

from isoguide.errors import OutputError
from isoguide.workflow.output_folder import published_folder

NAMES = ("a.txt", "b.txt")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write(folder, text="new"):
    for name in NAMES:
        (folder / name).write_text(text)


def test_results_appear_when_the_work_is_done_and_not_before(tmp_path):
    target = tmp_path / "deep" / "out"

    with published_folder(target, NAMES, overwrite=False) as folder:
        write(folder)
        assert not target.exists()

    assert names_in(target) == sorted(NAMES)
    assert names_in(target.parent) == ["out"]


@pytest.mark.parametrize("trouble", [ValueError, KeyboardInterrupt, SystemExit])
def test_failure_and_interruption_leave_nothing_behind(tmp_path, trouble):
    target = tmp_path / "deep" / "out"

    def work():
        with published_folder(target, NAMES, overwrite=False) as folder:
            write(folder)
            raise trouble

    with pytest.raises(trouble):
        work()

    assert names_in(tmp_path) == []


def test_nothing_existing_is_overwritten_without_being_asked(tmp_path):
    (tmp_path / "b.txt").write_text("old")

    with (
        pytest.raises(OutputError, match=r"already holds b\.txt.*--force"),
        published_folder(tmp_path, NAMES, overwrite=False),
    ):
        pytest.fail("the work must not begin")

    assert (tmp_path / "b.txt").read_text() == "old"


def test_replacing_touches_only_our_own_names(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")

    with published_folder(tmp_path, NAMES, overwrite=True) as folder:
        (folder / "b.txt").write_text("new")

    # The earlier a.txt belonged to the earlier result, so it goes; what is not ours stays.
    assert names_in(tmp_path) == ["b.txt", "mine.txt"]


def test_a_failed_replacement_keeps_the_earlier_results(tmp_path):
    write(tmp_path, "old")

    def work():
        with published_folder(tmp_path, NAMES, overwrite=True) as folder:
            write(folder)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        work()

    assert names_in(tmp_path) == sorted(NAMES)
    assert {(tmp_path / name).read_text() for name in NAMES} == {"old"}


def test_a_replacement_that_fails_half_way_is_undone(tmp_path, monkeypatch):
    write(tmp_path, "old")
    rename = type(tmp_path).rename

    def failing(self, goal):
        if self.name == "b.txt" and goal.parent == tmp_path and "previous" not in self.parts:
            raise OSError(28, "No space left on device")
        return rename(self, goal)

    def work():
        with published_folder(tmp_path, NAMES, overwrite=True) as folder:
            write(folder)
            monkeypatch.setattr(type(tmp_path), "rename", failing)

    with pytest.raises(OutputError, match="No space left"):
        work()

    assert names_in(tmp_path) == sorted(NAMES)
    assert {(tmp_path / name).read_text() for name in NAMES} == {"old"}


@pytest.mark.parametrize("place", ["file/out", "file"])
def test_a_place_that_cannot_be_written_is_found_before_the_work_begins(tmp_path, place):
    (tmp_path / "file").write_text("I am a file")

    with (
        pytest.raises(OutputError, match="file"),
        published_folder(tmp_path / place, NAMES, overwrite=True),
    ):
        pytest.fail("the work must not begin")

    assert names_in(tmp_path) == ["file"]


def test_a_parent_that_cannot_be_made_is_reported_and_undone(tmp_path, monkeypatch):
    mkdir = type(tmp_path).mkdir

    def failing(self, *arguments, **options):
        if self.name == "second":
            raise OSError(30, "Read-only file system")
        return mkdir(self, *arguments, **options)

    monkeypatch.setattr(type(tmp_path), "mkdir", failing)

    with (
        pytest.raises(OutputError, match="Read-only file system"),
        published_folder(tmp_path / "first" / "second" / "out", NAMES, overwrite=False),
    ):
        pytest.fail("the work must not begin")

    assert names_in(tmp_path) == []
