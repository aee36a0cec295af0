"""``isoguide machine`` as a user types it."""

import json
from pathlib import Path

import pytest

from isoguide.cli.app import run


def test_the_machines_that_ship_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["machine", "list"]) == 0
    assert "generic-6mv" in capsys.readouterr().out
    assert run(["machine", "show"]) == 0
    assert "TPR20,10" in capsys.readouterr().out


def test_a_file_is_checked_key_by_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "beam.json"
    path.write_text(json.dumps({"schema_version": "1.0"}))
    assert run(["machine", "check", str(path)]) == 2
    assert "name is missing" in capsys.readouterr().err


def test_a_fit_that_cannot_be_met_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "measured.toml"
    path.write_text(
        'name = "odd"\nenergy_mv = 6.0\nsource = "nowhere"\n\n[[depth_dose]]\nfield_mm = [100, 100]\n'
        "source_surface_mm = 1000\ndepth_mm = [20, 60, 100]\ndose = [100.0, 60.0, 99.0]\n"
    )
    out = tmp_path / "odd.json"
    assert run(["machine", "fit", str(path), "--out", str(out)]) == 1
    assert "not every curve is met" in capsys.readouterr().out
    assert "NOT all met" in json.loads(out.read_text())["provenance"]
