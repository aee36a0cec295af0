"""The numbers that the page's geometry is tested against are still what Python says."""

import json
from typing import Any

import pytest

import console_golden


def close(committed: Any, said: Any) -> None:
    assert type(committed) is type(said)
    if isinstance(said, dict):
        assert committed.keys() == said.keys()
        for name, value in said.items():
            close(committed[name], value)
    elif isinstance(said, list):
        assert len(committed) == len(said)
        for one, other in zip(committed, said, strict=True):
            close(one, other)
    else:
        assert committed == (pytest.approx(said, abs=1e-9) if isinstance(said, float) else said)


def test_the_committed_numbers_are_what_python_says() -> None:
    close(json.loads(console_golden.GOLDEN.read_text()), console_golden.golden())


def test_every_patient_position_is_among_them() -> None:
    setups = json.loads(console_golden.GOLDEN.read_text())["setups"]
    assert len({setup["patientPosition"] for setup in setups}) == 8
