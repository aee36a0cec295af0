"""Monitoring: a recording as it is, the same through another gate, a breathing trace; report and document."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from motion_recordings import START, at, decision, header, sample

from isoguide.errors import InputError, MissingEvidenceError, OutputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateState
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.workflow.motion.document import SCHEMA_FILE, monitoring_schema_text
from isoguide.workflow.motion.monitor import MONITOR_NAMES, GateChoice, Monitored, MonitorRequest, monitor
from isoguide.workflow.motion.recording import Recording, RecordingHeader, RecordingWriter
from isoguide.workflow.motion.replay import play
from isoguide.workflow.motion.report_curves import plain_reason

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE
PERIOD_S = 0.1
LAST_S = 40.0
AWAY = (18.0, 26.0)
"""When the target goes 2.6 mm away and when it comes back: beyond a gate of 2 mm, within one of 4 mm."""


def target_mm(seconds: float) -> np.ndarray:
    """Return a still target that drifts 2.6 mm up within three seconds, and back."""
    way = np.interp(seconds, (AWAY[0], AWAY[0] + 3.0, AWAY[1], AWAY[1] + 3.0), (0.0, 1.0, 1.0, 0.0))
    return np.array([0.0, 0.0, 2.6 * way])


def frames(*, late_s: float = 0.08) -> list[tuple[datetime, TargetSample | Unseen]]:
    """Return frames of a device that sees to a tenth of a millimetre, and when they came."""
    noise = np.random.default_rng(5)
    found: list[tuple[datetime, TargetSample | Unseen]] = []
    for number in range(1, int(LAST_S / PERIOD_S) + 1):
        seconds = number * PERIOD_S
        place = target_mm(seconds) + 0.1 * noise.standard_normal(3)
        covariance = 0.01 * np.eye(3)
        seen = sample(seconds, number, position_mm=place, covariance_mm2=covariance)
        found.append((at(seconds + late_s), seen))
    return found


def write(path: Path, came, *, gate_mm: float = 4.0, permitted: bool = True) -> Path:
    """Write a recording in which beam was on from second 1 to the end."""
    about: RecordingHeader = header(settings=GateSettings(gate_mm))
    with RecordingWriter(path, about) as writer:
        writer.arm(START)
        writer.beam(at(1.0), is_on=True, delivered_mu=0.0)
        for taken_at, seen in came:
            writer.sighting(seen, taken_at)
            state = GateState.BEAM_ON if permitted and taken_at > at(1.0) else GateState.ARMED
            writer.decision(decision((taken_at - START).total_seconds(), state, "", probability=0.9))
        writer.beam(at(LAST_S), is_on=False, delivered_mu=100.0)
        writer.truth(at(5.0), target_mm(5.0))
        writer.truth(at(22.0), target_mm(22.0))
        writer.mark(at(21.0), "lind <b>", "patient coughed & moved")
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recorded") / "fraction-4.jsonl", frames())


@pytest.fixture(scope="module")
def as_it_was(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Monitored, Path]:
    out = tmp_path_factory.mktemp("out") / "report"
    return monitor(MonitorRequest(recording, GateChoice()), out), out


@pytest.fixture(scope="module")
def with_2_mm(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Monitored, Path]:
    out = tmp_path_factory.mktemp("out") / "report"
    return monitor(MonitorRequest(recording, GateChoice(changes={"gate_mm": 2.0})), out), out


class TestRecordingAsItIs:
    def test_is_reported_with_its_own_decisions_and_copied_byte_for_byte(
        self, as_it_was, recording: Path
    ) -> None:
        done, out = as_it_was
        assert sorted(file.name for file in out.iterdir()) == sorted(MONITOR_NAMES)
        assert (out / "recording.jsonl").read_bytes() == recording.read_bytes()
        assert done.figures.beam_on_s == pytest.approx(39.0)
        assert done.figures.duty_cycle > 0.95
        assert not done.somebody_has_to_look

    def test_is_known_by_its_begin_where_its_name_is_its_hash(self, recording: Path, tmp_path: Path) -> None:
        kept = tmp_path / ("a" * 62)
        kept.write_bytes(recording.read_bytes())
        done = monitor(MonitorRequest(kept, GateChoice()), tmp_path / "out")
        assert done.figures.frames == 400

    def test_the_document_follows_its_schema(self, as_it_was) -> None:
        document = json.loads((as_it_was[1] / "monitoring.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document)
        assert document["gate"]["gate_mm"] == 4.0
        assert document["as_recorded"] is None
        assert document["figures"]["frames"] == 400

    def test_the_page_is_self_contained_and_escapes_what_people_wrote(self, as_it_was) -> None:
        page = (as_it_was[1] / "report.html").read_text(encoding="utf-8")
        assert "default-src 'none'" in page
        assert not re.search(r"(?:src|href)=[\"']https?:", page)
        assert "lind &lt;b&gt;" in page
        assert "patient coughed &amp; moved" in page
        assert page.count("data:image/svg+xml") >= 3

    def test_the_truth_of_a_virtual_target_is_beside_it(self, as_it_was) -> None:
        assert "Truth: with the beam on" in (as_it_was[1] / "report.html").read_text(encoding="utf-8")


class TestAnotherGate:
    def test_of_2_mm_holds_while_the_target_is_2_6_mm_away(self, with_2_mm) -> None:
        figures = with_2_mm[0].figures
        away = [hold for hold in figures.holds if hold.began_at >= at(AWAY[0])]
        assert away[0].began_at < at(AWAY[0] + 3.0)
        assert "outside the gate" in away[0].reason
        assert figures.inside is not None
        assert figures.without_gating is not None
        assert figures.inside.p95_length_mm < 2.0 < 2.4 < figures.without_gating.p95_length_mm

    def test_is_compared_with_what_was_recorded(self, with_2_mm) -> None:
        done, out = with_2_mm
        assert "the gate of 4 mm had a duty cycle of" in done.notes[0]
        assert "a gate of 2 mm has" in (out / "report.html").read_text(encoding="utf-8")
        document = json.loads((out / "monitoring.json").read_text(encoding="utf-8"))
        assert document["as_recorded"]["duty_cycle"] > document["figures"]["duty_cycle"]
        assert not document["figures"]["is_beam_recorded"]

    def test_keeps_the_frames_the_truth_and_the_marks(self, with_2_mm, recording: Path) -> None:
        played, given = Recording.read(with_2_mm[1] / "recording.jsonl"), Recording.read(recording)
        assert [one.seen.number for one in played.sightings] == [one.seen.number for one in given.sightings]
        assert len(played.truth) == 2
        assert played.marks == given.marks
        assert played.beam == ()
        assert "played again" in played.header.made_by

    def test_says_the_same_each_time_it_is_asked(self, with_2_mm, tmp_path: Path) -> None:
        once = Recording.read(with_2_mm[1] / "recording.jsonl")
        again = play(once, once.header.settings, tmp_path / "again.jsonl", predictor=GateChoice().predictor())
        assert [(one.at, one.state, one.reason, one.probability) for one in again.decisions] == [
            (one.at, one.state, one.reason, one.probability) for one in once.decisions
        ]

    def test_asks_as_late_as_it_was_asked_where_arming_took_20_s(self, tmp_path: Path) -> None:
        path = tmp_path / "slow.jsonl"
        with RecordingWriter(path, header(settings=GateSettings(4.0))) as writer:
            writer.arm(START - timedelta(seconds=20.0))
            for taken_at, seen in frames():
                writer.sighting(seen, taken_at)
                seconds = (taken_at - START).total_seconds()
                writer.decision(decision(seconds, GateState.BEAM_ON, "", probability=0.9))
        played = play(Recording.read(path), GateSettings(4.0), tmp_path / "played.jsonl", predictor=None)
        assert GateState.REALIGN not in {one.state for one in played.decisions}
        assert GateState.BEAM_ON in {one.state for one in played.decisions}

    def test_can_be_that_of_a_protocol(self) -> None:
        choice = GateChoice("demonstration-seeds", {"dwell_s": 0.5})
        assert choice.settings(GateSettings(9.0)) == GateSettings(3.0, dwell_s=0.5)

    def test_needs_a_radius_from_somewhere(self) -> None:
        with pytest.raises(MissingEvidenceError, match="nothing says how wide the gate is"):
            GateChoice(changes={"dwell_s": 0.5}).settings()

    def test_of_a_protocol_without_monitoring_is_refused(self) -> None:
        with pytest.raises(InputError, match="does not ask for monitoring"):
            GateChoice("breast").settings()


class TestWhatImagersDoWrong:
    """The gate decides; a therapist reads why."""

    def reasons(self, came, tmp_path: Path) -> list[str]:
        path = write(tmp_path / "wrong.jsonl", came)
        played = play(
            Recording.read(path),
            GateSettings(4.0),
            tmp_path / "played.jsonl",
            predictor=GateChoice().predictor(),
        )
        return [one.reason for one in played.decisions if one.state in (GateState.HOLD, GateState.STOPPED)]

    def test_a_repeated_frame(self, tmp_path: Path) -> None:
        came = frames()
        came[250:253] = [(when, came[249][1]) for when, _ in came[250:253]]
        assert any("repeats its frame 250" in reason for reason in self.reasons(came, tmp_path))

    def test_a_frozen_picture_with_new_numbers(self, tmp_path: Path) -> None:
        came = frames()
        still = came[250][1].position_mm
        for n in range(250, 280):
            seconds = (n + 1) * PERIOD_S
            came[n] = (came[n][0], sample(seconds, n + 1, position_mm=still, covariance_mm2=0.01 * np.eye(3)))
        assert any("images are the same" in reason for reason in self.reasons(came, tmp_path))

    def test_a_rate_that_drops(self, tmp_path: Path) -> None:
        came = frames()
        came = came[:250] + came[250::7]
        reasons = self.reasons(came, tmp_path)
        assert any("images of the target a second" in one or "no new image" in one for one in reasons)

    def test_a_latency_beyond_what_is_allowed(self, tmp_path: Path) -> None:
        came = frames()
        came[250:] = [(when + timedelta(seconds=0.4), seen) for when, seen in came[250:]]
        assert any("s after the image" in reason or "later than at first" in reason
                   for reason in self.reasons(came, tmp_path))  # fmt: skip

    def test_clocks_that_disagree(self, tmp_path: Path) -> None:
        came = frames()
        came[250:] = [(when - timedelta(seconds=0.6), seen) for when, seen in came[250:]]
        came.sort(key=lambda one: one[0])
        assert any("clocks of imager and monitor disagree" in one for one in self.reasons(came, tmp_path))

    def test_a_marker_that_is_taken_for_another(self, tmp_path: Path) -> None:
        came = frames()
        for n in range(250, 300):
            jumped = came[n][1].position_mm + np.array([9.0, 0.0, 0.0])
            seconds = (n + 1) * PERIOD_S
            came[n] = (
                came[n][0],
                sample(seconds, n + 1, position_mm=jumped, covariance_mm2=0.01 * np.eye(3)),
            )
        assert any("another marker, or moved" in reason for reason in self.reasons(came, tmp_path))

    def test_a_target_that_vanishes(self, tmp_path: Path) -> None:
        came = frames()
        for n in range(250, 270):
            came[n] = (came[n][0], Unseen(at((n + 1) * PERIOD_S), n + 1, "kV arm", "behind the spine"))
        assert any("target not seen: behind the spine" in reason for reason in self.reasons(came, tmp_path))


class TestTrace:
    def trace(self, path: Path, *, gap: bool = True) -> Path:
        rows = ["seconds,value_mm"]
        for n in range(900):
            seconds, value = n / 15.0, 5.0 * np.cos(np.pi * n / 15.0 / 4.0) ** 4
            if gap and 500 < n < 540:
                continue
            rows.append(f"{seconds:.4f},{'NaN' if 300 < n < 303 else f'{value:.3f}'}")
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    def test_says_how_well_it_is_predicted_and_what_a_gate_would_do(self, tmp_path: Path) -> None:
        request = MonitorRequest(self.trace(tmp_path / "breath.csv"), GateChoice(changes={"gate_mm": 2.0}))
        done = monitor(request, tmp_path / "out")
        prediction = done.document.prediction
        assert prediction is not None
        assert prediction.horizon_s == 0.15
        assert prediction.rms_mm < prediction.persistence_rms_mm
        assert done.figures.unseen == 2
        assert done.figures.holds
        assert any("no samples for 2.7 s" in note for note in done.notes)
        assert any("median of the trace" in note for note in done.notes)

    def test_that_shows_next_to_nothing_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "short.csv"
        path.write_text("seconds,value_mm\n0,1\n1,2\n2,NaN\n", encoding="utf-8")
        with pytest.raises(InputError, match="shows something at 2 times: give one with 10 or more"):
            monitor(MonitorRequest(path, GateChoice(changes={"gate_mm": 2.0})), tmp_path / "out")
        assert not (tmp_path / "out").exists()


class TestRefusals:
    def test_nothing_is_written_when_a_recording_has_no_decision(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.jsonl"
        RecordingWriter(path, header()).close()
        with pytest.raises(InputError, match="no decision of a gate"):
            monitor(MonitorRequest(path, GateChoice()), tmp_path / "out")
        with pytest.raises(InputError, match="holds no frame"):
            monitor(MonitorRequest(path, GateChoice(changes={"gate_mm": 1.0})), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_results_are_not_replaced_unasked(self, recording: Path, as_it_was) -> None:
        with pytest.raises(OutputError, match="already holds"):
            monitor(MonitorRequest(recording, GateChoice()), as_it_was[1])

    def test_what_cannot_be_monitored_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MissingEvidenceError, match="give a recording"):
            monitor(MonitorRequest(tmp_path / "absent", GateChoice()), tmp_path / "out")
        (tmp_path / "x.txt").touch()
        with pytest.raises(InputError, match="is no recording"):
            monitor(MonitorRequest(tmp_path / "x.txt", GateChoice()), tmp_path / "out")

    def test_a_planning_side_means_nothing_for_a_recording(self, recording: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no images, so --planning means nothing"):
            monitor(MonitorRequest(recording, GateChoice(), planning=tmp_path), tmp_path / "out")


def test_the_published_schema_is_that_of_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == monitoring_schema_text()


def test_reasons_are_counted_without_the_numbers_in_brackets() -> None:
    assert plain_reason("target may be outside the gate (43% inside)") == "target may be outside the gate"
    assert plain_reason("only 1 of 3 markers was seen") == "only 1 of 3 markers was seen"
