"""What an entry of the audit says, in words that a person reads."""

from datetime import UTC, datetime

from isoguide.records import AuditEntry
from isoguide.workflow.clinic.audit_words import entry_words


def words(**payload: object) -> tuple[str, ...]:
    at = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    return entry_words(AuditEntry(1, at, "anna", "align", "fraction 1 of course C0001", payload, "", ""))


def test_each_row_is_a_line_with_what_fills_it() -> None:
    row = {"course_id": "C0001", "fraction": 1, "step": 4, "verdict": "accept", "reasons": "[]"}
    row |= {"is_override": True, "correction": '{"lateral_mm":-3.1000000001,"yaw_deg":0.5}'}
    row |= {"deviation": None, "settings_sha256": "ab"}
    assert words(wrote=[["insert", "matches", row]]) == (
        "match added: verdict accept; is override yes; correction lateral mm -3.1, yaw deg 0.5",
    )


def test_details_stand_before_the_rows() -> None:
    wrote = [["update", "people", {"name": "anna", "is_active": False, "password_hash": "x"}]]
    assert words(reason="left the clinic", note="", wrote=wrote) == (
        "reason: left the clinic",
        "person changed: name anna; is active no",
    )


def test_what_is_too_long_to_be_read_is_cut_or_left_out() -> None:
    row = {"name": "prostate", "text": "x" * 5000, "title": "y" * 400}
    (line,) = words(wrote=[["insert", "protocols", row]])
    assert line.startswith("protocol added: name prostate; title yyy")
    assert line.endswith("y …")
    assert len(line) < 400


def test_a_text_that_only_looks_like_json_is_told_as_it_is() -> None:
    assert words(reason="[he coughs", wrote=[]) == ("reason: [he coughs",)
    assert words(movements=[["t", "drag", 1.25]], wrote=[["insert", "unknown_things", {}]]) == (
        "movements: t, drag, 1.25",
        "unknown things added",
    )
