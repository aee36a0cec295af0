import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from isoguide.errors import OutputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.treatment import Event, State
from isoguide.workflow import write_course as module
from isoguide.workflow.course import Course, TreatedFraction
from isoguide.workflow.course_json import SCHEMA_FILE, course_schema, course_schema_text, course_text
from isoguide.workflow.course_pictures import LUNG_WINDOW, window_for
from isoguide.workflow.course_report import course_html, stretches, summary
from isoguide.workflow.pictures import CT_WINDOW, Window
from isoguide.workflow.planes import planes_through
from isoguide.workflow.scenario import ExpectSection
from isoguide.workflow.write_course import COURSE_NAMES, simulate_into

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / SCHEMA_FILE


class Page(HTMLParser):
    """Refuses unbalanced elements and collects what could load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def stopped(course: Course) -> Course:
    """The same course with a first fraction that never had a beam nor an image."""
    first = course.fractions[0]
    outcome = replace(
        first.outcome, state=State.STOPPED, matches=(), corrections=(), journal=first.outcome.journal[:2]
    )
    first = replace(
        first,
        outcome=outcome,
        treated=None,
        images_taken=0,
        pictures=None,
        expected=ExpectSection(ends="stopped"),
    )
    return replace(course, fractions=(first, *course.fractions[1:]))


@pytest.fixture(scope="module")
def html(course: Course) -> str:
    return course_html(course)


class TestReport:
    def test_the_page_is_whole_and_loads_nothing(self, html: str) -> None:
        page = Page(html)
        assert page.open == []
        assert page.addresses
        assert all(address.startswith("data:image/png") for address in page.addresses)

    def test_what_comes_from_a_file_cannot_become_part_of_the_page(self, html: str) -> None:
        assert "A test of &lt;b&gt;isoguide&lt;/b&gt;" in html
        assert "<b>isoguide" not in html

    def test_it_shows_the_patient_the_image_and_the_match_before_and_after(
        self, html: str, course: Course
    ) -> None:
        for words in ("The patient", "Fused before the correction", "Fused after the measured correction"):
            assert words in html
        # Three planes of the patient, and of each fraction the image, the match before and the match after.
        assert html.count('<svg class="picture"') == 3 + 9 * len(course.fractions)
        for name in ("PTV", "Bladder", "Rectum"):
            assert name in html

    def test_truth_is_marked_as_truth_and_the_imaging_model_named(self, html: str) -> None:
        assert html.count('<span class="badge">truth</span>') > 5
        assert "image-domain cone-beam model" in html

    def test_every_fraction_has_its_numbers(self, html: str, course: Course) -> None:
        for fraction in course.fractions:
            assert f"{fraction.treated.residual.largest_mm:.2f} mm" in html
            assert f"{fraction.measured.lateral_mm:+.2f}".replace("-", "−") in html
        assert "AS EXPECTED" in html
        assert "NOT AS EXPECTED" not in html

    def test_what_came_otherwise_is_said_at_the_top(self, course: Course) -> None:
        other = replace(course.fractions[0], expected=ExpectSection(ends="stopped"))
        html = course_html(replace(course, fractions=(other, *course.fractions[1:])))
        assert "NOT AS EXPECTED" in html
        assert "fraction 1 was expected to end &#x27;stopped&#x27;" in html

    def test_a_fraction_without_beam_and_image_shows_its_reason(self, course: Course) -> None:
        html = course_html(stopped(course))
        assert "no beam" in html
        assert "none" in html
        assert Page(html).open == []

    def test_a_course_without_pictures_is_still_a_page(self, course: Course) -> None:
        bare = tuple(replace(fraction, pictures=None, trace=()) for fraction in course.fractions)
        html = course_html(replace(course, scene=None, fractions=bare))
        assert '<svg class="picture"' not in html
        assert "Couch corrections" in html

    def test_the_summary_counts_what_was_treated(self, course: Course) -> None:
        assert summary(course).startswith("2 of 2 fractions treated in full; while there was beam, no point")
        gone = tuple(stopped(replace(course, fractions=(f,))).fractions[0] for f in course.fractions)
        assert (
            summary(replace(course, fractions=gone))
            == "0 of 2 fractions treated in full; the beam never came on."
        )

    def test_match_and_decision_take_the_time_that_the_console_has_for_them(self, course: Course) -> None:
        lasted = {part.kind: part.stop_s - part.start_s for part in stretches(course.fractions[0])}
        assert lasted["match"] == pytest.approx(10.0)
        assert lasted["decision"] == pytest.approx(70.0)

    def test_a_decision_to_stop_takes_its_time_too(self, course: Course) -> None:
        first = course.fractions[0]
        aligned = next(n for n, entry in enumerate(first.outcome.journal) if entry.event is Event.ALIGN)
        decided = first.outcome.journal[aligned + 1]
        stop = replace(decided, event=Event.STOP, state_after=State.STOPPED)
        outcome = replace(first.outcome, journal=(*first.outcome.journal[: aligned + 1], stop))
        assert stretches(replace(first, outcome=outcome))[-1].kind == "decision"

    @pytest.mark.parametrize("event", Event)
    def test_every_event_has_its_colour_in_the_time_line(self, course: Course, event: Event) -> None:
        first = course.fractions[0]
        entry = replace(first.outcome.journal[-1], event=event, state_before=State.SET_UP)
        (part,) = stretches(replace(first, outcome=replace(first.outcome, journal=(entry,))))
        style = resources.files("isoguide.workflow").joinpath("course.css").read_text(encoding="utf-8")
        assert f".state.{part.kind} {{" in style

    def test_the_time_in_the_room_is_told_without_gaps(self, course: Course) -> None:
        fraction: TreatedFraction = course.fractions[0]
        parts = stretches(fraction)
        assert parts[-1].kind == "beam"
        assert [part.kind for part in parts] == ["image", "match", "decision", "couch", "beam"]
        for first, second in itertools.pairwise(parts):
            assert first.stop_s == second.start_s
        assert parts[-1].stop_s == pytest.approx(fraction.entries[-1][0])


class TestDocument:
    def test_the_published_schema_is_that_of_the_document(self) -> None:
        jsonschema.Draft202012Validator.check_schema(course_schema())
        assert PUBLISHED.read_text(encoding="utf-8") == course_schema_text()

    def test_a_course_is_told_in_full(self, course: Course) -> None:
        document = json.loads(course_text(course))
        jsonschema.Draft202012Validator(course_schema()).validate(document)

        first, told = course.fractions[0], document["fractions"][0]
        assert document["as_expected"] is True
        assert told["state"] == "closed"
        assert told["measured_correction"]["lateral_mm"] == first.measured.lateral_mm
        assert told["truth_at_beam"]["largest_mm"] == first.treated.residual.largest_mm
        assert told["beam_is_off"] is True
        assert [entry["state"] for entry in told["journal"]][-1] == "closed"

    def test_what_did_not_happen_is_null(self, course: Course) -> None:
        document = json.loads(course_text(stopped(course)))
        jsonschema.Draft202012Validator(course_schema()).validate(document)
        assert document["fractions"][0]["measured_correction"] is None
        assert document["fractions"][0]["truth_at_beam"] is None

    def test_no_text_depends_on_the_time_it_took(self, course: Course) -> None:
        assert course_text(course) == course_text(replace(course, wall_s=123.0))


class TestWriting:
    @pytest.fixture(autouse=True)
    def _simulated(self, monkeypatch: pytest.MonkeyPatch, course: Course) -> None:
        monkeypatch.setattr(module, "simulate", lambda scenario, progress: course)

    def test_report_and_document_appear_together(self, tmp_path: Path, course: Course) -> None:
        simulate_into(course.scenario, tmp_path / "out")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(COURSE_NAMES)
        assert re.search(
            "<title>isoguide: A test", (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
        )

    def test_existing_results_are_kept_unless_they_may_be_replaced(
        self, tmp_path: Path, course: Course
    ) -> None:
        (tmp_path / "course.json").write_text("mine")
        with pytest.raises(OutputError, match="--force"):
            simulate_into(course.scenario, tmp_path)
        assert (tmp_path / "course.json").read_text() == "mine"

        simulate_into(course.scenario, tmp_path, overwrite=True)
        assert (tmp_path / "course.json").read_text() != "mine"

    def test_a_full_disk_leaves_nothing_behind(
        self, tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: Path, *_: object, **__: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(OutputError, match="free some space"):
            simulate_into(course.scenario, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "window"), [(-800, LUNG_WINDOW), (0, CT_WINDOW)])
def test_a_patient_with_lung_about_the_isocentre_is_shown_in_the_lung_window(
    value: int, window: Window
) -> None:
    grid = Grid.axial(PLANNING, (40, 40, 40), (5.0, 5.0, 5.0), (-100.0, -100.0, -100.0))
    volume = Volume(grid, np.full(grid.shape, value, dtype=np.int16))
    planes = planes_through(np.zeros(3), field_mm=200.0, pixels=100)
    assert window_for(volume, planes) == window
