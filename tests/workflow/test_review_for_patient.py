"""The sheet that a patient takes home."""

import re
from html import unescape

import pytest
from reviewed_courses import BEGAN, course, day, lateral

from isoguide.geometry.correction import CouchCorrection
from isoguide.workflow.review.for_patient import for_patient_html

# Words of the trade, and words that frighten or blame.
JARGON = {
    *("systematic", "random", "residual", "isocentre", "isocenter", "sigma", "registration", "match", "ctv"),
    *(
        "ptv",
        "gtv",
        "margin",
        "verdict",
        "protocol",
        "fraction",
        "set-up",
        "setup",
        "translation",
        "rotation",
    ),
    *("lateral", "longitudinal", "vertical", "pitch", "roll", "yaw", "deviation", "tolerance", "override"),
    *("decision", "couch", "gantry", "cbct", "ct", "kv", "dose", "exposure", "scheme", "off-line", "offline"),
    *("nal", "axis", "axes", "vector", "mean", "interval", "confidence", "uncertainty", "igrt", "linac"),
    *("fiducial", "fusion", "error", "errors", "wrong", "mistake", "failure", "failed"),
}
JUDGEMENT = {
    *("good", "bad", "well", "poor", "excellent", "normal", "abnormal", "safe", "unsafe", "dangerous"),
    *("harmless", "successful", "success", "should", "must", "recommend", "recommended", "advise", "advised"),
    *("accurate", "inaccurate", "precise", "correct", "incorrect", "worry", "small", "large", "little"),
}


def text_of(html: str) -> str:
    """Everything that can be read on the page."""
    body = re.sub(r"<style>.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def sheets() -> dict[str, str]:
    """Sheets of all kinds of courses."""
    stopped = day(2, (0.0, 3.0, 0.0), state="stopped", images=2)
    turned = day(3, (1.0, 1.0, 1.0, 0.5, -1.2, 0.1), overrides=("he was in pain",))
    learned = day(4, (1.0, 0.0, 0.0), offline=CouchCorrection(2.0, 0.0, 0.0))
    told = {
        "nothing yet": course([], fractions=()),
        "one day": course(lateral(3.0)),
        "one day, not moved": course([], fractions=(day(1, (0.0, 0.0, 0.0)),)),
        "no picture": course([None, None]),
        "many days": course(lateral(*[2.0] * 23, 6.0, 12.0)),
        "everything": course([], fractions=(day(1), stopped, turned, learned)),
    }
    return {name: for_patient_html(history) for name, history in told.items()}


class TestWords:
    @pytest.mark.parametrize("name", sheets())
    def test_no_word_of_the_trade_and_no_judgement_is_on_it(self, name: str) -> None:
        found = {word.casefold() for word in re.findall(r"[\w-]+", text_of(sheets()[name]))}
        assert not found & (JARGON | JUDGEMENT)

    @pytest.mark.parametrize("name", sheets())
    def test_questions_go_to_the_team_that_treats_him(self, name: str) -> None:
        assert "Please ask the team that treats you" in text_of(sheets()[name])

    @pytest.mark.parametrize("name", sheets())
    def test_it_says_that_the_software_is_no_medical_device(self, name: str) -> None:
        assert "It is not a medical device" in text_of(sheets()[name])


class TestNumbers:
    def test_days_below_5_mm_are_counted(self) -> None:
        told = text_of(sheets()["many days"])
        assert "On 23 of 25 days with such a comparison you were moved by less than 5 millimetres." in told
        assert "The longest move was 1.2 centimetres." in told

    def test_a_move_is_the_length_of_all_three_shifts(self) -> None:
        # 3-4-12 has length 13.
        told = text_of(for_patient_html(course([(3.0, 4.0, 12.0), (0.0, 0.0, 1.0)])))
        assert "The longest move was 1.3 centimetres." in told
        assert "On 1 of 2 days with such a comparison" in told

    def test_one_day_is_told_without_counting(self) -> None:
        assert "you were moved by 3.0 millimetres" in text_of(sheets()["one day"])

    def test_a_table_that_was_not_moved_has_no_longest_move_and_no_chart(self) -> None:
        html = sheets()["one day, not moved"]
        assert "the table was not moved" in text_of(html)
        assert "<svg" not in html

    def test_days_without_a_picture_have_no_numbers(self) -> None:
        told = text_of(sheets()["no picture"])
        assert "No pictures of your position are recorded" in told
        assert "millimetres" not in told

    def test_what_happened_besides_is_told(self) -> None:
        told = text_of(sheets()["everything"])
        assert "On 3 of 4 days we took a picture" in told
        assert "On 1 of 4 days more than one picture was taken" in told
        assert "On 1 of 4 days the treatment was ended before it was complete" in told
        assert "On 1 of 4 days what was learned on earlier days was used" in told
        assert "by 1.2 degrees at most" in told

    def test_on_no_day_below_5_mm_is_said_as_none(self) -> None:
        told = text_of(for_patient_html(course(lateral(6.0, 7.0))))
        assert "On none of 2 days with such a comparison you were moved by less than 5 millimetres" in told


class TestPage:
    def test_the_chart_has_one_bar_for_each_day_on_which_he_was_moved(self) -> None:
        assert sheets()["many days"].count('<rect class="bar moved') == 25

    def test_what_comes_from_records_cannot_become_part_of_the_page(self) -> None:
        html = for_patient_html(course(lateral(1.0), name="<b>x</b>"))
        assert "<b>x" not in html

    def test_it_is_made_for_a4_and_loads_nothing(self) -> None:
        html = sheets()["many days"]
        assert "size: A4" in html
        assert "default-src 'none'" in html
        assert "://" not in html

    def test_its_days_are_dates_in_full(self) -> None:
        assert BEGAN.day == 4
        assert "25 days of treatment, 05 March 2024 to 29 March 2024" in text_of(sheets()["many days"])
