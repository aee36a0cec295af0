"""The small parts that the pages of a review are made of."""

import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure

from isoguide.geometry.correction import CouchCorrection
from isoguide.workflow.numbers import number, signed
from isoguide.workflow.review.axis_words import SIX, WORDS
from isoguide.workflow.review.csv_tables import csv_text
from isoguide.workflow.review.drawing import picture
from isoguide.workflow.words import movements


class TestAxisWords:
    @pytest.mark.parametrize(
        ("axis", "value", "said"),
        [
            ("lateral_mm", 3.2, "3.2 mm to the right"),
            ("lateral_mm", -3.2, "3.2 mm to the left"),
            ("longitudinal_mm", 1.0, "1.0 mm towards the gantry"),
            ("longitudinal_mm", -1.0, "1.0 mm away from the gantry"),
            ("vertical_mm", 2.0, "2.0 mm too high"),
            ("vertical_mm", -2.0, "2.0 mm too low"),
            ("pitch_deg", 1.5, "1.5° with the gantry end up"),
            ("pitch_deg", -1.5, "1.5° with the gantry end down"),
            ("roll_deg", 1.5, "1.5° clockwise"),
            ("roll_deg", -1.5, "1.5° counter-clockwise"),
            ("yaw_deg", 1.5, "1.5° counter-clockwise"),
            ("yaw_deg", -1.5, "1.5° clockwise"),
            ("lateral_mm", 0.04, "in place"),
        ],
    )
    def test_every_sign_has_its_side(self, axis: str, value: float, said: str) -> None:
        assert WORDS[axis].where(value) == said

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_they_agree_with_the_words_of_a_couch_correction(self, sign: float) -> None:
        # A couch that moves a patient from his place takes him to the side that is named for him there.
        moved = movements(CouchCorrection(*(sign * 2.0,) * 6), "HFS")
        for words, movement in zip(SIX, moved, strict=True):
            assert movement.key == words.key
            side = words.plus if sign > 0.0 else words.minus
            key = side.removeprefix("with the ").removeprefix("too ")
            key = {"high": "up", "low": "down"}.get(key, key)
            assert movement.direction.startswith(key)

    def test_zero_has_no_sign(self) -> None:
        assert (signed(-0.04, 1), signed(0.0, 2), number(-0.004, 2)) == ("0.0", "0.00", "0.00")
        assert (signed(-1.25, 2), signed(1.25, 2), number(-1.25, 2)) == ("−1.25", "+1.25", "−1.25")


class TestTables:
    @pytest.mark.parametrize("typed", ["=1+1", "+1", "-1", "@x", "\tx"])
    def test_a_text_is_never_a_formula(self, typed: str) -> None:
        assert f"'{typed}" in csv_text(["reason"], [[typed]])

    def test_numbers_stay_numbers(self) -> None:
        assert csv_text(["a", "b", "c", "d"], [[-1.5, None, True, 0.1 + 0.2]]) == (
            "a,b,c,d\n-1.5,,yes,0.30000000000000004\n"
        )

    def test_commas_and_quotes_in_a_text_do_not_make_columns(self) -> None:
        assert csv_text(["a"], [['he said "no", twice']]) == 'a\n"he said ""no"", twice"\n'


class TestDrawing:
    def test_the_settings_of_the_process_are_as_they_were(self) -> None:
        before = dict(rcParams)
        picture("empty", "nothing", 1.0, lambda figure: None)
        assert dict(rcParams) == before

    def test_a_drawing_that_fails_leaves_the_next_one_alone(self) -> None:
        def fail(figure: Figure) -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            picture("broken", "nothing", 1.0, fail)
        assert picture("empty", "nothing", 1.0, lambda figure: None).png.startswith(b"\x89PNG")

    def test_it_tells_who_cannot_see_it_what_it_shows(self) -> None:
        drawn = picture("empty", 'errors of "all" <patients>', 1.0, lambda figure: None)
        assert 'alt="errors of &quot;all&quot; &lt;patients&gt;"' in drawn.html()
        assert "<figcaption>as <b>drawn</b></figcaption>" in drawn.html("as <b>drawn</b>")
