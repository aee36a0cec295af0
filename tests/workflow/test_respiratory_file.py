"""Respiratory signals as text files."""

from pathlib import Path

import pytest

from isoguide.errors import InputError, UnreadableError
from isoguide.workflow.respiratory_file import read_respiratory_signal

ROWS = "".join(f"{n / 10},{n % 7}\n" for n in range(20))


def written(folder: Path, text: str) -> Path:
    path = folder / "belt.csv"
    path.write_text(text)
    return path


def test_columns_are_known_by_their_names_and_others_are_passed_over(tmp_path: Path) -> None:
    lines = "".join(f"{n};x;{n / 10}\n" for n in range(20))
    signal = read_respiratory_signal(written(tmp_path, "Depth;note;Seconds\n" + lines))
    assert signal.seconds[:3].tolist() == [0.0, 0.1, 0.2]
    assert signal.depth[:3].tolist() == [0.0, 1.0, 2.0]
    assert signal.source == "signal belt.csv"


def test_a_moment_at_which_nothing_was_seen_is_left_out(tmp_path: Path) -> None:
    signal = read_respiratory_signal(written(tmp_path, "seconds,depth\n" + ROWS.replace("0.5,5", "0.5,")))
    assert 0.5 not in signal.seconds.tolist()
    assert len(signal.seconds) == 19


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the columns none, but one 'seconds' and one 'depth' are needed"),
        ("time,depth\n" + ROWS, "has the columns time, depth, but"),
        ("seconds,depth,depth\n" + ROWS, "has the columns seconds, depth, depth, but"),
        (
            "seconds,depth\n" + ROWS.replace("0.5,5", "0.5,five"),
            "line 7 of .* has 'five' where a number is needed",
        ),
        (
            "seconds,depth\n" + ROWS.replace("0.5,5", "0.5,nan"),
            "line 7 of .* has 'nan' where a number is needed",
        ),
        ("seconds,depth\n" + ROWS.replace("0.5,5", ",5"), "line 7 of .* has no time"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        read_respiratory_signal(written(tmp_path, text))


def test_times_that_go_back_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="each later than the one before"):
        read_respiratory_signal(written(tmp_path, "seconds,depth\n" + ROWS.replace("0.5,5", "0.3,5")))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot be read: No such file"):
        read_respiratory_signal(tmp_path / "none.csv")
    (tmp_path / "belt.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableError, match="cannot be read: it is no text"):
        read_respiratory_signal(tmp_path / "belt.csv")
