import sys

from isoguide.cli.terminal import shown_progress
from isoguide.progress import silent


def test_progress_is_shown_on_standard_error_of_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")

    with shown_progress(wanted=True) as progress:
        progress(0.3, "reading [brackets] " + "of a very long name " * 20)
        progress(1.0, "done")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert progress is not silent


def test_progress_is_silent_where_nobody_looks(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with shown_progress(wanted=True) as progress:
        assert progress is silent
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with shown_progress(wanted=False) as progress:
        assert progress is silent
