"""What a course and a fraction say of the target during the beam."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from motion_recordings import START, at, decision, header, sample

from isoguide.course import MotionHold, MotionRecord, MotionResidual
from isoguide.errors import OutputError
from isoguide.motion.gating import GateState
from isoguide.treatment.states import Event
from isoguide.workflow.clinic.delivery_sink import DeliverySink
from isoguide.workflow.motion.course_reports import write_course_monitoring
from isoguide.workflow.motion.course_section import monitoring_section
from isoguide.workflow.motion.figures import MotionFigures
from isoguide.workflow.motion.monitored_room import MonitoredDelivery
from isoguide.workflow.motion.motion_words import motion_words, short_motion_words
from isoguide.workflow.motion.recording import Recording, RecordingWriter

INSIDE = MotionResidual(100, np.zeros(3), np.full(3, 0.4), np.full(3, 0.8), 0.6, 1.25)
WITHOUT = replace(INSIDE, p95_length_mm=5.04)
AWAY = MotionHold(at(30.0), 15.0, "re-align", "no beam for 15 s: away", np.array([0.1, 0.2, -4.0]))
MOTION = MotionRecord(
    "implanted markers", 3.0, START, START + timedelta(seconds=60), 60.0, 45.0, 44.0,
    (MotionHold(at(10.0), 2.0, "hold", "outside"), AWAY), 600, 6, INSIDE, WITHOUT, 0.1, 0.2, "a" * 64,
)  # fmt: skip


def delivery(path: Path) -> MonitoredDelivery:
    with RecordingWriter(path, header()) as writer:
        for number in range(1, 60):
            seconds = 0.1 * number
            writer.sighting(sample(seconds, number), at(seconds + 0.1))
            is_held = 30 < number < 40
            state = GateState.HOLD if is_held else GateState.BEAM_ON
            writer.decision(decision(seconds + 0.1, state, "outside <the gate>" if is_held else ""))
    recording = Recording.read(path)
    return MonitoredDelivery(recording, MotionFigures.of(recording), WITHOUT, path)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """What is looked at of a course: a fraction without a gate, and one with two deliveries under it."""
    folder = tmp_path_factory.mktemp("recorded")
    twice = (delivery(folder / "one.jsonl"), delivery(folder / "two.jsonl"))
    fractions = (SimpleNamespace(number=1, monitored=()), SimpleNamespace(number=2, monitored=twice))
    return SimpleNamespace(fractions=fractions)


class TestReportOfACourse:
    def test_lists_each_delivery_with_duty_cycle_holds_and_what_was_left(self, course) -> None:
        section = monitoring_section(course)
        assert section.count("implanted markers in the images of the kV arm") == 2
        assert section.count("<td>5.0 mm</td>") == 2
        assert re.search(r"\d+ %<br>of 6 s", section)
        assert "outside &lt;the gate&gt;" in section
        assert "data:image/svg+xml" in section

    def test_has_no_such_section_without_a_gate(self, course) -> None:
        assert monitoring_section(SimpleNamespace(fractions=course.fractions[:1])) == ""

    def test_has_a_report_of_each_delivery_beside_it(self, course, tmp_path: Path) -> None:
        links = write_course_monitoring(course, tmp_path)
        assert [path for _, path in links] == [
            "monitoring/fraction-2/report.html",
            "monitoring/fraction-2-2/report.html",
        ]
        assert all((tmp_path / path).is_file() for _, path in links)
        assert links[1][0] == "the target during the beam of fraction 2, delivery 2"

    def test_that_cannot_be_written_is_said(self, course, tmp_path: Path) -> None:
        (tmp_path / "monitoring").touch()
        with pytest.raises(OutputError, match="cannot write monitoring/fraction-2"):
            write_course_monitoring(course, tmp_path)


class TestWords:
    def test_of_a_delivery_say_gate_duty_cycle_holds_and_how_it_ended(self) -> None:
        assert motion_words(MOTION) == (
            "gate 3 mm, duty cycle 75 % of 60 s, 2 holds, 95 % within 1.2 mm (5.0 mm without a gate), "
            "re-align: no beam for 15 s: away"
        )

    def test_of_a_quiet_delivery_are_short(self) -> None:
        quiet = replace(MOTION, holds=MOTION.holds[:1], inside=None)
        assert motion_words(quiet) == "gate 3 mm, duty cycle 75 % of 60 s, 1 hold"

    def test_of_a_fraction_add_up_its_deliveries(self) -> None:
        assert short_motion_words([MOTION, replace(MOTION, permitted_s=15.0)]) == "50 % of 120 s, 4 held"
        assert short_motion_words([]) == ""

    def test_of_a_delivery_that_nobody_watched_divide_by_nothing(self) -> None:
        unwatched = replace(MOTION, watched_s=0.0, permitted_s=0.0)
        assert unwatched.duty_cycle == 0.0
        assert short_motion_words([unwatched]).startswith("0 %")


class Told:
    """Takes what a sink tells the recorder."""

    def __init__(self) -> None:
        self.motions: list[MotionRecord] = []
        self.notes: list[str] = []
        self.steps: list[Event] = []

    def watched(self, motion: MotionRecord) -> None:
        self.motions.append(motion)

    def note_beside(self, note) -> None:
        self.notes.append(f"{note.action}: {note.details['reason']}")

    def __call__(self, entry, _memory) -> None:
        self.steps.append(entry.event)


def step(recorder: Told, event: Event, end_recording) -> None:
    memory = SimpleNamespace(beam=SimpleNamespace(last=None, may_be_on=False))
    DeliverySink(recorder, (), end_recording=end_recording)(SimpleNamespace(event=event), memory)


class TestEndOfTheBeam:
    @pytest.mark.parametrize("event", [Event.HOLD, Event.DELIVER, Event.STOP])
    def test_is_recorded_together_with_how_the_target_moved(self, event: Event) -> None:
        told = Told()
        step(told, event, lambda: MOTION)
        assert (told.motions, told.steps) == ([MOTION], [event])

    def test_other_steps_leave_the_recording_open(self) -> None:
        told = Told()
        step(told, Event.TURN_ON, lambda: pytest.fail("the recording goes on"))
        assert (told.motions, told.steps) == ([], [Event.TURN_ON])

    def test_is_recorded_even_where_the_recording_cannot_be_kept_and_the_audit_says_so(self) -> None:
        def full() -> MotionRecord:
            msg = "the disk is full"
            raise OutputError(msg)

        told = Told()
        step(told, Event.HOLD, full)
        assert (told.motions, told.steps) == ([], [Event.HOLD])
        assert told.notes == ["motion not kept: the disk is full"]

    def test_without_a_recording_leaves_no_motion(self) -> None:
        told = Told()
        step(told, Event.DELIVER, lambda: None)
        assert (told.motions, told.notes) == ([], [])
