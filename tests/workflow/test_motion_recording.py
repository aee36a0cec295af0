"""Recordings of the target: what is written comes back, what is cut off is said, what is wrong is named."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from motion_recordings import SEEDS, START, at, decision, header, sample

from isoguide.errors import InputError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.workflow.motion.recorded import RecordedGate, RecordedWatch
from isoguide.workflow.motion.recording import Recording, RecordingWriter

NOW = START.isoformat()
FRAME = {"at": NOW, "taken_at": NOW, "number": 2, "source": "x"}
EMPTY = {"position_mm": None, "latency_s": None, "proposal_mm": None, "holds": 0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fraction-4.jsonl"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def written(path: Path, *more: dict[str, object]) -> Path:
    """Return a sound recording with these lines behind it."""
    with RecordingWriter(path, header()) as writer:
        writer.sighting(sample(0.1, 1), at(0.2))
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in more)
    return path


class TestWritingAndReading:
    def test_everything_comes_back_without_the_loss_of_a_bit(self, path: Path) -> None:
        seen = sample(0.1, 1, x_mm=1 / 3, rotation_deg=np.array([0.1, -0.2, 0.3]))
        lost = Unseen(at(0.2), 2, "kV arm", "only 1 of 3 markers was seen")
        opened = decision(0.25, GateState.BEAM_ON, "", probability=0.97, position_mm=np.array([1 / 3, 0, 0]),
                          sighting=seen, latency_s=0.15)  # fmt: skip
        away = decision(0.5, GateState.REALIGN, "away for 15 s", proposal_mm=np.array([4.0, 0.0, 1.0]),
                        sighting=lost, holds=2)  # fmt: skip
        with RecordingWriter(path, header()) as writer:
            writer.arm(START)
            writer.sighting(seen, at(0.22))
            writer.decision(opened)
            writer.beam(at(0.26), is_on=True, delivered_mu=0.0)
            writer.sighting(lost, at(0.3))
            writer.truth(at(0.1), np.array([0.3, 0.0, 0.6]))
            writer.beam(at(0.51), is_on=False, delivered_mu=2.5)
            writer.decision(away)
            writer.mark(at(0.6), "lind", "patient coughed")
        read = Recording.read(path)
        assert read.findings == ()
        assert (read.header.patient_id, read.header.plan_uid, read.header.fraction) == ("P1", "1.2.3", 4)
        assert read.header.settings == GateSettings(2.5, dwell_s=0.4)
        np.testing.assert_array_equal(read.header.planned_mm, SEEDS)
        assert read.arms == (START,)
        first, second = read.sightings
        assert (first.taken_at, second.taken_at) == (at(0.22), at(0.3))
        assert isinstance(first.seen, TargetSample)
        for name in ("position_mm", "covariance_mm2", "rotation_deg"):
            np.testing.assert_array_equal(getattr(first.seen, name), getattr(seen, name))
        assert second.seen == lost
        on, off = read.decisions
        assert (on.at, on.state, on.probability, on.latency_s) == (at(0.25), GateState.BEAM_ON, 0.97, 0.15)
        np.testing.assert_array_equal(on.position_mm, opened.position_mm)
        assert on.sighting is first.seen
        assert (off.reason, off.holds, off.sighting) == ("away for 15 s", 2, lost)
        np.testing.assert_array_equal(off.proposal_mm, [4.0, 0.0, 1.0])
        assert [(change.at, change.is_on, change.delivered_mu) for change in read.beam] == [
            (at(0.26), True, 0.0),
            (at(0.51), False, 2.5),
        ]
        assert [(mark.by, mark.words) for mark in read.marks] == [("lind", "patient coughed")]
        np.testing.assert_array_equal(read.truth[0].position_mm, [0.3, 0.0, 0.6])

    def test_a_target_without_planned_points_such_as_a_surface_has_none(self, path: Path) -> None:
        RecordingWriter(path, header(planned_mm=np.empty((0, 3)))).close()
        assert Recording.read(path).header.planned_mm.shape == (0, 3)

    def test_each_line_is_in_the_file_before_the_next_is_made(self, path: Path) -> None:
        writer = RecordingWriter(path, header())
        writer.sighting(sample(0.1, 1), at(0.2))
        assert [line["kind"] for line in lines(path)] == ["header", "sample"]
        writer.close()
        writer.close()

    def test_a_decision_is_written_when_it_changes_and_once_a_second_and_at_last(self, path: Path) -> None:
        hold, on = GateState.HOLD, GateState.BEAM_ON
        said = [
            (0.0, hold, "target may have left"), (0.05, hold, "target may have left"),
            (0.1, hold, "too old"), (0.15, on, ""), (0.6, on, ""), (1.15, on, ""), (1.2, on, ""),
        ]  # fmt: skip
        with RecordingWriter(path, header()) as writer:
            for seconds, state, reason in said:
                writer.decision(decision(seconds, state, reason))
        assert [one.at for one in Recording.read(path).decisions] == [
            *(at(0.0), at(0.1), at(0.15), at(1.15)),
            at(1.2),
        ]

    def test_the_frame_of_a_decision_is_written_before_it(self, path: Path) -> None:
        with RecordingWriter(path, header()) as writer:
            writer.decision(decision(0.3, GateState.BEAM_ON, sighting=sample(0.1, 7)))
            writer.decision(decision(1.4, GateState.BEAM_ON, sighting=sample(0.1, 7)))
        assert [line["kind"] for line in lines(path)] == ["header", "sample", "decision", "decision"]

    def test_a_recording_is_never_overwritten(self, path: Path) -> None:
        written(path)
        before = path.read_bytes()
        with pytest.raises(OutputError, match="a recording is never overwritten"):
            RecordingWriter(path, header())
        assert path.read_bytes() == before

    def test_a_place_that_cannot_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="cannot write the recording"):
            RecordingWriter(tmp_path / "file" / "x.jsonl", header())

    def test_a_number_that_is_none_is_refused_before_anything_is_written(self, path: Path) -> None:
        with RecordingWriter(path, header()) as writer, pytest.raises(OutputError, match="cannot be written"):
            writer.beam(at(1.0), is_on=True, delivered_mu=float("nan"))
        assert len(lines(path)) == 1


class TestReading:
    def test_a_last_line_that_a_crash_cut_off_is_reported_and_the_rest_is_read(self, path: Path) -> None:
        content = written(path).read_bytes()
        path.write_bytes(content + b'{"kind":"sample","at":"2026-03')
        read = Recording.read(path)
        assert len(read.sightings) == 1
        assert read.findings == (
            "fraction-4.jsonl: the last line is cut off, so what happened last may be missing",
        )

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ({"kind": "beam", "at": "2026-03-02T09:00:00", "is_on": True, "delivered_mu": 1.0}, "beam.at = "),
            ({"kind": "beam", "at": NOW, "is_on": True}, "beam.delivered_mu is missing"),
            ({"kind": "beam", "at": NOW, "is_on": True, "delivered_mu": -1.0}, "delivered_mu = -1.0"),
            ({"kind": "truth", "at": NOW, "position_mm": [0.0, 1.0]}, "truth.position_mm"),
            ({"kind": "mark", "at": NOW, "by": "x", "words": "y", "more": 1}, "mark.more is not a key"),
            ({"kind": "dance"}, "line 3"),
            ({"kind": "decision", "at": NOW, "state": "beam on", "reason": "", "probability": 1.5,
              **EMPTY, "frame": None},
             "decision.probability = 1.5"),
            ({"kind": "decision", "at": NOW, "state": "beam on", "reason": "", "probability": None,
              **EMPTY, "frame": 9},
             "frame 9, which no line before it holds"),
            ({"kind": "unseen", **FRAME,
              "reason": " "}, "needs a reason"),
            ({"kind": "sample", **FRAME,
              "position_mm": [0, 0, 0], "covariance_mm2": [[1, 2, 0], [0, 1, 0], [0, 0, 1]], "quality": 1,
              "words": ""}, "is no covariance"),
            (header().line(), "a second header"),
        ],
    )  # fmt: skip
    def test_a_line_that_cannot_be_is_named_with_its_value(self, path: Path, line, said: str) -> None:
        with pytest.raises(InputError, match="line 3: ") as caught:
            Recording.read(written(path, line))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_broken_line_in_the_middle_is_an_error_and_not_passed_over(self, path: Path) -> None:
        content = written(path).read_bytes()
        path.write_bytes(content + b'{"kind":\n' + content.splitlines()[1] + b"\n")
        with pytest.raises(UnreadableError, match="line 3: it is not JSON"):
            Recording.read(path)

    def test_a_key_that_is_there_twice_is_refused(self, path: Path) -> None:
        written(path)
        with path.open("a", encoding="utf-8") as file:
            file.write('{"kind":"arm","at":"2026-03-02T09:00:00Z","at":"2026-03-02T10:00:00Z"}\n')
        with pytest.raises(UnreadableError, match="the key at is there twice"):
            Recording.read(path)

    @pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\x00\n", b"a,b\n1,2\n", b'{"kind":"header"'])
    def test_what_is_no_recording_is_refused_as_such(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(UnreadableError, match="is no recording of a target"):
            Recording.read(path)

    def test_a_file_that_begins_with_something_else_than_a_header_is_none(self, path: Path) -> None:
        path.write_bytes(b"\n".join(written(path).read_bytes().splitlines()[1:]) + b"\n")
        with pytest.raises(UnreadableError, match="its first line has to be a header"):
            Recording.read(path)

    def test_a_newer_format_is_refused(self, path: Path) -> None:
        path.write_text(
            json.dumps({**header().line(), "format": "isoguide-motion-2"}) + "\n", encoding="utf-8"
        )
        with pytest.raises(InputError, match=r"line 1: header\.format"):
            Recording.read(path)

    @pytest.mark.parametrize(
        ("gate", "said"),
        [
            ({"gate_mm": -1.0}, "gate_mm must be a positive number"),
            ({"width_mm": 1.0}, r"gate\.width_mm is not known"),
        ],
    )
    def test_settings_that_cannot_be_are_named(self, path: Path, gate, said: str) -> None:
        line = header().line()
        line["gate"] = {**line["gate"], **gate}
        path.write_text(json.dumps(line) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=said):
            Recording.read(path)

    def test_a_setting_that_is_missing_is_not_guessed(self, path: Path) -> None:
        line = header().line()
        del line["gate"]["stale_s"]
        path.write_text(json.dumps(line) + "\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"line 1: gate\.stale_s is missing"):
            Recording.read(path)

    def test_no_file_and_no_readable_file_are_told_apart(self, tmp_path: Path) -> None:
        with pytest.raises(MissingEvidenceError, match="there is no recording"):
            Recording.read(tmp_path / "absent.jsonl")
        with pytest.raises(UnreadableError, match="cannot read"):
            Recording.read(tmp_path)


class ScriptedWatch:
    source = "a script"

    def __init__(self, *frames: TargetSample) -> None:
        self._frames, self.is_on = list(frames), False

    def start(self) -> None:
        self.is_on = True

    def take(self, now: datetime) -> list[TargetSample]:
        taken = [frame for frame in self._frames if frame.at <= now]
        self._frames = self._frames[len(taken) :]
        return taken

    def stop(self) -> None:
        self.is_on = False


class ScriptedGate:
    period_s, permit_s = 0.05, 0.3

    def __init__(self) -> None:
        self.is_armed = False

    def arm(self) -> None:
        self.is_armed = True

    def look(self, now: datetime) -> GateDecision:
        return GateDecision(now, GateState.BEAM_ON, sighting=sample(0.1, 1))

    def end(self) -> None:
        self.is_armed = False


class TestRecordedGate:
    def test_what_a_watch_sees_is_written_with_the_time_at_which_it_came(self, path: Path) -> None:
        watch = ScriptedWatch(sample(0.1, 1), sample(0.2, 2), sample(0.9, 3))
        with RecordingWriter(path, header()) as writer:
            recorded = RecordedWatch(watch, writer)
            recorded.start()
            assert watch.is_on
            assert [seen.number for seen in recorded.take(at(0.3))] == [1, 2]
            recorded.stop()
        assert not watch.is_on
        assert [(one.seen.number, one.taken_at) for one in Recording.read(path).sightings] == [
            (1, at(0.3)),
            (2, at(0.3)),
        ]

    def test_a_gate_is_written_as_it_is_armed_and_decides(self, path: Path) -> None:
        gate = ScriptedGate()
        with RecordingWriter(path, header()) as writer:
            recorded = RecordedGate(gate, writer, lambda: START)
            assert (recorded.period_s, recorded.permit_s) == (0.05, 0.3)
            recorded.arm()
            assert gate.is_armed
            assert recorded.look(at(0.2)).permits_beam
            recorded.end()
            assert not gate.is_armed
        read = Recording.read(path)
        assert read.arms == (START,)
        assert [one.state for one in read.decisions] == [GateState.BEAM_ON]

    def test_no_beam_passes_when_the_decision_cannot_be_recorded(self, path: Path) -> None:
        with RecordingWriter(path, header()) as writer:
            recorded = RecordedGate(ScriptedGate(), writer, lambda: START)
            recorded.arm()
        stopped = [recorded.look(at(seconds)) for seconds in (0.2, 0.25)]
        assert [one.state for one in stopped] == [GateState.STOPPED, GateState.STOPPED]
        assert "cannot be recorded" in stopped[0].reason
