import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_course import PROTOCOL, correction, full_summary, image, simulation

from isoguide.course import FractionSummary, ImageRecord, ImagingDose, Protocol, SimulationRecord
from isoguide.errors import InputError, UnreadableError
from isoguide.geometry.correction import CouchCorrection
from isoguide.records.plain import (
    canonical_json,
    from_plain,
    from_row,
    plain_text,
    sha256_of,
    time_text,
    to_plain,
    to_row,
)


def test_the_text_that_hashes_rest_on_has_one_spelling() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "Ü"}) == '{"a":"\\u00dc","b":[1,2.5,null]}'
    assert sha256_of("abc") == hashlib.sha256(b"abc").hexdigest()


def test_times_are_utc_with_microseconds_so_that_their_text_sorts() -> None:
    in_berlin = datetime(2026, 3, 2, 9, 0, tzinfo=timezone(timedelta(hours=1)))
    assert time_text(in_berlin) == "2026-03-02T08:00:00.000000+00:00"
    with pytest.raises(InputError, match="without a time zone"):
        time_text(datetime(2026, 3, 2, 9, 0))


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_a_number_comes_back_to_the_last_bit(shift_mm: list[float]) -> None:
    made = CouchCorrection(*shift_mm)
    text = canonical_json(to_plain(made))
    import json

    back = from_plain(CouchCorrection, json.loads(text), "it")
    assert [value.hex() for value in back.shift_mm.tolist()] == [float(value).hex() for value in shift_mm]


def test_a_simulation_comes_back_whole() -> None:
    plain = to_plain(simulation())
    back = from_plain(SimulationRecord, plain, "the simulation")
    assert to_plain(back) == plain
    assert (back.patient, back.beams, back.accessories) == (
        simulation().patient,
        simulation().beams,
        simulation().accessories,
    )
    assert back.simulated_at == simulation().simulated_at
    assert np.array_equal(back.isocentre_mm, [0.1, -0.2, 1.0 / 3.0])
    assert not back.isocentre_mm.flags.writeable
    assert np.array_equal(back.motions[0].displacement_mm, simulation().motions[0].displacement_mm)


def test_a_simulation_from_before_the_place_in_the_planning_ct_was_kept_is_read() -> None:
    plain = cast("dict[str, Any]", to_plain(simulation()))
    for motion in plain["motions"]:
        del motion["from_planning_mm"], motion["sorted_by"]
    (motion,) = from_plain(SimulationRecord, plain, "the simulation").motions
    assert (motion.from_planning_mm, motion.sorted_by) == (None, "phase")


def test_every_type_of_the_data_model_can_be_made_plain_and_back() -> None:
    for value in (PROTOCOL, full_summary(), image()):
        kind: type[object] = type(value)
        assert to_plain(from_plain(kind, to_plain(value), "it")) == to_plain(value)


def test_a_row_holds_single_values_as_they_are_and_the_rest_as_json() -> None:
    row = to_row(image("1.2"))
    assert (row["uid"], row["started_at"]) == ("1.2", "2026-03-02T08:00:00.000000+00:00")
    assert row["dose"] == '{"metric":"CTDIw, mGy","value":4.49}'
    assert from_row(ImageRecord, {**row, "further": 1}, "it") == image("1.2")
    assert (
        from_row(FractionSummary, to_row(FractionSummary(1, image().started_at, "imaged")), "it").doses == ()
    )


def test_a_whole_number_where_a_number_is_wanted_comes_back_as_one() -> None:
    dose = from_plain(ImagingDose, to_plain(ImagingDose(12, "CTDIw, mGy")), "a dose")
    assert dose == ImagingDose(12.0, "CTDIw, mGy")
    assert type(dose.value) is float


def test_minus_zero_is_stored_as_the_zero_that_sqlite_would_make_of_it() -> None:
    assert (
        str(to_row(FractionSummary(1, image().started_at, "closed", delivered_mu=-0.0))["delivered_mu"])
        == "0.0"
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_stored(number: float) -> None:
    with pytest.raises(InputError, match="is not a number that can be recorded"):
        to_plain(number)


@pytest.mark.parametrize("text", ["a\0b", "half \ud800"])
def test_text_that_a_database_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="holds a character that cannot be stored"):
        to_plain(text)
    assert plain_text("Jürgen €") == "Jürgen €"


def test_what_is_not_part_of_the_data_model_is_refused() -> None:
    with pytest.raises(InputError, match="a object cannot be recorded"):
        to_plain(object())


def test_damage_is_named_with_its_place() -> None:
    plain = to_plain(correction())
    assert isinstance(plain, dict)
    for damaged in ({**plain, "lateral_mm": "1 mm"}, {**plain, "extra_mm": 1.0}, [1.0], None):
        with pytest.raises(UnreadableError, match="fraction 3 cannot be read"):
            from_plain(CouchCorrection, damaged, "fraction 3")
    stored = to_plain(PROTOCOL)
    assert isinstance(stored, dict)
    for damaged in (
        {**stored, "version": "2"},
        {**stored, "modality": "X"},
        {**stored, "match": {"content": "x"}},
    ):
        with pytest.raises(UnreadableError, match="the protocol cannot be read"):
            from_plain(Protocol, damaged, "the protocol")
    with pytest.raises(UnreadableError, match="the image cannot be read"):
        from_row(ImageRecord, {**to_row(image()), "couch": "{"}, "the image")


@dataclass(frozen=True)
class _Zone:
    at: datetime


def test_times_come_back_as_utc() -> None:
    at = datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC)
    assert from_plain(_Zone, to_plain(_Zone(at)), "it").at == at
